//! The prefixes that named networks announce: the form that address lists of
//! firewalls load.
//!
//! It refuses what would block the innocent: default routes, space that nobody
//! may announce (the device's own networks live there), and announcements that
//! contradict a ROA, which are somebody else's space.

use std::fmt::Write;

use asgard_model::{
    Asn, Prefix, RpkiState, Snapshot, special_purpose::SpecialPurpose,
};

/// The prefixes of the networks: IPv4 first, by address, then by length,
/// without duplicates; contained ones stay.
pub fn of(asns: &[Asn], snapshot: &Snapshot) -> Vec<Prefix> {
    let world = &snapshot.world;
    let special = SpecialPurpose::default();
    let mut prefixes = Vec::new();
    for &asn in asns {
        let Some(node) = world.node(asn) else { continue };
        for route in world.routes_of(node) {
            let own = route.origins.iter().zip(route.rpki);
            let valid = own
                .filter(|(origin, _)| **origin == asn)
                .any(|(_, state)| *state != RpkiState::Invalid);
            if valid && may_be_blocked(route.prefix, &special) {
                prefixes.push(route.prefix);
            }
        }
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

fn may_be_blocked(prefix: Prefix, special: &SpecialPurpose) -> bool {
    prefix.len() > 0 && !special.contains(prefix)
}

/// One prefix a line, with a final newline; nothing if there are none.
pub fn render(prefixes: &[Prefix]) -> String {
    let mut text = String::with_capacity(prefixes.len() * 18);
    for prefix in prefixes {
        writeln!(text, "{prefix}").expect("text takes text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn ipv4_comes_first_and_addresses_are_numbers() {
        let mut prefixes = [
            "2001:db8::/32",
            "100.0.0.0/8",
            "9.0.0.0/9",
            "9.0.0.0/8",
            "2001:db8::/48",
        ]
        .map(prefix);
        prefixes.sort_unstable();
        assert_eq!(
            render(&prefixes),
            "9.0.0.0/8\n9.0.0.0/9\n100.0.0.0/8\n2001:db8::/32\n2001:db8::/48\n"
        );
        assert_eq!(render(&[]), "");
    }

    #[test]
    fn a_default_route_and_private_space_are_never_in_a_feed() {
        let special = SpecialPurpose::default();
        for text in ["0.0.0.0/0", "::/0", "10.1.0.0/16", "fd00::/8"] {
            assert!(!may_be_blocked(prefix(text), &special), "{text}");
        }
        assert!(may_be_blocked(prefix("1.1.1.0/24"), &special));
    }
}
