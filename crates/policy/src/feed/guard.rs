//! Guards: what keeps a list from hurting those who load it.
//!
//! Every guard is a pure function that measures a number, compares it with a
//! limit, and says so in a [`GuardReport`]. Nothing is cut in silence.
//!
//! | guard | what it does |
//! |---|---|
//! | [`shield`] | never-block space, special-purpose space, critical Internet, protected entries and the whitelist are taken out, by exact splitting |
//! | [`share`] | how much of the address space a rule, and a feed, may cost |
//! | [`drift`] | data that change a feed too much are held back |

use serde::Serialize;

pub mod critical;
pub mod drift;
pub mod share;
pub mod shield;

/// What a guard measured, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuardReport {
    /// Which guard: `share`, `feed_share`, `growth`, `shrink`, `empty`,
    /// `min_prefix`, `special_purpose`, `protected`, `never_block`, `decision`.
    pub name: &'static str,
    /// What it is about: a rule, a selector, a prefix; empty for the feed.
    pub subject: String,
    /// What follows.
    pub verdict: Verdict,
    /// What was measured: a share of all IPv4 addresses, a ratio of addresses,
    /// a number of entries, a length.
    pub value: f64,
    /// What is allowed.
    pub limit: f64,
}

/// What follows from a measurement, the worse the greater.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Within limits.
    Pass,
    /// Worth a look.
    Warn,
    /// Something was taken out, and the rest is served.
    Withheld,
    /// The last good data are used instead of the present ones.
    Hold,
    /// Nothing new may be served: the last good body answers.
    Stop,
}
