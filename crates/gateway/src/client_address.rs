//! Who is asking: the one address of a request.
//!
//! Forwarding headers are claims. They are believed only when a peer that the
//! operator trusts hands them over; else the address of the connection counts,
//! and the claim is removed and counted. Lists are walked from the right: what
//! stands to the left of the first untrusted hop was written by that hop, and
//! may be anything. The result is used for everything in the request.

use std::net::{IpAddr, Ipv6Addr};

use self::forwarded::forwarded_for;

mod forwarded;

/// Hops of a list that are looked at; more are nobody's honest chain.
pub const MAX_HOPS: usize = 32;

/// Where a trusted peer names the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientHeader {
    /// `X-Forwarded-For`: a list of addresses.
    ForwardedFor,
    /// `Forwarded` (RFC 7239): a list of elements with `for=`.
    Forwarded,
    /// Exactly one address in one field, such as `cf-connecting-ip`; the name
    /// in lower case.
    Single(Box<str>),
}

impl ClientHeader {
    /// By the name of the header.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Self::ForwardedFor,
            "forwarded" => Self::Forwarded,
            other => Self::Single(other.into()),
        }
    }

    /// The name in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::Single(name) => name,
        }
    }
}

/// Why the client is not who a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejected {
    /// The peer is not among the trusted proxies.
    UntrustedPeer,
    /// Several instances of a header that must be single.
    Repeated,
    /// No address, or more than one.
    Malformed,
    /// More hops than are looked at.
    TooManyHops,
    /// The peer may name its client, and does not.
    Missing,
}

impl Rejected {
    /// Every reason, with the label of its metric.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::UntrustedPeer, "untrusted_peer"),
        (Self::Repeated, "repeated"),
        (Self::Malformed, "malformed"),
        (Self::TooManyHops, "too_many_hops"),
        (Self::Missing, "missing"),
    ];
}

/// The client of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// Never v4-mapped.
    pub client: IpAddr,
    /// Trusted hops between the client and the peer, in the order of the
    /// request.
    pub via: Vec<IpAddr>,
    /// Whether the peer may tell us about its clients.
    pub peer_is_trusted: bool,
    /// A claim that was not (wholly) followed.
    pub rejected: Option<Rejected>,
}

/// Finds the client of a request that `peer` sent; `fields` are all fields of
/// the request in order, names in any case; `trusted` says whose word counts.
#[must_use]
pub fn client_address<'a>(
    peer: IpAddr,
    trusted: impl Fn(IpAddr) -> bool,
    header: &ClientHeader,
    fields: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
) -> ClientAddress {
    let peer = peer.to_canonical();
    let name = header.name();
    let mut claims = fields
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    let peer_is_trusted = trusted(peer);
    let is = |client, rejected| ClientAddress {
        client,
        via: Vec::new(),
        peer_is_trusted,
        rejected,
    };
    if !peer_is_trusted {
        let claimed = claims.next().is_some();
        return is(peer, claimed.then_some(Rejected::UntrustedPeer));
    }
    match header {
        ClientHeader::Single(_) => {
            let Some(only) = claims.next() else {
                return is(peer, Some(Rejected::Missing));
            };
            if claims.next().is_some() {
                return is(peer, Some(Rejected::Repeated));
            }
            match hop(only) {
                Some(client) => is(client, None),
                None => is(peer, Some(Rejected::Malformed)),
            }
        }
        ClientHeader::ForwardedFor => {
            walk(peer, trusted, claims, split_commas, hop)
        }
        ClientHeader::Forwarded => {
            walk(peer, trusted, claims, split_elements, forwarded_for)
        }
    }
}

/// Walks a list from the right. `split` cuts one field value into hops.
fn walk<'a>(
    peer: IpAddr,
    trusted: impl Fn(IpAddr) -> bool,
    claims: impl Iterator<Item = &'a [u8]> + Clone,
    split: fn(&'a [u8], &mut Hops<'a>),
    parse: fn(&[u8]) -> Option<IpAddr>,
) -> ClientAddress {
    let mut hops = Hops::default();
    for claim in claims {
        split(claim, &mut hops);
    }
    let mut found = ClientAddress {
        client: peer,
        via: Vec::new(),
        peer_is_trusted: true,
        rejected: match (hops.count, hops.overflow) {
            (0, _) => Some(Rejected::Missing),
            (_, true) => Some(Rejected::TooManyHops),
            (_, false) => None,
        },
    };
    for (passed, text) in hops.last_first().enumerate() {
        let Some(address) = parse(text) else {
            found.rejected = Some(Rejected::Malformed);
            break;
        };
        if passed > 0 {
            found.via.push(found.client);
        }
        found.client = address;
        if !trusted(address) {
            found.rejected = None;
            break;
        }
    }
    found.via.reverse();
    found
}

/// The last [`MAX_HOPS`] hops of a list, without allocation.
struct Hops<'a> {
    ring: [&'a [u8]; MAX_HOPS],
    count: usize,
    overflow: bool,
}

impl Default for Hops<'_> {
    fn default() -> Self {
        Self { ring: [&[]; MAX_HOPS], count: 0, overflow: false }
    }
}

impl<'a> Hops<'a> {
    fn push(&mut self, hop: &'a [u8]) {
        let hop = hop.trim_ascii();
        // An empty element of a list is no element (RFC 9110, section 5.6.1).
        if hop.is_empty() {
            return;
        }
        self.ring[self.count % MAX_HOPS] = hop;
        self.count += 1;
        self.overflow = self.count > MAX_HOPS;
    }

    fn last_first(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let seen = self.count.min(MAX_HOPS);
        (1..=seen).map(|back| self.ring[(self.count - back) % MAX_HOPS])
    }
}

fn split_commas<'a>(value: &'a [u8], hops: &mut Hops<'a>) {
    for part in value.split(|&byte| byte == b',') {
        hops.push(part);
    }
}

/// Commas inside quoted strings do not separate (RFC 7239, section 4). But a
/// client could open a string and never close it, to swallow the element that
/// an honest proxy appends; then every comma separates.
fn split_elements<'a>(value: &'a [u8], hops: &mut Hops<'a>) {
    let (mut quoted, mut escaped) = (false, false);
    let mut separates = |byte: u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    };
    let closed = value.iter().filter(|&&byte| byte == b'"').count() % 2 == 0
        && !value.contains(&b'\\');
    for part in value.split(|&byte| match closed {
        true => separates(byte),
        false => byte == b',',
    }) {
        hops.push(part);
    }
}

/// An address as proxies write it: bare, with a port, in brackets, with a
/// zone. Zones mean nothing here and are dropped; mapped forms are unmapped.
pub(crate) fn hop(bytes: &[u8]) -> Option<IpAddr> {
    hop_of(std::str::from_utf8(bytes).ok()?)
}

/// The same of what is text already.
pub(crate) fn hop_of(text: &str) -> Option<IpAddr> {
    let text = text.trim_ascii();
    if let Ok(v4) = text.parse() {
        return Some(IpAddr::V4(v4)); // as almost all of them are
    }
    // "[" + 39 + zone + "]:65535"; longer is garbage.
    if text.is_empty() || text.len() > 80 {
        return None;
    }
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            if !after.is_empty() && !is_port(after.strip_prefix(':')?) {
                return None;
            }
            IpAddr::V6(without_zone(inside)?)
        }
        None => match text.split_once(':') {
            None => text.parse().ok()?,
            Some((v4, port)) if !port.contains(':') => {
                let v4 = v4.parse().ok()?;
                is_port(port).then_some(IpAddr::V4(v4))?
            }
            Some(_) => IpAddr::V6(without_zone(text)?),
        },
    };
    Some(address.to_canonical())
}

fn without_zone(text: &str) -> Option<Ipv6Addr> {
    match text.split_once('%') {
        None => text.parse().ok(),
        Some((_, "")) => None,
        Some((address, zone)) => {
            let named = |b: u8| {
                b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
            };
            let address = address.parse().ok()?;
            zone.bytes().all(named).then_some(address)
        }
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests;
