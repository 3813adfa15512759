//! Which events a watcher wants.

use asgard_model::{Asn, Level, ScoreEvent};

/// All conditions must hold; an empty filter wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Only scores that fell by this many points or more.
    pub(crate) min_drop: Option<u8>,
    /// Only networks that are at one of these levels now.
    pub(crate) levels: Option<Box<[Level]>>,
    /// Only these networks, ascending.
    pub(crate) asns: Option<Box<[Asn]>>,
}

impl Filter {
    pub(crate) fn wants(&self, event: &ScoreEvent) -> bool {
        let dropped = event.previous_score.saturating_sub(event.score);
        self.min_drop.is_none_or(|min| dropped >= min)
            && self.levels.as_ref().is_none_or(|l| l.contains(&event.level))
            && self
                .asns
                .as_ref()
                .is_none_or(|asns| asns.binary_search(&event.asn).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn event(previous_score: u8, score: u8) -> ScoreEvent {
        ScoreEvent {
            id: 1,
            asn: Asn(64_496),
            score,
            previous_score,
            level: Level::Critical,
            timestamp: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_drop_is_what_the_score_lost_and_a_rise_is_none() {
        let filter = Filter { min_drop: Some(10), ..Filter::default() };
        assert!(filter.wants(&event(50, 40)));
        assert!(!filter.wants(&event(50, 41)));
        assert!(!filter.wants(&event(40, 90)));
    }

    #[test]
    fn all_conditions_must_hold() {
        let filter = Filter {
            min_drop: None,
            levels: Some([Level::Critical].into()),
            asns: Some([Asn(1), Asn(64_496)].into()),
        };
        assert!(filter.wants(&event(50, 40)));
        let other = Filter { asns: Some([Asn(2)].into()), ..filter.clone() };
        assert!(!other.wants(&event(50, 40)));
        let low = Filter { levels: Some([Level::Low].into()), ..filter };
        assert!(!low.wants(&event(50, 40)));
        assert!(Filter::default().wants(&event(1, 2)));
    }
}
