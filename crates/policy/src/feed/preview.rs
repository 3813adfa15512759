//! What a change of rules would do, in numbers, without doing it.

use serde::Serialize;

use super::{compile::Compiled, explain::ProtectedBy, guard::GuardReport};

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

/// Compares two compiled feeds.
pub fn preview(
    before: &Compiled,
    after: &Compiled,
    routed_v6: &crate::AddressSet,
) -> Preview {
    let _ = (before, after, routed_v6);
    unimplemented!()
}
