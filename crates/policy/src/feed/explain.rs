//! Why an address is in a feed, or is not.

use std::net::IpAddr;

use asgard_model::{Asn, Prefix, Profile};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    compile::{Compiled, Fate},
    decision::{Question, Skipped},
    entry::{Cause, Origin},
};
use crate::access::{
    Facts, ProtectedSource, RiskSelector, Rule, Ruleset, Selector,
};

/// Why an address is in a feed, or is not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The address, canonical.
    pub ip: IpAddr,
    /// Whether the feed blocks it.
    pub in_feed: bool,
    /// A guard stops the feed: devices have the last good list, of which this
    /// module knows nothing. Who keeps it says what it blocks.
    pub last_good: bool,
    /// The narrowest entry that holds it.
    pub entry: Option<String>,
    /// Every selector that puts it there.
    pub reasons: Vec<Reason>,
    /// What keeps it out, or would.
    pub protected_by: Vec<ProtectedBy>,
    /// Networks that a rule selects by risk and a guard leaves out.
    pub left_out_by: Vec<LeftOut>,
    /// The serial of the data.
    pub serial: u64,
    /// The version of the rules.
    pub version: u64,
}

/// A selector that puts an address into a feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The rule.
    pub rule_id: Uuid,
    /// Its name.
    pub rule_name: String,
    /// `asn:AS64496`, `country:NL`, `ip:…`, `risk:max_score=30`, `list:…`.
    pub selector: String,
    /// The entry.
    pub prefix: String,
    /// The network behind it.
    pub asn: Option<Asn>,
    /// Its score.
    pub score: Option<u8>,
    /// Its level.
    pub level: Option<&'static str>,
    /// What speaks against the address: lists that name it, reasons of the
    /// score.
    pub evidence: Vec<String>,
    /// Since when the rule stands.
    pub since: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// What keeps an address out of a feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProtectedBy {
    /// The entry, if it is one that can be removed.
    pub id: Option<Uuid>,
    /// `ip:…`, `asn:…`, `country:…`, or the name of a built-in set.
    pub selector: String,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub source: ProtectedSource,
}

/// A guard that left a network out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The selector of the rule.
    pub selector: String,
    /// The network, the guard, and what it measured.
    #[serde(flatten)]
    pub skipped: Skipped,
}

/// Explains an address against a compiled feed, without any parameter of a
/// request. An IPv4-mapped address is the IPv4 address.
pub fn explain(
    ip: IpAddr,
    compiled: &Compiled,
    ruleset: &Ruleset,
    facts: &Facts<'_>,
) -> Explanation {
    let ip = ip.to_canonical();
    let rows: Vec<(Prefix, &Cause)> = compiled
        .rows_around(ip)
        .map(|(prefix, cause)| (prefix, &*compiled.causes[cause as usize]))
        .collect();
    let reasons =
        rows.iter().filter_map(|(p, c)| reason(ip, *p, c, ruleset, facts));
    Explanation {
        ip,
        in_feed: !rows.is_empty(),
        last_good: compiled.fate == Fate::Stopped,
        entry: rows.last().map(|(prefix, _)| prefix.to_string()),
        reasons: reasons.collect(),
        protected_by: compiled.shield.by(ip),
        left_out_by: left_out(ip, compiled, ruleset, facts),
        serial: compiled.serial,
        version: compiled.version,
    }
}

fn reason(
    ip: IpAddr,
    prefix: Prefix,
    cause: &Cause,
    ruleset: &Ruleset,
    facts: &Facts<'_>,
) -> Option<Reason> {
    let id: Uuid = cause.rule.as_deref()?.parse().ok()?;
    let rule = ruleset.rule(id)?;
    let profile = cause.asn.and_then(|asn| facts.snapshot.profile(asn));
    Some(Reason {
        rule_id: id,
        rule_name: rule.name.clone(),
        selector: selector(ip, cause, rule, facts),
        prefix: prefix.to_string(),
        asn: cause.asn,
        score: cause.score,
        level: profile.map(|profile| profile.assessment.level.as_str()),
        evidence: evidence(ip, profile.as_ref(), facts),
        since: rule.created_at,
        expires_at: rule.expires_at,
    })
}

/// The selector of a rule behind a cause. A rule may have several risk
/// selectors, and several explicit prefixes around one address; the first that
/// fits is told.
fn selector(
    ip: IpAddr,
    cause: &Cause,
    rule: &Rule,
    facts: &Facts<'_>,
) -> String {
    let fits = |selector: &Selector| match (selector, cause.origin) {
        (Selector::Ip(prefix), Origin::Ip) => prefix.contains(ip),
        (Selector::Asn(asn), Origin::Asn) => cause.asn == Some(*asn),
        (Selector::Country(code), Origin::Country) => {
            cause.country == Some(*code)
        }
        (Selector::List(name), Origin::List) => {
            cause.list.as_deref() == Some(name)
        }
        (Selector::Risk(risk), Origin::Risk) => {
            rule.block.risk.len() == 1 || lists(risk, ip, cause, facts)
        }
        _ => false,
    };
    let found = rule.block.selectors().find(fits);
    found.map_or_else(
        || cause.origin.as_str().to_owned(),
        |selector| selector.to_string(),
    )
}

fn lists(
    risk: &RiskSelector,
    ip: IpAddr,
    cause: &Cause,
    facts: &Facts<'_>,
) -> bool {
    let question = Question::new(risk.clone(), facts.settings.decision);
    facts.standing.get(&question).is_some_and(|decision| {
        cause.asn.is_some_and(|asn| decision.listed(asn).is_some())
            || decision.blocks.iter().any(|b| b.prefix.contains(ip))
    })
}

/// What speaks against an address: lists that name it or its block, and the
/// reasons of the score of its network.
fn evidence(
    ip: IpAddr,
    profile: Option<&Profile<'_>>,
    facts: &Facts<'_>,
) -> Vec<String> {
    const MOST: usize = 10;
    let world = &facts.snapshot.world;
    let blocks = world.named.blocks_around(Prefix::host(ip)).map(|block| {
        let source = world.source_name(block.source);
        format!("{source} lists {} since {}", block.prefix, block.since)
    });
    let mentions = world.named.mentions(ip);
    let named = mentions.iter().flat_map(|mention| {
        mention.said.iter().map(|said| {
            let source = world.source_name(said.namer.source);
            // What a list has dropped still speaks against an address, as it
            // does in the score; it is no longer said.
            let verb = if world.named.stands(said) { "names" } else { "named" };
            format!(
                "{source} {verb} {} for {}, last on {}",
                mention.prefix, said.namer.category, said.last
            )
        })
    });
    let details = profile.into_iter().flat_map(|profile| {
        let bad = profile.assessment.details.iter().filter(|d| d.points > 0);
        bad.map(|d| facts.snapshot.describe(profile, d.code))
    });
    blocks.chain(named).chain(details).take(MOST).collect()
}

/// Networks of the address that a rule selects by risk and a guard leaves out.
fn left_out(
    ip: IpAddr,
    compiled: &Compiled,
    ruleset: &Ruleset,
    facts: &Facts<'_>,
) -> Vec<LeftOut> {
    let route = facts.snapshot.world.table.lookup(ip);
    let origins = route.map_or(&[] as &[Asn], |route| route.origins);
    let mut out = Vec::new();
    let Some(now) = compiled.built_at else { return out };
    for risk in ruleset.in_force(now).flat_map(|rule| &rule.block.risk) {
        let question = Question::new(risk.clone(), facts.settings.decision);
        let Some(decision) = facts.standing.get(&question) else { continue };
        out.extend(origins.iter().filter_map(|&asn| {
            let skipped = *decision.skipped(asn)?;
            let selector = Selector::Risk(risk.clone()).to_string();
            Some(LeftOut { selector, skipped })
        }));
    }
    out
}
