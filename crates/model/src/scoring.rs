//! Signals → [`Assessment`]: pure arithmetic, one file a part.
//!
//! Penalties P ≥ 0 are added by part and turned into a score once. Order:
//! family limit, caps of the parts, bonuses, UNPROVEN, corroboration limit,
//! rounding to 1e-6, link. Transcendental functions come from `libm`, sums run
//! in code order: the same signals give the same bytes on every machine.
//!
//! | file | holds |
//! |---|---|
//! | `weights.rs`, `model_file.rs` | the parameters; reading `model.toml` |
//! | `ramp.rs`, `gamma.rs` | counts → rates → units |
//! | `threat.rs`, `family_limit.rs` | evidence, and who may say how much |
//! | `hygiene.rs`, `stability.rs`, `confidence.rs` | the other parts |
//! | `ledger.rs`, `code.rs`, `description.rs` | points and reasons |
//! | `neighbours.rs`, `rank.rs`, `unknown.rs` | what is derived over all ASes |

pub use code::{Code, CodeError, Part, Severity};
pub use description::Facts;
pub use model_file::ModelError;
pub use neighbours::{downstream_score, peer_group, upstream_units};
pub use rank::Ranks;
pub use threat::{LowRates, low_rates};
pub use unknown::{KnownThreats, signals_unknown};
pub use weights::{Link, Model, StalenessHours, VisibilityRule};

use confidence::Certainty;
use ledger::Ledger;
use threat::Weighed;

use crate::{
    Assessment, Bands, Detail, Signals,
    signals::{Neighbours, SourceHealth},
};

mod code;
mod confidence;
mod description;
mod family_limit;
mod gamma;
mod hygiene;
mod ledger;
mod model_file;
mod neighbours;
mod ramp;
mod rank;
mod stability;
mod threat;
mod unknown;
mod weights;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod worked_examples;

/// P⁰: the penalty in units without anything that came from neighbours, and
/// without UNPROVEN.
///
/// Only this flows along edges. The caller counts whitelisted ASes as 0, as
/// [`Assessment::direct_units`] does.
pub fn direct(signals: &Signals, health: &SourceHealth, model: &Model) -> f64 {
    let weighed = threat::weigh(signals, model);
    let alone = Neighbours::default();
    evidence_units(&enter(signals, &alone, health, &weighed, model))
}

/// P without UNPROVEN: that nobody has looked at an AS is no evidence against
/// its neighbours.
fn evidence_units(ledger: &Ledger) -> f64 {
    quantise(ledger.total() - ledger.units(Code::Unproven))
}

/// Judges one AS.
///
/// `score_low` takes threat units at the high bound, without limits, and the
/// ignorance units; `score_high` leaves out UNPROVEN, the only units that stand
/// on no source. Always `score_low ≤ score ≤ score_high`.
pub fn assess(
    signals: &Signals,
    neighbours: &Neighbours,
    health: &SourceHealth,
    whitelisted: bool,
    model: &Model,
    bands: Bands,
) -> Assessment {
    let weighed = threat::weigh(signals, model);
    let at_most = threat::at_most(signals, model);
    let spread = at_most - weighed.raw;
    let certainty = confidence::judge(signals, spread, health, model);
    let alone = Neighbours::default();
    let direct = enter(signals, &alone, health, &weighed, model);
    let ledger = enter(signals, neighbours, health, &weighed, model);
    let total = ledger.total();
    let part = |part| model.score(quantise(ledger.part(part)));
    let score = model.score(quantise(total));
    let assessment = Assessment {
        score,
        score_exact: model.score_exact(quantise(total)),
        score_low: model
            .score(quantise(worst(&ledger, at_most, &certainty, model))),
        score_high: model.score(quantise(total - ledger.units(Code::Unproven))),
        level: bands.level(score),
        hygiene: part(Part::Hygiene),
        threat: part(Part::Threat),
        stability: part(Part::Stability),
        downstream: neighbours.downstream.map(rounded),
        confidence: certainty.confidence,
        state: certainty.state,
        direct_units: evidence_units(&direct),
        hosting_rate: threat::hosting_rate(signals, model),
        families: weighed.families,
        whitelisted: false,
        details: ledger.details(score),
    };
    if whitelisted { trusted(assessment, bands) } else { assessment }
}

/// All units of one AS, after all limits.
fn enter(
    signals: &Signals,
    neighbours: &Neighbours,
    health: &SourceHealth,
    weighed: &Weighed,
    model: &Model,
) -> Ledger {
    let mut ledger = Ledger::default();
    let threats = signals.threats.as_deref();
    threat::enter(&mut ledger, weighed, threats, neighbours, model);
    hygiene::enter(&mut ledger, signals, model);
    stability::enter(&mut ledger, signals, neighbours, model);
    confidence::enter(&mut ledger, signals, health, model);
    if !weighed.corroborated {
        ledger.limit_total(model.total_limit_alone());
    }
    ledger
}

/// The largest plausible P.
fn worst(
    ledger: &Ledger,
    at_most: f64,
    certainty: &Certainty,
    model: &Model,
) -> f64 {
    let others = ledger.part(Part::Hygiene) + ledger.part(Part::Stability);
    let threat = at_most + ledger.units(Code::ThreatSibling);
    let ignorance = model.ignorance_units * (1.0 - certainty.confidence);
    ledger.total().max(threat + others + ignorance)
}

/// What the operator's word makes of an assessment.
fn trusted(assessment: Assessment, bands: Bands) -> Assessment {
    Assessment {
        score: 100,
        score_exact: 100.0,
        score_low: 100,
        score_high: 100,
        level: bands.level(100),
        hygiene: 100,
        threat: 100,
        stability: 100,
        downstream: Some(100),
        direct_units: 0.0,
        whitelisted: true,
        details: vec![Detail {
            code: Code::Whitelisted,
            points: 0,
            units: 0.0,
        }],
        ..assessment
    }
}

/// 2^x, the same on every machine: decay for whoever fills in the signals.
pub fn exp2(x: f64) -> f64 {
    libm::exp2(x)
}

/// P to 1e-6, half away from zero: noise in the last bits moves no score.
fn quantise(units: f64) -> f64 {
    (units * 1e6).round() / 1e6
}

impl Model {
    /// The unrounded score of a penalty, 0–100.
    fn score_exact(&self, units: f64) -> f64 {
        match self.link {
            Link::Exp => 100.0 * libm::exp(-units / 100.0),
            Link::Linear => (100.0 - units).clamp(0.0, 100.0),
        }
    }

    /// The published score of a penalty.
    fn score(&self, units: f64) -> u8 {
        rounded(self.score_exact(units))
    }

    /// The most units that evidence of one family may reach in total.
    fn total_limit_alone(&self) -> f64 {
        match self.link {
            Link::Exp => self.corroboration.limit_exp,
            Link::Linear => self.corroboration.limit_linear,
        }
    }
}

/// A score, half away from zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0–100 first"
)]
fn rounded(score: f64) -> u8 {
    score.round().clamp(0.0, 100.0) as u8
}
