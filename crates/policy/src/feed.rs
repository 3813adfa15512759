//! Feeds: lists that devices load. First the selection, then a renderer.
//!
//! A selection never takes a whitelisted AS, whatever its threshold says, and
//! an AS without a score is in no feed.

use asgard_model::{Asn, Assessment, Level, Snapshot};

pub mod compile;
pub mod decision;
pub mod diff;
pub mod edl;
pub mod entry;
pub mod explain;
pub mod format;
pub mod guard;
pub mod preview;
pub mod profile;
pub mod select;

/// Which ASes a feed names: both conditions must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Published score at or below this value, 0–100.
    pub max_score: f64,
    /// Level is one of these; none of them selects nobody.
    pub levels: Vec<Level>,
}

impl Selection {
    /// By score alone.
    pub fn up_to(max_score: f64) -> Self {
        let levels = Level::VALUES.map(|(level, _)| level).to_vec();
        Self { max_score, levels }
    }

    /// By level alone.
    pub fn at(levels: Vec<Level>) -> Self {
        Self { max_score: 100.0, levels }
    }

    /// Whether an AS with this assessment is selected.
    pub fn takes(&self, assessment: &Assessment) -> bool {
        f64::from(assessment.score) <= self.max_score
            && self.levels.contains(&assessment.level)
            && !assessment.whitelisted
    }

    /// The selected ASes of a Snapshot, ascending.
    pub fn of(&self, snapshot: &Snapshot) -> Vec<Asn> {
        self.among(snapshot.scores())
    }

    fn among<'a>(
        &self,
        scores: impl IntoIterator<Item = (Asn, &'a Assessment)>,
    ) -> Vec<Asn> {
        scores
            .into_iter()
            .filter(|(_, assessment)| self.takes(assessment))
            .map(|(asn, _)| asn)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use asgard_model::{AssessmentState, Bands};
    use proptest::prelude::*;

    use super::*;

    fn assessment(score: u8, whitelisted: bool) -> Assessment {
        Assessment {
            score,
            score_exact: f64::from(score),
            score_low: score,
            score_high: score,
            level: Bands::default().level(score),
            hygiene: 100,
            threat: score,
            stability: 100,
            downstream: None,
            confidence: 1.0,
            state: AssessmentState::Ok,
            direct_units: 0.0,
            hosting_rate: 0.0,
            families: 2,
            whitelisted,
            details: Vec::new(),
        }
    }

    fn selected(selection: &Selection, scores: &[(u8, bool)]) -> Vec<u32> {
        let all: Vec<_> = (1u32..)
            .zip(scores)
            .map(|(n, &(score, trusted))| (Asn(n), assessment(score, trusted)))
            .collect();
        let found = selection.among(all.iter().map(|(asn, a)| (*asn, a)));
        found.into_iter().map(|asn| asn.0).collect()
    }

    #[test]
    fn the_threshold_itself_is_selected_and_the_next_score_is_not() {
        let scores = [(49, false), (50, false), (51, false)];
        assert_eq!(selected(&Selection::up_to(50.0), &scores), [1, 2]);
        assert_eq!(selected(&Selection::up_to(49.99), &scores), [1]);
    }

    #[test]
    fn a_whitelisted_network_is_never_selected() {
        let scores = [(0, true), (100, true), (100, false)];
        assert_eq!(selected(&Selection::up_to(100.0), &scores), [3]);
        let levels = Level::VALUES.map(|(level, _)| level).to_vec();
        assert_eq!(selected(&Selection::at(levels), &scores), [3]);
    }

    #[test]
    fn levels_select_their_bands_only() {
        let scores = [(10, false), (60, false), (80, false), (95, false)];
        let levels = vec![Level::High, Level::Low];
        assert_eq!(selected(&Selection::at(levels), &scores), [2, 4]);
        assert!(selected(&Selection::at(vec![]), &scores).is_empty());
    }

    #[test]
    fn both_conditions_must_hold() {
        let scores = [(10, false), (40, false), (60, false)];
        let critical = vec![Level::Critical];
        let selection = Selection { max_score: 30.0, levels: critical };
        assert_eq!(selected(&selection, &scores), [1]);
    }

    fn scores() -> impl Strategy<Value = Vec<(u8, bool)>> {
        prop::collection::vec((0u8..=100, any::<bool>()), 0..60)
    }

    proptest! {
        #[test]
        fn a_higher_threshold_only_adds(
            scores in scores(), low in 0.0f64..=100.0, high in 0.0f64..=100.0,
        ) {
            let (low, high) = (low.min(high), low.max(high));
            let few = selected(&Selection::up_to(low), &scores);
            let many = selected(&Selection::up_to(high), &scores);
            prop_assert!(few.iter().all(|asn| many.contains(asn)));
        }

        #[test]
        fn a_selection_is_ascending_and_exact(
            scores in scores(), max in 0.0f64..=100.0,
        ) {
            let found = selected(&Selection::up_to(max), &scores);
            prop_assert!(found.is_sorted());
            for (asn, &(score, trusted)) in (1u32..).zip(&scores) {
                let wanted = !trusted && f64::from(score) <= max;
                prop_assert_eq!(found.contains(&asn), wanted);
            }
        }

        #[test]
        fn the_level_table_and_the_thresholds_agree(scores in scores()) {
            let critical = Selection::at(vec![Level::Critical]);
            let below = Selection::up_to(49.0);
            prop_assert_eq!(
                selected(&critical, &scores),
                selected(&below, &scores)
            );
        }
    }
}
