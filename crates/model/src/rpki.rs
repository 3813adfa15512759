//! Route origin validation (RFC 6811) of a whole table against the VRPs.

use serde::{Deserialize, Serialize};

use crate::{Asn, Prefix};

/// The verdict of RFC 6811 about one (prefix, origin).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RpkiState {
    /// No VRP covers the prefix.
    #[default]
    NotFound,
    /// A VRP covers it with this origin and a sufficient maximum length.
    Valid,
    /// VRPs cover it, and none matches.
    Invalid,
}

/// A Validated ROA Payload: `asn` may originate `prefix` up to `max_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vrp {
    /// Covered space.
    pub prefix: Prefix,
    /// Longest prefix length allowed, at least `prefix.len()`.
    pub max_len: u8,
    /// The authorised origin; AS0 authorises nobody (RFC 6483 section 4).
    pub asn: Asn,
}

/// VRPs in the order of a sweep.
#[derive(Clone, Debug, Default)]
pub struct VrpSet {
    sorted: Vec<Vrp>,
}

impl VrpSet {
    /// Sorts the VRPs and drops exact duplicates.
    pub fn new(mut vrps: Vec<Vrp>) -> Self {
        vrps.sort_unstable();
        vrps.dedup();
        Self { sorted: vrps }
    }

    /// Number of distinct VRPs.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none; then every route is `NotFound`.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Starts a pass over routes in ascending prefix order.
    pub fn sweep(&self) -> Sweep<'_> {
        Sweep { rest: &self.sorted, covering: Vec::new() }
    }
}

/// One pass over sorted routes: linear in routes plus VRPs.
///
/// Prefixes sort before what they cover, so the VRPs that may cover the next
/// route form a stack.
pub struct Sweep<'a> {
    rest: &'a [Vrp],
    covering: Vec<&'a Vrp>,
}

impl<'a> Sweep<'a> {
    /// Moves to `prefix`, which must not be less than the one before.
    pub fn advance(&mut self, prefix: Prefix) {
        while let Some((next, rest)) = self.rest.split_first()
            && next.prefix <= prefix
        {
            self.pop_until_covering(next.prefix);
            self.covering.push(next);
            self.rest = rest;
        }
        self.pop_until_covering(prefix);
    }

    fn pop_until_covering(&mut self, prefix: Prefix) {
        while let Some(top) = self.covering.last()
            && !top.prefix.covers(prefix)
        {
            self.covering.pop();
        }
    }

    /// The VRPs that cover the current prefix, least specific first.
    pub fn covering(&self) -> &[&'a Vrp] {
        &self.covering
    }

    /// The verdict for a route at the current position; `None` as origin is
    /// an AS set or confederation path, which no VRP can match.
    pub fn state(&self, len: u8, origin: Option<Asn>) -> RpkiState {
        if self.covering.is_empty() {
            return RpkiState::NotFound;
        }
        let matches = |vrp: &&Vrp| {
            len <= vrp.max_len && Some(vrp.asn) == origin && vrp.asn != Asn(0)
        };
        match self.covering.iter().any(matches) {
            true => RpkiState::Valid,
            false => RpkiState::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vrp(prefix: &str, max_len: u8, asn: u32) -> Vrp {
        Vrp { prefix: prefix.parse().unwrap(), max_len, asn: Asn(asn) }
    }

    fn verdict(vrps: &[Vrp], prefix: &str, origin: Option<u32>) -> RpkiState {
        let set = VrpSet::new(vrps.to_vec());
        let prefix: Prefix = prefix.parse().unwrap();
        let mut sweep = set.sweep();
        sweep.advance(prefix);
        sweep.state(prefix.len(), origin.map(Asn))
    }

    #[test]
    fn follows_the_cases_of_rfc_6811() {
        use RpkiState::{Invalid, NotFound, Valid};
        let vrps = [
            vrp("10.0.0.0/16", 20, 1),
            vrp("10.0.0.0/16", 16, 2),
            vrp("10.1.0.0/16", 32, 0),
            vrp("2001:db8::/32", 48, 1),
        ];
        for (prefix, origin, state) in [
            ("10.0.0.0/16", Some(1), Valid),
            ("10.0.16.0/20", Some(1), Valid),
            ("10.0.16.0/21", Some(1), Invalid),
            ("10.0.0.0/16", Some(2), Valid),
            ("10.0.0.0/17", Some(2), Invalid),
            ("10.0.0.0/16", Some(3), Invalid),
            ("10.0.0.0/16", None, Invalid),
            ("10.0.0.0/15", Some(1), NotFound),
            ("10.2.0.0/16", Some(1), NotFound),
            ("10.1.0.0/16", Some(0), Invalid),
            ("2001:db8:1::/48", Some(1), Valid),
            ("2001:db9::/32", Some(1), NotFound),
        ] {
            assert_eq!(
                verdict(&vrps, prefix, origin),
                state,
                "{prefix} {origin:?}"
            );
        }
    }

    fn small() -> impl Strategy<Value = Prefix> {
        (0u32..64, 2u8..=8).prop_map(|(bits, len)| {
            let address = std::net::Ipv4Addr::from_bits(bits << 24);
            Prefix::new(address.into(), len).unwrap()
        })
    }

    proptest! {
        #[test]
        fn equals_the_naive_definition(
            vrps in prop::collection::vec((small(), 0u8..4, 0u32..4), 0..30),
            mut routes in prop::collection::vec((small(), 0u32..4), 1..40),
        ) {
            let vrps: Vec<Vrp> = vrps.into_iter().map(|(prefix, more, asn)| {
                Vrp { prefix, max_len: prefix.len() + more, asn: Asn(asn) }
            }).collect();
            routes.sort();
            let set = VrpSet::new(vrps.clone());
            let mut sweep = set.sweep();
            for (prefix, asn) in routes {
                sweep.advance(prefix);
                let covering: Vec<&Vrp> =
                    vrps.iter().filter(|v| v.prefix.covers(prefix)).collect();
                let valid = covering.iter().any(|v| {
                    v.asn == Asn(asn) && asn != 0 && prefix.len() <= v.max_len
                });
                let expected = match (covering.is_empty(), valid) {
                    (true, _) => RpkiState::NotFound,
                    (_, true) => RpkiState::Valid,
                    _ => RpkiState::Invalid,
                };
                prop_assert_eq!(
                    sweep.state(prefix.len(), Some(Asn(asn))), expected
                );
            }
        }
    }
}
