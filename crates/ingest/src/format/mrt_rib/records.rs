//! MRT records on their way to the decoder: what is no whole record of a table
//! is stopped here.
//!
//! The decoder skips entries that overrun their record and routes of unknown
//! peers, and takes a stream that fails between two records for its end. Here
//! such a file is refused: [`Records`] reads to the end of file for the
//! decoder, and [`Records::verdict`] says why.

use std::io::{self, BufRead, Cursor, Read};

use bgpkit_parser::{
    ParserError, RawMrtRecord, chunk_mrt_record,
    models::{EntryType, TableDumpV2Type},
};
use jiff::Timestamp;

use crate::format::{lines::refuse_foreign, report::FormatError};

/// Bytes that tell what a file is that has not one good record.
const HEAD: usize = 64;

/// A reader of the records of a table, checked one by one.
pub(super) struct Records<'r> {
    input: &'r mut dyn BufRead,
    head: Vec<u8>,
    current: Cursor<Vec<u8>>,
    count: u64,
    /// Peers in the last index; `None` before it.
    peers: Option<u16>,
    begun: Option<Timestamp>,
    refusal: Option<FormatError>,
}

impl<'r> Records<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead) -> Result<Self, FormatError> {
        let head = input.fill_buf()?;
        if head.is_empty() {
            return Err(FormatError::Empty);
        }
        Ok(Self {
            head: head[..head.len().min(HEAD)].to_vec(),
            input,
            current: Cursor::default(),
            count: 0,
            peers: None,
            begun: None,
            refusal: None,
        })
    }

    /// Records read so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The moment of the dump, which its first record states.
    pub(super) fn begun(&self) -> Option<Timestamp> {
        self.begun
    }

    /// Why the records ended before the file did.
    pub(super) fn verdict(&mut self) -> Result<(), FormatError> {
        self.refusal.take().map_or(Ok(()), Err)
    }

    /// Reads on until a record is of use; `false` at the end.
    fn advance(&mut self) -> Result<bool, FormatError> {
        while !self.input.fill_buf()?.is_empty() {
            self.count += 1;
            let record = chunk_mrt_record(&mut self.input)
                .map_err(|error| self.unreadable(error.error))?;
            if self.is_of_use(&record)? {
                let seconds = i64::from(record.common_header.timestamp);
                self.begun =
                    self.begun.or_else(|| Timestamp::new(seconds, 0).ok());
                let buffer = self.current.get_mut();
                buffer.clear();
                buffer.extend_from_slice(&record.header_bytes);
                buffer.extend_from_slice(&record.message_bytes);
                self.current.set_position(0);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn unreadable(&self, error: ParserError) -> FormatError {
        if self.count == 1
            && let Err(foreign) = refuse_other(&self.head)
        {
            return foreign;
        }
        match error {
            ParserError::IoError(error) | ParserError::EofError(error) => {
                FormatError::from(error)
            }
            error => self.refuse(&error.to_string()),
        }
    }

    fn refuse(&self, problem: &str) -> FormatError {
        let at = self.count;
        FormatError::NotThisFormat(format!("MRT record {at}: {problem}"))
    }

    fn is_of_use(
        &mut self,
        record: &RawMrtRecord,
    ) -> Result<bool, FormatError> {
        use TableDumpV2Type as Table;
        let kind = record.common_header.entry_type;
        match kind {
            EntryType::TABLE_DUMP => return Ok(true),
            EntryType::TABLE_DUMP_V2 => {}
            _ if self.count == 1 => {
                refuse_other(&self.head)?;
                return Err(self.refuse(&format!("{kind:?} is no BGP table")));
            }
            _ => return Err(self.refuse(&format!("{kind:?} in a BGP table"))),
        }
        let body = &record.message_bytes;
        let (whole, of_use) =
            match Table::try_from(record.common_header.entry_subtype) {
                Ok(Table::PeerIndexTable) => {
                    self.peers = peers_of(body);
                    (self.peers.is_some(), true)
                }
                Ok(Table::RibIpv4Unicast | Table::RibIpv6Unicast) => {
                    (self.is_whole(body, 0), true)
                }
                Ok(
                    Table::RibIpv4UnicastAddPath | Table::RibIpv6UnicastAddPath,
                ) => (self.is_whole(body, 4), true),
                Ok(_) => (true, false),
                Err(_) => (false, false),
            };
        match (whole, self.peers) {
            (true, _) => Ok(of_use),
            (false, None) => Err(self.refuse("no index of peers before it")),
            (false, Some(_)) => Err(self.refuse("damaged")),
        }
    }

    /// Whether the entries fill the record and name known peers. `path_id` is
    /// the size of that field (RFC 8050).
    fn is_whole(&self, body: &[u8], path_id: usize) -> bool {
        self.peers.is_some_and(|peers| {
            entries(body, path_id, peers).is_some_and(<[u8]>::is_empty)
        })
    }
}

/// Skips sequence number, prefix and entries; what is left, or `None` if an
/// entry overruns the record or its peer is not below `peers`.
fn entries(body: &[u8], path_id: usize, peers: u16) -> Option<&[u8]> {
    let (&bits, rest) = body.get(4..)?.split_first()?;
    let rest = rest.get(usize::from(bits.div_ceil(8))..)?;
    let (count, mut rest) = number(rest)?;
    for _ in 0..count {
        let (peer, after) = number(rest)?;
        let (length, after) = number(after.get(4 + path_id..)?)?;
        rest = after.get(usize::from(length)..)?;
        if peer >= peers {
            return None;
        }
    }
    Some(rest)
}

/// The number of peers that an index states.
fn peers_of(body: &[u8]) -> Option<u16> {
    let (name, rest) = number(body.get(4..)?)?;
    Some(number(rest.get(usize::from(name)..)?)?.0)
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
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

impl Read for Records<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let used = self.current.position();
        let whole = u64::try_from(self.current.get_ref().len());
        if whole.is_ok_and(|len| used >= len) && self.refusal.is_none() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(refusal) => {
                    self.refusal = Some(refusal);
                    return Ok(0);
                }
            }
        }
        self.current.read(buffer)
    }
}
