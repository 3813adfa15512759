//! How much the data support the score, and what ignorance costs.
//!
//! `confidence = coverage · (0.2 + 0.8·history) · precision · visibility`. It
//! never lowers a threat; but an AS of which nothing is known bears UNPROVEN,
//! so that it does not outrank one that was watched and found clean.

use super::{Code, Model, Part, ledger::Ledger, ramp::Bound, threat::Evidence};
use crate::{
    AssessmentState, Signals,
    signals::{Rates, SourceHealth, Threats, Visibility},
};

/// How sure we are about one AS.
pub(super) struct Certainty {
    /// Published confidence, 0–1, two decimals; what follows from it uses the
    /// rounded value, so that a reader can check it.
    pub(super) confidence: f64,
    pub(super) state: AssessmentState,
}

/// Judges how sure we are; `spread` is the width of the interval in units.
pub(super) fn judge(
    signals: &Signals,
    spread: f64,
    health: &SourceHealth,
    model: &Model,
) -> Certainty {
    let threats = signals.threats.as_deref();
    let confidence = confidence(
        health.coverage,
        history(age_share(signals, model), threats, model),
        spread,
        visibility(signals, is_listed(threats), model),
        model,
    );
    let state = match is_silent(signals) {
        true => silent(health, model),
        false => state(confidence, health, model),
    };
    Certainty { confidence, state }
}

/// Units of UNPROVEN, from what was known *before* any report: a report must
/// not buy trust. For an AS without reports both confidences are the same.
fn unproven(signals: &Signals, health: &SourceHealth, model: &Model) -> f64 {
    let nothing = Evidence::nothing();
    let blind = confidence(
        health.coverage,
        age_share(signals, model),
        nothing.units(&signals.exposure, Bound::High, model).total(),
        visibility(signals, false, model),
        model,
    );
    if blind >= model.assessment.min_confidence {
        return 0.0;
    }
    let units = model.stability.unproven * (1.0 - blind);
    if is_newcomer(signals, model) {
        units.max(model.newcomer.units)
    } else {
        units
    }
}

fn is_newcomer(signals: &Signals, model: &Model) -> bool {
    let days = signals.metadata.age_days.map_or(0.0, f64::from);
    days <= model.newcomer.days
}

/// Enters UNPROVEN, outside the cap and the bonuses of its part. Doubt and
/// evidence do not add up: the larger counts.
pub(super) fn enter(
    ledger: &mut Ledger,
    signals: &Signals,
    health: &SourceHealth,
    model: &Model,
) {
    let evidence = ledger.part(Part::Threat);
    let doubt = unproven(signals, health, model);
    ledger.set(Code::Unproven, (doubt - evidence).max(0.0));
}

fn confidence(
    coverage: f64,
    history: f64,
    spread: f64,
    visibility: f64,
    model: &Model,
) -> f64 {
    let rule = &model.uncertainty;
    let precision = 1.0 - (spread / rule.precision_units).clamp(0.0, 1.0);
    let known = rule.history_floor + (1.0 - rule.history_floor) * history;
    let exact = coverage.clamp(0.0, 1.0) * known * precision * visibility;
    (exact * 100.0).round() / 100.0
}

/// Share of a full history that age alone gives, 0–1; unknown age is none.
fn age_share(signals: &Signals, model: &Model) -> f64 {
    let days = signals.metadata.age_days.map_or(0.0, f64::from);
    (days / model.assessment.history_days).min(1.0)
}

fn history(known: f64, threats: Option<&Threats>, model: &Model) -> f64 {
    let Some(threats) = threats else { return known };
    if is_listed(Some(threats)) {
        return 1.0;
    }
    let reports = total(&threats.k) / model.assessment.evidence_full;
    known.max(reports).min(1.0)
}

fn total(k: &Rates) -> f64 {
    let v4 = k.hosting + k.phishing + k.spam + k.attack;
    let v6 = k.hosting_v6 + k.phishing_v6 + k.spam_v6 + k.attack_v6;
    v4 + v6
}

fn is_listed(threats: Option<&Threats>) -> bool {
    threats.is_some_and(|threats| threats.asn_drop > 0.0)
}

fn visibility(signals: &Signals, listed: bool, model: &Model) -> f64 {
    match signals.exposure.visibility {
        Visibility::Full => 1.0,
        Visibility::Low => model.uncertainty.low_visibility,
        Visibility::NotAnnounced if listed => 1.0,
        Visibility::NotAnnounced => model.uncertainty.not_announced,
    }
}

/// Whether it announces nothing and no list names it: there is nothing to
/// watch, and silence is not health.
fn is_silent(signals: &Signals) -> bool {
    signals.exposure.visibility == Visibility::NotAnnounced
        && signals.threats.is_none()
}

/// The state of an AS that is silent, however long it has been known.
fn silent(health: &SourceHealth, model: &Model) -> AssessmentState {
    state(0.0, health, model)
}

/// Without any source there is nothing that could be stale.
fn state(
    confidence: f64,
    health: &SourceHealth,
    model: &Model,
) -> AssessmentState {
    let rule = &model.assessment;
    let aged = health.coverage > 0.0 && health.coverage < rule.min_coverage;
    if health.routing_stale || aged {
        AssessmentState::Stale
    } else if confidence < rule.min_confidence {
        AssessmentState::InsufficientData
    } else {
        AssessmentState::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_means_that_something_was_loaded_once() {
        let model = Model::default_model();
        let state = |coverage, routing_stale, confidence| {
            let health = SourceHealth { coverage, routing_stale };
            state(confidence, &health, &model).as_str()
        };
        assert_eq!(state(0.0, false, 0.0), "insufficient_data");
        assert_eq!(state(0.49, false, 0.9), "stale");
        assert_eq!(state(1.0, true, 0.9), "stale");
        assert_eq!(state(0.5, false, 0.4), "ok");
        assert_eq!(state(1.0, false, 0.39), "insufficient_data");
    }
}
