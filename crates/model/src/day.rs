//! Calendar days in UTC: the grain at which lists are published and age.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};

/// A day in UTC, counted from 1970-01-01; good until 2149.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Day(pub u16);

const SECONDS: i64 = 86_400;

impl Day {
    /// The day that contains a moment; clamped to the range of the type.
    pub fn of(moment: Timestamp) -> Self {
        let days = moment.as_second().div_euclid(SECONDS);
        let clamped = days.clamp(0, i64::from(u16::MAX));
        Self(u16::try_from(clamped).unwrap_or(u16::MAX))
    }

    /// Midnight UTC at the start of the day.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(i64::from(self.0) * SECONDS)
            .expect("65,536 days after 1970 is a valid timestamp")
    }

    /// Whole days from `earlier` to `self`; 0 if `earlier` is later.
    pub fn days_since(self, earlier: Self) -> u16 {
        self.0.saturating_sub(earlier.0)
    }

    /// Months since year 0: `12 · year + month − 1`.
    pub fn month(self) -> u16 {
        let date = Offset::UTC.to_datetime(self.start()).date();
        let month = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
        u16::try_from(month).unwrap_or(0)
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Offset::UTC
            .to_timestamp(date.at(0, 0, 0, 0))
            .map_or_else(|_| Self::default(), Self::of)
    }
}

impl fmt::Display for Day {
    /// `2026-06-27`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Offset::UTC.to_datetime(self.start()).date().fmt(f)
    }
}

/// Text that is not a day; the message names the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day (YYYY-MM-DD or YYYYMMDD, 1970 to 2149)")]
pub struct DayError(String);

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let refuse = || DayError(text.chars().take(40).collect());
        let digits: String = match text.len() {
            8 => text.to_owned(),
            10 => text.split('-').collect(),
            _ => return Err(refuse()),
        };
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        let part = |range: std::ops::Range<usize>| digits[range].parse::<i16>();
        let (Ok(year), Ok(month), Ok(day)) =
            (part(0..4), part(4..6), part(6..8))
        else {
            return Err(refuse());
        };
        let small = |n: i16| i8::try_from(n).map_err(|_| refuse());
        let date = Date::new(year, small(month)?, small(day)?)
            .map_err(|_| refuse())?;
        let day = Self::from(date);
        if day.to_string() == date.to_string() {
            Ok(day)
        } else {
            Err(refuse())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_spellings_of_a_day() {
        let day: Day = "20260627".parse().unwrap();
        assert_eq!("2026-06-27".parse(), Ok(day));
        assert_eq!(day.to_string(), "2026-06-27");
        assert_eq!(day.start().to_string(), "2026-06-27T00:00:00Z");
        assert_eq!(day.month(), 2026 * 12 + 5);
    }

    #[test]
    fn refuses_what_is_no_day() {
        for text in [
            "",
            "2026",
            "20260230",
            "2026-6-27",
            "1969-12-31",
            "2200-01-01",
            "2026x627",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
