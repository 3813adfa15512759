//! Parameters of a request: what part of a compiled feed, in which form.
//!
//! They restrict and never add. An unknown or contradictory one is refused: a
//! misspelt filter must not widen a block list.

use asgard_model::{Asn, CountryCode};
use uuid::Uuid;

use super::{
    compile::{AllowMode, Compiled, Expand, Options},
    entry::{Line, Origin},
};
use crate::access::RiskSelector;

/// Parameters of a request for a feed, parsed, with every default in place.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent parameters")]
pub struct FeedParams {
    /// IPv4, IPv6, or both.
    pub family: Family,
    /// Merge without loss.
    pub aggregate: bool,
    /// Prefixes, ranges, or the smallest cover of ranges.
    pub tr: Ranges,
    /// At most so many entries, for paging.
    pub n: Option<usize>,
    /// Entries to pass over, for paging.
    pub s: usize,
    /// The budget of the device.
    pub max_entries: Option<usize>,
    /// What to do beyond the budget.
    pub overflow: Overflow,
    /// In which order.
    pub order: Order,
    /// The name of the profile that gave defaults.
    pub profile: Option<String>,
    /// Shortest IPv4 prefix.
    pub min_prefix4: Option<u8>,
    /// Shortest IPv6 prefix.
    pub min_prefix6: Option<u8>,
    /// Whether hosts keep their `/32` and `/128`.
    pub host_suffix: bool,
    /// Leave out explicit special-purpose entries.
    pub exclude_private: bool,
    /// Only networks of this risk.
    pub risk: Option<RiskSelector>,
    /// Only these networks.
    pub asn: Vec<Asn>,
    /// Only these countries.
    pub country: Vec<CountryCode>,
    /// Only these threat lists.
    pub list: Vec<Box<str>>,
    /// Only these rules.
    pub rule: Vec<Uuid>,
    /// Only these kinds of selectors.
    pub origin: Vec<Origin>,
    /// How networks become addresses.
    pub expand: Expand,
    /// What `allow` does.
    pub allow: AllowMode,
    /// Comments where the format has them.
    pub comments: bool,
    /// A version of the past.
    pub version: Option<u64>,
    /// Which stage of a rollout.
    pub channel: Channel,
}

/// Which address families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// What a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ranges {
    /// Prefixes as they are: `tr=0`.
    #[default]
    Off,
    /// Ranges `a-b`: `tr=1`.
    Ranges,
    /// The fewest prefixes of merged ranges: `tr=2`.
    Cover,
}

/// What to do when a feed exceeds its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Refuse.
    #[default]
    Error,
    /// Keep the worst.
    Truncate,
    /// Join neighbours at the price of fewest addresses more.
    Coarsen,
}

/// In which order entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// IPv4 first, by address.
    #[default]
    Numeric,
    /// The worst first.
    Severity,
}

/// Which stage of a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Channel {
    /// After the delay.
    #[default]
    Stable,
    /// At once.
    Canary,
}

/// A parameter that is refused; the message names what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct ParamError {
    /// The parameter.
    pub parameter: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A selected feed in its final order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    /// What to render.
    pub lines: Vec<Line>,
    /// Lines of IPv4.
    pub entries_v4: usize,
    /// Lines of IPv6.
    pub entries_v6: usize,
    /// IPv4 addresses, overlaps counted once.
    pub addresses_v4: u64,
    /// What was cut.
    pub truncated: Option<Truncated>,
    /// What was added by coarsening.
    pub extra: Option<Extra>,
}

/// What was cut from a feed: `X-Feed-Truncated`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Entries.
    pub entries: usize,
    /// IPv4 addresses that are blocked no more.
    pub addresses_v4: u64,
}

/// What coarsening added to a feed: `X-Feed-Extra-Addresses`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// IPv4 addresses.
    pub v4: u64,
    /// IPv6 networks of /64.
    pub v6_64: u128,
}

/// A feed that does not fit: 422 with the numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the feed has {entries} entries and the limit is {max_entries}; raise \
     max_entries, or choose overflow=truncate or overflow=coarsen{note}"
)]
pub struct Overflowed {
    /// Entries of the feed, after merging.
    pub entries: usize,
    /// The budget.
    pub max_entries: usize,
    /// Why coarsening did not help; empty if it was not asked for.
    pub note: String,
}

impl FeedParams {
    /// Reads the query of a request, already decoded, in its order.
    ///
    /// # Errors
    /// A parameter that is unknown, given twice, cannot be read, or
    /// contradicts another.
    pub fn parse<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ParamError> {
        let _ = pairs.into_iter().count();
        unimplemented!()
    }

    /// The one spelling of these parameters: defaults left out, in order.
    /// Equal feeds have equal texts; the key of a cache.
    pub fn canonical(&self) -> String {
        unimplemented!()
    }

    /// The part that changes what is compiled.
    pub fn options(&self) -> Options {
        Options { expand: self.expand, allow: self.allow }
    }
}

/// Selects, merges, orders and limits a compiled feed.
///
/// # Errors
/// When it exceeds its budget and may not be cut.
pub fn select(
    compiled: &Compiled,
    params: &FeedParams,
) -> Result<Selected, Overflowed> {
    let _ = (compiled, params);
    unimplemented!()
}
