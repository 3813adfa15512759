//! Data that change a feed too much are held back: a source that was poisoned,
//! cut or emptied must not reach a firewall as a fact.

use super::{GuardReport, Verdict};
use crate::access::GuardLimits;

/// What the same selectors resolve to, on two sets of data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Volume {
    /// Entries.
    pub entries: usize,
    /// Addresses of one family, overlaps counted once.
    pub addresses: f64,
}

/// Compares one address family of a feed on the last good data and on new
/// ones; two reports.
pub fn of_family(
    family: &str,
    before: Volume,
    after: Volume,
    limits: &GuardLimits,
) -> [GuardReport; 2] {
    let exempt =
        before.entries < limits.exempt_entries || before.addresses <= 0.0;
    let ratio = if exempt { 1.0 } else { after.addresses / before.addresses };
    let most = 1.0 + limits.growth;
    let least = 1.0 - limits.shrink;
    let report = |name, trips: bool, limit| GuardReport {
        name,
        subject: family.to_owned(),
        verdict: if trips { Verdict::Hold } else { Verdict::Pass },
        value: ratio,
        limit,
    };
    [
        report("growth", ratio > most, most),
        report("shrink", ratio < least, least),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(entries: usize, before: f64, after: f64) -> [Verdict; 2] {
        let volume = |addresses| Volume { entries, addresses };
        of_family("v4", volume(before), volume(after), &GuardLimits::default())
            .map(|report| report.verdict)
    }

    #[test]
    fn half_as_much_again_and_a_fifth_less_are_the_limits() {
        use Verdict::{Hold, Pass};
        assert_eq!(verdicts(100, 1000.0, 1500.0), [Pass, Pass]);
        assert_eq!(verdicts(100, 1000.0, 1501.0), [Hold, Pass]);
        assert_eq!(verdicts(100, 1000.0, 800.0), [Pass, Pass]);
        assert_eq!(verdicts(100, 1000.0, 799.0), [Pass, Hold]);
        assert_eq!(verdicts(100, 1000.0, 0.0), [Pass, Hold]);
    }

    #[test]
    fn small_feeds_may_change_as_they_like() {
        use Verdict::Pass;
        assert_eq!(verdicts(99, 1000.0, 9000.0), [Pass, Pass]);
        assert_eq!(verdicts(99, 1000.0, 0.0), [Pass, Pass]);
        assert_eq!(verdicts(100, 0.0, 1000.0), [Pass, Pass]);
    }
}
