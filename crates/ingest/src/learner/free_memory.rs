//! What registries said before that nobody holds, kept between cycles, and on
//! disk where the supply has no history of its own.
//!
//! A mirror has one: from its older files is read what was free before, one for
//! each month of a year and the last one before the newest.

use std::{io, path::PathBuf};

use asgard_model::Day;

use super::sealed;
use crate::{
    catalogue::Source,
    format::Kind,
    free_space::{FreeSpace, Unallocated},
    reader::{Rows, read},
    supply::{Supply, Version},
};

/// First bytes of the file; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"ASGFREE1";
/// Days of files that are read again: a year in which nobody held what is
/// free, and a month in which no file may be.
const DAYS: u16 = 396;
/// Days between files that are read again.
const APART: u16 = 30;

/// What registries said before.
#[derive(Debug, Default)]
pub(super) struct FreeMemory {
    space: FreeSpace,
    /// The folder of folders of sources.
    folder: Option<PathBuf>,
}

impl FreeMemory {
    /// Knows nothing yet; what is kept in a folder of folders of sources is
    /// recalled when it is needed.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { space: FreeSpace::default(), folder }
    }

    /// Recalls the past, if it is not known yet: from disk, or from the files
    /// of a source that are older than the newest.
    pub(super) fn recall(
        &mut self,
        source: &Source,
        supply: &Supply,
        versions: &[(Version, u64)],
    ) {
        if source.kind != Kind::Delegated || !self.space.is_empty() {
            return;
        }
        if let Some(file) = self.file(source) {
            match sealed::load(&file, MAGIC) {
                Ok(space) => self.space = space,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let file = file.display();
                    tracing::warn!(%file, %error, "free space forgotten");
                }
            }
        }
        for part in &source.parts {
            let of_part = versions.iter().map(|(version, _)| version);
            let of_part = of_part.filter(|v| v.part == part.name);
            for version in earlier(of_part) {
                match reread(source, supply, version) {
                    Ok(mut rows) => self.take(&mut rows, version.day),
                    Err(reason) => {
                        let file = &version.label;
                        tracing::debug!(file, reason, "older file not read");
                    }
                }
            }
        }
    }

    /// Takes what rows say that nobody holds; `day` is that of their source,
    /// should they state none.
    pub(super) fn take(&mut self, rows: &mut Rows, day: Option<Day>) {
        if let Rows::Delegations(rows) = rows
            && let Some(day) = rows.day.or(day)
        {
            self.space.take(std::mem::take(&mut rows.free), day);
        }
    }

    /// Keeps what is known; says why it cannot.
    pub(super) fn save(&self, source: &Source) -> Option<String> {
        let file = self.file(source).filter(|_| !self.space.is_empty())?;
        if source.kind != Kind::Delegated {
            return None;
        }
        let error = sealed::save(&file, MAGIC, &self.space).err()?;
        let file = file.display();
        Some(format!("free space `{file}` cannot be written: {error}"))
    }

    /// What nobody holds on a day.
    pub(super) fn on(&self, day: Day) -> Unallocated {
        self.space.on(day)
    }

    fn file(&self, source: &Source) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(&source.name).join("free-space"))
    }
}

/// Of versions, oldest first, those before the newest that are read again.
fn earlier<'v>(
    versions: impl Iterator<Item = &'v Version>,
) -> Vec<&'v Version> {
    let mut dated: Vec<(Day, &Version)> =
        versions.filter_map(|v| Some((v.day?, v))).collect();
    let Some(&(newest, _)) = dated.last() else { return Vec::new() };
    dated.retain(|(day, _)| *day < newest && newest.days_since(*day) <= DAYS);
    let mut chosen: Vec<(Day, &Version)> = Vec::new();
    let count = dated.len();
    for (at, (day, version)) in dated.into_iter().enumerate() {
        let is_apart = chosen
            .last()
            .is_none_or(|(last, _)| day.days_since(*last) >= APART);
        if is_apart || at + 1 == count {
            chosen.push((day, version));
        }
    }
    chosen.into_iter().map(|(_, version)| version).collect()
}

fn reread(
    source: &Source,
    supply: &Supply,
    version: &Version,
) -> Result<Rows, String> {
    let mut input = supply.open(source, version).map_err(|e| e.to_string())?;
    let (rows, _) = read(source, &mut input).map_err(|e| e.to_string())?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(day: u16) -> Version {
        Version {
            part: "ripencc".to_owned(),
            day: Some(Day(day)),
            label: day.to_string(),
        }
    }

    #[test]
    fn of_a_year_of_files_one_a_month_and_the_last_but_one_are_read() {
        let all: Vec<Version> = (19_000..=20_000).map(version).collect();
        let chosen: Vec<u16> = earlier(all.iter())
            .into_iter()
            .filter_map(|v| v.day.map(|day| day.0))
            .collect();
        assert_eq!(chosen.first(), Some(&19_604));
        assert_eq!(chosen[1], 19_634);
        assert_eq!(chosen.last(), Some(&19_999));
        assert_eq!(chosen.len(), 15);
        assert!(earlier(all[..1].iter()).is_empty());
    }
}
