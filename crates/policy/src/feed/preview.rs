//! What a change of rules would do, in numbers, without doing it.

use std::collections::BTreeSet;

use asgard_model::Prefix;
use serde::Serialize;

use super::{
    compile::Compiled,
    entry::Entry,
    explain::ProtectedBy,
    guard::{GuardReport, share::share, shield::special},
};
use crate::AddressSet;

/// What a change of rules would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Preview {
    /// Entries of the feed.
    pub entries: Counts<usize>,
    /// IPv4 addresses of the feed, overlaps counted once.
    pub addresses_v4: Counts<u64>,
    /// Share of all IPv4 addresses after the change, 0–1.
    pub share_v4: f64,
    /// Share of the routed IPv6 space after the change, 0–1.
    pub share_v6_routed: f64,
    /// Protected entries that the rules touch.
    pub protected_hits: Vec<ProtectedHit>,
    /// What splitting costs.
    pub splits: Splits,
    /// The largest entries, at most twenty.
    pub biggest: Vec<String>,
    /// What the guards would say.
    pub guards: Vec<GuardReport>,
    /// Explicit entries in special-purpose space: allowed, and worth a look.
    pub special_purpose: Vec<String>,
}

/// Numbers before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counts<T> {
    /// Now.
    pub before: T,
    /// With the change.
    pub after: T,
    /// In the later one only.
    pub added: T,
    /// In the earlier one only.
    pub removed: T,
}

/// A protected entry that the rules touch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProtectedHit {
    /// The entry.
    #[serde(flatten)]
    pub by: ProtectedBy,
    /// IPv4 addresses that it takes out.
    pub addresses_v4: u64,
}

/// What splitting costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Splits {
    /// Entries more than without anything protected.
    pub entries_added: usize,
}

/// Largest entries that are named.
const BIGGEST: usize = 20;
/// Entries in special-purpose space that are named.
const SPECIAL: usize = 100;

/// Compares two compiled feeds; `routed_v6` is all announced IPv6 space.
pub fn preview(
    before: &Compiled,
    after: &Compiled,
    routed_v6: &AddressSet,
) -> Preview {
    let (old, new) = (before.space(), after.space());
    let entries = after.entries();
    let cut = AddressSet::from_prefixes(after.cut.iter().copied());
    let hits = after.shield.touching(&cut).map(|(by, common)| {
        let addresses_v4 = common.addresses_v4();
        ProtectedHit { by: by.clone(), addresses_v4 }
    });
    Preview {
        entries: entry_counts(&before.entries(), &entries),
        addresses_v4: Counts {
            before: old.addresses_v4(),
            after: new.addresses_v4(),
            added: new.subtract(&old).addresses_v4(),
            removed: old.subtract(&new).addresses_v4(),
        },
        share_v4: share(new.addresses_v4()),
        share_v6_routed: part(
            new.intersect(routed_v6).addresses_v6(),
            routed_v6.addresses_v6(),
        ),
        protected_hits: hits.collect(),
        splits: Splits { entries_added: after.entries_added },
        biggest: biggest(&entries),
        guards: after.guards.clone(),
        special_purpose: special_purpose(&entries),
    }
}

fn part(some: f64, all: f64) -> f64 {
    if all > 0.0 { some / all } else { 0.0 }
}

fn entry_counts(before: &[Entry], after: &[Entry]) -> Counts<usize> {
    let prefixes = |entries: &[Entry]| -> BTreeSet<Prefix> {
        entries.iter().map(|entry| entry.prefix).collect()
    };
    let (old, new) = (prefixes(before), prefixes(after));
    Counts {
        before: old.len(),
        after: new.len(),
        added: new.difference(&old).count(),
        removed: old.difference(&new).count(),
    }
}

/// The widest entries, each family by what it holds: a /16 of IPv4 beside a
/// /32 of IPv6, as both are what one network typically has.
fn biggest(entries: &[Entry]) -> Vec<String> {
    let narrow = |prefix: Prefix| match prefix.is_v4() {
        true => u16::from(prefix.len()) * 2,
        false => u16::from(prefix.len()),
    };
    let mut prefixes: Vec<Prefix> = entries.iter().map(|e| e.prefix).collect();
    prefixes.sort_by_key(|&prefix| (narrow(prefix), prefix));
    prefixes.iter().take(BIGGEST).map(ToString::to_string).collect()
}

fn special_purpose(entries: &[Entry]) -> Vec<String> {
    let special = special();
    let inside = entries.iter().filter(|e| special.overlaps(e.prefix));
    inside.take(SPECIAL).map(|entry| entry.prefix.to_string()).collect()
}
