//! Dates as publishers write them in headers; UTC when no offset is stated.
//!
//! Anything else, and anything before 2000 or after 2100, is no date: a wrong
//! date would age observations wrongly, no date falls back to that of the
//! download.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    fmt::strtime,
    tz::Offset,
};

/// With an offset, then without.
const WITH_OFFSET: [&str; 1] = ["%a, %d %b %Y %H:%M:%S %z"];
const WITHOUT_OFFSET: [&str; 4] = [
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%Y-%m-%d-%H-%M-%S",
];

/// Reads a date in any of the forms that sources use.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if text.len() > 80 {
        return None;
    }
    // `date` writes `Jun  6`, abuse.ch closes its header lines with a `#`.
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "UTC" | "GMT" | "#"))
        .collect();
    let text = words.join(" ");
    let moment = text
        .parse()
        .ok()
        .or_else(|| with_offset(&text))
        .or_else(|| utc(text.parse().ok()?))
        .or_else(|| without_offset(&text))
        .or_else(|| slashes(&text))?;
    plausible(moment)
}

/// A moment as seconds since 1970.
pub(super) fn unix(seconds: u64) -> Option<Timestamp> {
    plausible(Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?)
}

/// A date of digits alone: `20180101`.
pub(super) fn digits(text: &str) -> Option<Timestamp> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<i16>().ok();
    let small = |range| part(range).and_then(|n| i8::try_from(n).ok());
    let date = Date::new(part(0..4)?, small(4..6)?, small(6..8)?).ok()?;
    plausible(utc(date.at(0, 0, 0, 0))?)
}

fn plausible(moment: Timestamp) -> Option<Timestamp> {
    const FROM: i64 = 946_684_800; // 2000-01-01
    const TO: i64 = 4_102_444_800; // 2100-01-01
    (FROM..TO).contains(&moment.as_second()).then_some(moment)
}

fn utc(moment: DateTime) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(moment).ok()
}

fn with_offset(text: &str) -> Option<Timestamp> {
    WITH_OFFSET
        .iter()
        .find_map(|form| strtime::parse(form, text).ok()?.to_timestamp().ok())
}

fn without_offset(text: &str) -> Option<Timestamp> {
    WITHOUT_OFFSET.iter().find_map(|form| {
        utc(strtime::parse(form, text).ok()?.to_datetime().ok()?)
    })
}

/// `2020/03/27` in the title of Spamhaus' old lists.
fn slashes(text: &str) -> Option<Timestamp> {
    let joined: String = text.split('/').collect();
    (text.len() == 10).then(|| digits(&joined))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_dates_of_every_publisher() {
        for (text, expected) in [
            ("Tue Jun 23 05:52:43 UTC 2026", "2026-06-23T05:52:43Z"),
            ("Sat Jun  6 05:52:43 UTC 2026", "2026-06-06T05:52:43Z"),
            ("Mon Sep 15 22:09:50 2014", "2014-09-15T22:09:50Z"),
            ("Mon, 13 Jun 2022 17:00:01 +0000", "2022-06-13T17:00:01Z"),
            ("Mon, 13 Jun 2022 17:00:01 +0200", "2022-06-13T15:00:01Z"),
            ("Fri, 27 Mar 2020 12:34:56 GMT", "2020-03-27T12:34:56Z"),
            ("2026-06-20 10:10:10 UTC     #", "2026-06-20T10:10:10Z"),
            ("2021-11-18T12:56:53Z", "2021-11-18T12:56:53Z"),
            ("2026-08-21T01:05:42.583377", "2026-08-21T01:05:42.583377Z"),
            ("2026-07-27T14:00:04+02:00", "2026-07-27T12:00:04Z"),
            ("2026-08-21-07-37-05", "2026-08-21T07:37:05Z"),
            ("2020/03/27", "2020-03-27T00:00:00Z"),
            ("2026-06-17", "2026-06-17T00:00:00Z"),
        ] {
            let found = parse(text).map(|moment| moment.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        assert_eq!(
            digits("20180101").unwrap().to_string(),
            "2018-01-01T00:00:00Z"
        );
        assert_eq!(
            unix(1_782_582_242).unwrap().to_string(),
            "2026-06-27T17:44:02Z"
        );
    }

    #[test]
    fn what_is_no_plausible_date_is_none() {
        for text in [
            "",
            "now",
            "Thu Jan  1 00:00:00 UTC 1970",
            "Tue Jun 31 05:52:43 UTC 2026",
            "9999-01-01",
            "2020/13/01",
            "é020/01/0",
            &"9".repeat(200),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(digits("2018010"), None);
        assert_eq!(digits("20180230"), None);
        assert_eq!(unix(0), None);
        assert_eq!(unix(u64::MAX), None);
    }
}
