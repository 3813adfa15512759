//! Which files of a mirror tell what happened, and in which order.
//!
//! A dump is where the story begins: the newest that is not younger than the
//! first file of updates, so that all of them can be told. If a dump is more
//! than a day younger than that, the newest is read too, in its place in time:
//! whatever was missed between is then put right. Of updates those of the last
//! ninety days count.

use std::ops::ControlFlow;

use asgard_model::Day;
use asgard_routing::event::Event;
use jiff::Timestamp;

use crate::{
    catalogue::{Role, Source},
    format::bgp_updates::bgp_updates,
    supply::{Supply, Version},
};

/// Seconds of updates that are told: the longest window of any signal.
const WINDOW: u32 = 90 * 86_400;
/// Dumps of several collectors that begin within so many seconds are one.
const SAME_DUMP: u32 = 3_600;
/// A dump so much younger than the first is read as well.
const ANOTHER_DUMP: u32 = 86_400;
/// The longest file of updates: those of a dump begin with it or a little
/// before.
const LONGEST_UPDATES: u32 = 3_600;

/// A file of BGP data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BgpFile {
    /// Its source.
    pub(super) source: Source,
    /// Which file.
    pub(super) version: Version,
    /// Changes when the bytes do.
    pub(super) stamp: u64,
    /// The moment of its first event, in seconds since 1970.
    pub(super) begins: u32,
}

impl BgpFile {
    /// The day of its data.
    pub(super) fn day(&self) -> Option<Day> {
        let begins = Timestamp::from_second(self.begins.into()).ok();
        self.version.day.or_else(|| begins.map(Day::of))
    }

    /// Whether it is a dump of a table.
    pub(super) fn is_dump(&self) -> bool {
        matches!(self.source.role, Role::Routing(_))
    }
}

/// What is read, if the first dump is good.
#[derive(Debug)]
pub(super) struct Story<'f> {
    /// Dumps of one moment.
    pub(super) dumps: Vec<&'f BgpFile>,
    /// What came after, in the order of time.
    pub(super) rest: Vec<&'f BgpFile>,
}

impl<'f> Story<'f> {
    /// All files, in the order in which they are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &'f BgpFile> {
        self.dumps.iter().chain(&self.rest).copied()
    }
}

/// Finds out when each file begins; files that tell no moment have none, and
/// why is said by name of the source.
pub(crate) fn survey<'v>(
    versions: impl Iterator<Item = (&'v Source, &'v (Version, u64))>,
    supply: &Supply,
) -> (Vec<BgpFile>, Vec<(String, String)>) {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for (source, (version, stamp)) in versions {
        match first_moment(source, version, supply) {
            Ok(Some(begins)) => files.push(BgpFile {
                source: source.clone(),
                version: version.clone(),
                stamp: *stamp,
                begins,
            }),
            // A quiet collector writes files without events.
            Ok(None) if !matches!(source.role, Role::Routing(_)) => {}
            Ok(None) => {
                let reason = "no route could be read";
                let problem = format!("{}: {reason}", version.label);
                problems.push((source.name.clone(), problem));
            }
            Err(reason) => {
                let problem = format!("{}: {reason}", version.label);
                problems.push((source.name.clone(), problem));
            }
        }
    }
    files.sort_by(|a, b| {
        (a.begins, !a.is_dump(), &a.version).cmp(&(
            b.begins,
            !b.is_dump(),
            &b.version,
        ))
    });
    (files, problems)
}

fn first_moment(
    source: &Source,
    version: &Version,
    supply: &Supply,
) -> Result<Option<u32>, String> {
    let mut input = supply.open(source, version).map_err(|e| e.to_string())?;
    let mut first = None;
    let sink = &mut |event: &Event<'_>| {
        first = Some(event.at.seconds);
        ControlFlow::Break(())
    };
    // A dump is a file of events as well.
    bgp_updates(&mut input, sink)?;
    Ok(first)
}

/// The stories that the files could tell, the best first.
pub(super) fn stories(files: &[BgpFile], until: u32) -> Vec<Story<'_>> {
    let from = until.saturating_sub(WINDOW);
    let dumps = dumps(files);
    let first_update = files
        .iter()
        .find(|f| !f.is_dump() && f.begins >= from)
        .map(|f| f.begins);
    let slack = |begins: u32| begins.saturating_sub(LONGEST_UPDATES);
    let fits = |group: &[&BgpFile]| {
        first_update.is_none_or(|first| slack(group[0].begins) <= first)
    };
    // The newest that fits and those before it, then those that are too young.
    let young = dumps.iter().position(|group| !fits(group));
    let (fitting, young) = dumps.split_at(young.unwrap_or(dumps.len()));
    let order = fitting.iter().rev().chain(young);
    order.map(|group| story(files, &dumps, group, from)).collect()
}

/// Dumps by moment, the oldest first.
fn dumps(files: &[BgpFile]) -> Vec<Vec<&BgpFile>> {
    let mut groups: Vec<Vec<&BgpFile>> = Vec::new();
    for file in files.iter().filter(|file| file.is_dump()) {
        match groups.last_mut() {
            Some(group)
                if file.begins - group[0].begins < SAME_DUMP
                    && group.iter().all(|f| is_other_collector(f, file)) =>
            {
                group.push(file);
            }
            _ => groups.push(vec![file]),
        }
    }
    groups
}

/// Two dumps of one moment are of different collectors; of one collector the
/// names tell two moments.
fn is_other_collector(a: &BgpFile, b: &BgpFile) -> bool {
    a.version.day == b.version.day
}

fn story<'f>(
    files: &'f [BgpFile],
    dumps: &[Vec<&'f BgpFile>],
    begin: &[&'f BgpFile],
    from: u32,
) -> Story<'f> {
    let begins = begin[0].begins;
    let newest = dumps
        .last()
        .filter(|group| group[0].begins >= begins.saturating_add(ANOTHER_DUMP));
    let later = newest.map_or(u32::MAX, |group| group[0].begins);
    let is_told = |file: &&BgpFile| match file.is_dump() {
        true => file.begins >= later,
        false => {
            file.begins >= begins.saturating_sub(LONGEST_UPDATES).max(from)
        }
    };
    Story {
        dumps: begin.to_vec(),
        rest: files.iter().filter(is_told).collect(),
    }
}
