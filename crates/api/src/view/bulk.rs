//! Scores of many networks, in the order asked for.

use asgard_model::{Asn, Profile, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::NAMELESS;

/// Scores of many networks.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkView<'a> {
    results: Vec<BulkItemView<'a>>,
    total: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct BulkItemView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    score: Option<u8>,
    level: &'static str,
    name: &'a str,
    score_exact: Option<f64>,
}

impl<'a> BulkView<'a> {
    /// Looks the networks up; one that is not scored has nulls and `UNKNOWN`.
    pub fn new(snapshot: &'a Snapshot, asns: &[Asn]) -> Self {
        let results = asns.iter().map(|&asn| match snapshot.profile(asn) {
            Some(profile) => scored(&profile),
            None => unscored(asn),
        });
        Self { results: results.collect(), total: asns.len() }
    }
}

fn scored<'a>(profile: &Profile<'a>) -> BulkItemView<'a> {
    let assessment = profile.assessment;
    BulkItemView {
        asn: profile.asn,
        score: Some(assessment.score),
        level: assessment.level.as_str(),
        name: profile.registration.name.as_deref().unwrap_or(NAMELESS),
        score_exact: Some(assessment.score_exact),
    }
}

fn unscored<'a>(asn: Asn) -> BulkItemView<'a> {
    BulkItemView {
        asn,
        score: None,
        level: "UNKNOWN",
        name: NAMELESS,
        score_exact: None,
    }
}
