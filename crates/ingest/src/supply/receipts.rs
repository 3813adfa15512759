//! Receipts on disk, and in memory what the disk did not take.
//!
//! An attempt that is not noted anywhere would be repeated in every cycle,
//! whatever cadence the publisher asks for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Receipt, SupplyError, turn::Turn};

/// The receipts of all parts.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// By file; those on disk are older. A std lock, held for a look-up or
    /// while one small file is written.
    unwritten: Mutex<BTreeMap<PathBuf, Receipt>>,
}

impl Receipts {
    /// The newest receipt; one that is missing or damaged is empty.
    pub(super) fn read(&self, path: &Path) -> Receipt {
        let known = self.unwritten().get(path).cloned();
        known.unwrap_or_else(|| Receipt::read(path))
    }

    /// Writes a receipt, or remembers it until it can be written.
    pub(super) fn write(
        &self,
        path: &Path,
        receipt: Receipt,
    ) -> Result<(), SupplyError> {
        let written = receipt.write(path);
        let mut unwritten = self.unwritten();
        match written {
            Ok(()) => drop(unwritten.remove(path)),
            Err(_) => drop(unwritten.insert(path.to_owned(), receipt)),
        }
        written
    }

    /// Writes what is still to be written, but for sources whose turn another
    /// process has.
    pub(super) fn catch_up(&self) -> Result<(), SupplyError> {
        let unwritten = self.unwritten().clone();
        let write = |(path, receipt): (PathBuf, Receipt)| {
            let turn = path.parent().map(Turn::take);
            match turn {
                Some(None) => Ok(()),
                Some(Some(_)) | None => self.write(&path, receipt),
            }
        };
        unwritten.into_iter().map(write).fold(Ok(()), Result::and)
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Receipt>> {
        // An insertion cannot be half done.
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
