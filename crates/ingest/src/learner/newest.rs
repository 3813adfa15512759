//! The newest good version of a source, part by part.
//!
//! A file that is refused makes way for the one before of the same part; the
//! other parts stand. Believable is a file that has not shrunk or exploded
//! beside the version before it, and a source beside its last good one.

use asgard_model::Day;
use jiff::Timestamp;

use super::{
    board::{Good, Outcome},
    validate::{LAST_GOOD_DAYS, LastGood, believable},
};
use crate::{
    catalogue::Source,
    reader::{Rows, read},
    supply::{Supply, Version},
};

/// What some files say, and what is known about them.
pub(super) struct Reading {
    rows: Vec<Rows>,
    pub(super) good: Good,
    files: Vec<Version>,
}

/// Reads the newest good version of each part, from files oldest first.
pub(super) fn read_newest(
    source: &Source,
    supply: &Supply,
    versions: &[(Version, u64)],
    last: Option<LastGood>,
    now: Timestamp,
) -> (Vec<Rows>, Outcome) {
    let mut rest: Vec<Version> =
        versions.iter().map(|(version, _)| version.clone()).collect();
    let mut outcome = Outcome::default();
    loop {
        let (reading, refusal) = read_parts(source, supply, &rest, now);
        // The first refusal is that of the newest version.
        outcome.error = outcome.error.or(refusal);
        let Some(reading) = reading else { return (Vec::new(), outcome) };
        let Good { rows, day, .. } = reading.good;
        let day = day.unwrap_or_else(|| Day::of(now));
        match accept(source, supply, rows, day, last) {
            Ok(()) => {
                outcome.good = Some(reading.good);
                return (reading.rows, outcome);
            }
            Err(reason) => {
                outcome
                    .error
                    .get_or_insert_with(|| name(&reading.files, &reason));
            }
        }
        rest.retain(|version| !reading.files.contains(version));
    }
}

/// Whether new files may replace the good ones, which bind for a while after
/// their publisher has last confirmed them, however old they are.
///
/// # Errors
/// The reason for refusing them, for people.
pub(super) fn examine(
    source: &Source,
    supply: &Supply,
    files: &[Version],
    last: Option<LastGood>,
    now: Timestamp,
) -> Result<(), String> {
    let known = supply.versions(source).map_err(|e| e.to_string())?;
    let today = Day::of(now);
    let (mut rows, mut newest) = (0, None);
    for file in files {
        let new = read_files(source, supply, std::slice::from_ref(file))?;
        let confirmed = supply.confirmed(source, &file.part).map(Day::of);
        let same = known.iter().find(|v| v.part == file.part && *v != file);
        if let (Some(good), Some(_)) = (same, confirmed) {
            let good = std::slice::from_ref(good);
            compare(source, supply, &new, today, (good, confirmed))?;
        }
        rows += new.good.rows;
        newest = newest.max(confirmed);
    }
    let last =
        last.map(|last| LastGood { day: newest.unwrap_or(last.day), ..last });
    accept(source, supply, rows, today, last)
}

/// All parts; `None` if no part has a good version.
fn read_parts(
    source: &Source,
    supply: &Supply,
    versions: &[Version],
    now: Timestamp,
) -> (Option<Reading>, Option<String>) {
    let mut whole: Option<Reading> = None;
    let mut refusal = None;
    for part in &source.parts {
        let of_part: Vec<Version> =
            versions.iter().filter(|v| v.part == part.name).cloned().collect();
        let (reading, refused) = read_part(source, supply, &of_part, now);
        refusal = refusal.or(refused);
        let Some(reading) = reading else { continue };
        whole = Some(match whole {
            None => reading,
            Some(mut whole) => {
                whole.rows.extend(reading.rows);
                whole.files.extend(reading.files);
                whole.good.rows += reading.good.rows;
                whole.good.day = whole.good.day.max(reading.good.day);
                whole.good.attribution =
                    whole.good.attribution.or(reading.good.attribution);
                whole
            }
        });
    }
    (whole, refusal)
}

/// The newest good day of one part, from its files, oldest first.
fn read_part(
    source: &Source,
    supply: &Supply,
    versions: &[Version],
    now: Timestamp,
) -> (Option<Reading>, Option<String>) {
    let days: Vec<&[Version]> =
        versions.chunk_by(|a, b| a.day == b.day).collect();
    let mut refusal = None;
    for (at, files) in days.iter().enumerate().rev() {
        let read = read_files(source, supply, files).and_then(|reading| {
            let Some(before) = at.checked_sub(1) else {
                return Ok(reading);
            };
            let before = days[before];
            let day = reading.good.day.unwrap_or_else(|| Day::of(now));
            // Files of one day.
            let binding = before[0].day;
            compare(source, supply, &reading, day, (before, binding))?;
            Ok(reading)
        });
        match read {
            Ok(reading) => return (Some(reading), refusal),
            Err(reason) => {
                refusal.get_or_insert(reason);
            }
        }
    }
    (None, refusal)
}

/// Compares a reading of a day with the files before it, which bind from a day
/// on, or else from theirs; those that cannot be read, or are too old to bind,
/// say nothing.
fn compare(
    source: &Source,
    supply: &Supply,
    reading: &Reading,
    day: Day,
    (before, binding): (&[Version], Option<Day>),
) -> Result<(), String> {
    if binding.is_some_and(|from| day.days_since(from) > LAST_GOOD_DAYS) {
        return Ok(());
    }
    let Ok(old) = read_files(source, supply, before) else { return Ok(()) };
    let from = binding.or(old.good.day).unwrap_or(day);
    let last = LastGood { rows: old.good.rows, day: from };
    believable(reading.good.rows, day, Some(last))
        .map_err(|reason| name(&reading.files, &reason))
}

/// Whether a source as a whole may replace its last good version.
fn accept(
    source: &Source,
    supply: &Supply,
    rows: u64,
    day: Day,
    last: Option<LastGood>,
) -> Result<(), String> {
    believable(rows, day, last)?;
    let min_rows = match supply {
        Supply::Network(_) => source.min_rows,
        _ => 1,
    };
    if rows < u64::try_from(min_rows).unwrap_or(u64::MAX) {
        return Err(format!("{rows} rows, at least {min_rows} are expected"));
    }
    Ok(())
}

/// Reads files of one day as a whole.
pub(super) fn read_files(
    source: &Source,
    supply: &Supply,
    files: &[Version],
) -> Result<Reading, String> {
    let mut all = Vec::new();
    let mut good = Good { rows: 0, day: None, attribution: None };
    for version in files {
        let refuse = |reason: String| format!("{}: {reason}", version.label);
        let mut input =
            supply.open(source, version).map_err(|e| refuse(e.to_string()))?;
        let (rows, report) =
            read(source, &mut input).map_err(|e| refuse(e.to_string()))?;
        good.rows += report.rows;
        good.attribution = good.attribution.or(report.attribution);
        let day = version.day.or_else(|| report.published.map(Day::of));
        good.day = good.day.max(day);
        all.push(rows);
    }
    Ok(Reading { rows: all, good, files: files.to_vec() })
}

/// A reason with the file that it is about.
pub(super) fn name(files: &[Version], reason: &str) -> String {
    match files.first() {
        Some(file) => format!("{}: {reason}", file.label),
        None => reason.to_owned(),
    }
}
