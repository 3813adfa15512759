//! What BGP said: a dump, and everything that came after it, told in the order
//! of time.
//!
//! | step | module |
//! |---|---|
//! | which files, in which order | [`files`] |
//! | their bytes, decompressed on another thread | [`ahead`] |
//! | several collectors, told together | [`lanes`] |
//! | which paths are no news, so that inference can learn from them | [`sightings`] |
//! | state, relationships, incidents (asgard-routing) | [`telling`], [`known`] |
//! | who announces what, over which providers | [`harvest`] |
//! | what goes on as it happens, between two cycles | [`stream`] |
//!
//! A dump that is damaged, or not believable beside the last good one, is
//! refused whole, and the one before it is taken. Of a file of updates that is
//! damaged everything before the damage counts. What was told stays in memory:
//! when only new files come, only they are read.

mod ahead;
mod files;
mod harvest;
mod known;
mod lanes;
mod scenery;
mod sightings;
mod stream;
mod telling;
#[cfg(test)]
mod tests;

use asgard_model::{Asn, Day, Incident, graph::Relationship};
use asgard_routing::detector::Measures;
use rustc_hash::FxHashMap;

pub use self::stream::Stream;
pub(crate) use self::{
    files::survey,
    scenery::Scenery,
    telling::{Context, Reads, Told, tell},
};
use crate::reader::OriginRows;

/// What BGP amounts to at the end.
#[derive(Debug, Default)]
pub(crate) struct BgpRows {
    /// Who announces what, as far as enough full feeds see it.
    pub(crate) origins: OriginRows,
    /// What else is known.
    pub(crate) findings: BgpFindings,
}

/// What BGP says besides who announces what.
#[derive(Clone, Debug, Default)]
pub(crate) struct BgpFindings {
    /// Who buys from whom.
    pub(crate) edges: Vec<(Asn, Asn, Relationship)>,
    /// Networks without providers that peer with each other, ascending.
    pub(crate) clique: Vec<Asn>,
    /// Routes (prefix and peer) of an origin over a provider:
    /// `(origin, provider)` → number.
    pub(crate) connections: FxHashMap<(Asn, Asn), u32>,
    /// What networks did to others.
    pub(crate) incidents: Vec<Incident>,
    /// Numbers behind the signals.
    pub(crate) measures: FxHashMap<Asn, Measures>,
    /// The latest event, in seconds since 1970.
    pub(crate) until: u32,
    /// Whether updates were read too: only they tell how things change.
    pub(crate) has_updates: bool,
}

/// How reading the files of one source went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceRead {
    /// Rows and day of what was believed.
    pub(crate) good: Option<(u64, Option<Day>)>,
    /// The first thing that went wrong.
    pub(crate) error: Option<String>,
}

impl SourceRead {
    /// Notes what went wrong, if it is the first.
    pub(crate) fn complain(&mut self, error: impl Into<String>) {
        self.error.get_or_insert_with(|| error.into());
    }

    /// Notes that the data reach to a day.
    pub(crate) fn until(&mut self, day: Option<Day>) {
        let rows = self.good.map_or(0, |(rows, _)| rows);
        self.said(rows, day);
    }

    /// Notes rows, and that they reach to a day.
    fn said(&mut self, rows: u64, day: Option<Day>) {
        let before = self.good.and_then(|(_, day)| day);
        self.good = Some((rows, before.max(day)));
    }
}
