//! How much of the address space a rule, and a feed, may cost.

use super::{GuardReport, Verdict};
use crate::access::GuardLimits;

/// All IPv4 addresses.
pub const ALL_V4: f64 = 4_294_967_296.0;

/// Addresses as a share of all IPv4, 0–1.
pub fn share(addresses_v4: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 2³², exact")]
    let addresses = addresses_v4 as f64;
    addresses / ALL_V4
}

/// One rule: above [`GuardLimits::confirm_share`] it needs a confirmation, and
/// may then drift to [`GuardLimits::drift`] times of what was confirmed.
pub fn of_rule(
    subject: String,
    share: f64,
    confirmed: Option<f64>,
    limits: &GuardLimits,
) -> GuardReport {
    let agreed = confirmed.map_or(0.0, |share| share * limits.drift);
    let limit = limits.confirm_share.max(agreed);
    let verdict = match share {
        s if s > limit => Verdict::Hold,
        s if s > limits.warn_share => Verdict::Warn,
        _ => Verdict::Pass,
    };
    GuardReport { name: "share", subject, verdict, value: share, limit }
}

/// A rule that is being written: what is confirmed must be what it is.
pub fn of_new_rule(
    subject: String,
    share: f64,
    confirmed: Option<f64>,
    limits: &GuardLimits,
) -> GuardReport {
    let limit = limits.confirm_share.max(confirmed.unwrap_or(0.0));
    let report = of_rule(subject, share, None, limits);
    let verdict = match share {
        s if s > limit => Verdict::Stop,
        _ => report.verdict.min(Verdict::Warn),
    };
    GuardReport { verdict, limit, ..report }
}

/// The whole feed.
pub fn of_feed(share: f64, limits: &GuardLimits) -> GuardReport {
    let stop = share > limits.feed_share;
    GuardReport {
        name: "feed_share",
        subject: String::new(),
        verdict: if stop { Verdict::Stop } else { Verdict::Pass },
        value: share,
        limit: limits.feed_share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: fn() -> GuardLimits = GuardLimits::default;

    #[test]
    fn a_rule_warns_above_half_a_percent_and_trips_above_ten() {
        for (share, confirmed, verdict) in [
            (0.005, None, Verdict::Pass),
            (0.0051, None, Verdict::Warn),
            (0.10, None, Verdict::Warn),
            (0.1001, None, Verdict::Hold),
            (0.1001, Some(0.11), Verdict::Warn),
            (0.165, Some(0.11), Verdict::Warn),
            (0.1651, Some(0.11), Verdict::Hold),
            (0.1001, Some(0.01), Verdict::Hold),
        ] {
            let report = of_rule("r".into(), share, confirmed, &LIMITS());
            assert_eq!(report.verdict, verdict, "{share} {confirmed:?}");
        }
    }

    #[test]
    fn a_new_rule_must_confirm_what_it_is() {
        for (share, confirmed, verdict) in [
            (0.004, None, Verdict::Pass),
            (0.08, None, Verdict::Warn),
            (0.12, None, Verdict::Stop),
            (0.12, Some(0.11), Verdict::Stop),
            (0.12, Some(0.12), Verdict::Warn),
        ] {
            let report = of_new_rule("r".into(), share, confirmed, &LIMITS());
            assert_eq!(report.verdict, verdict, "{share} {confirmed:?}");
        }
    }

    #[test]
    fn a_feed_of_half_the_internet_is_not_served() {
        assert_eq!(of_feed(0.5, &LIMITS()).verdict, Verdict::Pass);
        assert_eq!(of_feed(0.51, &LIMITS()).verdict, Verdict::Stop);
        assert!((share(1 << 31) - 0.5).abs() < 1e-12);
    }
}
