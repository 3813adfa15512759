//! Rules → entries: a pure function of (ruleset, facts, options, last good, now).
//!
//! Explicit addresses keep the prefix that was written. Everything else is
//! derived from data, and so it is held against what the data said before
//! ([`LastGood`]), loses special-purpose space and default routes, and loses
//! what is protected, by exact splitting. No text is parsed here.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use asgard_model::{Asn, Bands, Prefix};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use self::resolve::{knows_list, resolve, sound_space};
use self::{build::Job, recall::Recall};
use super::{
    entry::{Cause, Entry},
    guard::{GuardReport, shield::Shield},
};
use crate::{
    AddressSet,
    access::{Facts, Ruleset},
};

mod build;
mod recall;
mod resolve;
mod weight;

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
    /// The network behind the addresses, if there is one.
    pub(crate) asn: Option<Asn>,
    /// Its score.
    pub(crate) score: Option<u8>,
    /// Whether this is all of the network.
    pub(crate) whole: bool,
    /// Ascending.
    pub(crate) prefixes: Arc<[Prefix]>,
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
    /// The organisation.
    pub org: Arc<str>,
    /// The moment for which it was compiled.
    pub built_at: Option<Timestamp>,
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
    /// Prefixes that lost something to the shield.
    pub(crate) cut: Vec<Prefix>,
    /// Entries more than without anything protected.
    pub entries_added: usize,
    /// What was selected and is not in the feed; the first thousand.
    pub withheld: Vec<Withheld>,
    /// How many prefixes were withheld.
    pub withheld_count: usize,
    /// What the guards measured.
    pub guards: Vec<GuardReport>,
    /// Thresholds of the levels.
    pub bands: Bands,
    /// Shortest prefixes of IPv4 and IPv6 that may be named.
    pub shortest: [u8; 2],
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
    /// An operator says that the data up to this serial are good, however much
    /// they change the feed.
    pub fn release(&mut self, serial: u64) {
        self.released = self.released.max(serial);
    }
}

impl Compiled {
    /// The entries of the feed, in its order: each prefix once, with its worst
    /// cause; contained prefixes stay.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries_where(|_| true)
    }

    /// The entries that have at least one cause that is wanted.
    pub(crate) fn entries_where(
        &self,
        wanted: impl Fn(&Cause) -> bool,
    ) -> Vec<Entry> {
        let keep: Vec<bool> =
            self.causes.iter().map(|cause| wanted(cause)).collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            if !keep[row.cause as usize] {
                continue;
            }
            let cause = &self.causes[row.cause as usize];
            match entries.last_mut() {
                Some(last) if last.prefix == row.prefix => {
                    outlive(&mut last.cause, cause);
                }
                _ => entries.push(Entry {
                    prefix: row.prefix,
                    cause: Arc::clone(cause),
                }),
            }
        }
        entries
    }

    /// All addresses of the feed.
    pub fn space(&self) -> AddressSet {
        AddressSet::from_prefixes(self.rows.iter().map(|row| row.prefix))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        let doubles = self.rows.windows(2);
        let doubles = doubles.filter(|w| w[0].prefix == w[1].prefix).count();
        self.rows.len() - doubles
    }

    /// Whether nothing is in the feed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The causes of every entry that holds an address, the widest entry
    /// first.
    pub(crate) fn rows_around(
        &self,
        ip: IpAddr,
    ) -> impl Iterator<Item = (Prefix, u32)> {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        (0..=bits).flat_map(move |len| {
            let prefix =
                Prefix::new(ip, len).unwrap_or_else(|| Prefix::host(ip));
            let from = self.rows.partition_point(|row| row.prefix < prefix);
            self.rows[from..]
                .iter()
                .take_while(move |row| row.prefix == prefix)
                .map(|row| (row.prefix, row.cause))
        })
    }
}

/// An entry leaves the feed with the last of its causes.
fn outlive(kept: &mut Arc<Cause>, other: &Cause) {
    let longer = match (kept.expires_at, other.expires_at) {
        (Some(_), None) => true,
        (Some(a), Some(b)) => b > a,
        (None, _) => false,
    };
    if longer {
        Arc::make_mut(kept).expires_at = other.expires_at;
    }
}

/// Compiles a ruleset. Equal arguments give equal feeds.
pub fn compile(
    ruleset: &Ruleset,
    facts: &Facts<'_>,
    options: Options,
    last_good: &LastGood,
    now: Timestamp,
) -> Compiled {
    let shield = Shield::new(ruleset, facts, options.allow, now);
    let recall = Recall::resolve(ruleset, facts, last_good, now);
    let job = Job { ruleset, facts, options, now, shield, recall };
    job.run()
}
