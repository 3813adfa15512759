//! What flows along edges: direct evidence P⁰ of neighbours, one hop only.
//!
//! Totals never flow, so there is no feedback loop and the order in which ASes
//! are evaluated does not matter. The order of an iterator does, in the last
//! bit: pass neighbours in ascending ASN order. A whitelisted neighbour counts
//! with P⁰ = 0.

use crate::signals::Exposure;

/// Weight of the prior customer with score 100.
const PRIOR_WEIGHT: f64 = 4.0;

/// Weighted mean of `100·exp(−P⁰/100)` over direct customers, 0–100, unrounded.
///
/// Each customer is (P⁰ in units, announced space in /24s); `None` without
/// customers. Weights are `log2(1 + E)`; a prior of weight 4 says 100.
pub fn downstream_score(
    customers: impl Iterator<Item = (f64, f64)>,
) -> Option<f64> {
    let mut found = false;
    let (mut sum, mut weights) = (PRIOR_WEIGHT * 100.0, PRIOR_WEIGHT);
    for (direct, space) in customers {
        found = true;
        let weight = libm::log2(1.0 + space.max(0.0));
        sum += weight * 100.0 * libm::exp(-direct.max(0.0) / 100.0);
        weights += weight;
    }
    found.then(|| sum / weights)
}

/// Mean P⁰ of the providers; each is (P⁰ in units, share of prefix × peer paths).
///
/// `None` without providers, or when no path is known.
pub fn upstream_units(
    providers: impl Iterator<Item = (f64, f64)>,
) -> Option<f64> {
    let (sum, weights) =
        providers.fold((0.0, 0.0), |(sum, weights), (direct, weight)| {
            (sum + weight * direct, weights + weight)
        });
    (weights > 0.0).then(|| sum / weights)
}

/// The group against whose members an AS is ranked: `s2-content`.
///
/// Size classes by announced IPv4: s0 none, s1 ≤ 1, s2 ≤ 4, s3 ≤ 16, s4 ≤ 256,
/// s5 more /24s. `kind` is `PeeringDB`'s `info_type`, else inferred; it is
/// lowered, and anything but letters and digits becomes one `-`.
pub fn peer_group(exposure: &Exposure, kind: &str) -> String {
    let class = match exposure.v4 {
        v4 if v4 > 256.0 => 5,
        v4 if v4 > 16.0 => 4,
        v4 if v4 > 4.0 => 3,
        v4 if v4 > 1.0 => 2,
        v4 if v4 > 0.0 => 1,
        _ => 0,
    };
    let words: Vec<String> = kind
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let kind =
        if words.is_empty() { "unknown".into() } else { words.join("-") };
    format!("s{class}-{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_customer_among_many_moves_a_provider_little() {
        assert_eq!(downstream_score(std::iter::empty()), None);
        let one = downstream_score([(70.0, 1.0)].into_iter()).unwrap();
        let share = 100.0 * libm::exp(-0.7);
        assert!((one - (share + 400.0) / 5.0).abs() < 1e-9);
        let many = (0..99).map(|i| (if i == 0 { 70.0 } else { 0.0 }, 1.0));
        assert!(downstream_score(many).unwrap() > 99.5);
    }

    #[test]
    fn providers_weigh_by_their_paths() {
        let mean = upstream_units([(80.0, 0.25), (0.0, 0.75)].into_iter());
        assert!((mean.unwrap() - 20.0).abs() < 1e-12);
        assert_eq!(upstream_units(std::iter::empty()), None);
    }

    #[test]
    fn peer_groups_join_size_and_kind() {
        for (v4, kind, group) in [
            (0.0, "", "s0-unknown"),
            (1.0, "Content", "s1-content"),
            (4.0, "Cable/DSL/ISP", "s2-cable-dsl-isp"),
            (16.5, "NSP", "s4-nsp"),
            (256.5, "Educational/Research", "s5-educational-research"),
        ] {
            let exposure = Exposure { v4, ..Exposure::default() };
            assert_eq!(peer_group(&exposure, kind), group);
        }
    }
}
