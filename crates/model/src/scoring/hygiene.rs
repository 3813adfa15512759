//! Hygiene units: routing security and registration.
//!
//! A signal that is `None` adds nothing: what nobody looked at is not bad.

use super::{Code, Model, Part, ledger::Ledger};
use crate::{
    Signals,
    signals::{Hygiene, Metadata},
};

/// Percent of unsigned space from which it counts: 35–45 % is normal.
const UNSIGNED_FROM_PERCENT: f64 = 50.0;

/// Enters the hygiene units, limited to the cap of the part.
pub(super) fn enter(ledger: &mut Ledger, signals: &Signals, model: &Model) {
    let hygiene = &signals.hygiene;
    let units = &model.hygiene;
    let flag = |found: bool, units: f64| if found { units } else { 0.0 };
    ledger.set(Code::RpkiInvalid, rpki_invalid(hygiene, model));
    ledger.set(Code::RouteLeak, route_leak(hygiene, model));
    let bogon = hygiene.bogon_ads == Some(true);
    ledger.set(Code::BogonAd, flag(bogon, units.bogon));
    let aspa = hygiene.aspa_invalid_routes.unwrap_or(0) > 0;
    ledger.set(Code::AspaInvalid, flag(aspa, units.aspa));
    let stub = hygiene.stub_but_transit == Some(true);
    ledger.set(Code::StubTransit, flag(stub, units.stub));
    ledger.set(Code::Fragmentation, fragmentation(hygiene, model));
    ledger.set(Code::RpkiUnknown, rpki_unknown(hygiene, model));
    if percent(hygiene.rpki_unknown_percent) > UNSIGNED_FROM_PERCENT {
        ledger.advise(Code::RpkiUnknown);
    }
    let hidden = is_hidden(&signals.metadata);
    ledger.set(Code::MetaPrivate, flag(hidden, units.whois));
    ledger.limit_part(Part::Hygiene, units.cap);
}

fn is_hidden(metadata: &Metadata) -> bool {
    metadata.is_whois_private == Some(true)
}

fn rpki_invalid(hygiene: &Hygiene, model: &Model) -> f64 {
    let share = percent(hygiene.rpki_invalid_percent) / 100.0;
    let full_at = model.hygiene.rpki_invalid_full_at;
    model.hygiene.rpki_invalid * (share / full_at).min(1.0)
}

fn route_leak(hygiene: &Hygiene, model: &Model) -> f64 {
    let weight = hygiene.route_leak_weight.unwrap_or(0.0).max(0.0);
    let units = model.hygiene.leak_slope * libm::log2(1.0 + weight);
    units.min(model.hygiene.leak)
}

fn fragmentation(hygiene: &Hygiene, model: &Model) -> f64 {
    let (Some(value), Some(p95)) =
        (hygiene.prefix_granularity, hygiene.granularity_p95)
    else {
        return 0.0;
    };
    if p95 >= 100.0 {
        return 0.0;
    }
    let excess = (value - p95) / (100.0 - p95);
    model.hygiene.fragmentation * excess.clamp(0.0, 1.0)
}

fn rpki_unknown(hygiene: &Hygiene, model: &Model) -> f64 {
    let excess = percent(hygiene.rpki_unknown_percent) - UNSIGNED_FROM_PERCENT;
    let share = excess / (100.0 - UNSIGNED_FROM_PERCENT);
    model.hygiene.rpki_unknown * share.clamp(0.0, 1.0)
}

fn percent(value: Option<f64>) -> f64 {
    value.unwrap_or(0.0).clamp(0.0, 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(hygiene: Hygiene, code: Code) -> f64 {
        let signals = Signals { hygiene, ..Signals::default() };
        let mut ledger = Ledger::default();
        enter(&mut ledger, &signals, &Model::default_model());
        ledger.units(code)
    }

    #[test]
    fn each_signal_has_the_units_of_its_rule() {
        let bad = Hygiene {
            rpki_invalid_percent: Some(5.0),
            rpki_unknown_percent: Some(75.0),
            route_leak_weight: Some(3.0),
            stub_but_transit: Some(true),
            prefix_granularity: Some(100.0),
            granularity_p95: Some(80.0),
            ..Hygiene::default()
        };
        for (code, expected) in [
            (Code::RpkiInvalid, 6.0),
            (Code::RpkiUnknown, 1.0),
            (Code::RouteLeak, 8.0),
            (Code::StubTransit, 4.0),
            (Code::Fragmentation, 3.0),
            (Code::BogonAd, 0.0),
        ] {
            let found = units(bad, code);
            assert!((found - expected).abs() < 1e-12, "{code}: {found}");
        }
    }

    #[test]
    fn all_faults_together_stay_at_the_cap_pro_rata() {
        let worst = Hygiene {
            rpki_invalid_percent: Some(100.0),
            rpki_unknown_percent: Some(100.0),
            route_leak_weight: Some(1e9),
            bogon_ads: Some(true),
            stub_but_transit: Some(true),
            aspa_invalid_routes: Some(1),
            ..Hygiene::default()
        };
        let leak = units(worst, Code::RouteLeak);
        assert!((leak - 30.0 * 15.0 / 49.0).abs() < 1e-12, "{leak}");
    }

    #[test]
    fn what_nobody_looked_at_is_not_bad() {
        for (code, _) in Code::VALUES {
            assert!(units(Hygiene::default(), code) == 0.0, "{code}");
        }
    }
}
