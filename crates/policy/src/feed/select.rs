//! Parameters of a request: what part of a compiled feed, in which form.
//!
//! They restrict and never add. An unknown or contradictory one is refused: a
//! misspelt filter must not widen a block list.

use asgard_model::{Asn, Bands, CountryCode};
use uuid::Uuid;

pub use super::profile::{Order, Per, Translation};
use super::{
    compile::{AllowMode, Compiled, Expand, Options},
    entry::{Cause, Line, Origin},
    format::{Families, Format},
};
use crate::access::RiskSelector;

pub use parse::PARAMETERS;

mod budget;
mod parse;
mod shape;

/// Parameters of a request for a feed, parsed, with every default in place.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent parameters")]
pub struct FeedParams {
    /// IPv4, IPv6, or both.
    pub family: Family,
    /// Merge without loss.
    pub aggregate: bool,
    /// Prefixes, ranges, or the smallest cover of ranges.
    pub tr: Translation,
    /// At most so many entries, for paging.
    pub n: Option<usize>,
    /// Entries to pass over, for paging.
    pub s: usize,
    /// The budget of the device.
    pub max_entries: Option<usize>,
    /// What the budget counts.
    pub per: Per,
    /// Whether lines may become ranges before anything is lost.
    pub may_range: bool,
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

impl Default for FeedParams {
    fn default() -> Self {
        Self {
            family: Family::Both,
            aggregate: false,
            tr: Translation::None,
            n: None,
            s: 0,
            max_entries: None,
            per: Per::List,
            may_range: false,
            overflow: Overflow::Error,
            order: Order::Numeric,
            profile: None,
            min_prefix4: None,
            min_prefix6: None,
            host_suffix: true,
            exclude_private: false,
            risk: None,
            asn: Vec::new(),
            country: Vec::new(),
            list: Vec::new(),
            rule: Vec::new(),
            origin: Vec::new(),
            expand: Expand::Effective,
            allow: AllowMode::Subtract,
            comments: false,
            version: None,
            channel: Channel::Stable,
        }
    }
}

impl FeedParams {
    /// The part that changes what is compiled.
    pub fn options(&self) -> Options {
        Options { expand: self.expand, allow: self.allow }
    }

    /// What a format can hold, taken into account: a device that reads only
    /// IPv4 gets no IPv6, one that misreads overlaps gets none.
    ///
    /// # Errors
    /// When it contradicts a parameter: ranges for a format without ranges,
    /// routes for other people's routers without a budget.
    pub fn for_format(mut self, format: Format) -> Result<Self, ParamError> {
        let traits = format.traits();
        let refuse = |parameter: &str, message: String| {
            let parameter = parameter.to_owned();
            Err(ParamError { parameter, message })
        };
        let only = match traits.families {
            Families::Both => Family::Both,
            Families::V4 => Family::V4,
            Families::V6 => Family::V6,
        };
        match (self.family, only) {
            (_, Family::Both) => {}
            (Family::Both, only) => self.family = only,
            (asked, only) if asked == only => {}
            _ => {
                let message = format!("{format} holds the other family only");
                return refuse("ipv4only", message);
            }
        }
        if self.tr == Translation::Ranges && !traits.ranges {
            if self.profile.is_none() {
                let message =
                    format!("{format} has no ranges; use tr=0 or tr=2");
                return refuse("tr", message);
            }
            // The device takes ranges, this form of its list does not.
            self.tr = Translation::Prefixes;
        }
        // The plain list is prefixes unless ranges were asked for.
        self.may_range = traits.ranges && format != Format::Plain;
        self.aggregate |= traits.aggregated;
        if traits.routers && self.max_entries.is_none() {
            let message = format!(
                "{format} acts on routers: say how many entries they may take"
            );
            return refuse("max_entries", message);
        }
        Ok(self)
    }

    fn takes(&self, cause: &Cause, bands: Bands) -> bool {
        fn among<T: PartialEq>(wanted: &[T], found: Option<&T>) -> bool {
            wanted.is_empty() || found.is_some_and(|f| wanted.contains(f))
        }
        let rules: Vec<String> =
            self.rule.iter().map(ToString::to_string).collect();
        let by_text = |wanted: &[String], found: Option<&str>| {
            let same = |w: &String| found.is_some_and(|f| f == w.as_str());
            wanted.is_empty() || wanted.iter().any(same)
        };
        let lists: Vec<String> =
            self.list.iter().map(ToString::to_string).collect();
        among(&self.origin, Some(&cause.origin))
            && among(&self.asn, cause.asn.as_ref())
            && among(&self.country, cause.country.as_ref())
            && by_text(&lists, cause.list.as_deref())
            && by_text(&rules, cause.rule.as_deref())
            && self.risk.as_ref().is_none_or(|risk| {
                cause.score.is_some_and(|score| risk.takes(score, bands))
            })
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
    let bands = compiled.bands;
    let mut entries = compiled.entries_where(|c| params.takes(c, bands));
    shape::restrict(&mut entries, params);
    let mut selected = budget::fit(&entries, compiled, params)?;
    if params.order == Order::Severity {
        budget::worst_first(&mut selected.lines);
    }
    if params.s > 0 {
        selected.lines.drain(..params.s.min(selected.lines.len()));
    }
    if let Some(n) = params.n {
        selected.lines.truncate(n);
    }
    let space = shape::space(&selected.lines);
    let v4 = selected.lines.iter().filter(|line| line.span.is_v4()).count();
    selected.entries_v4 = v4;
    selected.entries_v6 = selected.lines.len() - v4;
    selected.addresses_v4 = space.addresses_v4();
    Ok(selected)
}
