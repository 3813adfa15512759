//! Records of MRT for tests, byte by byte from the RFCs and without a decoder's
//! help: what this and bgpkit-parser disagree on shows.

use asgard_model::Prefix;

use crate::format::mrt::{Broken, Summary, mrt};
use asgard_routing::event::{Event, text};

/// 2026-06-27 00:00:00 UTC.
pub(crate) const MOMENT: u32 = 1_782_518_400;

/// Types of records.
pub(crate) const TABLE_DUMP: u16 = 12;
pub(crate) const TABLE_DUMP_V2: u16 = 13;
pub(crate) const BGP4MP: u16 = 16;
pub(crate) const BGP4MP_ET: u16 = 17;
pub(crate) const TYPE_5: u16 = 5;
/// Subtypes of `TABLE_DUMP_V2` and `BGP4MP`.
pub(crate) const INDEX: u16 = 1;
pub(crate) const RIB_V4: u16 = 2;
pub(crate) const RIB_V4_MULTICAST: u16 = 3;
pub(crate) const RIB_V6: u16 = 4;
pub(crate) const RIB_V4_ADD_PATH: u16 = 8;
pub(crate) const STATE: u16 = 0;
pub(crate) const MESSAGE: u16 = 1;
pub(crate) const MESSAGE_AS4: u16 = 4;
pub(crate) const MESSAGE_AS4_LOCAL: u16 = 7;
pub(crate) const MESSAGE_AS4_ADD_PATH: u16 = 9;

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

pub(crate) fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let (kind, subtype) = (kind.to_be_bytes(), subtype.to_be_bytes());
    [&MOMENT.to_be_bytes(), &kind[..], &subtype, &length, body].concat()
}

/// Peers 192.0.2.0 of AS64500, 192.0.2.1 of AS64501, ….
pub(crate) fn index(count: u8) -> Vec<u8> {
    let mut body = vec![198, 51, 100, 1, 0, 1, b'x', 0, count];
    for peer in 0..count {
        body.extend([2, 10, 0, 0, peer, 192, 0, 2, peer]);
        body.extend((64_500 + u32::from(peer)).to_be_bytes());
    }
    record(TABLE_DUMP_V2, INDEX, &body)
}

/// An attribute; long ones have a length of two bytes.
pub(crate) fn attribute(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    match u8::try_from(value.len()) {
        Ok(length) => [&[flags, kind, length], value].concat(),
        Err(_) => {
            let head = [flags | 0x10, kind];
            [&head[..], &short(value.len()), value].concat()
        }
    }
}

/// `AS_PATH` or `AS4_PATH`; segments are of kind 1 (set), 2 (sequence), 3 and 4
/// (the same of a confederation).
pub(crate) fn path(
    kind: u8,
    width: usize,
    segments: &[(u8, &[u32])],
) -> Vec<u8> {
    let mut value = Vec::new();
    for (kind, asns) in segments {
        value.extend([*kind, u8::try_from(asns.len()).unwrap()]);
        for asn in *asns {
            value.extend(&asn.to_be_bytes()[4 - width..]);
        }
    }
    attribute(0x40, kind, &value)
}

/// `ORIGIN` IGP, a path of one sequence, `NEXT_HOP` 192.0.2.9.
pub(crate) fn plain(asns: &[u32]) -> Vec<u8> {
    let hop = attribute(0x40, 3, &[192, 0, 2, 9]);
    [attribute(0x40, 1, &[0]), path(2, 4, &[(2, asns)]), hop].concat()
}

/// A prefix as messages have it.
pub(crate) fn nlri(prefix: &str) -> Vec<u8> {
    let prefix: Prefix = prefix.parse().unwrap();
    let bytes = match prefix {
        Prefix::V4(bits, _) => bits.to_be_bytes().to_vec(),
        Prefix::V6(bits, _) => bits.to_be_bytes().to_vec(),
    };
    let used = usize::from(prefix.len().div_ceil(8));
    [&[prefix.len()], &bytes[..used]].concat()
}

/// One prefix of a table: peers, path ids where the subtype has them, and
/// attributes.
pub(crate) fn rib(
    subtype: u16,
    prefix: &str,
    entries: &[(u16, Option<u32>, Vec<u8>)],
) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 7];
    body.extend(nlri(prefix));
    body.extend(short(entries.len()));
    for (peer, path_id, attributes) in entries {
        body.extend(peer.to_be_bytes());
        body.extend((MOMENT - 60).to_be_bytes());
        body.extend(path_id.iter().flat_map(|id| id.to_be_bytes()));
        body.extend(short(attributes.len()));
        body.extend(attributes);
    }
    record(TABLE_DUMP_V2, subtype, &body)
}

/// The body of an update.
pub(crate) fn update(
    withdrawn: &[u8],
    attributes: &[u8],
    announced: &[u8],
) -> Vec<u8> {
    let (lost, known) = (short(withdrawn.len()), short(attributes.len()));
    [&lost, withdrawn, &known, attributes, announced].concat()
}

/// A message of a kind (2 is an update) with its marker.
pub(crate) fn bgp(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[0xff; 16], &short(19 + body.len())[..], &[kind], body].concat()
}

/// Who speaks in `BGP4MP`: 192.0.2.1 of AS64501, to AS64999.
pub(crate) fn session(width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for asn in [64_501_u32, 64_999] {
        out.extend(&asn.to_be_bytes()[4 - width..]);
    }
    out.extend([0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 99]);
    out
}

/// A message of `BGP4MP` with numbers of four bytes.
pub(crate) fn message(subtype: u16, bgp: &[u8]) -> Vec<u8> {
    record(BGP4MP, subtype, &[session(4), bgp.to_vec()].concat())
}

/// A file of updates, and one of a table, with something of everything.
pub(crate) fn mixed() -> [Vec<u8>; 2] {
    let announced = [nlri("20.0.0.0/8"), nlri("20.1.0.0/16")].concat();
    let reach = [
        &[0, 2, 1, 16][..],
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0],
        &nlri("2001:db8::/32"),
    ];
    let known =
        [plain(&[64_501, 7]), attribute(0x80, 14, &reach.concat())].concat();
    let states = [session(2), vec![0, 6, 0, 1]].concat();
    let old_peer = [0xfb, 0xf5, 192, 0, 2, 1, 0xfd, 0xe7, 192, 0, 2, 99];
    let set: &[(u8, &[u32])] = &[(2, &[64_501]), (1, &[7, 8])];
    let old = [path(2, 2, set), attribute(0xc0, 8, &[0xff, 0xff, 2, 0x9a])];
    let updates = [
        record(BGP4MP, STATE, &states),
        message(
            MESSAGE_AS4,
            &bgp(2, &update(&nlri("20.2.0.0/16"), &known, &announced)),
        ),
        message(MESSAGE_AS4, &bgp(4, &[])),
        record(
            TYPE_5,
            1,
            &[&old_peer[..], &update(&[], &old.concat(), &announced)].concat(),
        ),
    ];
    let table = [
        index(3),
        rib(
            RIB_V4,
            "20.0.0.0/8",
            &[
                (0, None, plain(&[64_500, 7])),
                (2, None, [path(2, 4, set), old[1].clone()].concat()),
            ],
        ),
        rib(
            RIB_V4_ADD_PATH,
            "20.1.0.0/16",
            &[
                (1, Some(1), plain(&[64_501, 8])),
                (1, Some(2), plain(&[64_501, 9])),
            ],
        ),
        rib(RIB_V6, "2001:db8::/32", &[(0, None, plain(&[64_500]))]),
    ];
    [updates.concat(), table.concat()]
}

/// The lines of a file, and how its reading ended.
pub(crate) fn read(mut bytes: &[u8]) -> (Vec<String>, Result<Summary, Broken>) {
    let mut lines = Vec::new();
    let end = mrt(&mut bytes, &mut |event: &Event<'_>| {
        let mut line = Vec::new();
        text::line(event, &mut line);
        lines.push(String::from_utf8(line).unwrap().trim_end().to_owned());
        std::ops::ControlFlow::Continue(())
    });
    (lines, end)
}
