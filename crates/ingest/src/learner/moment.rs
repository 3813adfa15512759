//! The moment for which a World is made.
//!
//! `newest` is the newest day of a version that is *believed*: a name is only
//! a claim, and one bad file must not make everything else look months old.

use std::{cmp::Reverse, collections::BTreeMap};

use asgard_model::Day;
use jiff::Timestamp;

use super::{
    newest::{name, read_files},
    slow::stamp,
    validate::{LAST_GOOD_DAYS, LastGood, believable},
};
use crate::{
    catalogue::Source,
    supply::{Supply, SupplyError, Version},
};

/// What became of versions that were tried for their day.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// By label: the stamp of the bytes, and why they are not believed.
    tried: BTreeMap<String, (u64, Option<String>)>,
}

/// The day of the newest believed version, and by source why newer ones do not
/// count.
pub(super) type Newest = (Option<Day>, BTreeMap<String, String>);

impl Trials {
    /// Tries versions from the newest back until one is believed; days after
    /// that of `now` have not come yet.
    pub(super) fn newest(
        &mut self,
        sources: &[&Source],
        supply: &Supply,
        now: Timestamp,
    ) -> Result<Newest, SupplyError> {
        let today = Day::of(now);
        let mut complaints = BTreeMap::new();
        let mut candidates = Vec::new();
        let mut all = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            let versions = supply.versions(source)?;
            for (index, version) in versions.iter().enumerate() {
                match version.day {
                    Some(day) if day > today => {
                        let label = &version.label;
                        let text = format!("{label}: its day is yet to come");
                        complaints.insert(source.name.clone(), text);
                    }
                    Some(day) => candidates.push((Reverse(day), at, index)),
                    None => {}
                }
            }
            all.push(versions);
        }
        candidates.sort_unstable();
        for (Reverse(day), at, index) in candidates {
            let source = sources[at];
            match self.refusal(source, supply, &all[at], index, now) {
                None => return Ok((Some(day), complaints)),
                Some(reason) => {
                    complaints.entry(source.name.clone()).or_insert(reason);
                }
            }
        }
        Ok((None, complaints))
    }

    /// Why a version is not believed; each is read once.
    fn refusal(
        &mut self,
        source: &Source,
        supply: &Supply,
        versions: &[Version],
        index: usize,
        now: Timestamp,
    ) -> Option<String> {
        let version = &versions[index];
        let stamp = stamp(supply, source, version);
        if let Some((known, verdict)) = self.tried.get(&version.label)
            && *known == stamp
        {
            return verdict.clone();
        }
        let verdict = try_out(source, supply, versions, index, now).err();
        self.tried.insert(version.label.clone(), (stamp, verdict.clone()));
        verdict
    }
}

/// Reads a version and compares it with the last one that was good: the good
/// ones before it are found as the merging of a ledger would find them.
fn try_out(
    source: &Source,
    supply: &Supply,
    versions: &[Version],
    index: usize,
    now: Timestamp,
) -> Result<(), String> {
    let read = |version: &Version| {
        let files = std::slice::from_ref(version);
        let good = read_files(source, supply, files)?.good;
        let day = good.day.unwrap_or_else(|| Day::of(now));
        Ok::<_, String>(LastGood { rows: good.rows, day })
    };
    let version = &versions[index];
    let new = read(version)?;
    let binds = |earlier: &&Version| {
        let days = version.day.zip(earlier.day);
        days.is_some_and(|(new, old)| new.days_since(old) <= LAST_GOOD_DAYS)
    };
    let mut last = None;
    for earlier in versions[..index].iter().filter(binds) {
        let Ok(good) = read(earlier) else { continue };
        if believable(good.rows, good.day, last).is_ok() {
            last = Some(good);
        }
    }
    believable(new.rows, new.day, last)
        .map_err(|reason| name(std::slice::from_ref(version), &reason))
}
