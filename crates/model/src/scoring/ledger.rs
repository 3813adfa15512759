//! The sheet on which units are entered, limited and turned into points.
//!
//! Sums run in code order, so that the same units give the same bytes.

use super::{Code, Part};
use crate::Detail;

/// Units by code.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    units: [f64; Code::COUNT],
    /// Bit per code that is shown although it has no units.
    advised: u32,
}

impl Ledger {
    pub(super) fn set(&mut self, code: Code, units: f64) {
        self.units[code as usize] = units;
    }

    pub(super) fn units(&self, code: Code) -> f64 {
        self.units[code as usize]
    }

    /// Shows the code whether it has units or not.
    pub(super) fn advise(&mut self, code: Code) {
        self.advised |= 1 << code as u32;
    }

    /// Units of one part; never negative.
    pub(super) fn part(&self, part: Part) -> f64 {
        self.sum(|code| code.part() == Some(part))
    }

    /// All units, P; never negative.
    pub(super) fn total(&self) -> f64 {
        self.sum(|_| true)
    }

    fn sum(&self, includes: impl Fn(Code) -> bool) -> f64 {
        Code::VALUES
            .iter()
            .filter(|(code, _)| includes(*code))
            .map(|(code, _)| self.units(*code))
            .sum::<f64>()
            .max(0.0)
    }

    /// Scales a part down to `limit` if it is above, members pro rata.
    pub(super) fn limit_part(&mut self, part: Part, limit: f64) {
        let sum = self.part(part);
        if sum > limit {
            self.scale(limit / sum, |code| code.part() == Some(part));
        }
    }

    /// Scales everything down to `limit` if the total is above, pro rata.
    pub(super) fn limit_total(&mut self, limit: f64) {
        let sum = self.total();
        if sum > limit {
            self.scale(limit / sum, |_| true);
        }
    }

    fn scale(&mut self, factor: f64, includes: impl Fn(Code) -> bool) {
        for (code, _) in Code::VALUES {
            if includes(code) {
                self.units[code as usize] *= factor;
            }
        }
    }

    /// The reasons, most points first; points add up to `100 − score`.
    pub(super) fn details(&self, score: u8) -> Vec<Detail> {
        let points = points(&self.units, 100 - i8_of(score));
        let mut details: Vec<Detail> = Code::VALUES
            .into_iter()
            .map(|(code, _)| code)
            .filter(|&code| self.is_shown(code))
            .map(|code| Detail {
                code,
                points: points[code as usize],
                units: self.units(code),
            })
            .collect();
        // Stable: ties stay in code order.
        details.sort_by_key(|detail| -detail.points);
        details
    }

    fn is_shown(&self, code: Code) -> bool {
        self.units(code) != 0.0 || self.advised & (1 << code as u32) != 0
    }
}

fn i8_of(score: u8) -> i8 {
    i8::try_from(score.min(100)).unwrap_or(100)
}

/// Shares `total` points by units: whole parts first, then one point each to the
/// largest fractions, ties in code order (largest remainder, Hamilton 1792).
fn points(units: &[f64; Code::COUNT], total: i8) -> [i8; Code::COUNT] {
    let mut points = [0; Code::COUNT];
    let sum: f64 = units.iter().sum();
    if sum <= 0.0 {
        return points;
    }
    let raw = units.map(|u| f64::from(total) * u / sum);
    let mut order: Vec<usize> =
        (0..Code::COUNT).filter(|&i| units[i] != 0.0).collect();
    for &i in &order {
        points[i] = whole(raw[i].floor());
    }
    order.sort_by(|&a, &b| {
        let fraction = |i: usize| raw[i] - raw[i].floor();
        fraction(b).total_cmp(&fraction(a)).then(a.cmp(&b))
    });
    let shared: i16 = points.iter().map(|&p| i16::from(p)).sum();
    let mut missing = i16::from(total) - shared;
    // At most one round, but for the last bit of a floating-point sum.
    for &i in order.iter().cycle().take(Code::COUNT * 4) {
        if missing == 0 {
            break;
        }
        let step = missing.signum();
        points[i] += i8::try_from(step).unwrap_or(0);
        missing -= step;
    }
    points
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the range of i8 first"
)]
fn whole(value: f64) -> i8 {
    value.clamp(-120.0, 120.0) as i8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ledger(entries: &[(Code, f64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for &(code, units) in entries {
            ledger.set(code, units);
        }
        ledger
    }

    #[test]
    fn points_go_to_the_largest_fractions_and_ties_to_the_earlier_code() {
        let ledger = ledger(&[
            (Code::ThreatBotnet, 1.0),
            (Code::ThreatMalware, 1.0),
            (Code::ThreatPhishing, 1.0),
        ]);
        let points: Vec<i8> =
            ledger.details(90).iter().map(|d| d.points).collect();
        assert_eq!(points, [4, 3, 3]);
        assert_eq!(ledger.details(90)[0].code, Code::ThreatBotnet);
    }

    #[test]
    fn advice_is_shown_without_points() {
        let mut ledger = ledger(&[(Code::RpkiInvalid, 1.2)]);
        ledger.advise(Code::MetaNoPdb);
        let details = ledger.details(99);
        assert_eq!(details.len(), 2);
        assert_eq!((details[1].code, details[1].points), (Code::MetaNoPdb, 0));
    }

    #[test]
    fn a_limit_scales_every_member() {
        let mut ledger = ledger(&[
            (Code::RpkiInvalid, 30.0),
            (Code::RouteLeak, 10.0),
            (Code::ThreatSpam, 5.0),
        ]);
        ledger.limit_part(Part::Hygiene, 20.0);
        assert!((ledger.units(Code::RouteLeak) - 5.0).abs() < 1e-12);
        assert!((ledger.total() - 25.0).abs() < 1e-12);
        ledger.limit_total(10.0);
        assert!((ledger.units(Code::ThreatSpam) - 2.0).abs() < 1e-12);
    }

    /// Units as the model makes them: bonuses never exceed stability units.
    fn any_units() -> impl Strategy<Value = [f64; Code::COUNT]> {
        let amount = prop_oneof![Just(0.0), 0.0..90.0_f64, Just(7.0)];
        let bonus = (0.0..1.0_f64, 0.0..1.0_f64);
        let all = proptest::collection::vec(amount, Code::COUNT);
        (all, bonus).prop_map(|(amounts, (share, split))| {
            let mut units = [0.0; Code::COUNT];
            for (slot, amount) in units.iter_mut().zip(&amounts).take(26) {
                *slot = *amount;
            }
            let available: f64 = units[16..26].iter().sum::<f64>().min(3.0);
            units[26] = -available * share * split;
            units[27] = -available * share * (1.0 - split);
            units
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 100_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn points_always_add_up(units in any_units(), exp in any::<bool>()) {
            let penalty: f64 = units.iter().sum::<f64>().max(0.0);
            let score = if exp {
                100.0 * libm::exp(-penalty / 100.0)
            } else {
                (100.0 - penalty).max(0.0)
            };
            let total = 100 - whole(score.round());
            let points = points(&units, total);
            let sum: i16 = points.iter().map(|&p| i16::from(p)).sum();
            prop_assert_eq!(sum, i16::from(total));
            for (points, units) in points.iter().zip(units) {
                prop_assert!(units != 0.0 || *points == 0);
                prop_assert!(units <= 0.0 || *points >= 0);
                prop_assert!(units >= 0.0 || *points <= 1);
            }
        }
    }
}
