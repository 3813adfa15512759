//! Moments and spans: conversion and parts.
//!
//! Zones are `UTC` and offsets such as `-02:30`; names of places need a
//! database of zones, which a gateway does not carry.

use jiff::{
    Timestamp,
    civil::{DateTime, Weekday},
    tz::{Offset, TimeZone},
};

use super::{Function, refuse};
use crate::gate::expression::{
    arithmetic,
    value::{Fail, Fault, Outcome, Value},
};

const NANOS: i128 = 1_000_000_000;

pub(super) fn call<'a>(function: Function, args: &[Value<'a>]) -> Outcome<'a> {
    match (function, args) {
        (Function::Timestamp, [Value::Timestamp(_)])
        | (Function::Duration, [Value::Duration(_)]) => Ok(args[0].clone()),
        (Function::Timestamp, [Value::Int(seconds)]) => {
            arithmetic::timestamp(i128::from(*seconds) * NANOS)
        }
        (Function::Timestamp, [Value::String(text)]) => {
            parse_timestamp(text.as_str())
        }
        (Function::Duration, [Value::String(text)]) => {
            parse_duration(text.as_str())
        }
        (_, [Value::Timestamp(at), zone @ ..]) => {
            let zone = match zone {
                [] => TimeZone::UTC,
                [Value::String(zone)] => parse_zone(zone.as_str())?,
                _ => return Err(refuse(function, args)),
            };
            let civil = at.to_zoned(zone).datetime();
            part_of_moment(function, civil)
                .map(Value::Int)
                .ok_or_else(|| refuse(function, args))
        }
        (_, [Value::Duration(nanos)]) => part_of_span(function, *nanos)
            .map(Value::Int)
            .ok_or_else(|| refuse(function, args)),
        _ => Err(refuse(function, args)),
    }
}

fn part_of_moment(function: Function, at: DateTime) -> Option<i64> {
    Some(i64::from(match function {
        Function::FullYear => at.year(),
        Function::Month => i16::from(at.month()) - 1,
        Function::Date => i16::from(at.day()),
        Function::DayOfMonth => i16::from(at.day()) - 1,
        Function::DayOfWeek => i16::from(at.weekday().since(Weekday::Sunday)),
        Function::DayOfYear => at.day_of_year() - 1,
        Function::Hours => i16::from(at.hour()),
        Function::Minutes => i16::from(at.minute()),
        Function::Seconds => i16::from(at.second()),
        Function::Milliseconds => {
            i16::try_from(at.subsec_nanosecond() / 1_000_000).ok()?
        }
        _ => return None,
    }))
}

fn part_of_span(function: Function, nanos: i128) -> Option<i64> {
    let part = match function {
        Function::Hours => nanos / (3600 * NANOS),
        Function::Minutes => nanos / (60 * NANOS),
        Function::Seconds => nanos / NANOS,
        // The part below a second, as the conformance tests have it.
        Function::Milliseconds => (nanos % NANOS) / 1_000_000,
        _ => return None,
    };
    i64::try_from(part).ok()
}

fn refuse_text(text: &str, what: &str) -> Fail {
    let text: String = text.chars().take(60).collect();
    Fault::Conversion(format!("`{text}` is no {what}")).into()
}

/// RFC 3339.
fn parse_timestamp<'a>(text: &str) -> Outcome<'a> {
    let refuse = || refuse_text(text, "timestamp (RFC 3339)");
    let bytes = text.as_bytes();
    // The library reads more forms than RFC 3339 has.
    let shape = bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes[10], b'T' | b't')
        && bytes[13] == b':'
        && bytes[16] == b':'
        && (text.ends_with(['Z', 'z'])
            || bytes[bytes.len() - 3] == b':'
                && matches!(bytes[bytes.len() - 6], b'+' | b'-'));
    if !shape {
        return Err(refuse());
    }
    let at: Timestamp = text.parse().map_err(|_| refuse())?;
    arithmetic::timestamp(at.as_nanosecond())
}

/// As Go's `time.ParseDuration`, with a sign.
fn parse_duration<'a>(text: &str) -> Outcome<'a> {
    let refuse = || refuse_text(text, "duration");
    let (sign, mut rest) = match text.as_bytes() {
        [b'-', ..] => (-1, &text[1..]),
        [b'+', ..] => (1, &text[1..]),
        _ => (1, text),
    };
    if rest == "0" {
        return Ok(Value::Duration(0));
    }
    if rest.is_empty() {
        return Err(refuse());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(refuse)?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        total += part(number, unit).ok_or_else(refuse)?;
        rest = after;
    }
    arithmetic::duration(sign * total)
}

fn part(number: &str, unit: &str) -> Option<i128> {
    let nanos: i128 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS,
        "m" => 60 * NANOS,
        "h" => 3600 * NANOS,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || whole.len() > 18 {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<i128>().ok(),
    };
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = fraction.chars().fold(1_i128, |scale, _| scale * 10);
    Some(digits(whole)? * nanos + digits(fraction)? * nanos / scale)
}

/// `UTC`, or hours and minutes, with or without a sign.
fn parse_zone(text: &str) -> Result<TimeZone, Fail> {
    if matches!(text, "UTC" | "Z" | "") {
        return Ok(TimeZone::UTC);
    }
    let refuse = || {
        refuse_text(
            text,
            "offset such as -02:30 (names of places are not known)",
        )
    };
    let (sign, rest) = match text.as_bytes() {
        [b'-', ..] => (-1, &text[1..]),
        [b'+', ..] => (1, &text[1..]),
        _ => (1, text),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(refuse)?;
    let number = |text: &str, below: i32| {
        let good = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = good.then(|| text.parse::<i32>().ok()).flatten();
        number.filter(|&n| n < below)
    };
    let hours = number(hours, 24).ok_or_else(refuse)?;
    let minutes = number(minutes, 60).ok_or_else(refuse)?;
    let seconds = sign * (hours * 3600 + minutes * 60);
    let offset = Offset::from_seconds(seconds).map_err(|_| refuse())?;
    Ok(TimeZone::fixed(offset))
}

/// RFC 3339 in UTC, with as many digits as needed.
pub(super) fn timestamp_text(at: Timestamp) -> String {
    at.to_string()
}

/// Seconds: `5445s`, `1.5s`.
pub(super) fn duration_text(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, rest) = (nanos.abs() / NANOS, nanos.abs() % NANOS);
    if rest == 0 {
        return format!("{sign}{whole}s");
    }
    let fraction = format!("{rest:09}");
    format!("{sign}{whole}.{}s", fraction.trim_end_matches('0'))
}
