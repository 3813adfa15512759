//! Special-purpose address space that no public network may announce.
//!
//! Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890),
//! entries whose "Globally Reachable" is False, with the more-specific entries
//! that are reachable; multicast (RFC 5771, RFC 4291); and IPv6 space outside
//! `2000::/3`, which IANA has not given to any RIR.
//!
//! Two questions are answered from it: may a network announce this prefix
//! ([`SpecialPurpose`]), and is this one address on the public Internet
//! ([`is_global_unicast`]). The second is the stricter one: where the
//! registries leave room for a doubt, the answer is no.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Prefix;

/// IPv4 space that is not globally reachable unicast.
///
/// IANA IPv4 Special-Purpose Address Registry, entries with Globally Reachable
/// = False, plus multicast (RFC 5771) and the deprecated 6to4 relay anycast
/// (RFC 7526). <https://www.iana.org/assignments/iana-ipv4-special-registry/>
const SPECIAL_V4: [Prefix; 15] = [
    Prefix::V4(0x0000_0000, 8),  // this network, RFC 791
    Prefix::V4(0x0a00_0000, 8),  // private, RFC 1918
    Prefix::V4(0x6440_0000, 10), // shared, RFC 6598
    Prefix::V4(0x7f00_0000, 8),  // loopback, RFC 1122
    Prefix::V4(0xa9fe_0000, 16), // link local, RFC 3927
    Prefix::V4(0xac10_0000, 12), // private, RFC 1918
    Prefix::V4(0xc000_0000, 24), // protocol assignments, RFC 6890
    Prefix::V4(0xc000_0200, 24), // documentation, RFC 5737
    Prefix::V4(0xc058_6300, 24), // 6to4 relay, RFC 7526
    Prefix::V4(0xc0a8_0000, 16), // private, RFC 1918
    Prefix::V4(0xc612_0000, 15), // benchmarking, RFC 2544
    Prefix::V4(0xc633_6400, 24), // documentation, RFC 5737
    Prefix::V4(0xcb00_7100, 24), // documentation, RFC 5737
    Prefix::V4(0xe000_0000, 4),  // multicast, RFC 5771
    Prefix::V4(0xf000_0000, 4),  // reserved and broadcast, RFC 1112, 8190
];

/// The only IPv6 space from which global unicast is assigned (RFC 4291, 3587).
const GLOBAL_V6: Prefix = Prefix::V6(0x2000 << 112, 3);

/// Space inside [`GLOBAL_V6`] that is not globally reachable.
///
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
const SPECIAL_V6: [Prefix; 4] = [
    Prefix::V6(0x2001_0000 << 96, 23), // protocol assignments, RFC 2928
    Prefix::V6(0x2001_0db8 << 96, 32), // documentation, RFC 3849
    Prefix::V6(0x2002 << 112, 16),     // 6to4, RFC 3056, deprecated
    Prefix::V6(0x3fff << 112, 20),     // documentation, RFC 9637
];

/// The well-known prefix of NAT64 (RFC 6052): the last 32 bits are IPv4.
const NAT64: Prefix = Prefix::V6(0x0064_ff9b << 96, 96);

/// Whether an address is globally reachable unicast.
///
/// Forms that hide an IPv4 address are not (mapped, compatible, 6to4, Teredo),
/// whatever they hide: nobody needs them to be reached. NAT64 is what a
/// resolver behind DNS64 answers, and counts as the address inside.
pub fn is_global_unicast(address: IpAddr) -> bool {
    let host = Prefix::host(address);
    let inside = |block: &Prefix| block.covers(host);
    match address {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(inside),
        IpAddr::V6(v6) if NAT64.covers(host) => {
            is_global_unicast(embedded(v6).into())
        }
        IpAddr::V6(_) => {
            GLOBAL_V6.covers(host) && !SPECIAL_V6.iter().any(inside)
        }
    }
}

/// Everything that [`is_global_unicast`] refuses, NAT64 included: what no list
/// made from data may name.
pub fn not_global() -> impl Iterator<Item = Prefix> {
    const OUTSIDE: [Prefix; 3] = [
        Prefix::V6(0, 3),
        Prefix::V6(0x4000 << 112, 2),
        Prefix::V6(0x8000 << 112, 1),
    ];
    SPECIAL_V4.into_iter().chain(OUTSIDE).chain(SPECIAL_V6)
}

fn embedded(v6: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = v6.octets();
    Ipv4Addr::new(a, b, c, d)
}

/// Blocks that are not globally reachable.
const UNREACHABLE: [&str; 29] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/3",
    "6000::/3",
    "8000::/3",
    "a000::/3",
    "c000::/3",
    "e000::/4",
    "f000::/5",
    "f800::/6",
    "fc00::/7",
    "fe00::/7",
];

/// Reachable exceptions inside those blocks.
const REACHABLE: [&str; 12] = [
    "192.0.0.9/32",
    "192.0.0.10/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/28",
    "2001:30::/28",
    "64:ff9b::/96",
    "2001::/32",
    "2002::/16",
];

/// Special-purpose space in the form of a list.
#[derive(Clone, Debug)]
pub struct SpecialPurpose {
    unreachable: Vec<Prefix>,
    reachable: Vec<Prefix>,
}

impl Default for SpecialPurpose {
    fn default() -> Self {
        let parse = |texts: &[&str]| -> Vec<Prefix> {
            texts.iter().filter_map(|text| text.parse().ok()).collect()
        };
        Self { unreachable: parse(&UNREACHABLE), reachable: parse(&REACHABLE) }
    }
}

impl SpecialPurpose {
    /// Adds an entry of a newer registry.
    pub fn add(&mut self, prefix: Prefix, globally_reachable: bool) {
        match globally_reachable {
            true => self.reachable.push(prefix),
            false => self.unreachable.push(prefix),
        }
    }

    /// Whether a route is a bogon: all of it lies in unreachable space. Default
    /// routes and routes longer than /24 (v6 /48) are local business, not
    /// bogons.
    pub fn is_bogon_route(&self, prefix: Prefix) -> bool {
        let longest = if prefix.is_v4() { 24 } else { 48 };
        prefix.len() > 0 && prefix.len() <= longest && self.contains(prefix)
    }

    /// Whether all of a prefix lies in unreachable space.
    pub fn contains(&self, prefix: Prefix) -> bool {
        let covers = |list: &[Prefix]| list.iter().any(|p| p.covers(prefix));
        covers(&self.unreachable) && !covers(&self.reachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_unicast_is_what_the_public_internet_can_reach() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2003::1",
            "2606:4700::1111",
            "3ffe:ffff::1",
            "64:ff9b::101:101",
        ] {
            assert!(is_global_unicast(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn every_other_address_is_not_global() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.0",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "100::1",
            "1fff:ffff::1",
            "2001::1",
            "2001:0:808:808::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "4000::",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_global_unicast(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn space_that_is_not_global_is_told_as_blocks() {
        let blocks: Vec<Prefix> = not_global().collect();
        for text in [
            "9.255.255.255",
            "10.0.0.0",
            "223.255.255.255",
            "224.0.0.0",
            "::1",
            "1fff:ffff::",
            "2000::",
            "2001:db8::1",
            "2606:4700::1111",
            "3fff:fff:ffff::",
            "3fff:1000::",
            "4000::",
            "7fff::",
            "8000::",
            "fe80::1",
        ] {
            let address = text.parse().unwrap();
            let inside = blocks.iter().any(|block| block.contains(address));
            assert_eq!(inside, !is_global_unicast(address), "{text}");
        }
    }

    #[test]
    fn bogon_routes_are_whole_special_blocks() {
        let special = SpecialPurpose::default();
        for (prefix, bogon) in [
            ("10.1.0.0/16", true),
            ("192.168.0.0/24", true),
            ("192.168.0.0/25", false),
            ("8.0.0.0/7", false),
            ("0.0.0.0/0", false),
            ("::/0", false),
            ("1.1.1.0/24", false),
            ("240.0.0.0/24", true),
            ("2001:db8:1::/48", true),
            ("fd00::/8", true),
            ("2001:4:112::/48", false),
            ("2a00::/12", false),
            ("5f00::/16", true),
        ] {
            let parsed = prefix.parse().unwrap();
            assert_eq!(special.is_bogon_route(parsed), bogon, "{prefix}");
        }
    }

    #[test]
    fn every_built_in_block_is_read() {
        let special = SpecialPurpose::default();
        assert_eq!(special.unreachable.len(), UNREACHABLE.len());
        assert_eq!(special.reachable.len(), REACHABLE.len());
    }
}
