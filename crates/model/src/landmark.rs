//! Landmarks: well-known address ranges that lists name by mistake, or that
//! mean something else than they seem.
//!
//! A public resolver, a crawler, or a relay that shows up on a threat list is a
//! false entry: it moves no score and enters no feed.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Category, Prefix,
    lpm::{Entry, Lpm},
};

/// What a well-known range is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Public DNS resolvers.
    Resolver,
    /// Search engine and AI crawlers.
    Crawler,
    /// Uptime and performance monitors.
    Monitor,
    /// Privacy relays with many users behind each address.
    Relay,
    /// Services that everybody needs: CRL and OCSP, payment, code hosting.
    Service,
    /// Content delivery edges: one address, thousands of sites.
    Cdn,
    /// Benign Internet-wide scanners.
    Scanner,
    /// Tor exits.
    Tor,
    /// Sinkholes and block pages run by defenders.
    Sinkhole,
    /// Mitigation of denial-of-service attacks.
    DdosMitigation,
    /// Anycast.
    Anycast,
    /// Clouds.
    Cloud,
    /// Data centres.
    Hosting,
    /// VPN exits.
    Vpn,
    /// Open proxies.
    Proxy,
}

impl Class {
    /// Every class with its name in catalogue and JSON.
    pub const VALUES: [(Self, &'static str); 15] = [
        (Self::Resolver, "resolver"),
        (Self::Crawler, "crawler"),
        (Self::Monitor, "monitor"),
        (Self::Relay, "relay"),
        (Self::Service, "service"),
        (Self::Cdn, "cdn"),
        (Self::Scanner, "scanner"),
        (Self::Tor, "tor"),
        (Self::Sinkhole, "sinkhole"),
        (Self::DdosMitigation, "ddos_mitigation"),
        (Self::Anycast, "anycast"),
        (Self::Cloud, "cloud"),
        (Self::Hosting, "hosting"),
        (Self::Vpn, "vpn"),
        (Self::Proxy, "proxy"),
    ];

    /// The name in catalogue and JSON.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// Whether an entry of a threat list in such a range is false, whatever
    /// the category: the address is shared by the innocent.
    pub fn is_false_entry(self) -> bool {
        matches!(
            self,
            Self::Resolver
                | Self::Crawler
                | Self::Monitor
                | Self::Relay
                | Self::Service
                | Self::Cdn
        )
    }

    /// Whether the class explains a report of this category: scanners scan,
    /// Tor exits carry spam, sinkholes look like C2 servers.
    pub fn explains(self, category: Category) -> bool {
        let noise = matches!(category, Category::Attack | Category::Spam);
        match self {
            Self::Scanner
            | Self::Tor
            | Self::DdosMitigation
            | Self::Anycast => noise,
            Self::Sinkhole => noise || category == Category::C2,
            _ => false,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class of ranges (resolver, crawler, cloud, …)")]
pub struct ClassError(String);

impl FromStr for Class {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Self, ClassError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|&(class, _)| class)
            .ok_or_else(|| ClassError(text.chars().take(20).collect()))
    }
}

/// A set of classes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize,
)]
pub struct ClassSet(u16);

impl ClassSet {
    /// Adds a class.
    pub fn insert(&mut self, class: Class) {
        self.0 |= 1 << class as u16;
    }

    /// The classes of the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::VALUES
            .into_iter()
            .map(|(class, _)| class)
            .filter(move |&class| self.0 >> class as u16 & 1 == 1)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether an entry of a threat list in such a range is false.
    pub fn is_false_entry(self) -> bool {
        self.iter().any(Class::is_false_entry)
    }
}

/// Address → classes, by all covering ranges.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Prefix, ClassSet)>", into = "Vec<(Prefix, ClassSet)>")]
pub struct Landmarks {
    ranges: Vec<(Prefix, ClassSet)>,
    v4: Lpm,
    v6: Lpm,
}

impl Landmarks {
    /// Collects ranges in any order. A range also has the classes of the
    /// ranges that cover it.
    pub fn new(ranges: impl IntoIterator<Item = (Prefix, Class)>) -> Self {
        let mut sorted: Vec<(Prefix, Class)> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<(Prefix, ClassSet)> = Vec::new();
        let mut covering: Vec<(Prefix, ClassSet)> = Vec::new();
        for (prefix, class) in sorted {
            while covering.last().is_some_and(|(p, _)| !p.covers(prefix)) {
                covering.pop();
            }
            let mut set = covering.last().map_or(ClassSet(0), |c| c.1);
            set.insert(class);
            match merged.last_mut() {
                Some((last, classes)) if *last == prefix => *classes = set,
                _ => merged.push((prefix, set)),
            }
            match covering.last_mut() {
                Some((last, classes)) if *last == prefix => *classes = set,
                _ => covering.push((prefix, set)),
            }
        }
        merged.into()
    }

    /// The classes of an address; empty for ordinary space.
    pub fn classes(&self, address: IpAddr) -> ClassSet {
        let at = match address {
            IpAddr::V4(v4) => self.v4.get_v4(v4.to_bits()),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => self.v4.get_v4(v4.to_bits()),
                None => self.v6.get_v6(v6.to_bits()),
            },
        };
        at.and_then(|at| self.ranges.get(at as usize))
            .map_or(ClassSet(0), |r| r.1)
    }

    /// Number of distinct ranges.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

impl From<Vec<(Prefix, ClassSet)>> for Landmarks {
    fn from(ranges: Vec<(Prefix, ClassSet)>) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for (value, (prefix, _)) in (0u32..).zip(&ranges) {
            match *prefix {
                Prefix::V4(bits, len) => {
                    v4.push(Entry { bits: u128::from(bits) << 96, len, value });
                }
                Prefix::V6(bits, len) => v6.push(Entry { bits, len, value }),
            }
        }
        Self { v4: Lpm::build(&v4), v6: Lpm::build(&v6), ranges }
    }
}

impl From<Landmarks> for Vec<(Prefix, ClassSet)> {
    fn from(landmarks: Landmarks) -> Self {
        landmarks.ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_classes_of_all_covering_ranges() {
        let range = |text: &str, class| (text.parse().unwrap(), class);
        let landmarks = Landmarks::new([
            range("8.8.8.8/32", Class::Resolver),
            range("8.0.0.0/8", Class::Cloud),
            range("8.8.8.8/32", Class::Anycast),
            range("2001:db8::/32", Class::Tor),
        ]);
        let names = |text: &str| -> Vec<&str> {
            let set = landmarks.classes(text.parse().unwrap());
            set.iter().map(Class::as_str).collect()
        };
        assert_eq!(names("8.8.8.8"), ["resolver", "anycast", "cloud"]);
        assert_eq!(names("8.8.8.9"), ["cloud"]);
        assert_eq!(names("9.9.9.9"), [] as [&str; 0]);
        assert_eq!(names("2001:db8::1"), ["tor"]);
        assert!(landmarks.classes("8.8.8.8".parse().unwrap()).is_false_entry());
        assert!(
            !landmarks.classes("8.8.8.9".parse().unwrap()).is_false_entry()
        );
    }

    #[test]
    fn scanners_explain_scans_but_not_servers() {
        assert!(Class::Scanner.explains(Category::Attack));
        assert!(!Class::Scanner.explains(Category::C2));
        assert!(Class::Sinkhole.explains(Category::C2));
        assert!(!Class::Cloud.explains(Category::Attack));
    }
}
