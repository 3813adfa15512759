//! Address → the network behind it: number, organisation, score, country.
//!
//! Made from an ASN database in the MaxMind form or from a [`Snapshot`]; both
//! give the same table, so a gateway behaves the same with either. Immutable:
//! a newer one replaces it whole.

mod delta;
mod version;

use std::{
    hash::BuildHasher,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::{
    Asn, CountryCode, Level, Prefix, Snapshot,
    flat_table::{FlatTable, FlatTableBuilder},
    mmdb::{Database, MmdbError, Value},
    pages::{Index, Pages},
    texts::{Texts, TextsBuilder},
};

pub use delta::DeltaError;
pub use version::{TableVersion, TableVersionError};

/// Longest organisation kept, in bytes.
pub const MAX_ORGANISATION: usize = 256;
/// No score.
const UNSCORED: u8 = u8::MAX;

/// What is known about the network behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkFacts<'a> {
    /// The AS that announces it; of several in a Snapshot the one with the
    /// worst score, so that nobody hides behind a second origin.
    pub asn: Asn,
    /// Organisation in words, else the AS name; `""` if not known. Without
    /// control characters, at most [`MAX_ORGANISATION`] bytes.
    pub organisation: &'a str,
    /// Published score, 0 (worst) to 100, and its level.
    pub risk: Option<(u8, Level)>,
    /// Country of registration of the AS.
    pub country: Option<CountryCode>,
}

/// Networks of all addresses.
#[derive(Clone, Debug)]
pub struct NetworkTable {
    pub(crate) ranges: Arc<FlatTable>,
    records: Pages<[u32; 4]>,
    texts: Arc<Texts>,
    networks: u32,
    build_epoch: u64,
    scored: bool,
    version: OnceLock<TableVersion>,
}

/// [`NetworkFacts`] in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stored {
    asn: Asn,
    organisation: u32,
    country: Option<CountryCode>,
    score: u8,
    level: Level,
}

impl Stored {
    /// As it lies in [`Pages`].
    fn packed(self) -> [u32; 4] {
        let country = self.country.map_or([0, 0], |country| {
            let letters = country.as_str().as_bytes();
            letters.try_into().unwrap_or_default()
        });
        let [a, b] = country;
        let rest = u32::from_le_bytes([a, b, self.score, self.level as u8]);
        [self.asn.0, self.organisation, rest, 0]
    }

    fn unpacked([asn, organisation, rest, _]: [u32; 4]) -> Self {
        let [a, b, score, level] = rest.to_le_bytes();
        let letters = [a, b];
        let country = std::str::from_utf8(&letters).ok();
        let level = Level::VALUES.get(usize::from(level));
        Self {
            asn: Asn(asn),
            organisation,
            country: country.filter(|_| a != 0).and_then(|c| c.parse().ok()),
            score,
            level: level.map_or(Level::Low, |&(level, _)| level),
        }
    }

    fn risk(self) -> Option<(u8, Level)> {
        (self.score != UNSCORED).then_some((self.score, self.level))
    }
}

impl NetworkTable {
    /// Reads an ASN database: GeoLite2-ASN and GeoIP2-ISP
    /// (`autonomous_system_number`, `autonomous_system_organization`), IPinfo
    /// and others (`asn: "AS123"`, `name` or `as_name`), and our own, with
    /// `score`, `level` and `country`.
    ///
    /// # Errors
    /// Whatever makes the file unreadable, or [`MmdbError::WrongKind`] if no
    /// network has a number.
    pub fn from_mmdb(bytes: &[u8]) -> Result<Self, MmdbError> {
        let database = Database::open(bytes)?;
        let mut decoder = database.decoder();
        let mut builder = Builder::default();
        let mut known = Offsets::default();
        let mut seen = 0u32;
        database.walk(|network| {
            seen = seen.saturating_add(1);
            let record = known.record(network.record, || {
                Ok(builder.read(&decoder.value(network.record)?))
            })?;
            if let Some(record) = record {
                builder.push(network.prefix, record);
            }
            Ok(())
        })?;
        if builder.networks == 0 {
            return Err(MmdbError::WrongKind {
                database_type: database.metadata().database_type.clone(),
                wanted: "AS numbers",
                networks: seen,
            });
        }
        Ok(builder.build(database.metadata().build_epoch))
    }

    /// The table of a Snapshot: its routes, with the published scores.
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        let mut builder = Builder::default();
        let mut known: FxHashMap<Asn, u32> = FxHashMap::default();
        for route in snapshot.world.table.iter() {
            let Some(asn) = worst_origin(snapshot, route.origins) else {
                continue;
            };
            let record = *known
                .entry(asn)
                .or_insert_with(|| builder.of_snapshot(snapshot, asn));
            builder.push(route.prefix, record);
        }
        let created = snapshot.created.as_second();
        builder.build(u64::try_from(created).unwrap_or(0))
    }

    /// What is known about an address; `None` if nobody announces it. An
    /// IPv4-mapped address is its IPv4 address. Takes no lock, allocates
    /// nothing.
    pub fn lookup(&self, address: IpAddr) -> Option<NetworkFacts<'_>> {
        Some(self.facts(self.ranges.get(address)?))
    }

    /// What a record says.
    fn facts(&self, record: u32) -> NetworkFacts<'_> {
        let packed = self.records.get(record as usize).copied();
        let stored = Stored::unpacked(packed.unwrap_or_default());
        NetworkFacts {
            asn: stored.asn,
            organisation: self.texts.get(stored.organisation),
            risk: stored.risk(),
            country: stored.country,
        }
    }

    /// The part of the address space around an address about which the same is
    /// known, as the longest prefix in it.
    pub fn prefix(&self, address: IpAddr) -> Prefix {
        self.ranges.prefix(address)
    }

    /// The same networks with newer scores; the ranges are shared, not copied.
    /// An AS that `risk` does not know keeps what it had.
    #[must_use]
    pub fn with_risk(
        &self,
        risk: &FxHashMap<Asn, Option<(u8, Level)>>,
        build_epoch: u64,
    ) -> Self {
        let mut records = self.records.clone();
        for packed in records.iter_mut() {
            let mut stored = Stored::unpacked(*packed);
            match risk.get(&stored.asn) {
                Some(Some((score, level))) => {
                    (stored.score, stored.level) = (*score, *level);
                }
                Some(None) => {
                    (stored.score, stored.level) = (UNSCORED, Level::Low);
                }
                None => {}
            }
            *packed = stored.packed();
        }
        let scored = is_scored(&records);
        Self {
            ranges: Arc::clone(&self.ranges),
            texts: Arc::clone(&self.texts),
            networks: self.networks,
            records,
            build_epoch,
            scored,
            version: OnceLock::new(),
        }
    }

    /// Networks that it was made from.
    pub fn networks(&self) -> u32 {
        self.networks
    }

    /// When what it says was true: seconds since 1970, 0 if not known.
    pub fn build_epoch(&self) -> u64 {
        self.build_epoch
    }

    /// Whether it carries scores at all.
    pub fn is_scored(&self) -> bool {
        self.scored
    }

    /// Bytes of memory.
    pub fn heap_bytes(&self) -> usize {
        self.ranges.heap_bytes()
            + self.records.bytes()
            + self.texts.heap_bytes()
    }
}

/// Of several origins the one with the worst score; unscored ones last.
pub(crate) fn worst_origin(
    snapshot: &Snapshot,
    origins: &[Asn],
) -> Option<Asn> {
    let worst = match origins {
        [only] => Some(*only),
        several => several.iter().copied().min_by_key(|&asn| {
            snapshot.profile(asn).map_or(u8::MAX, |p| p.assessment.score)
        }),
    };
    // RFC 7607: nobody is AS0.
    worst.filter(|asn| asn.0 != 0)
}

fn is_scored(records: &[[u32; 4]]) -> bool {
    records.iter().any(|&packed| Stored::unpacked(packed).score != UNSCORED)
}

fn hash(value: impl std::hash::Hash) -> u64 {
    FxBuildHasher.hash_one(value)
}

/// The records of a file by where they begin in it.
#[derive(Default)]
struct Offsets {
    /// Offset, and number of the record + 1, or 0 if it names no AS.
    known: Pages<[u32; 2]>,
    index: Index,
}

impl Offsets {
    fn record(
        &mut self,
        offset: usize,
        read: impl FnOnce() -> Result<Option<u32>, MmdbError>,
    ) -> Result<Option<u32>, MmdbError> {
        // Offsets are those of 32-bit links of a tree.
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let known: &[[u32; 2]] = &self.known;
        let is_it = |at: u32| known[at as usize][0] == offset;
        if let Some(at) = self.index.find(hash(offset), is_it) {
            return Ok(known[at as usize][1].checked_sub(1));
        }
        let record = read()?;
        let at = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.push([offset, record.map_or(0, |record| record + 1)]);
        let known: &[[u32; 2]] = &self.known;
        let hash_of = |at: u32| hash(known[at as usize][0]);
        self.index.insert(hash(offset), at, hash_of);
        Ok(record)
    }
}

#[derive(Default)]
struct Builder {
    ranges: FlatTableBuilder,
    records: Pages<[u32; 4]>,
    numbers: Index,
    texts: TextsBuilder,
    networks: u32,
}

impl Builder {
    fn push(&mut self, prefix: Prefix, record: u32) {
        self.ranges.push(prefix, record);
        self.networks = self.networks.saturating_add(1);
    }

    /// The record that a value of a file means; `None` if it names no AS.
    fn read(&mut self, value: &Value<'_>) -> Option<u32> {
        let asn = number(value)?;
        let organisation = [
            "autonomous_system_organization",
            "name",
            "as_name",
            "as_organization",
            "organization",
        ]
        .iter()
        .find_map(|key| value.get(key).and_then(Value::text))
        .unwrap_or_default();
        let score = value
            .get("score")
            .and_then(Value::number)
            .and_then(|score| u8::try_from(score).ok())
            .filter(|&score| score <= 100);
        let level = value
            .get("level")
            .and_then(Value::text)
            .and_then(|level| level.parse().ok());
        let country = value.get("country").and_then(|country| {
            let code = country.get("iso_code").unwrap_or(country);
            code.text()?.parse().ok()
        });
        Some(self.store(asn, organisation, score.zip(level), country))
    }

    fn of_snapshot(&mut self, snapshot: &Snapshot, asn: Asn) -> u32 {
        let profile = snapshot.profile(asn);
        let registration = profile.map(|p| p.registration);
        let organisation = registration
            .and_then(|r| r.organisation.as_deref().or(r.name.as_deref()))
            .unwrap_or_default();
        let risk = profile.map(|p| (p.assessment.score, p.assessment.level));
        let country = registration.and_then(|r| r.country);
        self.store(asn, organisation, risk, country)
    }

    fn store(
        &mut self,
        asn: Asn,
        organisation: &str,
        risk: Option<(u8, Level)>,
        country: Option<CountryCode>,
    ) -> u32 {
        let (score, level) = risk.unwrap_or((UNSCORED, Level::Low));
        let organisation = self.texts.number(&printable(organisation));
        let stored = Stored { asn, organisation, country, score, level };
        let packed = stored.packed();
        let records: &[[u32; 4]] = &self.records;
        let is_it = |number: u32| records[number as usize] == packed;
        if let Some(number) = self.numbers.find(hash(packed), is_it) {
            return number;
        }
        // One record a network at most, and steps through a tree are bounded.
        let number = u32::try_from(self.records.len()).unwrap_or(u32::MAX - 1);
        self.records.push(packed);
        let records: &[[u32; 4]] = &self.records;
        let hash_of = |number: u32| hash(records[number as usize]);
        self.numbers.insert(hash(packed), number, hash_of);
        number
    }

    fn build(self, build_epoch: u64) -> NetworkTable {
        NetworkTable {
            scored: is_scored(&self.records),
            ranges: Arc::new(self.ranges.build()),
            records: self.records,
            texts: Arc::new(self.texts.build()),
            networks: self.networks,
            build_epoch,
            version: OnceLock::new(),
        }
    }
}

/// The AS number of a record, in any of the known forms.
fn number(value: &Value<'_>) -> Option<Asn> {
    let number = ["autonomous_system_number", "asn", "as_number"]
        .iter()
        .find_map(|key| value.get(key))?;
    match number {
        Value::Text(text) => text.parse().ok(),
        number => number.number().map(Asn),
    }
    .filter(|asn| asn.0 != 0)
}

/// Without control characters, cut at a character border.
pub(crate) fn printable(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > MAX_ORGANISATION {
            break;
        }
        kept.push(c);
    }
    kept
}
