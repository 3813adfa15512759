//! Two networks side by side.

use asgard_model::{Asn, Profile};
use serde::Serialize;
use utoipa::ToSchema;

use super::level_schema;

/// Two networks side by side.
#[derive(Debug, Serialize, ToSchema)]
pub struct CompareView<'a> {
    asn_a: SummaryView<'a>,
    asn_b: SummaryView<'a>,
    comparison: ComparisonView,
}

/// The scores of one network.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SummaryView<'a> {
    #[schema(value_type = u32, minimum = 1)]
    asn: Asn,
    name: Option<&'a str>,
    country_code: Option<&'a str>,
    total_score: u8,
    #[schema(schema_with = level_schema)]
    risk_level: &'static str,
    hygiene_score: u8,
    threat_score: u8,
    stability_score: u8,
}

/// Who is better at what; `None` if both are equal.
#[derive(Debug, Serialize, ToSchema)]
struct ComparisonView {
    #[schema(value_type = Option<u32>)]
    safer_overall: Option<Asn>,
    score_diff: u8,
    #[schema(value_type = Option<u32>)]
    better_hygiene: Option<Asn>,
    #[schema(value_type = Option<u32>)]
    better_threat_profile: Option<Asn>,
    #[schema(value_type = Option<u32>)]
    more_stable: Option<Asn>,
}

impl<'a> CompareView<'a> {
    /// Compares published scores, so that the verdict can be checked against
    /// the numbers beside it.
    pub fn new(a: &Profile<'a>, b: &Profile<'a>) -> Self {
        let (asn_a, asn_b) = (SummaryView::new(a), SummaryView::new(b));
        let comparison = ComparisonView::new(&asn_a, &asn_b);
        Self { asn_a, asn_b, comparison }
    }
}

impl<'a> SummaryView<'a> {
    pub(super) fn new(profile: &Profile<'a>) -> Self {
        let registration = profile.registration;
        let assessment = profile.assessment;
        Self {
            asn: profile.asn,
            name: registration.name.as_deref(),
            country_code: registration.country.as_ref().map(|c| c.as_str()),
            total_score: assessment.score,
            risk_level: assessment.level.as_str(),
            hygiene_score: assessment.hygiene,
            threat_score: assessment.threat,
            stability_score: assessment.stability,
        }
    }
}

impl ComparisonView {
    fn new(a: &SummaryView<'_>, b: &SummaryView<'_>) -> Self {
        let better = |part: fn(&SummaryView<'_>) -> u8| {
            let (of_a, of_b) = (part(a), part(b));
            let safer = if of_a > of_b { a.asn } else { b.asn };
            (of_a != of_b).then_some(safer)
        };
        Self {
            safer_overall: better(|s| s.total_score),
            score_diff: a.total_score.abs_diff(b.total_score),
            better_hygiene: better(|s| s.hygiene_score),
            better_threat_profile: better(|s| s.threat_score),
            more_stable: better(|s| s.stability_score),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(asn: u32, scores: [u8; 4]) -> SummaryView<'static> {
        let [total_score, hygiene_score, threat_score, stability_score] =
            scores;
        SummaryView {
            asn: Asn(asn),
            name: None,
            country_code: None,
            total_score,
            risk_level: "LOW",
            hygiene_score,
            threat_score,
            stability_score,
        }
    }

    #[test]
    fn the_documented_example_compares_as_documented() {
        let google = summary(15_169, [95, 100, 100, 85]);
        let level3 = summary(3_356, [80, 90, 85, 75]);
        let expected = json!({
            "safer_overall": 15_169,
            "score_diff": 15,
            "better_hygiene": 15_169,
            "better_threat_profile": 15_169,
            "more_stable": 15_169
        });
        for (a, b) in [(&google, &level3), (&level3, &google)] {
            assert_eq!(json!(ComparisonView::new(a, b)), expected);
        }
    }

    #[test]
    fn dimensions_are_judged_one_by_one_and_equal_ones_by_nobody() {
        let a = summary(1, [70, 90, 50, 80]);
        let b = summary(2, [70, 80, 60, 80]);
        assert_eq!(
            json!(ComparisonView::new(&a, &b)),
            json!({
                "safer_overall": null,
                "score_diff": 0,
                "better_hygiene": 1,
                "better_threat_profile": 2,
                "more_stable": null
            })
        );
    }
}
