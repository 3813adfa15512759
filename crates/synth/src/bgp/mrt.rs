//! Records of MRT (RFC 6396): a table (`TABLE_DUMP_V2`), and updates with
//! microseconds (`BGP4MP_ET`).

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use asgard_model::{Asn, Prefix};

use super::{
    message::{Attributes, Reach, prefix, sized},
    view::Vantage,
};

const TABLE_DUMP_V2: u16 = 13;
const BGP4MP_ET: u16 = 17;
/// The collector: its name, address and number are for documentation.
const COLLECTOR: Asn = Asn(64_500);
const COLLECTOR_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);
const COLLECTOR_V6: Ipv6Addr =
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe);
const NAME: &str = "synth";

/// One session of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) address: IpAddr,
    pub(super) asn: Asn,
}

impl Session {
    /// The session of a vantage for one family; addresses are those of
    /// documentation (RFC 5737, RFC 3849), the last byte counts.
    pub(super) fn of(position: usize, vantage: &Vantage, v4: bool) -> Self {
        let host = u8::try_from(position + 1).unwrap_or(u8::MAX);
        let address = match v4 {
            true => IpAddr::V4(Ipv4Addr::new(198, 51, 100, host)),
            false => IpAddr::V6(Ipv6Addr::new(
                0x2001,
                0xdb8,
                0,
                0,
                0,
                0,
                0,
                u16::from(host),
            )),
        };
        Self { address, asn: vantage.asn }
    }
}

/// Writes a table, record by record.
pub(super) struct Table<W: Write> {
    to: W,
    at: u32,
    sequence: u32,
    body: Vec<u8>,
}

/// One route of a record.
pub(super) struct Entry<'a> {
    /// Position of the session in the index.
    pub(super) session: u16,
    pub(super) originated: u32,
    pub(super) next_hop: IpAddr,
    pub(super) attributes: &'a Attributes,
}

impl<W: Write> Table<W> {
    /// Begins with the index of the sessions (RFC 6396, 4.3.1).
    pub(super) fn new(
        mut to: W,
        at: u32,
        sessions: &[Session],
    ) -> io::Result<Self> {
        let mut body = COLLECTOR_V4.octets().to_vec();
        sized(&mut body, |body| body.extend(NAME.bytes()));
        body.extend(count(sessions.len()));
        for (number, session) in (1u8..).zip(sessions) {
            // Bit 1: number of four bytes; bit 0: IPv6.
            body.push(2 | u8::from(session.address.is_ipv6()));
            body.extend([10, 255, 0, number]);
            octets(session.address, &mut body);
            body.extend(session.asn.0.to_be_bytes());
        }
        record(&mut to, (at, TABLE_DUMP_V2, 1), &body)?;
        Ok(Self { to, at, sequence: 0, body: Vec::new() })
    }

    /// The routes of one prefix (RFC 6396, 4.3.2).
    pub(super) fn prefix<'a>(
        &mut self,
        of: Prefix,
        entries: impl ExactSizeIterator<Item = Entry<'a>>,
    ) -> io::Result<()> {
        let body = &mut self.body;
        body.clear();
        body.extend(self.sequence.to_be_bytes());
        prefix(of, body);
        body.extend(count(entries.len()));
        for entry in entries {
            body.extend(entry.session.to_be_bytes());
            body.extend(entry.originated.to_be_bytes());
            sized(body, |body| {
                entry.attributes.write(entry.next_hop, Reach::Table, body);
            });
        }
        self.sequence = self.sequence.wrapping_add(1);
        let subtype = if of.is_v4() { 2 } else { 4 };
        record(&mut self.to, (self.at, TABLE_DUMP_V2, subtype), &self.body)
    }

    pub(super) fn finish(self) -> W {
        self.to
    }
}

/// Moment of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant {
    pub(super) seconds: u32,
    pub(super) micros: u32,
}

/// A BGP message from a session (RFC 6396, 4.4.3 and 4.5).
pub(super) fn message(
    to: &mut impl Write,
    at: Instant,
    session: Session,
    message: &[u8],
) -> io::Result<()> {
    let mut body = envelope(at, session);
    body.extend(message);
    record(to, (at.seconds, BGP4MP_ET, 4), &body)
}

/// A session that changes its state (RFC 6396, 4.4.4 and 4.5).
pub(super) fn state(
    to: &mut impl Write,
    at: Instant,
    session: Session,
    (old, new): (u16, u16),
) -> io::Result<()> {
    let mut body = envelope(at, session);
    body.extend(old.to_be_bytes());
    body.extend(new.to_be_bytes());
    record(to, (at.seconds, BGP4MP_ET, 5), &body)
}

fn envelope(at: Instant, session: Session) -> Vec<u8> {
    let mut body = at.micros.to_be_bytes().to_vec();
    body.extend(session.asn.0.to_be_bytes());
    body.extend(COLLECTOR.0.to_be_bytes());
    let (family, own): (u16, IpAddr) = match session.address {
        IpAddr::V4(_) => (1, COLLECTOR_V4.into()),
        IpAddr::V6(_) => (2, COLLECTOR_V6.into()),
    };
    body.extend([0, 0]);
    body.extend(family.to_be_bytes());
    octets(session.address, &mut body);
    octets(own, &mut body);
    body
}

fn record(
    to: &mut impl Write,
    (at, kind, subtype): (u32, u16, u16),
    body: &[u8],
) -> io::Result<()> {
    let mut head = at.to_be_bytes().to_vec();
    head.extend(kind.to_be_bytes());
    head.extend(subtype.to_be_bytes());
    let len = u32::try_from(body.len()).map_err(io::Error::other)?;
    head.extend(len.to_be_bytes());
    to.write_all(&head)?;
    to.write_all(body)
}

fn count(of: usize) -> [u8; 2] {
    u16::try_from(of).expect("fewer sessions than 65,536").to_be_bytes()
}

fn octets(address: IpAddr, into: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => into.extend(address.octets()),
        IpAddr::V6(address) => into.extend(address.octets()),
    }
}
