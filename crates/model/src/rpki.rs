//! Route origin validation (RFC 6811): of a whole table against the VRPs, or
//! of one route.

use serde::{Deserialize, Serialize};

pub use self::vrp_set::{Sweep, VrpSet};
use crate::{Asn, Prefix, aspa::AspaSet};

mod vrp_set;

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

impl RpkiState {
    /// `valid`, `invalid`, `not_found`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
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

impl Vrp {
    /// Whether it authorises a route of this length and origin.
    pub fn matches(&self, len: u8, origin: Option<Asn>) -> bool {
        len <= self.max_len && Some(self.asn) == origin && self.asn != Asn(0)
    }
}

/// All that RPKI says, as a relying party has validated it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpki {
    /// Whether the verdicts of the routing table mean anything: VRPs were
    /// loaded, or the source of the table states its own.
    pub known: bool,
    /// Who may originate what.
    pub vrps: VrpSet,
    /// Who may be whose provider.
    pub aspas: AspaSet,
}

fn verdict(
    mut covering: impl Iterator<Item = Vrp>,
    len: u8,
    origin: Option<Asn>,
) -> RpkiState {
    let Some(first) = covering.next() else { return RpkiState::NotFound };
    let matches = |vrp: &Vrp| vrp.matches(len, origin);
    match matches(&first) || covering.any(|vrp| matches(&vrp)) {
        true => RpkiState::Valid,
        false => RpkiState::Invalid,
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
        let state = sweep.state(prefix.len(), origin.map(Asn));
        assert_eq!(set.state(prefix, origin.map(Asn)), state, "{prefix}");
        state
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

    #[test]
    fn a_stored_set_answers_like_the_original() {
        let set = VrpSet::new(vec![
            vrp("10.0.0.0/8", 8, 1),
            vrp("10.1.0.0/16", 24, 2),
            vrp("2001:db8::/32", 48, 3),
        ]);
        let bytes = postcard::to_stdvec(&set).unwrap();
        let again: VrpSet = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again, set);
        let prefix = "10.1.2.0/24".parse().unwrap();
        let lengths = |s: &VrpSet| -> Vec<u8> {
            s.covering(prefix).map(|v| v.prefix.len()).collect()
        };
        assert_eq!(lengths(&again), [16, 8]);
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
                prop_assert_eq!(set.state(prefix, Some(Asn(asn))), expected);
                let mut found: Vec<Vrp> = set.covering(prefix).collect();
                prop_assert!(found.is_sorted_by(|a, b| a > b));
                found.reverse();
                prop_assert_eq!(&found, sweep.covering());
                let mut covering: Vec<Vrp> =
                    covering.into_iter().copied().collect();
                covering.sort_unstable();
                covering.dedup();
                prop_assert_eq!(found, covering);
            }
        }
    }
}
