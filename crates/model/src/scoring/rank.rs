//! Percentiles among all scored ASes, from 101 counters.
//!
//! Most ASes tie at 98 to 100, so ranks are midranks: ties share the middle.

use crate::AssessmentState;

/// How many ASes have each score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    counts: [u32; 101],
    /// Σ counts below each score.
    below: [u32; 101],
    total: u32,
}

impl FromIterator<u8> for Ranks {
    /// Counts published scores; anything above 100 counts as 100.
    fn from_iter<I: IntoIterator<Item = u8>>(scores: I) -> Self {
        let mut counts = [0_u32; 101];
        for score in scores {
            counts[usize::from(score.min(100))] += 1;
        }
        let mut total = 0;
        let below = counts.map(|count| {
            let below = total;
            total += count;
            below
        });
        Self { counts, below, total }
    }
}

impl Ranks {
    /// Number of ASes counted.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// Percent of ASes with a lower score, plus half of those with the same:
    /// 0–100, one decimal. 100 is best. `None` when nothing was counted.
    pub fn percentile(&self, score: u8) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let at = usize::from(score.min(100));
        let rank = f64::from(self.below[at]) + f64::from(self.counts[at]) / 2.0;
        Some((1_000.0 * rank / f64::from(self.total)).round() / 10.0)
    }

    /// The percentile inside a peer group; `None` when too little is known about
    /// the AS to compare it.
    pub fn peer_percentile(
        &self,
        score: u8,
        state: AssessmentState,
    ) -> Option<f64> {
        match state {
            AssessmentState::InsufficientData => None,
            AssessmentState::Ok | AssessmentState::Stale => {
                self.percentile(score)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_the_middle() {
        let ranks: Ranks = [10, 100, 100, 100, 50].into_iter().collect();
        assert_eq!(ranks.percentile(10), Some(10.0));
        assert_eq!(ranks.percentile(50), Some(30.0));
        assert_eq!(ranks.percentile(100), Some(70.0));
        assert_eq!(ranks.percentile(99), Some(40.0));
        assert_eq!(ranks.total(), 5);
    }

    #[test]
    fn nobody_is_ranked_in_an_empty_group_or_on_too_little_data() {
        let empty: Ranks = std::iter::empty().collect();
        assert_eq!(empty.percentile(100), None);
        let ranks: Ranks = [100].into_iter().collect();
        let state = AssessmentState::InsufficientData;
        assert_eq!(ranks.peer_percentile(100, state), None);
        assert_eq!(ranks.peer_percentile(100, AssessmentState::Ok), Some(50.0));
    }
}
