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
        match accept(source, supply, &reading.good, last, now) {
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

/// Whether new files may replace the good ones.
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
    let mut total = Good { rows: 0, day: None, attribution: None };
    for file in files {
        let new = read_files(source, supply, std::slice::from_ref(file))?;
        let same = known.iter().find(|v| v.part == file.part && *v != file);
        if let Some(good) = same {
            compare(source, supply, &new, std::slice::from_ref(good), now)?;
        }
        total.rows += new.good.rows;
        total.day = total.day.max(new.good.day);
    }
    accept(source, supply, &total, last, now)
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
        let read =
            read_files(source, supply, files).and_then(|reading| {
                match at.checked_sub(1).map(|before| days[before]) {
                    Some(before) => {
                        compare(source, supply, &reading, before, now)?;
                        Ok(reading)
                    }
                    None => Ok(reading),
                }
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

/// Compares a reading with the files before it; those that cannot be read, or
/// are too old to bind, say nothing.
fn compare(
    source: &Source,
    supply: &Supply,
    reading: &Reading,
    before: &[Version],
    now: Timestamp,
) -> Result<(), String> {
    let day = reading.good.day.unwrap_or_else(|| Day::of(now));
    let binds = before
        .iter()
        .all(|v| v.day.is_none_or(|d| day.days_since(d) <= LAST_GOOD_DAYS));
    if !binds {
        return Ok(());
    }
    let Ok(old) = read_files(source, supply, before) else { return Ok(()) };
    let last =
        LastGood { rows: old.good.rows, day: old.good.day.unwrap_or(day) };
    believable(reading.good.rows, day, Some(last))
        .map_err(|reason| name(&reading.files, &reason))
}

/// Whether a source as a whole may replace its last good version.
fn accept(
    source: &Source,
    supply: &Supply,
    good: &Good,
    last: Option<LastGood>,
    now: Timestamp,
) -> Result<(), String> {
    believable(good.rows, good.day.unwrap_or_else(|| Day::of(now)), last)?;
    let min_rows = match supply {
        Supply::Network(_) => source.min_rows,
        _ => 1,
    };
    if good.rows < u64::try_from(min_rows).unwrap_or(u64::MAX) {
        let rows = good.rows;
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
