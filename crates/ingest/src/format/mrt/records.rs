//! MRT records, cut from a stream by bgpkit-parser: where each begins, and what
//! is wrong when there is none.

use std::io::{self, BufRead, Read};

use bgpkit_parser::{
    ParserError, RawMrtRecord, chunk_mrt_record, models::EntryType,
};

use super::{Damage, Place, plain};
use crate::format::{lines::refuse_foreign, report::FormatError};

/// Bytes that tell what a file is that has not one good record.
const HEAD: usize = 64;

/// The records of a file.
pub(super) struct Records<'r> {
    input: Counted<'r>,
    place: Place,
    head: Vec<u8>,
}

impl<'r> Records<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead) -> Self {
        Self {
            input: Counted { inner: input, taken: 0 },
            place: Place::default(),
            head: Vec::new(),
        }
    }

    /// Where the last record begins; at the end of the file, where it would.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<RawMrtRecord>, Damage> {
        self.place.record += 1;
        self.place.offset = self.input.taken;
        // A stream that fails between two records has not ended.
        let rest = self.input.inner.fill_buf().map_err(of_io)?;
        if rest.is_empty() {
            return Ok(None);
        }
        if self.place.record == 1 {
            self.head = rest[..rest.len().min(HEAD)].to_vec();
        }
        match chunk_mrt_record(&mut self.input) {
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(self.damage(error.error)),
        }
    }

    /// Why a record is out of place among those of a table.
    pub(super) fn no_table(&self, kind: EntryType) -> Damage {
        if self.place.record > 1 {
            return Damage::Corrupt(format!("{kind:?} in a BGP table"));
        }
        let foreign = refuse_other(&self.head).err();
        Damage::Foreign(foreign.unwrap_or_else(|| {
            let why = format!("MRT record 1: {kind:?} is no BGP table");
            FormatError::NotThisFormat(why)
        }))
    }

    fn damage(&self, error: ParserError) -> Damage {
        if self.place.record == 1
            && let Err(foreign) = refuse_other(&self.head)
        {
            return Damage::Foreign(foreign);
        }
        match error {
            ParserError::IoError(error) | ParserError::EofError(error) => {
                of_io(error)
            }
            error if self.place.record == 1 => {
                let why = error.to_string();
                Damage::Corrupt(format!("{}; is this MRT?", plain(&why)))
            }
            error => Damage::Corrupt(plain(&error.to_string()).to_owned()),
        }
    }
}

fn of_io(error: io::Error) -> Damage {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Damage::Cut(error.to_string()),
        _ => Damage::Io(error),
    }
}

/// Names what is often found instead of data. Asked only when no record was
/// read: every four bytes are a moment, and `<…` lies in 2001.
fn refuse_other(head: &[u8]) -> Result<(), FormatError> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii();
    if text.is_empty() && head.len() < HEAD {
        return Err(FormatError::Empty);
    }
    refuse_foreign(text)
}

/// Counts the bytes that were taken.
struct Counted<'r> {
    inner: &'r mut dyn BufRead,
    taken: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken += count as u64;
        Ok(count)
    }
}
