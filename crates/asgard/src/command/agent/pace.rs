//! When the server is asked again.
//!
//! After a good round, the interval, give or take a tenth, so that a thousand
//! agents do not ask in one second. After a bad one, soon, and then ever later;
//! never before the server wants to be asked.

use std::time::Duration;

use super::trouble::{Kind, Trouble};

/// First pause after a failure; less if the interval is less.
const FIRST: Duration = Duration::from_secs(5);
/// Longest pause after failures; more if the interval is more.
const LONGEST: Duration = Duration::from_secs(300);
/// Most that `Retry-After` can make us wait.
const MOST_ASKED: Duration = Duration::from_secs(3600);

/// The rhythm of an agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    interval: Duration,
    failures: u32,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// The pause after a round; `random` is any number.
    pub(super) fn after(
        &mut self,
        ended: Result<(), &Trouble>,
        random: u16,
    ) -> Duration {
        let unit = f64::from(random) / f64::from(u16::MAX);
        let Err(trouble) = ended else {
            self.failures = 0;
            return self.interval.mul_f64(0.9 + 0.2 * unit);
        };
        self.failures = self.failures.saturating_add(1);
        let pause = match trouble.kind {
            Kind::Away | Kind::Limited | Kind::Machine => {
                let first = FIRST.min(self.interval);
                let doubled = self.failures.saturating_sub(1).min(16);
                let pause = first.saturating_mul(1 << doubled);
                pause.min(LONGEST.max(self.interval))
            }
            // Asking soon again would bring the same answer.
            Kind::Usage | Kind::NotFound | Kind::Key | Kind::Refused => {
                self.interval
            }
        };
        let asked = trouble.retry_after.unwrap_or_default().min(MOST_ASKED);
        // What the server asks for is a least time, so its jitter is added.
        pause.mul_f64(0.5 + 0.5 * unit).max(asked.mul_f64(1.0 + 0.1 * unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_good_round_is_followed_by_the_interval_give_or_take_a_tenth() {
        let mut pace = Pace::new(MINUTE);
        assert_eq!(pace.after(Ok(()), 0), Duration::from_secs(54));
        assert_eq!(pace.after(Ok(()), u16::MAX), Duration::from_secs(66));
    }

    #[test]
    fn failures_are_followed_by_ever_longer_pauses() {
        let mut pace = Pace::new(MINUTE);
        let away = Trouble::away("x");
        let pauses: Vec<u64> = (0..9)
            .map(|_| pace.after(Err(&away), u16::MAX).as_secs())
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pace.after(Err(&away), 0).as_secs(), 150);
        pace.after(Ok(()), 0);
        assert_eq!(pace.after(Err(&away), u16::MAX).as_secs(), 5);
    }

    #[test]
    fn ten_thousand_failures_do_not_overflow() {
        let mut pace = Pace::new(Duration::from_secs(86_400));
        pace.failures = u32::MAX;
        let pause = pace.after(Err(&Trouble::away("x")), u16::MAX);
        assert_eq!(pause, Duration::from_secs(86_400));
    }

    #[test]
    fn the_server_is_not_asked_before_it_wants_to_be() {
        let mut pace = Pace::new(MINUTE);
        let mut away = Trouble::away("x");
        away.retry_after = Some(Duration::from_secs(120));
        assert_eq!(pace.after(Err(&away), 0).as_secs(), 120);
        away.retry_after = Some(Duration::from_secs(1 << 40));
        assert_eq!(pace.after(Err(&away), 0), MOST_ASKED);
    }

    #[test]
    fn what_will_not_change_soon_is_asked_for_at_the_interval() {
        let mut pace = Pace::new(MINUTE);
        let refused = Trouble::refused("x");
        assert_eq!(pace.after(Err(&refused), u16::MAX), MINUTE);
    }
}
