//! Who is asking: the address of the client, and the network that is one.
//!
//! Anybody can write a forwarding header, so `X-Forwarded-For` is believed only
//! as far as proxies of the operator vouch for it: from the right, each address
//! was added by the machine to the right of it, which must be trusted. Other
//! headers (`X-Real-IP`, `Forwarded`, `CF-Connecting-IP`) are never read.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use asgard_model::Prefix;
use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName},
};

use crate::server::Connection;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Most addresses of a chain that are followed.
const HOPS: usize = 32;

/// Finds the address of the client, as far as it can be known.
#[derive(Debug)]
pub(crate) struct ClientAddress;

impl ClientAddress {
    /// Follows the chain of forwarders from the peer to the first that no
    /// trusted proxy is. What cannot be read ends the chain at the last
    /// address that can.
    pub(crate) fn find(
        peer: IpAddr,
        headers: &HeaderMap,
        trusted: &[Prefix],
    ) -> IpAddr {
        let is_trusted =
            |at: IpAddr| trusted.iter().any(|prefix| prefix.contains(at));
        let mut client = peer;
        if trusted.is_empty() || !is_trusted(client) {
            return client;
        }
        let lists = headers.get_all(X_FORWARDED_FOR).into_iter();
        let lists: Vec<&str> =
            lists.map(|value| value.to_str().unwrap_or_default()).collect();
        let hops = lists.into_iter().rev().flat_map(|list| list.rsplit(','));
        for hop in hops.take(HOPS) {
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !is_trusted(client) {
                break;
            }
        }
        client
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let bare = bare.unwrap_or(text).parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|a| a.ip());
    bare.or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// The peer's address, from our connection or from that of another server;
/// `0.0.0.0` if nobody says, so that such requests are limited together and
/// none is free.
pub(crate) fn peer(extensions: &Extensions) -> IpAddr {
    let ours = extensions.get().map(Connection::peer);
    let others = || extensions.get().map(|ConnectInfo(peer)| *peer);
    let peer: Option<SocketAddr> = ours.or_else(others);
    let ip = peer.map(|peer| peer.ip().to_canonical());
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The address of the client of a request, for handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAt(pub(crate) IpAddr);

/// What counts as one client: an IPv4 address, or an IPv6 /64, in which one
/// host has all addresses it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    V4(u32),
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_ipv6_64_is_one_client_and_its_neighbour_another() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_client() {
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    const PROXIES: [&str; 2] = ["10.0.0.0/8", "2001:db8:f::/48"];

    fn find(peer: &str, forwarded: &[&str]) -> String {
        let at = SocketAddr::new(peer.parse().unwrap(), 1);
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(at));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = PROXIES.map(|text| text.parse().unwrap());
        let peer = super::peer(&extensions);
        ClientAddress::find(peer, &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(find("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_is_the_client() {
        for (forwarded, client) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
            (&["203.0.113.9, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            (&["203.0.113.9", "198.51.100.1,10.2.2.2"], "198.51.100.1"),
            (&["10.3.3.3"], "10.3.3.3"),
            (&["[2001:db8::7]:443, 2001:db8:f::1"], "2001:db8::7"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.1, unknown"], "10.1.1.1"),
            (&["198.51.100.1, _hidden, 10.2.2.2"], "10.2.2.2"),
            (&[""], "10.1.1.1"),
            (&[], "10.1.1.1"),
        ] {
            assert_eq!(find("10.1.1.1", forwarded), client, "{forwarded:?}");
        }
    }

    #[test]
    fn a_chain_without_end_is_followed_so_far_only() {
        let chain = vec!["10.0.0.1"; 10_000].join(",");
        assert_eq!(find("10.1.1.1", &[&chain]), "10.0.0.1");
    }
}
