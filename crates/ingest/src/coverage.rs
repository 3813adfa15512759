//! How much of what we could know is fresh.
//!
//! A source counts fully up to twice its cadence, then less and less until
//! `max_stale`. A mirror may hold fewer versions than the publisher offers:
//! then the gap between its versions is the cadence at which we can learn.

use std::time::Duration;

use asgard_model::Day;

/// Freshness of one source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Freshness {
    /// Weight of the source.
    pub weight: f64,
    /// Day of its newest data; `None` if it was never read.
    pub newest: Option<Day>,
    /// The publisher's cadence, or that of our copies if that is slower.
    pub cadence_days: f64,
    /// Age at which nothing is left.
    pub max_stale_days: f64,
}

/// Multiple of the observed gap between copies after which they are stale.
const GAPS_UNTIL_STALE: f64 = 4.0;

impl Freshness {
    /// `gap_days`: median days between our copies; 0 if unknown.
    pub fn new(
        weight: f64,
        newest: Option<Day>,
        cadence: Duration,
        max_stale: Duration,
        gap_days: u16,
    ) -> Self {
        let days = |d: Duration| d.as_secs_f64() / 86_400.0;
        let gap = f64::from(gap_days);
        Self {
            weight,
            newest,
            cadence_days: days(cadence).max(gap),
            max_stale_days: days(max_stale).max(gap * GAPS_UNTIL_STALE),
        }
    }

    /// 1 while fresh, 0 when stale.
    pub fn share(&self, as_of: Day) -> f64 {
        let Some(newest) = self.newest else { return 0.0 };
        let age = f64::from(as_of.days_since(newest));
        let fresh = 2.0 * self.cadence_days;
        if age <= fresh {
            return 1.0;
        }
        let span = self.max_stale_days - fresh;
        match span > 0.0 {
            true => (1.0 - (age - fresh) / span).max(0.0),
            false => 0.0,
        }
    }

    /// Days of silence that are tolerated.
    pub fn max_stale_days(&self) -> u16 {
        let days = self.max_stale_days.ceil().clamp(0.0, 10_000.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=10,000"
        )]
        let days = days as u16;
        days
    }
}

/// Weighted share of the sources that are fresh, 0–1; 0 without sources.
pub fn coverage(sources: &[Freshness], as_of: Day) -> f64 {
    let total: f64 = sources.iter().map(|s| s.weight).sum();
    let fresh: f64 = sources.iter().map(|s| s.weight * s.share(as_of)).sum();
    if total > 0.0 { fresh / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(newest: &str, gap: u16) -> Freshness {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        Freshness::new(1.0, newest.parse().ok(), hours(24), hours(24 * 7), gap)
    }

    #[test]
    fn a_source_is_fresh_for_two_cadences_and_gone_at_max_stale() {
        let source = daily("20260601", 0);
        let share = |day: &str| source.share(day.parse().unwrap());
        assert!((share("20260603") - 1.0).abs() < 1e-9);
        assert!((share("20260605") - 0.6).abs() < 1e-9);
        assert!(share("20260608").abs() < 1e-9);
        assert!(share("20270608").abs() < 1e-9);
    }

    #[test]
    fn rare_copies_stretch_the_limits() {
        let source = daily("20260601", 14);
        assert!((source.share("20260629".parse().unwrap()) - 1.0).abs() < 1e-9);
        assert_eq!(source.max_stale_days(), 56);
    }

    #[test]
    fn coverage_is_a_weighted_share() {
        let mut never = daily("", 0);
        never.weight = 3.0;
        assert_eq!(never.newest, None);
        let fresh = daily("20260601", 0);
        let day = "20260601".parse().unwrap();
        assert!((coverage(&[never, fresh], day) - 0.25).abs() < 1e-9);
        assert!(coverage(&[], day).abs() < 1e-9);
    }
}
