//! What a rule must be before it is written: known to the data, allowed to be
//! blocked, and not too large.

use std::{collections::BTreeSet, iter, sync::Arc};

use asgard_model::Prefix;
use jiff::Timestamp;

use super::{
    Code, Facts, MAX_PROTECTED, MAX_RULES, Protected, Refusal, Rule, Ruleset,
    Selector, Target,
    selector::{unknown_asn, unknown_country},
};
use crate::{
    AddressSet,
    feed::{
        compile::{AllowMode, Compiled, Expand, Fate, knows_list, resolve},
        guard::{
            Verdict,
            share::{of_new_rule, share},
            shield::{NEVER, Shield, special},
        },
    },
};

/// Checks a rule that is to be written, in place of `old` if there is one.
///
/// What stood in the old rule is not asked about again: a network that has
/// vanished, or a country that has grown, must not keep its rule from being
/// changed, narrowed or switched off.
///
/// # Errors
/// The first selector that may not be written, by its field; then the share of
/// a rule that is in force. Otherwise what the writer should know.
pub fn check_rule(
    rule: &Rule,
    old: Option<&Rule>,
    ruleset: &Ruleset,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Vec<String>, Refusal> {
    if old.is_none() && ruleset.rules.len() >= MAX_RULES {
        let message = format!("there are {MAX_RULES} rules already");
        return Err(Refusal::new(Code::TooMany, "", message));
    }
    let shield = Shield::new(ruleset, facts, AllowMode::Ignore, now);
    let mut warnings = Vec::new();
    let stood: BTreeSet<Selector> =
        old.iter().flat_map(|old| old.block.selectors()).collect();
    for (at, selector) in fields(&rule.block) {
        if !stood.contains(&selector) {
            check(&selector, &at, facts)?;
            let own = space_of(&selector, facts, now);
            warnings.extend(weigh(&selector, &at, &own, &shield)?);
        }
    }
    let spared: BTreeSet<Target> =
        old.iter().flat_map(|old| old.allow.targets()).collect();
    for target in rule.allow.targets().filter(|t| !spared.contains(t)) {
        known(target, "allow", facts)?;
    }
    // A rule that selects nothing costs nothing, until somebody switches it on.
    if !rule.is_in_force(now) {
        return Ok(warnings);
    }
    let space = space_of_all(rule.block.selectors(), facts, now);
    let share = share(space.subtract(&shield.protected).addresses_v4());
    let no_more = old.is_some_and(|old| {
        old.is_in_force(now)
            && old.confirm_share == rule.confirm_share
            && rule.block.selectors().all(|s| stood.contains(&s))
    });
    match check_share(share, rule.confirm_share, facts) {
        Ok(note) => warnings.extend(note),
        Err(refusal) if no_more => warnings.push(refusal.message),
        Err(refusal) => return Err(refusal),
    }
    Ok(warnings)
}

/// Every selector with its field.
fn fields(
    block: &super::Block,
) -> impl Iterator<Item = (String, Selector)> + '_ {
    let mut counts = [0usize; 5];
    block.selectors().map(move |selector| {
        let (kind, name) = match selector {
            Selector::Ip(_) => (0, "ips"),
            Selector::List(_) => (1, "lists"),
            Selector::Asn(_) => (2, "asn"),
            Selector::Risk(_) => (3, "risk"),
            Selector::Country(_) => (4, "country"),
        };
        let at = format!("block.{name}[{}]", counts[kind]);
        counts[kind] += 1;
        (at, selector)
    })
}

/// Checks a protected entry that is to be written.
///
/// # Errors
/// A country that the data do not know: it would protect nobody.
pub fn check_protected(
    entry: &Protected,
    ruleset: &Ruleset,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    if ruleset.protected.len() >= MAX_PROTECTED {
        let message = format!("there are {MAX_PROTECTED} entries already");
        return Err(Refusal::new(Code::TooMany, "", message));
    }
    match entry.target {
        Target::Country(_) => known(entry.target, "country", facts),
        Target::Ip(_) | Target::Asn(_) => Ok(()),
    }
}

/// Whether a compiled feed may take the place of the one before: a write must
/// not make a feed that no one may serve.
///
/// Where that one was too large already, by data or by a limit that was
/// lowered, a write that adds nothing is the way back.
///
/// # Errors
/// When the whole feed costs too large a share of the address space.
pub fn admit(
    after: &Compiled,
    before: impl FnOnce() -> Arc<Compiled>,
) -> Result<(), Refusal> {
    if after.fate != Fate::Stopped {
        return Ok(());
    }
    let (value, limit) = stopped_at(after).unwrap_or((1.0, 0.5));
    if stopped_at(&before()).is_some_and(|(before, _)| value <= before) {
        return Ok(());
    }
    let mut refusal = Refusal::new(
        Code::GuardShare,
        "",
        format!(
            "the whole feed would block {} of IPv4; at most {} is served \
             (feeds.guards.feed_share)",
            percent(value),
            percent(limit)
        ),
    );
    refusal.share_v4 = Some(value);
    Err(refusal)
}

/// Share and limit of a feed that is too large to be served.
fn stopped_at(feed: &Compiled) -> Option<(f64, f64)> {
    let stop = feed.guards.iter().find(|r| r.verdict == Verdict::Stop)?;
    Some((stop.value, stop.limit))
}

/// Whether a selector may be written at all.
pub(super) fn check(
    selector: &Selector,
    at: &str,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    match selector {
        Selector::Ip(prefix) => never(*prefix, at),
        Selector::Asn(asn) => known(Target::Asn(*asn), at, facts),
        Selector::Country(code) => known(Target::Country(*code), at, facts),
        Selector::List(name) if !knows_list(name, facts) => {
            let message = format!(
                "no threat list `{name}` has been loaded, or its terms forbid \
                 to pass it on; `asgard source list` names them"
            );
            Err(Refusal::new(Code::UnknownList, at, message))
        }
        Selector::List(_) | Selector::Risk(_) => Ok(()),
    }
}

fn known(target: Target, at: &str, facts: &Facts<'_>) -> Result<(), Refusal> {
    match target {
        Target::Ip(_) => Ok(()),
        Target::Asn(asn) => match facts.snapshot.profile(asn) {
            Some(_) => Ok(()),
            None => Err(unknown_asn(asn, at)),
        },
        Target::Country(code) => match facts.atlas.knows_country(code) {
            true => Ok(()),
            false => Err(unknown_country(code.as_str(), at)),
        },
    }
}

/// Refuses space that is never blocked, and prefixes that hold all of it.
fn never(prefix: Prefix, at: &str) -> Result<(), Refusal> {
    let host =
        |block: &Prefix| block.len() == if block.is_v4() { 32 } else { 128 };
    let meets = |block: &&Prefix| {
        block.covers(prefix) || prefix.covers(**block) && !host(block)
    };
    match NEVER.iter().find(meets) {
        None => Ok(()),
        Some(block) => Err(Refusal::new(
            Code::NeverBlock,
            at,
            format!(
                "{prefix} meets {block}, which is never blocked: it is the \
                 device itself, its link, or everybody at once"
            ),
        )),
    }
}

/// The addresses of a selector, before anything is taken out.
pub(super) fn space_of(
    selector: &Selector,
    facts: &Facts<'_>,
    now: Timestamp,
) -> AddressSet {
    space_of_all(iter::once(selector.clone()), facts, now)
}

/// The addresses of several: what somebody wrote down, and what is derived
/// outside of special-purpose space.
fn space_of_all(
    selectors: impl Iterator<Item = Selector>,
    facts: &Facts<'_>,
    now: Timestamp,
) -> AddressSet {
    let (mut written, mut derived) = (Vec::new(), Vec::new());
    for selector in selectors {
        let resolution = resolve(&selector, facts, Expand::Effective, now);
        let prefixes = match selector {
            Selector::Ip(_) => &mut written,
            _ => &mut derived,
        };
        for piece in &resolution.pieces {
            prefixes.extend(piece.prefixes.iter().copied());
        }
    }
    let written = AddressSet::from_prefixes(written);
    match derived.is_empty() {
        true => written,
        false => {
            let derived = AddressSet::from_prefixes(derived);
            derived.subtract(&special()).union(&written)
        }
    }
}

/// Refuses what is protected as a whole; tells what is in part.
pub(super) fn weigh(
    selector: &Selector,
    at: &str,
    space: &AddressSet,
    shield: &Shield,
) -> Result<Option<String>, Refusal> {
    let named = |space: &AddressSet| {
        shield.touching(space).next().map(|(by, _)| by.clone())
    };
    let common = space.intersect(&shield.protected);
    let trusted = shield.names(&selector.to_string());
    if trusted.is_none() && common.is_empty() {
        return Ok(None);
    }
    if trusted.is_some() || common == *space {
        let by = trusted.cloned().or_else(|| named(&common));
        let by = by.map_or_else(String::new, |by| {
            format!(
                " by {} ({}: {})",
                by.selector,
                by.source.as_str(),
                by.reason
            )
        });
        let message = format!("{selector} is protected{by}");
        return Err(Refusal::new(Code::Protected, at, message));
    }
    let by = named(&common).map_or_else(String::new, |by| by.selector);
    Ok(Some(format!(
        "part of {selector} is protected and stays out, as {by}: {} of {} \
         IPv4 addresses, {} of {} IPv6 networks of /64",
        common.addresses_v4(),
        space.addresses_v4(),
        common.slash64s(),
        space.slash64s(),
    )))
}

/// Refuses a share that needs a confirmation; tells one that is large.
pub(super) fn check_share(
    share: f64,
    confirmed: Option<f64>,
    facts: &Facts<'_>,
) -> Result<Option<String>, Refusal> {
    let limits = &facts.settings.limits;
    let report = of_new_rule(String::new(), share, confirmed, limits);
    match report.verdict {
        Verdict::Pass => Ok(None),
        Verdict::Stop => {
            // Rounded up, so that what is shown passes.
            let passes = (share * 10_000.0).ceil() / 10_000.0;
            let message = format!(
                "this would block {} of IPv4; above {} it needs \
                 \"confirm_share\": {passes}",
                percent(share),
                percent(limits.confirm_share)
            );
            let mut refusal =
                Refusal::new(Code::GuardShare, "confirm_share", message);
            refusal.share_v4 = Some(share);
            refusal.confirm_share = Some(passes);
            Err(refusal)
        }
        _ => Ok(Some(format!("this blocks {} of IPv4", percent(share)))),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
