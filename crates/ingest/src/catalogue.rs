//! The catalogue: every source that asgard can learn from, and its terms.
//!
//! One embedded file, `sources.toml`, says for each source where it is
//! published, where a mirror keeps it, in what format, how often it may be
//! asked, under which licence, and how far it is believed. The operator may
//! switch sources on and off and redirect them ([`Override`]), nothing else:
//! weights and families belong to the model, not to a configuration file.
//!
//! Refused with the line: unknown keys, formats, roles, families and classes,
//! a name used twice, more than 64 families, patterns that leave the mirror.

use std::time::Duration;

use asgard_model::{Category, Class, FamilyId, Model, signals::Trust};
use serde::Deserialize;

use crate::format::Kind;

pub use pattern::Pattern;
pub(crate) use pattern::{day_of, fits};
pub use selection::{Override, SelectionError};

mod pattern;
mod raw;
mod selection;

/// The embedded catalogue, as text.
const SOURCES: &str = include_str!("../sources.toml");

/// All sources, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// The sources, in the order of the file: of two that know the same fact,
    /// the earlier is preferred.
    pub sources: Vec<Source>,
    /// Files of a mirror that no source reads on purpose.
    pub left_out: Vec<LeftOut>,
    families: Vec<String>,
}

/// One publication that asgard can read.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Unique: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// What it is, for people; for a disabled source also why.
    pub description: String,
    /// The format of its files.
    pub kind: Kind,
    /// Rows with a smaller count are skipped (lists with counts).
    pub min_count: Option<u32>,
    /// Zero-based column of the value, where the format leaves it open.
    pub column: Option<usize>,
    /// What asgard learns from it.
    pub role: Role,
    /// The files that make one version of it; at least one.
    pub parts: Vec<Part>,
    /// Its publisher asks for no more than one poll in this time.
    pub cadence: Duration,
    /// Age at which its word has lost all freshness.
    pub max_stale: Duration,
    /// Licence, as the publisher states it.
    pub licence: String,
    /// Whether its rows may be passed on to others.
    pub redistribute: bool,
    /// The line that the terms ask us to show.
    pub attribution: Option<String>,
    /// Who publishes it: sources of one family never corroborate each other.
    pub family: String,
    /// Families whose lists it re-publishes.
    pub contains: Vec<String>,
    /// How far its family is trusted.
    pub trust: Trust,
    /// How much its word counts, 0–1, unless the model states a weight
    /// ([`Catalogue::weighed`]).
    pub weight: f64,
    /// Limit of a download and of its plain bytes.
    pub max_bytes: u64,
    /// Limit of one download, redirects included.
    pub timeout: Duration,
    /// Whether it is read at all.
    pub enabled: bool,
    /// A version with fewer rows is refused.
    pub min_rows: usize,
    /// Whether dated files are merged as history, or only the newest counts.
    pub history: bool,
}

/// One file of a version: many sources have one, some split IPv4 and IPv6.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Unique in the source; [`Part::WHOLE`] for a source of one file.
    pub name: String,
    /// Public addresses, tried in order. `{yyyymm}` and `{yyyymmdd}` stand for
    /// the newest published date.
    pub urls: Vec<String>,
    /// Where a mirror keeps it.
    pub mirror: Vec<Pattern>,
}

impl Part {
    /// The name of the only part of a source of one file.
    pub const WHOLE: &'static str = "all";
}

/// What asgard learns from a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Prefixes and the AS that originates them.
    Routing(Rank),
    /// How the routes of a dump changed after it.
    Updates,
    /// Names, countries and registries of AS numbers.
    Names,
    /// Validated ROA payloads (RFC 6811).
    Vrps,
    /// Providers, customers and peers.
    Relations,
    /// AS numbers that Spamhaus would not route.
    AsnDrop,
    /// Prefixes that Spamhaus would not route.
    Drop,
    /// Addresses seen at abuse.
    Threat(Category),
    /// Well-known address ranges.
    Ranges(Class),
    /// `net` objects of PeeringDB.
    Peeringdb,
    /// Space that no public network may use.
    Special,
    /// Business types of networks.
    NetworkTypes,
    /// In which country addresses are.
    Countries,
}

/// Which routing source rules when there are several; the first that has
/// files. They are never merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Dumps of BGP tables.
    Rib,
    /// One row a prefix, made from a BGP table.
    Announced,
    /// Tables that others have derived from BGP dumps.
    Derived,
    /// Address ranges: prefixes were merged, so more-specifics are lost.
    Range,
}

/// Groups of sources that go stale at the same age; the names of
/// `[staleness_hours]` in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// Routing tables, 24 h.
    Routing,
    /// RPKI payloads, 24 h.
    Vrp,
    /// Lists of addresses at abuse, 48 h.
    Threat,
    /// DROP and ASN-DROP, 7 days.
    Drop,
    /// Registries and everything else that changes slowly, 14 days.
    Registry,
}

impl Role {
    /// The group whose age limit applies.
    pub fn staleness(self) -> Staleness {
        match self {
            Self::Routing(_) | Self::Updates => Staleness::Routing,
            Self::Vrps => Staleness::Vrp,
            Self::Threat(_) => Staleness::Threat,
            Self::AsnDrop | Self::Drop => Staleness::Drop,
            _ => Staleness::Registry,
        }
    }
}

impl Staleness {
    /// The age limit of the group, in hours, unless a source states its own.
    pub fn hours(self) -> u32 {
        match self {
            Self::Routing | Self::Vrp => 24,
            Self::Threat => 48,
            Self::Drop => 168,
            Self::Registry => 336,
        }
    }
}

/// Files of a mirror that are not read, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Which files.
    pub pattern: Pattern,
    /// Why.
    pub reason: String,
}

/// A catalogue that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The text is not a catalogue; the message names line and key.
    #[error("source catalogue: {0}")]
    Syntax(String),
    /// An entry contradicts itself or another.
    #[error("source catalogue: source `{name}`: {problem}")]
    Entry {
        /// The source.
        name: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// More families than a [`FamilyId`] can tell apart.
    #[error("source catalogue: {0} families, at most 64 are possible")]
    TooManyFamilies(usize),
}

impl Catalogue {
    /// The catalogue that this program was built with.
    ///
    /// # Errors
    ///
    /// None for the embedded file: a test parses it.
    pub fn embedded() -> Result<Self, CatalogueError> {
        Self::parse(SOURCES)
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`], naming the line or the source.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        raw::parse(text)
    }

    /// The source of a name.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The same with the weights that a model states; those of other sources
    /// stay. [`Catalogue::find`] tells what the names must be.
    #[must_use]
    pub fn weighed(mut self, model: &Model) -> Self {
        for source in &mut self.sources {
            let stated = model.source_weight(&source.name);
            source.weight = stated.unwrap_or(source.weight);
        }
        self
    }

    /// The sources that are read.
    pub fn enabled(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.enabled)
    }

    /// Every family; the position is its [`FamilyId`].
    pub fn families(&self) -> &[String] {
        &self.families
    }

    /// The number of a family; `None` if no source names it.
    pub fn family_id(&self, family: &str) -> Option<FamilyId> {
        let index = self.families.iter().position(|known| known == family)?;
        u8::try_from(index).ok().map(FamilyId)
    }

    /// The families that a source re-publishes, as bits `1 << family`.
    pub fn contains_bits(&self, source: &Source) -> u64 {
        source
            .contains
            .iter()
            .filter_map(|family| self.family_id(family))
            .fold(0, |bits, family| bits | family.bit())
    }
}

impl Source {
    /// The part of a name.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

#[cfg(test)]
mod tests;
