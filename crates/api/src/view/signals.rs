//! Signals under the names of the API.
//!
//! Fields that are not nullable show 0 or `false` for what nobody could know;
//! `unknown` names them, so that "unknown" is not read as "clean".

use asgard_model::{
    Model, Signals,
    scoring::{KnownThreats, low_rates, signals_unknown},
    signals::{Metadata, Stability, Threats},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::number::hundredths;

/// Everything measured about one network.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignalsView {
    hygiene: HygieneView,
    threats: ThreatsView,
    metadata: MetadataView,
    forensics: ForensicsView,
    unknown: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct HygieneView {
    rpki_invalid_percent: f64,
    rpki_unknown_percent: f64,
    has_route_leaks: bool,
    has_bogon_ads: bool,
    is_stub_but_transit: bool,
    prefix_granularity_score: Option<u8>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ThreatsView {
    spamhaus_listed: bool,
    spam_emission_rate: f64,
    botnet_c2_count: u32,
    phishing_hosting_count: u32,
    malware_distribution_count: u32,
}

#[derive(Debug, Serialize, ToSchema)]
struct MetadataView {
    has_peeringdb_profile: bool,
    upstream_tier1_count: u32,
    is_whois_private: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct ForensicsView {
    ddos_blackhole_count: u32,
    excessive_prepending_count: u32,
}

impl SignalsView {
    /// Shows signals; `known` says which threats a source could have reported,
    /// `model` how rates are bounded.
    pub fn new(signals: &Signals, known: &KnownThreats, model: &Model) -> Self {
        let spam = low_rates(signals, model).spam;
        let threats = signals.threats.as_deref();
        Self {
            hygiene: HygieneView::new(signals),
            threats: threats.map_or_else(ThreatsView::none, |threats| {
                ThreatsView::new(threats, spam)
            }),
            metadata: MetadataView::new(&signals.metadata),
            forensics: ForensicsView::new(&signals.stability),
            unknown: signals_unknown(signals, known),
        }
    }
}

impl HygieneView {
    fn new(signals: &Signals) -> Self {
        let hygiene = &signals.hygiene;
        let percent = |value: Option<f64>| hundredths(value.unwrap_or(0.0));
        Self {
            rpki_invalid_percent: percent(hygiene.rpki_invalid_percent),
            rpki_unknown_percent: percent(hygiene.rpki_unknown_percent),
            has_route_leaks: hygiene
                .route_leak_weight
                .is_some_and(|weight| weight > 0.0),
            has_bogon_ads: hygiene.bogon_ads.unwrap_or(false),
            is_stub_but_transit: hygiene.stub_but_transit.unwrap_or(false),
            prefix_granularity_score: hygiene.prefix_granularity.map(whole),
        }
    }
}

impl ThreatsView {
    fn none() -> Self {
        Self::new(&Threats::default(), 0.0)
    }

    fn new(threats: &Threats, spam_rate: f64) -> Self {
        Self {
            spamhaus_listed: threats.listed_now,
            spam_emission_rate: hundredths(spam_rate),
            botnet_c2_count: threats.shown.c2,
            phishing_hosting_count: threats.shown.phishing,
            malware_distribution_count: threats.shown.malware,
        }
    }
}

impl MetadataView {
    fn new(metadata: &Metadata) -> Self {
        Self {
            has_peeringdb_profile: metadata
                .has_peeringdb_profile
                .unwrap_or(false),
            upstream_tier1_count: metadata.upstream_tier1_count.unwrap_or(0),
            is_whois_private: metadata.is_whois_private.unwrap_or(false),
        }
    }
}

impl ForensicsView {
    fn new(stability: &Stability) -> Self {
        Self {
            ddos_blackhole_count: stability.ddos_blackhole_count.unwrap_or(0),
            excessive_prepending_count: stability
                .excessive_prepending_count
                .unwrap_or(0),
        }
    }
}

/// A percentage without decimals.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0–100 first"
)]
fn whole(percent: f64) -> u8 {
    percent.round().clamp(0.0, 100.0) as u8
}
