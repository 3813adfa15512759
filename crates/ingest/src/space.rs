//! Address space as disjoint intervals: what an AS originates, how much of it
//! is invalid, how much of it a list names.

use asgard_model::{
    Prefix, Route, RpkiState,
    signals::{Exposure, Visibility},
};

/// Disjoint, ascending, inclusive intervals of addresses of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space(Vec<(u128, u128)>);

/// Addresses in a /24.
const SLASH_24: f64 = 256.0;
/// Addresses in a /48: 2⁸⁰.
const SLASH_48: f64 = 1_208_925_819_614_629_174_706_176.0;

/// First and last address of a prefix, as numbers of its family.
pub fn bounds(prefix: Prefix) -> (u128, u128) {
    match prefix {
        Prefix::V4(bits, len) => {
            let last = bits | !asgard_model::prefix::mask4(len);
            (u128::from(bits), u128::from(last))
        }
        Prefix::V6(bits, len) => {
            (bits, bits | !asgard_model::prefix::mask6(len))
        }
    }
}

impl Space {
    /// The union of prefixes of one family, given in ascending order.
    pub fn of(prefixes: impl Iterator<Item = Prefix>) -> Self {
        let mut intervals: Vec<(u128, u128)> = Vec::new();
        for prefix in prefixes {
            let (first, last) = bounds(prefix);
            match intervals.last_mut() {
                Some(open) if first <= open.1.saturating_add(1) => {
                    open.1 = open.1.max(last);
                }
                _ => intervals.push((first, last)),
            }
        }
        Self(intervals)
    }

    /// Number of addresses; `f64`, because IPv6 has 2¹²⁸.
    pub fn addresses(&self) -> f64 {
        self.0.iter().map(|&(first, last)| size(first, last)).sum()
    }

    /// The intervals.
    pub fn intervals(&self) -> &[(u128, u128)] {
        &self.0
    }
}

/// Number of addresses from `first` to `last`.
#[expect(
    clippy::cast_precision_loss,
    reason = "shares of space need no more than 53 bits"
)]
pub fn size(first: u128, last: u128) -> f64 {
    (last - first) as f64 + 1.0
}

/// What one AS originates, per family.
#[derive(Clone, Debug, Default)]
pub struct Originated {
    /// All of it.
    pub all: [Space; 2],
    /// What counts as exposure: neither RPKI-invalid nor bogon.
    pub sound: [Space; 2],
    /// The RPKI-invalid part that nothing excuses.
    pub invalid: [Space; 2],
    /// The part without any ROA.
    pub unknown: [Space; 2],
    /// Number of routes.
    pub routes: usize,
}

/// One route with the verdict about this AS as its origin.
#[derive(Clone, Copy, Debug)]
pub struct OwnRoute {
    /// The announced prefix.
    pub prefix: Prefix,
    /// The verdict.
    pub rpki: RpkiState,
    /// Invalid, but excused: see `hygiene`.
    pub excused: bool,
    /// Whole route is special-purpose space.
    pub bogon: bool,
}

impl OwnRoute {
    /// The view of `asn` on a route; `None` if it is not an origin.
    pub fn of(
        route: &Route<'_>,
        asn: asgard_model::Asn,
    ) -> Option<(Prefix, RpkiState)> {
        let at = route.origins.iter().position(|&origin| origin == asn)?;
        Some((route.prefix, *route.rpki.get(at)?))
    }
}

impl Originated {
    /// Sums up the routes of one AS, given in ascending order.
    pub fn new(routes: &[OwnRoute]) -> Self {
        let split = routes.partition_point(|r| r.prefix.is_v4());
        let families = [&routes[..split], &routes[split..]];
        let pick = |keep: fn(&OwnRoute) -> bool| {
            families.map(|list| {
                Space::of(list.iter().filter(|r| keep(r)).map(|r| r.prefix))
            })
        };
        Self {
            all: pick(|_| true),
            sound: pick(|r| {
                !r.bogon && (r.rpki != RpkiState::Invalid || r.excused)
            }),
            invalid: pick(|r| r.rpki == RpkiState::Invalid && !r.excused),
            unknown: pick(|r| r.rpki == RpkiState::NotFound),
            routes: routes.len(),
        }
    }

    /// Exposure in /24s and /48s, at least 1 where anything is announced. An
    /// AS is seen badly if every family in which it announces is.
    pub fn exposure(&self, low_visibility: [bool; 2]) -> Exposure {
        let units = |space: &Space, all: &Space, unit: f64| match all
            .intervals()
            .is_empty()
        {
            true => 0.0,
            false => (space.addresses() / unit).max(1.0),
        };
        let seen_well = self
            .all
            .iter()
            .zip(low_visibility)
            .any(|(space, low)| !low && !space.intervals().is_empty());
        let visibility = match self.routes {
            0 => Visibility::NotAnnounced,
            _ if seen_well => Visibility::Full,
            _ => Visibility::Low,
        };
        Exposure {
            v4: units(&self.sound[0], &self.all[0], SLASH_24),
            v6: units(&self.sound[1], &self.all[1], SLASH_48),
            visibility,
        }
    }

    /// Percent of the originated addresses that lie in `part`; the larger of
    /// the two families. `None` when nothing is announced.
    pub fn percent(&self, part: &[Space; 2]) -> Option<f64> {
        (0..2)
            .filter(|&f| !self.all[f].intervals().is_empty())
            .map(|f| 100.0 * part[f].addresses() / self.all[f].addresses())
            .reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(rows: &[(&str, RpkiState)]) -> Originated {
        let routes: Vec<OwnRoute> = rows
            .iter()
            .map(|&(prefix, rpki)| OwnRoute {
                prefix: prefix.parse().unwrap(),
                rpki,
                excused: false,
                bogon: false,
            })
            .collect();
        Originated::new(&routes)
    }

    #[test]
    fn overlapping_prefixes_count_once() {
        use RpkiState::NotFound;
        let own = routes(&[
            ("1.0.0.0/22", NotFound),
            ("1.0.0.0/24", NotFound),
            ("1.0.4.0/24", NotFound),
            ("2a00::/47", NotFound),
        ]);
        assert_eq!(own.all[0].intervals().len(), 1);
        let exposure = own.exposure([false; 2]);
        assert!((exposure.v4 - 5.0).abs() < 1e-9);
        assert!((exposure.v6 - 2.0).abs() < 1e-9);
    }

    #[test]
    fn invalid_space_is_no_exposure() {
        use RpkiState::{Invalid, Valid};
        let own = routes(&[("1.0.0.0/24", Valid), ("1.0.2.0/23", Invalid)]);
        assert!((own.exposure([false; 2]).v4 - 1.0).abs() < 1e-9);
        let percent = own.percent(&own.invalid).unwrap();
        assert!((percent - 100.0 * 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn an_as_is_seen_badly_when_all_its_families_are() {
        let both = routes(&[
            ("1.0.0.0/24", RpkiState::NotFound),
            ("2a00::/48", RpkiState::NotFound),
        ]);
        let six = routes(&[("2a00::/48", RpkiState::NotFound)]);
        for (own, low, wanted) in [
            (&both, [false, false], Visibility::Full),
            (&both, [false, true], Visibility::Full),
            (&both, [true, true], Visibility::Low),
            (&six, [true, false], Visibility::Full),
            (&six, [false, true], Visibility::Low),
        ] {
            assert_eq!(own.exposure(low).visibility, wanted, "{low:?}");
        }
    }

    #[test]
    fn an_as_without_routes_has_no_percentages() {
        let own = routes(&[]);
        assert_eq!(own.percent(&own.invalid), None);
        assert_eq!(own.exposure([false; 2]), Exposure::default());
    }

    #[test]
    fn the_whole_of_ipv6_can_be_counted() {
        let all = Space::of(["::/0".parse().unwrap()].into_iter());
        assert!(all.addresses() > 3.4e38);
    }
}
