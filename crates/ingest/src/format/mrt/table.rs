//! Tables: `TABLE_DUMP` and `TABLE_DUMP_V2` (RFC 6396, 4.2 and 4.3; RFC 8050).
//!
//! A record is checked before its first entry is handed on: entries must fill
//! it to the last byte and name peers that the index has. bgpkit-parser is
//! laxer; it skips what does not fit.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::ControlFlow,
};

use asgard_model::{Asn, Prefix};
use bgpkit_parser::{
    RawMrtRecord,
    models::{TableDumpV2Message, TableDumpV2Type},
    parse_table_dump_v2_message,
};
use bytes::Bytes;

use super::attributes::{Section, Width};
use super::{Damage, Flow, Reader, path, plain};
use asgard_routing::event::{
    Attributes, Envelope, Event, Moment, Nlri, Peer, What,
};

/// View and sequence number of `TABLE_DUMP`.
const VIEW: usize = 4;

/// An entry, of either version.
struct Entry {
    prefix: Prefix,
    path_id: Option<u32>,
    peer: Peer,
    originated: u32,
    /// Where in the record its attributes are.
    range: (usize, usize),
}

/// How a record of `TABLE_DUMP_V2` is written.
#[derive(Clone, Copy)]
struct Form {
    v4: bool,
    add_path: bool,
}

impl Reader<'_> {
    pub(super) fn table_dump(
        &mut self,
        at: Moment,
        record: &RawMrtRecord,
    ) -> Flow {
        let v4 = match record.common_header.entry_subtype {
            1 => true,
            2 => false,
            other => {
                return Err(corrupt(format!(
                    "TABLE_DUMP has no subtype {other}"
                )));
            }
        };
        let body = &record.message_bytes;
        let begin = Cursor { body, at: VIEW };
        // Once to check, once to hand on.
        let mut cursor = begin;
        while cursor.at < body.len() {
            cursor.old_entry(v4).ok_or_else(overrun)?;
        }
        if body.len() <= VIEW {
            return Err(overrun());
        }
        let mut cursor = begin;
        while cursor.at < body.len() {
            let entry = cursor.old_entry(v4).ok_or_else(overrun)?;
            let width = Width::Two;
            if self.entry(at, body, &entry, width).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn table_dump_v2(
        &mut self,
        at: Moment,
        record: &RawMrtRecord,
    ) -> Flow {
        use TableDumpV2Type as Table;
        let subtype = record.common_header.entry_subtype;
        let form = |v4, add_path| Form { v4, add_path };
        let form = match Table::try_from(subtype) {
            Ok(Table::PeerIndexTable) => return self.index(record),
            Ok(Table::RibIpv4Unicast) => form(true, false),
            Ok(Table::RibIpv6Unicast) => form(false, false),
            Ok(Table::RibIpv4UnicastAddPath) => form(true, true),
            Ok(Table::RibIpv6UnicastAddPath) => form(false, true),
            Ok(_) => return Ok(self.unsupported()),
            Err(_) => {
                return Err(corrupt(format!(
                    "TABLE_DUMP_V2 has no subtype {subtype}"
                )));
            }
        };
        let Some(peers) = self.peers.take() else {
            return Err(corrupt("no index of peers before it".to_owned()));
        };
        let flow = self.rib(at, &record.message_bytes, form, &peers);
        self.peers = Some(peers);
        flow
    }

    fn index(&mut self, record: &RawMrtRecord) -> Flow {
        let body = record.message_bytes.clone();
        let subtype = record.common_header.entry_subtype;
        let index = match parse_table_dump_v2_message(subtype, body) {
            Ok(TableDumpV2Message::PeerIndexTable(index)) => index,
            Ok(_) => return Err(corrupt("no index of peers".to_owned())),
            Err(error) => {
                return Err(corrupt(plain(&error.to_string()).to_owned()));
            }
        };
        let mut peers: Vec<_> = index.id_peer_map.iter().collect();
        peers.sort_unstable_by_key(|(id, _)| **id);
        let peer = |peer: &bgpkit_parser::models::Peer| Peer {
            address: peer.peer_ip,
            asn: Asn(peer.peer_asn.to_u32()),
        };
        self.peers = Some(peers.iter().map(|(_, p)| peer(p)).collect());
        Ok(ControlFlow::Continue(()))
    }

    fn rib(
        &mut self,
        at: Moment,
        body: &Bytes,
        form: Form,
        peers: &[Peer],
    ) -> Flow {
        let mut cursor = Cursor { body, at: 0 };
        let (prefix, count) = cursor.rib_head(form.v4).ok_or_else(overrun)?;
        let mut check = cursor;
        for _ in 0..count {
            let entry = check.rib_entry(form, prefix, peers);
            entry.ok_or_else(overrun)?;
        }
        if check.at != body.len() {
            return Err(overrun());
        }
        for _ in 0..count {
            let entry = cursor.rib_entry(form, prefix, peers);
            let entry = entry.ok_or_else(overrun)?;
            if self.entry(at, body, &entry, Width::Four).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn entry(
        &mut self,
        at: Moment,
        body: &Bytes,
        entry: &Entry,
        width: Width,
    ) -> ControlFlow<()> {
        let section = Section {
            body,
            range: entry.range,
            prefix: entry.prefix,
            width,
            add_path: entry.path_id.is_some(),
        };
        let path = match path::of_section(&section, &mut self.path) {
            Ok(found) => found.then_some(&self.path),
            Err(why) => {
                self.unreadable(&why);
                return ControlFlow::Continue(());
            }
        };
        let attributes = Attributes::lazy(path, &section);
        self.summary.events += 1;
        (self.sink)(&Event {
            at,
            envelope: match width {
                Width::Two => Envelope::TableDump,
                Width::Four => Envelope::TableDumpV2,
            },
            peer: entry.peer,
            what: What::Rib {
                route: Nlri { prefix: entry.prefix, path_id: entry.path_id },
                originated: entry.originated,
                attributes: &attributes,
            },
        })
    }
}

fn corrupt(why: String) -> Damage {
    Damage::Corrupt(why)
}

fn overrun() -> Damage {
    corrupt("its entries do not fit it, or name no peer of the index".into())
}

/// Reads a record from left to right; `None` where it ends too early.
#[derive(Clone, Copy)]
struct Cursor<'b> {
    body: &'b [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.body.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn long(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn address(&mut self, v4: bool) -> Option<IpAddr> {
        if v4 {
            self.take::<4>().map(|bytes| Ipv4Addr::from(bytes).into())
        } else {
            self.take::<16>().map(|bytes| Ipv6Addr::from(bytes).into())
        }
    }

    /// Skips attributes behind their length; where they are.
    fn attributes(&mut self) -> Option<(usize, usize)> {
        let length = usize::from(self.short()?);
        let begin = self.at;
        self.at = begin.checked_add(length)?;
        (self.at <= self.body.len()).then_some((begin, self.at))
    }

    /// Sequence number, prefix, number of entries.
    fn rib_head(&mut self, v4: bool) -> Option<(Prefix, u16)> {
        self.long()?;
        let length = self.byte()?;
        let size = usize::from(length.div_ceil(8));
        let bytes = self.body.get(self.at..self.at.checked_add(size)?)?;
        self.at += size;
        let address = if v4 {
            let mut octets = [0; 4];
            octets.get_mut(..size)?.copy_from_slice(bytes);
            IpAddr::from(octets)
        } else {
            let mut octets = [0; 16];
            octets.get_mut(..size)?.copy_from_slice(bytes);
            IpAddr::from(octets)
        };
        Some((Prefix::new(address, length)?, self.short()?))
    }

    fn rib_entry(
        &mut self,
        form: Form,
        prefix: Prefix,
        peers: &[Peer],
    ) -> Option<Entry> {
        let peer = *peers.get(usize::from(self.short()?))?;
        let originated = self.long()?;
        let path_id = if form.add_path { Some(self.long()?) } else { None };
        let range = self.attributes()?;
        Some(Entry { prefix, path_id, peer, originated, range })
    }

    fn old_entry(&mut self, v4: bool) -> Option<Entry> {
        let address = self.address(v4)?;
        let prefix = Prefix::new(address, self.byte()?)?;
        let _status = self.byte()?;
        let originated = self.long()?;
        let address = self.address(v4)?;
        let peer = Peer { address, asn: Asn(self.short()?.into()) };
        let range = self.attributes()?;
        Some(Entry { prefix, path_id: None, peer, originated, range })
    }
}
