//! A published Snapshot and what was rendered from it.
//!
//! A feed is rendered once a Snapshot and selection, and compressed once a
//! coding, however many devices poll it. The cache needs no invalidation: it goes with its Snapshot. It is
//! bounded, because scores are integers: 101 thresholds and 16 sets of levels.

use std::sync::{Arc, OnceLock};

use asgard_model::{Level, Snapshot};
use asgard_policy::{Selection, feed::edl};
use axum::{body::Bytes, http::HeaderValue};

use crate::{coding::KeptBody, representation::etag};

const THRESHOLDS: usize = 101;
const LEVEL_SETS: usize = 1 << Level::VALUES.len();

/// A published Snapshot and what was rendered from it.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) snapshot: Arc<Snapshot>,
    by_score: [OnceLock<Feed>; THRESHOLDS],
    by_levels: [OnceLock<Feed>; LEVEL_SETS],
}

/// A rendered feed.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) body: Arc<KeptBody>,
    pub(crate) etag: HeaderValue,
    pub(crate) entries: usize,
}

impl Published {
    pub(crate) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            by_score: [const { OnceLock::new() }; THRESHOLDS],
            by_levels: [const { OnceLock::new() }; LEVEL_SETS],
        }
    }

    /// The External Dynamic List of a selection.
    pub(crate) fn edl(&self, selection: &Selection) -> &Feed {
        let place = match selection {
            Selection::MaxScore(max) => &self.by_score[threshold(*max)],
            Selection::Levels(levels) => &self.by_levels[level_set(levels)],
        };
        place.get_or_init(|| render(&self.snapshot, selection))
    }
}

/// Published scores are whole, so 50.7 selects what 50 selects.
fn threshold(max: f64) -> usize {
    let mut scores = (0..=100u8).rev();
    scores.find(|score| f64::from(*score) <= max).map_or(0, usize::from)
}

fn level_set(levels: &[Level]) -> usize {
    levels.iter().fold(0, |set, &level| set | 1 << level as usize)
}

fn render(snapshot: &Snapshot, selection: &Selection) -> Feed {
    let asns = selection.of(snapshot);
    let body = Bytes::from(edl::render(&asns));
    Feed {
        etag: etag(&body),
        entries: asns.len(),
        body: Arc::new(KeptBody::new(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_shares_a_place_with_its_whole_score_only() {
        for (max, place) in
            [(0.0, 0), (0.9, 0), (1.0, 1), (49.99, 49), (100.0, 100)]
        {
            assert_eq!(threshold(max), place, "{max}");
        }
    }

    #[test]
    fn sets_of_levels_have_distinct_places() {
        assert_eq!(level_set(&[]), 0);
        let all = Level::VALUES.map(|(level, _)| level);
        assert_eq!(level_set(&all), LEVEL_SETS - 1);
        let twice = [Level::High, Level::High];
        assert_eq!(level_set(&twice), level_set(&[Level::High]));
        assert_ne!(level_set(&twice), level_set(&[Level::Critical]));
    }
}
