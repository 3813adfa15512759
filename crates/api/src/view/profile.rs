//! The complete risk profile of one network.

use asgard_model::{Asn, Profile, Signals, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    detail::{DetailView, details},
    level_schema, moment,
    signals::SignalsView,
};

/// The complete risk profile of one network.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    name: Option<&'a str>,
    country_code: Option<&'a str>,
    registry: Option<&'static str>,
    risk_score: u8,
    #[schema(schema_with = level_schema)]
    risk_level: &'static str,
    rank_percentile: Option<f64>,
    downstream_score: Option<u8>,
    last_updated: String,
    breakdown: BreakdownView,
    signals: SignalsView,
    details: Vec<DetailView<'a>>,
    score_exact: f64,
    confidence: f64,
    score_low: u8,
    score_high: u8,
    assessment: &'static str,
    evidence: TotalsView,
    model_version: &'a str,
    peer_group: String,
    peer_percentile: Option<f64>,
    whitelisted: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct BreakdownView {
    hygiene: u8,
    threat: u8,
    stability: u8,
}

/// How much was reported about the network, by how many.
#[derive(Debug, Default, Serialize, ToSchema)]
struct TotalsView {
    reports: u32,
    distinct_ips: u32,
    sources: u16,
    families: usize,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

impl<'a> ProfileView<'a> {
    /// Shows a profile of a Snapshot.
    pub fn new(snapshot: &'a Snapshot, profile: &Profile<'a>) -> Self {
        let registration = profile.registration;
        let assessment = profile.assessment;
        Self {
            asn: profile.asn,
            name: registration.name.as_deref(),
            country_code: registration.country.as_ref().map(|c| c.as_str()),
            registry: registration.rir.map(|rir| rir.as_str()),
            risk_score: assessment.score,
            risk_level: assessment.level.as_str(),
            rank_percentile: snapshot.rank_percentile(profile),
            downstream_score: assessment.downstream,
            last_updated: moment::spaced(snapshot.created),
            breakdown: BreakdownView {
                hygiene: assessment.hygiene,
                threat: assessment.threat,
                stability: assessment.stability,
            },
            signals: SignalsView::new(
                profile.signals,
                &snapshot.world.known,
                &snapshot.model,
            ),
            details: details(snapshot, profile),
            score_exact: assessment.score_exact,
            confidence: assessment.confidence,
            score_low: assessment.score_low,
            score_high: assessment.score_high,
            assessment: assessment.state.as_str(),
            evidence: TotalsView::new(profile.signals),
            model_version: &snapshot.model_version,
            peer_group: profile.peer_group(),
            peer_percentile: snapshot.peer_percentile(profile),
            whitelisted: assessment.whitelisted,
        }
    }
}

impl TotalsView {
    fn new(signals: &Signals) -> Self {
        let Some(threats) = signals.threats.as_deref() else {
            return Self::default();
        };
        Self {
            reports: threats.reports,
            distinct_ips: threats.distinct_ips,
            sources: threats.sources,
            families: threats.families.len(),
            first_seen: threats.first_seen.map(|day| day.to_string()),
            last_seen: threats.last_seen.map(|day| day.to_string()),
        }
    }
}
