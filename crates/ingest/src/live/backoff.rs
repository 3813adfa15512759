//! Waits between attempts to connect: longer each time, and never the same for
//! two clients.

use std::time::Duration;

/// Waits that double from `first` to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Default for Backoff {
    /// From a second to a minute.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// The wait after so many failures in a row: between half and all of what
    /// it could be. Without the spread, all clients of a server that was away
    /// would come back at one moment, and never less than half, so that one
    /// client cannot hammer.
    pub fn wait(self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let longest = self.first.saturating_mul(1 << doublings).min(self.most);
        let half = longest / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(random % nanos.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread_over_their_upper_half() {
        let backoff = Backoff::default();
        for (failures, seconds) in
            [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (u32::MAX, 60)]
        {
            let longest = Duration::from_secs(seconds);
            for random in [0, 1, 12_345_678_901, u64::MAX] {
                let wait = backoff.wait(failures, random);
                assert!(wait >= longest / 2, "{failures}: {wait:?}");
                assert!(wait <= longest, "{failures}: {wait:?}");
            }
        }
        assert_ne!(backoff.wait(3, 1), backoff.wait(3, 1_000_000_000));
    }
}
