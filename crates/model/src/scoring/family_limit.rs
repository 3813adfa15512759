//! Limits on what one independence family may say: against poisoned lists.
//!
//! Let T(S) be the threat units that the families S may give together. A family
//! f may add at most its limit: T(S) ≤ T(S without f) + max(f). Unrolled, T(S)
//! is the least of raw(U) + Σ max over the families outside U, over all U ⊆ S.
//! Signals hold the evidence of all, of all but one, of one and of none, so
//! these U are tried: exact for up to three families, and never stricter than
//! the rule for more. Every U is tried as soon as its families speak and each
//! sum grows with evidence, so one more report never lowers a bound.

use super::{Model, ramp::Bound, threat::Evidence};
use crate::signals::{Exposure, FamilyEvidence, Threats};

/// Units of all families under the family limit; `raw` without it.
pub(super) fn limited(
    raw: f64,
    threats: &Threats,
    space: &Exposure,
    model: &Model,
) -> f64 {
    let families = &threats.families;
    let limits = || families.iter().map(|family| limit(family, model));
    let least = limits().fold(f64::INFINITY, f64::min);
    if raw <= least {
        return raw;
    }
    let sum = sum(limits());
    let units = |evidence: Evidence<'_>| {
        evidence.units(space, Bound::Low, model).total()
    };
    families.iter().fold(raw.min(sum), |bound, family| {
        let limit = limit(family, model);
        let others = units(without(family, threats)) + limit;
        if families.len() < 3 {
            // The other family alone is all but this one.
            return bound.min(others);
        }
        let alone = units(alone(family)) + (sum - limit);
        bound.min(others).min(alone)
    })
}

/// How many independent families each give enough units alone.
///
/// A list that re-publishes another is not independent of it, nor of a third
/// that re-publishes the same.
pub(super) fn corroborating(
    threats: &Threats,
    space: &Exposure,
    model: &Model,
) -> u8 {
    let enough = model.corroboration.family_units;
    let sets: Vec<u64> = threats
        .families
        .iter()
        .filter(|family| {
            let units = alone(family).units(space, Bound::Low, model).total();
            units.min(limit(family, model)) >= enough
        })
        .map(|family| family.family.bit() | family.contains)
        .collect();
    most_disjoint(&sets)
}

/// The largest number of sets that are pairwise disjoint.
fn most_disjoint(sets: &[u64]) -> u8 {
    let Some((first, rest)) = sets.split_first() else { return 0 };
    let disjoint: Vec<u64> =
        rest.iter().copied().filter(|set| set & first == 0).collect();
    let with_first = most_disjoint(&disjoint).saturating_add(1);
    if disjoint.len() == rest.len() {
        return with_first;
    }
    with_first.max(most_disjoint(rest))
}

/// A sum whose bytes do not depend on the order of its terms.
fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut terms: Vec<f64> = terms.collect();
    terms.sort_by(f64::total_cmp);
    terms.into_iter().sum()
}

fn limit(family: &FamilyEvidence, model: &Model) -> f64 {
    let trusted = model.family_limit(family.trust);
    trusted.max(model.family_limit.asn_drop * family.asn_drop.clamp(0.0, 1.0))
}

fn alone(family: &FamilyEvidence) -> Evidence<'_> {
    Evidence {
        rates: &family.alone,
        months: family.months_alone,
        asn_drop: family.asn_drop,
        drop_space_share: family.drop_space_share,
    }
}

fn without<'a>(
    family: &'a FamilyEvidence,
    threats: &'a Threats,
) -> Evidence<'a> {
    let others = || {
        threats.families.iter().filter(|other| other.family != family.family)
    };
    let asn_drop = if family.asn_drop > 0.0 {
        others().map(|other| other.asn_drop).fold(0.0, f64::max)
    } else {
        threats.asn_drop
    };
    let drop_space_share = if family.drop_space_share > 0.0 {
        sum(others().map(|other| other.drop_space_share))
            .min(threats.drop_space_share)
    } else {
        threats.drop_space_share
    };
    Evidence {
        rates: &family.without,
        months: family.months_without,
        asn_drop,
        drop_space_share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_one_list_are_one_voice() {
        for (sets, voices) in [
            (vec![], 0),
            (vec![0b1], 1),
            (vec![0b1, 0b10], 2),
            // An aggregate of the first and the original.
            (vec![0b1, 0b11], 1),
            // Two aggregates of a third that is silent.
            (vec![0b101, 0b110], 1),
            // A wide aggregate hides neither of two narrow ones.
            (vec![0b11_001, 0b01_010, 0b10_100], 2),
            ((0..64).map(|bit| 1 << bit).collect(), 64),
        ] {
            assert_eq!(most_disjoint(&sets), voices, "{sets:?}");
        }
    }
}
