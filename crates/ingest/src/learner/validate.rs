//! Whether a version that parses is believable beside the last good one.

use asgard_model::Day;

/// A version with a smaller share of the last good rows is refused.
pub const SHRINK_LIMIT: f64 = 0.3;
/// A version with more than this multiple of the last good rows is refused.
pub const GROWTH_LIMIT: f64 = 10.0;
/// A last good version older than this does not bind: a list that has really
/// changed is believed at last.
///
/// On the network it is as old as its publisher's last word that it is current;
/// in a mirror, as its day.
pub const LAST_GOOD_DAYS: u16 = 30;
/// Lists below this size may change as they like.
const SMALL: u64 = 50;

/// The last good version of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastGood {
    /// Its rows.
    pub(super) rows: u64,
    /// From when on it binds.
    pub(super) day: Day,
}

/// Compares the size of a version with the last good one.
///
/// # Errors
/// The reason for refusing it, for people.
pub(super) fn believable(
    rows: u64,
    day: Day,
    last: Option<LastGood>,
) -> Result<(), String> {
    let Some(last) = last else { return Ok(()) };
    let small = last.rows < SMALL && rows < SMALL * 10;
    if small || day.days_since(last.day) > LAST_GOOD_DAYS {
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
    let share = rows as f64 / last.rows.max(1) as f64;
    if share < SHRINK_LIMIT {
        return Err(format!(
            "{rows} rows, the last good version has {}: shrunk below {:.0} %",
            last.rows,
            100.0 * SHRINK_LIMIT
        ));
    }
    if share > GROWTH_LIMIT {
        return Err(format!(
            "{rows} rows, the last good version has {}: grown beyond \
             {GROWTH_LIMIT} times",
            last.rows
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_shrinks_or_explodes_is_refused_for_a_month() {
        let last = Some(LastGood { rows: 1000, day: Day(20_000) });
        let soon = Day(20_001);
        assert!(believable(300, soon, last).is_ok());
        assert!(believable(299, soon, last).unwrap_err().contains("shrunk"));
        assert!(believable(10_000, soon, last).is_ok());
        assert!(believable(10_001, soon, last).unwrap_err().contains("grown"));
        assert!(believable(0, Day(20_031), last).is_ok());
        assert!(believable(0, soon, None).is_ok());
    }

    #[test]
    fn small_lists_may_become_empty() {
        let last = Some(LastGood { rows: 20, day: Day(20_000) });
        assert!(believable(0, Day(20_001), last).is_ok());
        assert!(believable(400, Day(20_001), last).is_ok());
        assert!(believable(5_000, Day(20_001), last).is_err());
    }
}
