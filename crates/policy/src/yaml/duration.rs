//! Durations as Go writes them: `90s`, `6h30m`, `1.5h`, `0`.
//!
//! Units: `ns us µs ms s m h`, as in Go's `time.ParseDuration`
//! (<https://pkg.go.dev/time#ParseDuration>). Signs are refused; `d` is not a
//! unit there and is refused with a hint.

use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Longest duration: 100 years.
const MAX_HOURS: u128 = 876_600;

/// Reads a duration.
///
/// # Errors
/// What is wrong, for a person.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("a duration is missing, for example `90s`".into());
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (nanos, after) = part(rest)?;
        total = total.saturating_add(nanos);
        rest = after;
    }
    if total > MAX_HOURS * UNITS[7].1 {
        return Err("more than 100 years".into());
    }
    let seconds = u64::try_from(total / 1_000_000_000);
    let nanos = u32::try_from(total % 1_000_000_000);
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) => Ok(Duration::new(seconds, nanos)),
        _ => Err("more than 100 years".into()),
    }
}

fn part(text: &str) -> Result<(u128, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(end);
    let Some(&(_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(match unit {
            "" => format!("`{text}` lacks a unit, for example `{text}s`"),
            "d" => "`d` is no unit; write hours, for example `24h`".into(),
            _ => format!("`{unit}` is no unit; there are ms, s, m and h"),
        });
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let refuse = || format!("`{number}` is no number");
    if whole.len() + fraction.len() == 0 || whole.len() > 12 {
        return Err(refuse());
    }
    let whole: u128 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| refuse())?,
    };
    let digits = &fraction[..fraction.len().min(12)];
    let parts: u128 = match digits {
        "" => 0,
        digits => digits.parse().map_err(|_| refuse())?,
    };
    let scale = digits.chars().fold(1, |scale: u128, _| scale * 10);
    Ok((whole * nanos + parts * nanos / scale, after))
}

/// The shortest way to write a duration: `6h30m`, `0`.
pub fn format(duration: Duration) -> String {
    if duration.is_zero() {
        return "0".into();
    }
    let mut rest = duration.as_nanos();
    let mut out = String::new();
    for (unit, nanos) in UNITS.iter().rev() {
        if !unit.is_ascii() || rest < *nanos {
            continue;
        }
        out += &format!("{}{unit}", rest / nanos);
        rest %= nanos;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        let millis = |text: &str| parse(text).map(|d| d.as_millis());
        assert_eq!(millis("0"), Ok(0));
        assert_eq!(millis("90s"), Ok(90_000));
        assert_eq!(millis("6h30m"), Ok(23_400_000));
        assert_eq!(millis("1.5h"), Ok(5_400_000));
        assert_eq!(millis(".5s"), Ok(500));
        assert_eq!(millis("100ms"), Ok(100));
        for bad in ["", "5", "5d", "s", "-1s", "1 s", "1..2s", "9999999h"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("7d").unwrap_err().contains("24h"));
    }

    #[test]
    fn a_duration_survives_being_written() {
        for text in ["0", "90s", "6h30m", "100ms", "336h", "1h1m1s1ms1us1ns"] {
            let read = parse(text).unwrap();
            assert_eq!(parse(&format(read)), Ok(read));
        }
    }
}
