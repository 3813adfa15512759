//! Files of MRT (RFC 6396, RFC 8050): tables and updates of BGP as events.
//!
//! Records stream by; bgpkit-parser cuts them, and decodes messages and
//! attributes. Entries of tables are walked here, because only so a table of a
//! hundred million routes is read without an allocation for each.
//!
//! What is read: `TABLE_DUMP`, `TABLE_DUMP_V2` (IPv4 and IPv6 unicast, with and
//! without path ids), `BGP4MP` and `BGP4MP_ET` (messages and states, numbers of
//! two and four bytes, local ones, with and without path ids), and type 5 of
//! before 2001. Counted as unsupported: multicast, `RIB_GENERIC`,
//! `GEO_PEER_TABLE`, and records of other protocols.
//!
//! A message that cannot be read is left out, counted, and the first is shown:
//! one router's nonsense is no fault of the file. The file itself is broken
//! ([`Broken`]) when it was cut, when a record of a table contradicts itself,
//! when a type of record is unknown (the reader would be lost), and when more
//! than half of its messages cannot be read. **What was handed to the sink
//! before stays true.**

mod attributes;
#[cfg(test)]
pub(crate) mod fixture;
mod path;
mod records;
mod table;
#[cfg(test)]
mod tests;
mod update;

use std::{
    io::{self, BufRead},
    ops::ControlFlow,
};

use asgard_model::AsPath;
use bgpkit_parser::models::EntryType;
use jiff::Timestamp;

use self::records::Records;
use super::report::FormatError;
use asgard_routing::event::{Moment, Peer, Sink};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records, of any kind.
    pub records: u64,
    /// Events handed to the sink.
    pub events: u64,
    /// Records of kinds that are not read.
    pub unsupported: u64,
    /// Messages and entries that could not be read, and were left out.
    pub unreadable: u64,
    /// The first of them, and why.
    pub first_unreadable: Option<(Place, String)>,
    /// When the first record was made.
    pub begun: Option<Timestamp>,
}

/// A place in a file, after decompression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The record, from 1.
    pub record: u64,
    /// The byte at which it begins, from 0.
    pub offset: u64,
}

/// A file that could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("MRT record {} at byte {}: {damage}", place.record, place.offset)]
pub struct Broken {
    /// The record that is damaged.
    pub place: Place,
    /// What is wrong with it.
    pub damage: Damage,
    /// What was read before.
    pub before: Box<Summary>,
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The file ends inside.
    #[error("the file was cut: {0}")]
    Cut(String),
    /// The bytes could not be had.
    #[error("cannot read on: {0}")]
    Io(io::Error),
    /// It contradicts itself, or is of no known type.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// The file never was MRT.
    #[error("{0}")]
    Foreign(FormatError),
}

impl From<Broken> for FormatError {
    fn from(broken: Broken) -> Self {
        match broken.damage {
            Damage::Corrupt(_) => Self::NotThisFormat(broken.to_string()),
            Damage::Foreign(error) => error,
            Damage::Io(error) => Self::Io(error),
            Damage::Cut(why) => {
                let Place { record, offset } = broken.place;
                let at = format!("MRT record {record} at byte {offset}");
                Self::Truncated(format!("{at}: {why}"))
            }
        }
    }
}

/// Hands every event of a file to the sink, in the order of the file; within a
/// message first what it withdraws, then what it announces.
///
/// A file without a byte has no events: a quiet collector writes such.
///
/// # Errors
/// When the file is broken; the error says where, and what was read before.
pub fn mrt(input: &mut dyn BufRead, sink: Sink<'_>) -> Result<Summary, Broken> {
    run(input, sink, false)
}

/// The same for a table of which nothing may be missing: other records, and
/// entries that cannot be read, break the file.
pub(crate) fn whole_table(
    input: &mut dyn BufRead,
    sink: Sink<'_>,
) -> Result<Summary, Broken> {
    run(input, sink, true)
}

fn run(
    input: &mut dyn BufRead,
    sink: Sink<'_>,
    whole_table: bool,
) -> Result<Summary, Broken> {
    let mut reader = Reader {
        summary: Summary::default(),
        place: Place::default(),
        peers: None,
        path: AsPath::default(),
        whole_table,
        sink,
    };
    let mut records = Records::new(input);
    match reader.read(&mut records) {
        Ok(()) => Ok(reader.summary),
        Err(damage) => {
            let place = reader.place;
            Err(Broken { place, damage, before: Box::new(reader.summary) })
        }
    }
}

/// Whether to go on.
type Flow = Result<ControlFlow<()>, Damage>;

/// What is known while a file is read.
struct Reader<'s> {
    summary: Summary,
    place: Place,
    /// The last index of peers; `None` before it.
    peers: Option<Vec<Peer>>,
    /// The path of the current route, filled again and again.
    path: AsPath,
    /// See [`whole_table()`].
    whole_table: bool,
    sink: Sink<'s>,
}

impl Reader<'_> {
    fn read(&mut self, records: &mut Records<'_>) -> Result<(), Damage> {
        loop {
            let next = records.next();
            self.place = records.place();
            let Some(record) = next? else {
                return self.judge();
            };
            self.summary.records += 1;
            let header = &record.common_header;
            let at = Moment {
                seconds: header.timestamp,
                micros: header.microsecond_timestamp,
            };
            if self.summary.begun.is_none() {
                let seconds = i64::from(at.seconds);
                self.summary.begun = Timestamp::from_second(seconds).ok();
            }
            let flow = match header.entry_type {
                EntryType::TABLE_DUMP => self.table_dump(at, &record)?,
                EntryType::TABLE_DUMP_V2 => self.table_dump_v2(at, &record)?,
                kind if self.whole_table => {
                    return Err(records.no_table(kind));
                }
                EntryType::BGP4MP | EntryType::BGP4MP_ET | EntryType::BGP => {
                    self.message(at, record)
                }
                _ => self.unsupported(),
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    fn unsupported(&mut self) -> ControlFlow<()> {
        self.summary.unsupported += 1;
        ControlFlow::Continue(())
    }

    fn unreadable(&mut self, why: &str) {
        self.summary.unreadable += 1;
        let place = self.place;
        self.summary
            .first_unreadable
            .get_or_insert_with(|| (place, plain(why).to_owned()));
    }

    /// Refuses a file that was read to its end and made no sense.
    fn judge(&mut self) -> Result<(), Damage> {
        let summary = &self.summary;
        let (bad, records) = (summary.unreadable, summary.records);
        // A message may hold many routes, and a record of a table is as many.
        let all = records.max(summary.events + bad);
        let most = if self.whole_table { 0 } else { all / 2 };
        // A file of nonsense is best named by its first.
        if let Some((place, why)) = &summary.first_unreadable
            && bad > most
        {
            self.place = *place;
            return Err(Damage::Corrupt(format!(
                "{bad} of {all} messages cannot be read; this is the first: \
                 {why}"
            )));
        }
        if records > 0 && summary.unsupported == records {
            self.place = Place { record: 1, offset: 0 };
            let none = "no record of the file is about BGP routes";
            return Err(Damage::Corrupt(none.to_owned()));
        }
        Ok(())
    }
}

/// What bgpkit-parser says, without its `Error: `.
fn plain(error: &str) -> &str {
    error.trim_start_matches("Error: ")
}
