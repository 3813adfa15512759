//! Rules → entries: a pure function of (ruleset, facts, options, last good, now).
//!
//! Explicit addresses keep the prefix that was written. Everything else is
//! derived from data, and so it is held against what the data said before
//! ([`LastGood`]), loses special-purpose space and default routes, and loses
//! what is protected, by exact splitting. No text is parsed here.

use std::{collections::BTreeMap, sync::Arc};

use asgard_model::{Asn, Prefix};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    entry::{Cause, Entry},
    guard::{GuardReport, shield::Shield},
};
use crate::access::{Facts, Ruleset};

/// How networks become addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expand {
    /// Addresses whose longest match the network originates.
    #[default]
    Effective,
    /// Prefixes as they are announced, holes of others included.
    Announced,
}

/// What `allow` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllowMode {
    /// It takes addresses out of the feed of its organisation.
    #[default]
    Subtract,
    /// Nothing: block beats allow, as in the clients upstream.
    Ignore,
}

/// Parameters that change what is compiled. Everything else only selects from
/// what was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Options {
    /// How networks become addresses.
    pub expand: Expand,
    /// What `allow` does.
    pub allow: AllowMode,
}

/// What every derived selector resolved to when the data were last good. Kept
/// by the caller from one compilation of an organisation to the next, and over
/// restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastGood {
    selectors: BTreeMap<String, Remembered>,
    /// Data up to this serial are good, an operator says.
    released: u64,
}

/// What one selector resolved to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Of which data.
    serial: u64,
    /// When it last resolved to something.
    seen_at: Timestamp,
    pieces: Arc<[Piece]>,
}

/// A part of what a selector resolved to: the space of one network, or all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Piece {
    asn: Option<Asn>,
    score: Option<u8>,
    prefixes: Arc<[Prefix]>,
}

/// Something that was selected and is not in the feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Withheld {
    /// The prefix.
    pub prefix: String,
    /// The rule that selects it.
    pub rule: uuid::Uuid,
    /// Which guard.
    pub guard: &'static str,
}

/// How a compiled feed may be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// As it is.
    #[default]
    Serve,
    /// As it is: with rules of now and, for some selectors, data of before.
    /// Alert.
    Held,
    /// Not at all: the last good body answers. There are no entries. Alert.
    Stopped,
}

/// A compiled feed.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The version of the ruleset.
    pub version: u64,
    /// The serial of the data.
    pub serial: u64,
    /// How it may be served.
    pub fate: Fate,
    /// Every (prefix, cause), by prefix, the worst cause first.
    pub(crate) rows: Vec<Row>,
    /// Causes of the rows.
    pub(crate) causes: Vec<Arc<Cause>>,
    /// Networks that are blocked as a whole, ascending.
    pub asns: Vec<Asn>,
    /// What was selected and is not in the feed; the first thousand.
    pub withheld: Vec<Withheld>,
    /// How many prefixes were withheld.
    pub withheld_count: usize,
    /// What the guards measured.
    pub guards: Vec<GuardReport>,
    /// When the next rule or protected entry ends.
    pub next_expiry: Option<Timestamp>,
    /// What was taken out, and why.
    pub shield: Shield,
    /// What to pass to the next compilation.
    pub last_good: LastGood,
}

/// One (prefix, cause); the cause is an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) prefix: Prefix,
    pub(crate) cause: u32,
}

impl LastGood {
    /// An operator says that the data of this serial are good, however much
    /// they change the feed.
    pub fn release(&mut self, serial: u64) {
        self.released = self.released.max(serial);
    }
}

impl Compiled {
    /// The entries of the feed, in its order: each prefix once, with its worst
    /// cause; contained prefixes stay.
    pub fn entries(&self) -> Vec<Entry> {
        unimplemented!()
    }
}

/// Compiles a ruleset.
pub fn compile(
    ruleset: &Ruleset,
    facts: &Facts<'_>,
    options: Options,
    last_good: &LastGood,
    now: Timestamp,
) -> Compiled {
    let _ = (ruleset, facts, options, last_good, now);
    unimplemented!()
}
