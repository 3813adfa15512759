//! What leads from one table to another, as bytes: a server tells its gateways
//! what changed instead of everything.
//!
//! Scores change with every cycle, networks seldom; both are told, so a table
//! to which a delta was applied says exactly what the table it leads to says,
//! and [`TableVersion`] proves it. Deltas that lead from one to the next are
//! applied as one, written one after the other.
//!
//! A delta, numbers in little-endian order:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `asgtbl1\n` |
//! | 32, 32 | version from which, and to which, it leads |
//! | 8 | when the new table was made, seconds since 1970 |
//! | 4, 4, 4, 4 | number of risks, records, IPv4 ranges, IPv6 ranges |
//! | 6 each | risk: AS number, score (255: none), level |
//! | 10 + text each | record: AS number, country (zeros: none), score, level, length of the organisation (2), organisation |
//! | 12 each | IPv4 range: first, last, record (2^32 − 1: nobody's) |
//! | 36 each | the same of IPv6 |
//!
//! Refused: a delta from another version; one whose result is not what it says;
//! counts beyond the bytes; ranges out of order; records that cannot be.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Builder, MAX_ORGANISATION, NetworkTable, Stored, TableVersion, UNSCORED,
};
use crate::{
    Asn, Level,
    flat_table::{Range, Ranges},
    pages::Index,
    texts::TextsBuilder,
};

const MAGIC: &[u8; 8] = b"asgtbl1\n";
/// A range of nobody.
const NOBODY: u32 = u32::MAX;

/// Why a delta is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// Cut off, or not a delta.
    #[error("delta of a table, byte {at}: {what}")]
    Malformed {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// It leads from another table.
    #[error("the delta leads from table {from}, the one in use is {present}")]
    OtherBase {
        /// Where it leads from.
        from: TableVersion,
        /// What it was applied to.
        present: TableVersion,
    },
    /// What came out is not what it leads to.
    #[error("the delta leads to table {to}, but {found} came out of it")]
    OtherResult {
        /// Where it should lead.
        to: TableVersion,
        /// Where it led.
        found: TableVersion,
    },
}

/// A delta that was read.
struct Delta<'a> {
    from: TableVersion,
    to: TableVersion,
    build_epoch: u64,
    risks: FxHashMap<Asn, Option<(u8, Level)>>,
    /// With the organisation, whose number is not set.
    records: Vec<(Stored, &'a str)>,
    ranges: Ranges,
}

impl NetworkTable {
    /// What leads from this table to another.
    pub fn delta_to(&self, next: &Self) -> Vec<u8> {
        let risks = self.new_risks(next);
        let moved = self.with_risk(&risks, next.build_epoch);
        let mut alike: FxHashMap<(u32, u32), bool> = FxHashMap::default();
        let ranges = moved.ranges.differences(&next.ranges, |ours, theirs| {
            match ours.zip(theirs) {
                Some(pair) => *alike.entry(pair).or_insert_with(|| {
                    moved.facts(pair.0) == next.facts(pair.1)
                }),
                None => ours == theirs,
            }
        });
        write(self, next, &risks, &ranges)
    }

    /// ASes whose one risk here is another there.
    fn new_risks(&self, next: &Self) -> FxHashMap<Asn, Option<(u8, Level)>> {
        let before = self.risks();
        let mut risks = next.risks();
        risks.retain(|asn, now| {
            before.get(asn).is_some_and(|old| old.is_some() && old != now)
                && now.is_some()
        });
        risks.into_iter().filter_map(|(asn, now)| Some((asn, now?))).collect()
    }

    /// The risk of every AS; `None` if its records do not agree.
    fn risks(&self) -> FxHashMap<Asn, Option<Option<(u8, Level)>>> {
        let mut risks = FxHashMap::default();
        for &packed in self.records.iter() {
            let stored = Stored::unpacked(packed);
            let risk = stored.risk();
            risks
                .entry(stored.asn)
                .and_modify(|known| {
                    if *known != Some(risk) {
                        *known = None;
                    }
                })
                .or_insert(Some(risk));
        }
        risks
    }

    /// The table to which deltas lead, written one after the other; the last
    /// one's version is that of the result.
    ///
    /// # Errors
    /// [`DeltaError`]; nothing is left half done.
    pub fn apply(&self, deltas: &[u8]) -> Result<Self, DeltaError> {
        let mut reader = Reader { bytes: deltas, at: 0 };
        let mut present = self.version();
        let mut table = None;
        while reader.at < deltas.len() {
            let delta = reader.delta()?;
            if delta.from != present {
                let from = delta.from;
                return Err(DeltaError::OtherBase { from, present });
            }
            present = delta.to;
            table = Some(table.as_ref().unwrap_or(self).after(&delta));
        }
        let table = table.ok_or_else(|| reader.fault("there is none"))?;
        match table.version() {
            found if found == present => Ok(table),
            found => Err(DeltaError::OtherResult { to: present, found }),
        }
    }

    fn after(&self, delta: &Delta<'_>) -> Self {
        let mut next = self.with_risk(&delta.risks, delta.build_epoch);
        if delta.ranges.is_empty() {
            return next;
        }
        let mut builder = Builder::of(&next);
        let numbers: Vec<u32> = delta
            .records
            .iter()
            .map(|(stored, organisation)| {
                let Stored { asn, country, .. } = *stored;
                builder.store(asn, organisation, stored.risk(), country)
            })
            .collect();
        let number = |value: Option<u32>| {
            value.and_then(|at| numbers.get(at as usize).copied())
        };
        let mut ranges = delta.ranges.clone();
        ranges.v4.iter_mut().for_each(|r| r.value = number(r.value));
        ranges.v6.iter_mut().for_each(|r| r.value = number(r.value));
        let before = next.ranges.ranges().count();
        next.ranges = Arc::new(next.ranges.with(&ranges));
        let now = next.ranges.ranges().count();
        let networks = (next.networks as usize + now).saturating_sub(before);
        next.networks = u32::try_from(networks).unwrap_or(u32::MAX);
        next.scored = super::is_scored(&builder.records);
        next.records = builder.records;
        next.texts = Arc::new(builder.texts.build());
        next
    }
}

impl Builder {
    /// Goes on with the records of a table that was built.
    fn of(table: &NetworkTable) -> Self {
        let records = table.records.clone();
        let mut numbers = Index::default();
        let all: &[[u32; 4]] = &records;
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let hash_of = |number: u32| super::hash(all[number as usize]);
        for number in 0..count {
            numbers.insert(hash_of(number), number, hash_of);
        }
        let texts = TextsBuilder::from_texts((*table.texts).clone());
        Self { records, numbers, texts, ..Self::default() }
    }
}

fn write(
    from: &NetworkTable,
    to: &NetworkTable,
    risks: &FxHashMap<Asn, Option<(u8, Level)>>,
    ranges: &Ranges,
) -> Vec<u8> {
    let mut named = FxHashSet::default();
    let v4 = ranges.v4.iter().filter_map(|range| range.value);
    named.extend(v4.chain(ranges.v6.iter().filter_map(|range| range.value)));
    let mut named: Vec<u32> = named.into_iter().collect();
    named.sort_unstable();
    let place = |value: Option<u32>| match value {
        Some(value) => named.binary_search(&value).map_or(NOBODY, count),
        None => NOBODY,
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&from.version().0);
    bytes.extend_from_slice(&to.version().0);
    bytes.extend_from_slice(&to.build_epoch.to_le_bytes());
    let counts = [risks.len(), named.len(), ranges.v4.len(), ranges.v6.len()];
    for number in counts {
        bytes.extend_from_slice(&count(number).to_le_bytes());
    }
    let mut risks: Vec<_> = risks.iter().collect();
    risks.sort_unstable_by_key(|(asn, _)| **asn);
    for (asn, risk) in risks {
        let (score, level) = risk.unwrap_or((UNSCORED, Level::Low));
        bytes.extend_from_slice(&asn.0.to_le_bytes());
        bytes.extend_from_slice(&[score, level as u8]);
    }
    for &number in &named {
        let packed = to.records.get(number as usize).copied();
        let [asn, organisation, rest, _] = packed.unwrap_or_default();
        let organisation = to.texts.get(organisation);
        bytes.extend_from_slice(&asn.to_le_bytes());
        bytes.extend_from_slice(&rest.to_le_bytes());
        let length = u16::try_from(organisation.len()).unwrap_or(0);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(organisation.as_bytes());
    }
    for range in &ranges.v4 {
        bytes.extend_from_slice(&range.first.to_le_bytes());
        bytes.extend_from_slice(&range.last.to_le_bytes());
        bytes.extend_from_slice(&place(range.value).to_le_bytes());
    }
    for range in &ranges.v6 {
        bytes.extend_from_slice(&range.first.to_le_bytes());
        bytes.extend_from_slice(&range.last.to_le_bytes());
        bytes.extend_from_slice(&place(range.value).to_le_bytes());
    }
    bytes
}

fn count(number: usize) -> u32 {
    // Records and ranges are numbered with 32 bits.
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads what others may have written.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, what: &'static str) -> DeltaError {
        DeltaError::Malformed { at: self.at, what }
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], DeltaError> {
        let end = self.at.checked_add(length);
        let slice = end.and_then(|end| self.bytes.get(self.at..end));
        let slice = slice.ok_or_else(|| self.fault("it ends here"))?;
        self.at += length;
        Ok(slice)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DeltaError> {
        let slice = self.slice(N)?;
        slice.try_into().map_err(|_| self.fault("it ends here"))
    }

    fn number(&mut self) -> Result<u32, DeltaError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    /// A count of things of so many bytes at least, which are really there.
    fn count(&mut self, each: usize) -> Result<usize, DeltaError> {
        let count = self.number()? as usize;
        let left = self.bytes.len() - self.at;
        match count.checked_mul(each).is_some_and(|bytes| bytes <= left) {
            true => Ok(count),
            false => Err(self.fault("more things than bytes")),
        }
    }

    fn delta(&mut self) -> Result<Delta<'a>, DeltaError> {
        if self.take::<8>()? != *MAGIC {
            self.at -= 8;
            return Err(self.fault("not a delta of a table"));
        }
        let (from, to) = (self.take()?, self.take()?);
        let build_epoch = u64::from_le_bytes(self.take()?);
        let (risks, records) = (self.count(6)?, self.count(10)?);
        let (v4, v6) = (self.count(12)?, self.count(36)?);
        let mut delta = Delta {
            from: TableVersion(from),
            to: TableVersion(to),
            build_epoch,
            risks: FxHashMap::default(),
            records: Vec::with_capacity(records),
            ranges: Ranges::default(),
        };
        for _ in 0..risks {
            let asn = Asn(self.number()?);
            let risk = self.risk()?;
            delta.risks.insert(asn, risk);
        }
        for _ in 0..records {
            delta.records.push(self.record()?);
        }
        for _ in 0..v4 {
            let (first, last) = (self.number()?, self.number()?);
            let value = self.value(records)?;
            delta.ranges.v4.push(Range { first, last, value });
        }
        for _ in 0..v6 {
            let first = u128::from_le_bytes(self.take()?);
            let last = u128::from_le_bytes(self.take()?);
            let value = self.value(records)?;
            delta.ranges.v6.push(Range { first, last, value });
        }
        match delta.ranges.are_in_order() {
            true => Ok(delta),
            false => Err(self.fault("ranges before here are out of order")),
        }
    }

    fn risk(&mut self) -> Result<Option<(u8, Level)>, DeltaError> {
        let [score, level] = self.take()?;
        let level = Level::VALUES.get(usize::from(level));
        match (score, level) {
            (UNSCORED, _) => Ok(None),
            (0..=100, Some(&(level, _))) => Ok(Some((score, level))),
            _ => Err(self.fault("before here: no score")),
        }
    }

    fn record(&mut self) -> Result<(Stored, &'a str), DeltaError> {
        let asn = Asn(self.number()?);
        let letters: [u8; 2] = self.take()?;
        let country = match letters {
            [0, 0] => None,
            _ => std::str::from_utf8(&letters)
                .ok()
                .and_then(|letters| letters.parse().ok())
                .map(Some)
                .ok_or_else(|| self.fault("before here: no country"))?,
        };
        let risk = self.risk()?;
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let text = self.slice(length)?;
        let text = std::str::from_utf8(text).ok();
        let text = text.filter(|text| {
            text.len() <= MAX_ORGANISATION && !text.contains(char::is_control)
        });
        let organisation =
            text.ok_or_else(|| self.fault("before here: no organisation"))?;
        if asn.0 == 0 {
            return Err(self.fault("before here: AS0"));
        }
        let (score, level) = risk.unwrap_or((UNSCORED, Level::Low));
        let stored = Stored { asn, organisation: 0, country, score, level };
        Ok((stored, organisation))
    }

    fn value(&mut self, records: usize) -> Result<Option<u32>, DeltaError> {
        match self.number()? {
            NOBODY => Ok(None),
            value if (value as usize) < records => Ok(Some(value)),
            _ => Err(self.fault("before here: a record that is not there")),
        }
    }
}

#[cfg(test)]
mod tests;
