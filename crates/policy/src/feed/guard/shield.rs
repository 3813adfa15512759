//! Everything that a feed may not name, as sets, and who says so.
//!
//! | set | taken out of |
//! |---|---|
//! | never-block space, own addresses, critical Internet, protected entries, whitelisted networks | everything |
//! | `allow` of the organisation's rules | everything, unless it is ignored |
//! | special-purpose space | what is derived from data |

use std::net::IpAddr;

use asgard_model::{Prefix, special_purpose::not_global};
use jiff::Timestamp;

use super::critical;
use crate::{
    AddressSet,
    access::{Facts, Protected, ProtectedSource, Ruleset, Target},
    feed::{compile::AllowMode, explain::ProtectedBy},
};

/// Space that is never blocked, whoever asks: it is the device itself, its
/// link, or everybody at once (RFC 1122, 3927, 5771, 919, 4291).
pub const NEVER: [Prefix; 9] = [
    Prefix::V4(0x0000_0000, 8),
    Prefix::V4(0x7f00_0000, 8),
    Prefix::V4(0xa9fe_0000, 16),
    Prefix::V4(0xe000_0000, 4),
    Prefix::V4(0xffff_ffff, 32),
    Prefix::V6(0, 128),
    Prefix::V6(1, 128),
    Prefix::V6(0xfe80 << 112, 10),
    Prefix::V6(0xff00 << 112, 8),
];

/// Everything that a feed may not name.
#[derive(Clone, Debug, Default)]
pub struct Shield {
    /// Protected: never-block space, own addresses, critical Internet,
    /// protected entries, whitelisted networks.
    pub protected: AddressSet,
    /// What is taken out of explicit entries: the above, and what is allowed.
    pub explicit: AddressSet,
    /// What is taken out of derived entries: the above, and special-purpose
    /// space.
    pub derived: AddressSet,
    items: Vec<(AddressSet, ProtectedBy)>,
}

impl Shield {
    /// Everything that protects at a moment.
    pub fn new(
        ruleset: &Ruleset,
        facts: &Facts<'_>,
        allow: AllowMode,
        now: Timestamp,
    ) -> Self {
        let mut items = built_in(facts);
        items.extend(whitelisted(facts));
        let entries = ruleset.protected.iter().filter(|p| p.is_in_force(now));
        items.extend(entries.map(|entry| item(entry, facts)));
        let protected = union(&items);
        if allow == AllowMode::Subtract {
            items.extend(allowed(ruleset, facts, now));
        }
        let explicit = union(&items);
        let derived = explicit.union(&special());
        Self { protected, explicit, derived, items }
    }

    /// Who protects an address.
    pub fn by(&self, ip: IpAddr) -> Vec<ProtectedBy> {
        let of = self.items.iter().filter(|(set, _)| set.contains(ip));
        of.map(|(_, by)| by.clone()).collect()
    }

    /// Who protects exactly this, by its name: `asn:AS64496`.
    pub(crate) fn names(&self, selector: &str) -> Option<&ProtectedBy> {
        let mut items = self.items.iter().map(|(_, by)| by);
        items.find(|by| by.selector == selector)
    }

    /// Who protects any address of a set, and how many IPv4 addresses of it.
    pub fn touching(
        &self,
        space: &AddressSet,
    ) -> impl Iterator<Item = (&ProtectedBy, AddressSet)> {
        self.items.iter().filter_map(|(set, by)| {
            let common = set.intersect(space);
            (!common.is_empty()).then_some((by, common))
        })
    }
}

/// Special-purpose space of both families.
pub fn special() -> AddressSet {
    AddressSet::from_prefixes(not_global())
}

/// The space of a protected or allowed thing.
pub fn space_of(target: Target, facts: &Facts<'_>) -> AddressSet {
    match target {
        Target::Ip(prefix) => AddressSet::from_prefixes([prefix]),
        Target::Asn(asn) => facts.atlas.asn(asn).to_set(),
        Target::Country(code) => facts.atlas.country(code).to_set(),
    }
}

fn union(items: &[(AddressSet, ProtectedBy)]) -> AddressSet {
    AddressSet::union_of(items.iter().map(|(set, _)| set.view()))
}

fn by(selector: String, reason: &str, source: ProtectedSource) -> ProtectedBy {
    ProtectedBy { id: None, selector, reason: reason.to_owned(), source }
}

fn built_in(facts: &Facts<'_>) -> Vec<(AddressSet, ProtectedBy)> {
    let host = |prefix: Prefix, name: &str, reason: &str| {
        let selector = format!("{name}:{prefix}");
        let by = by(selector, reason, ProtectedSource::Builtin);
        (AddressSet::from_prefixes([prefix]), by)
    };
    let never = NEVER.iter().map(|&p| {
        host(p, "never_block", "the device itself, its link, or everybody")
    });
    let own = facts.settings.own_addresses.iter();
    let own = own.map(|&p| host(p, "own", "this server listens here"));
    let off = &facts.settings.critical_off;
    let critical = critical::sets()
        .iter()
        .filter(|set| !off.contains(set.name.as_str()))
        .map(|set| {
            let prefixes = set.prefixes.iter().copied();
            let selector = format!("critical:{}", set.name);
            let by = by(selector, &set.reason, ProtectedSource::Builtin);
            (AddressSet::from_prefixes(prefixes), by)
        });
    never.chain(own).chain(critical).collect()
}

fn whitelisted<'a>(
    facts: &'a Facts<'_>,
) -> impl Iterator<Item = (AddressSet, ProtectedBy)> + 'a {
    facts.snapshot.whitelist.iter().map(|(&asn, reason)| {
        let selector = Target::Asn(asn).to_string();
        let by = by(selector, reason, ProtectedSource::Whitelist);
        (facts.atlas.asn(asn).to_set(), by)
    })
}

fn item(entry: &Protected, facts: &Facts<'_>) -> (AddressSet, ProtectedBy) {
    let by = ProtectedBy {
        id: Some(entry.id),
        selector: entry.target.to_string(),
        reason: entry.reason.clone(),
        source: entry.source,
    };
    (space_of(entry.target, facts), by)
}

fn allowed<'a>(
    ruleset: &'a Ruleset,
    facts: &'a Facts<'_>,
    now: Timestamp,
) -> impl Iterator<Item = (AddressSet, ProtectedBy)> + 'a {
    ruleset.in_force(now).flat_map(move |rule| {
        rule.allow.targets().map(move |target| {
            let by = ProtectedBy {
                id: Some(rule.id),
                selector: target.to_string(),
                reason: format!("allowed by rule {}", rule.title()),
                source: ProtectedSource::Operator,
            };
            (space_of(target, facts), by)
        })
    })
}
