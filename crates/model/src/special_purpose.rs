//! Special-purpose address space that no public network may announce.
//!
//! Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890),
//! entries whose "Globally Reachable" is False, with the more-specific entries
//! that are reachable; multicast (RFC 5771, RFC 4291); and IPv6 space outside
//! `2000::/3`, which IANA has not given to any RIR.

use crate::Prefix;

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
