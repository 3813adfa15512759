//! A set of addresses, given as prefixes: whom the gateway trusts.
//!
//! Sorted, merged ranges, so that a look-up is one binary search and needs no
//! allocation. A v4-mapped IPv6 address is its IPv4 address, in entries and in
//! questions alike: a proxy that listens on `[::]` sees the same client in
//! both forms. An entry that is neither address nor prefix is refused by name.

use std::net::IpAddr;

use asgard_model::Prefix;

/// Addresses of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

/// An entry that is no address and no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a prefix such as 10.0.0.0/8")]
pub struct BadEntry(pub String);

impl AddressSet {
    /// Parses addresses and prefixes.
    ///
    /// # Errors
    /// Names the first entry that is neither.
    pub fn parse<'a>(
        entries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BadEntry> {
        let bad = |text: &str| BadEntry(text.to_owned());
        let mut prefixes = Vec::new();
        for text in entries {
            let text = text.trim();
            let prefix = match text.parse::<IpAddr>() {
                Ok(address) => Prefix::host(address),
                Err(_) => text.parse().map_err(|_| bad(text))?,
            };
            prefixes.push(prefix);
        }
        Ok(Self::of(&prefixes))
    }

    /// The union of prefixes.
    #[must_use]
    pub fn of(prefixes: &[Prefix]) -> Self {
        let mut set = Self::default();
        for prefix in prefixes {
            match (unmap(prefix.network()), unmap(prefix.last())) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    set.v4.push((first.into(), last.into()));
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    set.v6.push((first.into(), last.into()));
                }
                // A prefix shorter than /96 around ::ffff:0:0 holds the whole
                // of IPv4 among others; its ends are IPv6 then.
                _ => {}
            }
        }
        if set.v6.iter().any(|&(first, last)| {
            first <= MAPPED && last >= MAPPED | u128::from(u32::MAX)
        }) {
            set.v4.push((0, u32::MAX));
        }
        set.v4 = merged(set.v4, |end| end.checked_add(1));
        set.v6 = merged(set.v6, |end| end.checked_add(1));
        set
    }

    /// Whether the address is in the set.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match unmap(address) {
            IpAddr::V4(address) => holds(&self.v4, address.into()),
            IpAddr::V6(address) => holds(&self.v6, address.into()),
        }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

/// `::ffff:0:0`, under which IPv4 addresses appear on IPv6 sockets
/// (RFC 4291, section 2.5.5.2).
const MAPPED: u128 = 0xffff_0000_0000;

/// The IPv4 address of a v4-mapped IPv6 address; any other as it is.
#[must_use]
pub fn unmap(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn holds<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= address);
    after > 0 && address <= ranges[after - 1].1
}

fn merged<T: Ord + Copy>(
    mut ranges: Vec<(T, T)>,
    next: impl Fn(T) -> Option<T>,
) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some(end) if next(end.1).is_none_or(|next| first <= next) => {
                end.1 = end.1.max(last);
            }
            _ => out.push((first, last)),
        }
    }
    out
}


#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn set(entries: &[&str]) -> AddressSet {
        AddressSet::parse(entries.iter().copied()).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address_in_entry_and_question() {
        let plain = set(&["10.0.0.0/8"]);
        assert!(plain.contains(ip("::ffff:10.1.2.3")));
        assert!(!plain.contains(ip("::ffff:11.1.2.3")));
        assert!(set(&["::ffff:10.1.2.3"]).contains(ip("10.1.2.3")));
        assert!(set(&["::/0"]).contains(ip("192.0.2.1")), "holds ::ffff:0:0");
        assert!(!set(&["2000::/3"]).contains(ip("192.0.2.1")));
    }

    #[test]
    fn neighbours_and_nested_entries_become_one_range() {
        let set = set(&["10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "::1"]);
        assert_eq!(set.v4, [(0x0a00_0000, 0x0aff_ffff)]);
        assert_eq!(set.v6, [(1, 1)]);
        assert!(AddressSet::default().is_empty());
        assert!(!AddressSet::default().contains(ip("0.0.0.0")));
    }

    #[test]
    fn an_entry_that_is_no_address_is_named() {
        for text in ["10.0.0.0/33", "example.org", "", "10.0.0.1-10.0.0.9"] {
            let error = AddressSet::parse([text]).unwrap_err();
            assert_eq!(error, BadEntry(text.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_asking_every_prefix(
            entries in prop::collection::vec((0_u32..64, 26_u8..=32), 0..12),
            asked in 0_u32..64,
        ) {
            let prefixes: Vec<Prefix> = entries
                .iter()
                .filter_map(|&(a, len)| Prefix::new(
                    IpAddr::V4(Ipv4Addr::from(a & (!0 << (32 - len.min(31))))),
                    len.min(31),
                ))
                .collect();
            let address = IpAddr::V4(Ipv4Addr::from(asked));
            let naive = prefixes.iter().any(|p| p.contains(address));
            prop_assert_eq!(AddressSet::of(&prefixes).contains(address), naive);
        }
    }
}
