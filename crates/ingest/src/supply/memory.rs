//! A mirror without a disk: the demo's world, and small worlds of tests.

use std::{
    collections::BTreeMap,
    io::{self, Cursor},
    sync::Arc,
};

use super::{Source, SupplyError, Version, unreadable};

/// Files by their path; the patterns are those of a mirror.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Memory {
    /// A supply of these files, path → bytes, paths as in a mirror.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        let share = |(path, bytes): (String, Vec<u8>)| (path, bytes.into());
        Self { files: files.into_iter().map(share).collect() }
    }

    pub(super) fn versions(&self, source: &Source) -> Vec<Version> {
        let mut versions = Vec::new();
        for part in &source.parts {
            let matching = |path: &&String| {
                part.mirror.iter().any(|pattern| pattern.matches(path))
            };
            let labels = self.files.keys().filter(matching).cloned().collect();
            versions.extend(Version::dated(&part.name, labels));
        }
        versions.sort();
        versions
    }

    pub(super) fn open(
        &self,
        source: &str,
        label: &str,
    ) -> Result<Cursor<Arc<[u8]>>, SupplyError> {
        let bytes = self.files.get(label).cloned();
        bytes.map(Cursor::new).ok_or_else(|| {
            unreadable(source, label, io::ErrorKind::NotFound.into())
        })
    }
}
