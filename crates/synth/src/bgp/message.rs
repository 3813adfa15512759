//! Attributes and messages of BGP as bytes (RFC 4271, RFC 4760, RFC 1997,
//! RFC 8092, RFC 9234), with AS numbers of four bytes (RFC 6793).

use std::net::IpAddr;

use asgard_model::{Asn, Prefix};

/// What a route carries beside its prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// The peer first.
    pub(super) path: Vec<Asn>,
    pub(super) med: Option<u32>,
    /// RFC 1997.
    pub(super) communities: Vec<(u16, u16)>,
    /// RFC 8092.
    pub(super) large: Vec<[u32; 3]>,
    /// RFC 9234, 5.
    pub(super) otc: Option<Asn>,
}

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const EXTENDED: u8 = 0x10;

/// How the next hop of an IPv6 route is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach<'p> {
    /// In a table: the next hop alone (RFC 6396, 4.3.4).
    Table,
    /// In a message, with the prefixes (RFC 4760, 3).
    Message(&'p [Prefix]),
}

impl Attributes {
    /// All attributes in the order of their codes.
    pub(super) fn write(
        &self,
        next_hop: IpAddr,
        reach: Reach<'_>,
        into: &mut Vec<u8>,
    ) {
        attribute(into, TRANSITIVE, 1, |into| into.push(0));
        attribute(into, TRANSITIVE, 2, |into| path(&self.path, into));
        if let IpAddr::V4(address) = next_hop {
            attribute(into, TRANSITIVE, 3, |into| {
                into.extend(address.octets());
            });
        }
        if let Some(med) = self.med {
            attribute(into, OPTIONAL, 4, |into| into.extend(med.to_be_bytes()));
        }
        if !self.communities.is_empty() {
            attribute(into, OPTIONAL | TRANSITIVE, 8, |into| {
                for (network, value) in &self.communities {
                    into.extend(network.to_be_bytes());
                    into.extend(value.to_be_bytes());
                }
            });
        }
        if let IpAddr::V6(address) = next_hop {
            attribute(into, OPTIONAL, 14, |into| {
                if let Reach::Message(_) = reach {
                    into.extend([0, 2, 1]);
                }
                into.push(16);
                into.extend(address.octets());
                if let Reach::Message(prefixes) = reach {
                    into.push(0);
                    prefixes.iter().for_each(|&one| prefix(one, into));
                }
            });
        }
        if !self.large.is_empty() {
            attribute(into, OPTIONAL | TRANSITIVE, 32, |into| {
                for part in self.large.iter().flatten() {
                    into.extend(part.to_be_bytes());
                }
            });
        }
        if let Some(asn) = self.otc {
            attribute(into, OPTIONAL | TRANSITIVE, 35, |into| {
                into.extend(asn.0.to_be_bytes());
            });
        }
    }
}

/// An UPDATE that announces prefixes of one family.
pub(super) fn announcement(
    attributes: &Attributes,
    next_hop: IpAddr,
    prefixes: &[Prefix],
) -> Vec<u8> {
    message(2, |into| {
        into.extend([0, 0]);
        let reach = Reach::Message(prefixes);
        sized(into, |into| attributes.write(next_hop, reach, into));
        if next_hop.is_ipv4() {
            prefixes.iter().for_each(|&one| prefix(one, into));
        }
    })
}

/// An UPDATE that withdraws prefixes of one family.
pub(super) fn withdrawal(prefixes: &[Prefix]) -> Vec<u8> {
    let is_v4 = prefixes.first().is_none_or(|one| one.is_v4());
    message(2, |into| {
        let all = |into: &mut Vec<u8>| {
            prefixes.iter().for_each(|&one| prefix(one, into));
        };
        if is_v4 {
            sized(into, all);
            into.extend([0, 0]);
        } else {
            into.extend([0, 0]);
            sized(into, |into| {
                attribute(into, OPTIONAL, 15, |into| {
                    into.extend([0, 2, 1]);
                    all(into);
                });
            });
        }
    })
}

fn message(kind: u8, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend([0, 0, kind]);
    body(&mut bytes);
    let len = u16::try_from(bytes.len()).expect("callers split long lists");
    bytes[16..18].copy_from_slice(&len.to_be_bytes());
    bytes
}

/// What is written, behind its length in two bytes.
pub(super) fn sized(into: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = into.len();
    into.extend([0, 0]);
    body(into);
    let len = u16::try_from(into.len() - start - 2)
        .expect("attributes and lists are short");
    into[start..start + 2].copy_from_slice(&len.to_be_bytes());
}

fn attribute(
    into: &mut Vec<u8>,
    flags: u8,
    code: u8,
    value: impl FnOnce(&mut Vec<u8>),
) {
    let start = into.len();
    into.extend([flags, code]);
    sized(into, value);
    let len = into.len() - start - 4;
    // Short values have a length of one byte.
    match u8::try_from(len) {
        Ok(_) => drop(into.remove(start + 2)),
        Err(_) => into[start] |= EXTENDED,
    }
}

/// Segments of at most 255 numbers (RFC 4271, 4.3).
fn path(path: &[Asn], into: &mut Vec<u8>) {
    const SEQUENCE: u8 = 2;
    for segment in path.chunks(255) {
        into.extend([SEQUENCE, u8::try_from(segment.len()).unwrap_or(255)]);
        segment.iter().for_each(|asn| into.extend(asn.0.to_be_bytes()));
    }
}

/// A prefix in as many bytes as it needs (RFC 4271, 4.3).
pub(super) fn prefix(prefix: Prefix, into: &mut Vec<u8>) {
    let len = prefix.len();
    let bytes = usize::from(len.div_ceil(8));
    into.push(len);
    match prefix {
        Prefix::V4(bits, _) => into.extend(&bits.to_be_bytes()[..bytes]),
        Prefix::V6(bits, _) => into.extend(&bits.to_be_bytes()[..bytes]),
    }
}
