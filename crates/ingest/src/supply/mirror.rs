//! A mirror: a directory in which other tools collect files of many days.
//!
//! Only folders that a pattern can match are opened, in sorted order, so the
//! result does not depend on the file system. Nothing is ever written, and
//! links that leave the directory are refused when they are opened.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{Source, SupplyError, Version, open_below};
use crate::catalogue::Pattern;

/// A directory with files of many days.
#[derive(Clone, Debug)]
pub struct Mirror {
    root: PathBuf,
}

impl Mirror {
    /// A mirror in a directory.
    ///
    /// # Errors
    ///
    /// [`SupplyError::NoMirror`] if the directory cannot be listed.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, SupplyError> {
        let mirror = Self { root: root.into() };
        mirror.check()?;
        Ok(mirror)
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn check(&self) -> Result<(), SupplyError> {
        fs::read_dir(&self.root).map(drop).map_err(|cause| {
            SupplyError::NoMirror { path: self.root.clone(), cause }
        })
    }

    pub(super) fn versions(
        &self,
        source: &Source,
    ) -> Result<Vec<Version>, SupplyError> {
        self.check()?;
        let mut versions = Vec::new();
        for part in &source.parts {
            let mut labels = Vec::new();
            for pattern in &part.mirror {
                walk(&self.root, "", pattern.components(), &mut labels);
            }
            versions.extend(Version::dated(&part.name, labels));
        }
        versions.sort();
        versions.dedup();
        Ok(versions)
    }

    pub(super) fn open(
        &self,
        source: &str,
        label: &str,
    ) -> Result<File, SupplyError> {
        open_below(&self.root, source, label)
    }

    /// Every file below the mirror's top folders that no pattern matches, for
    /// people who wonder why a file has no effect.
    ///
    /// # Errors
    ///
    /// [`SupplyError::NoMirror`] if the root is gone.
    pub fn unclaimed<'a>(
        &self,
        folders: &[&str],
        patterns: impl Iterator<Item = &'a Pattern>,
    ) -> Result<Vec<String>, SupplyError> {
        self.check()?;
        let patterns: Vec<&Pattern> = patterns.collect();
        let mut files = Vec::new();
        for folder in folders {
            list(&self.root, folder, &mut files);
        }
        files.retain(|file| !patterns.iter().any(|one| one.matches(file)));
        files.sort();
        Ok(files)
    }
}

impl Version {
    /// Versions of a part, each dated by its path.
    pub(super) fn dated(
        part: &str,
        labels: Vec<String>,
    ) -> impl Iterator<Item = Self> {
        labels.into_iter().map(move |label| Self {
            day: crate::catalogue::day_of(&label),
            part: part.to_owned(),
            label,
        })
    }
}

/// Collects the paths below `at` that match the components.
fn walk(root: &Path, at: &str, components: &[String], into: &mut Vec<String>) {
    let Some((component, rest)) = components.split_first() else { return };
    // A folder that is missing or closed has no files; its absence shows as a
    // source without versions.
    for name in names(&root.join(at)).unwrap_or_default() {
        if crate::catalogue::fits(component, &name) {
            let path = join(at, &name);
            match rest {
                [] => into.push(path),
                rest => walk(root, &path, rest, into),
            }
        }
    }
}

fn list(root: &Path, at: &str, into: &mut Vec<String>) {
    for name in names(&root.join(at)).unwrap_or_default() {
        let path = join(at, &name);
        let is_dir = root
            .join(&path)
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir());
        match is_dir {
            true => list(root, &path, into),
            false => into.push(path),
        }
    }
}

/// Names in a folder, sorted; names that are not UTF-8 match no pattern.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

fn join(at: &str, name: &str) -> String {
    match at {
        "" => name.to_owned(),
        at => format!("{at}/{name}"),
    }
}
