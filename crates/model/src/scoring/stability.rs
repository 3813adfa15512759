//! Stability units: behaviour over time, neighbours, and the small bonuses.
//!
//! Bonuses offset stability alone: no profile makes up for abuse.

use super::{Code, Model, Part, ledger::Ledger};
use crate::{
    Signals,
    signals::{Metadata, Neighbours, Stability},
};

/// Doublings of churn above the p95 that give the full units.
const CHURN_DOUBLINGS: f64 = 3.0;

/// Enters the stability units but UNPROVEN, limited to the cap of the part,
/// then the bonuses and the advice.
pub(super) fn enter(
    ledger: &mut Ledger,
    signals: &Signals,
    neighbours: &Neighbours,
    model: &Model,
) {
    let stability = &signals.stability;
    ledger.set(Code::StabilitySerialOrigin, serial(stability, model));
    ledger.set(Code::StabilityChurn, churn(stability, model));
    ledger.set(Code::StabilityFlapping, flapping(stability, model));
    ledger.set(Code::DownstreamRisk, downstream(neighbours, model));
    ledger.set(Code::UpstreamRisk, upstream(neighbours, model));
    ledger.set(Code::StabilityPrepending, prepending(stability, model));
    informational(ledger, signals, model);
    ledger.limit_part(Part::Stability, model.stability.cap);
    bonuses(ledger, &signals.metadata, model);
}

fn serial(stability: &Stability, model: &Model) -> f64 {
    let beyond =
        stability.serial_origin_features.unwrap_or(0).saturating_sub(1);
    let full = model.stability.serial;
    (full / 2.0 * f64::from(beyond)).min(full)
}

fn churn(stability: &Stability, model: &Model) -> f64 {
    let ratio = stability.churn_ratio.unwrap_or(0.0).max(0.0);
    let share = libm::log2(ratio) / CHURN_DOUBLINGS;
    model.stability.churn * share.clamp(0.0, 1.0)
}

fn flapping(stability: &Stability, model: &Model) -> f64 {
    let ratio = stability.flap_ratio.unwrap_or(0.0).max(0.0);
    let share = libm::log10(ratio) - 1.0;
    model.stability.flap * share.clamp(0.0, 1.0)
}

fn downstream(neighbours: &Neighbours, model: &Model) -> f64 {
    let Some(score) = neighbours.downstream else { return 0.0 };
    let share = (score / 100.0).clamp(f64::MIN_POSITIVE, 1.0);
    let units = model.stability.hop_factor * -100.0 * libm::log(share);
    units.min(model.stability.downstream)
}

fn upstream(neighbours: &Neighbours, model: &Model) -> f64 {
    let mean = neighbours.upstream.unwrap_or(0.0).max(0.0);
    (model.stability.hop_factor * mean).min(model.stability.upstream)
}

fn prepending(stability: &Stability, model: &Model) -> f64 {
    match (stability.excessive_prepending_count, stability.prepending_p95) {
        (Some(count), Some(p95)) if f64::from(count) > p95 => {
            model.stability.prepend
        }
        _ => 0.0,
    }
}

/// What is shown even though it has no units by default.
fn informational(ledger: &mut Ledger, signals: &Signals, model: &Model) {
    let metadata = &signals.metadata;
    let blackholes = signals.stability.ddos_blackhole_count.unwrap_or(0);
    if blackholes > 0 {
        ledger.set(Code::StabilityBlackhole, model.stability.blackhole);
        ledger.advise(Code::StabilityBlackhole);
    }
    if metadata.has_peeringdb_profile == Some(false) {
        ledger.set(Code::MetaNoPdb, model.stability.no_peeringdb);
        ledger.advise(Code::MetaNoPdb);
    }
    if metadata.upstream_tier1_count == Some(0) && !metadata.provider_free {
        ledger.advise(Code::MetaNoTier1);
    }
}

/// Enters bonuses, scaled so that they never exceed the stability units.
fn bonuses(ledger: &mut Ledger, metadata: &Metadata, model: &Model) {
    let bonus = |earned: bool, units: f64| if earned { units } else { 0.0 };
    let has_profile = metadata.has_peeringdb_profile == Some(true);
    let has_tier1 = metadata.upstream_tier1_count.unwrap_or(0) > 0;
    let profile = bonus(has_profile, model.stability.bonus_peeringdb);
    let tier1 = bonus(has_tier1, model.stability.bonus_tier1);
    let available = ledger.part(Part::Stability);
    let wanted = profile + tier1;
    if available > 0.0 && wanted > 0.0 {
        let factor = (available / wanted).min(1.0);
        ledger.set(Code::BonusPeeringdb, -profile * factor);
        ledger.set(Code::BonusTier1, -tier1 * factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(signals: &Signals, neighbours: &Neighbours) -> Ledger {
        let mut ledger = Ledger::default();
        enter(&mut ledger, signals, neighbours, &Model::default_model());
        ledger
    }

    fn signals(stability: Stability, metadata: Metadata) -> Signals {
        Signals { stability, metadata, ..Signals::default() }
    }

    #[test]
    fn each_signal_has_the_units_of_its_rule() {
        let unstable = Stability {
            flap_ratio: Some(libm::sqrt(1_000.0)),
            churn_ratio: Some(2.0),
            serial_origin_features: Some(2),
            excessive_prepending_count: Some(9),
            prepending_p95: Some(8.5),
            ..Stability::default()
        };
        let ledger = entered(
            &signals(unstable, Metadata::default()),
            &Neighbours { upstream: Some(10.0), ..Neighbours::default() },
        );
        for (code, expected) in [
            (Code::StabilityFlapping, 3.0),
            (Code::StabilityChurn, 8.0 / 3.0),
            (Code::StabilitySerialOrigin, 6.0),
            (Code::StabilityPrepending, 2.0),
            (Code::UpstreamRisk, 2.0),
            (Code::DownstreamRisk, 0.0),
        ] {
            let found = ledger.units(code);
            assert!((found - expected).abs() < 1e-12, "{code}: {found}");
        }
    }

    #[test]
    fn bad_customers_cost_at_most_their_cap() {
        let at = |score| {
            let neighbours =
                Neighbours { downstream: Some(score), ..Neighbours::default() };
            entered(&Signals::default(), &neighbours)
                .units(Code::DownstreamRisk)
        };
        assert!(at(100.0) == 0.0);
        assert!((at(90.0) - 2.107).abs() < 1e-3);
        assert!(at(0.0) == 8.0);
    }

    #[test]
    fn bonuses_offset_stability_and_nothing_else() {
        let good = Metadata {
            has_peeringdb_profile: Some(true),
            upstream_tier1_count: Some(3),
            ..Metadata::default()
        };
        let calm = entered(
            &signals(Stability::default(), good),
            &Neighbours::default(),
        );
        assert!(calm.units(Code::BonusTier1) == 0.0);
        let prepending = Stability {
            excessive_prepending_count: Some(9),
            prepending_p95: Some(0.0),
            ..Stability::default()
        };
        let offset =
            entered(&signals(prepending, good), &Neighbours::default());
        assert!(offset.part(Part::Stability).abs() < 1e-12);
        assert!(offset.units(Code::BonusTier1) < -1.0);
    }

    #[test]
    fn advice_needs_knowledge() {
        let lonely = Metadata {
            has_peeringdb_profile: Some(false),
            upstream_tier1_count: Some(0),
            ..Metadata::default()
        };
        let codes = |metadata| {
            let signals = signals(Stability::default(), metadata);
            let details =
                entered(&signals, &Neighbours::default()).details(100);
            details.iter().map(|detail| detail.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(lonely), [Code::MetaNoPdb, Code::MetaNoTier1]);
        assert_eq!(
            codes(Metadata { provider_free: true, ..lonely }),
            [Code::MetaNoPdb]
        );
        assert_eq!(codes(Metadata::default()), []);
    }
}
