//! Where the bytes of a source come from: a mirror, memory, or the network.
//!
//! All three answer the same two questions, "which versions are there?" and
//! "what does this one say?", so nothing behind them knows which it is. A file
//! that cannot be read is that file's error; the others go on. Nothing here
//! looks at what the bytes mean.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use asgard_model::Day;
use jiff::Timestamp;

use crate::{
    catalogue::Source,
    decompress::{Decompressed, Limits},
};

pub use client::Timing;
pub use egress::{Egress, Refusal};
pub use memory::Memory;
pub use mirror::Mirror;
pub use network::{Candidate, Network, Outcome, Pace};
pub use progress::{Bars, Lines, Progress, Silent};
pub use receipt::Receipt;

mod client;
mod dated_url;
mod egress;
mod fetch;
mod memory;
mod mirror;
mod network;
mod progress;
mod receipt;
mod receipts;
mod turn;

/// Plain bytes that are read ahead.
const BUFFER: usize = 64 << 10;

/// Where the bytes of every source come from.
#[derive(Debug)]
pub enum Supply {
    /// A directory with files of many days.
    Mirror(Mirror),
    /// Files that the program carries, for the demo and for tests.
    Memory(Memory),
    /// The public addresses, with the last good files on disk.
    Network(Network),
}

/// One file of a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The day of the data: from the name in a mirror, from the server on the
    /// network; `None` if nothing tells.
    pub day: Option<Day>,
    /// Which [`Part`](crate::catalogue::Part) of the source it is.
    pub part: String,
    /// Its path relative to the root of the supply, separated by `/`.
    pub label: String,
}

/// Bytes that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// The directory of the mirror is not there.
    #[error("mirror `{}` cannot be read: {cause}", path.display())]
    NoMirror {
        /// The directory.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file cannot be opened.
    #[error("source `{source_name}`: `{label}` cannot be read: {cause}")]
    Unreadable {
        /// The source.
        source_name: String,
        /// The file.
        label: String,
        /// Why.
        cause: io::Error,
    },
    /// A file is somewhere else than it seems.
    #[error(
        "source `{source_name}`: `{label}` leads out of the mirror, \
         to `{}`; copy the file instead", target.display()
    )]
    Outside {
        /// The source.
        source_name: String,
        /// The file.
        label: String,
        /// Where it leads.
        target: PathBuf,
    },
    /// Not a file.
    #[error("source `{source_name}`: `{label}` is not a regular file")]
    NotAFile {
        /// The source.
        source_name: String,
        /// The name.
        label: String,
    },
    /// The data directory cannot be written.
    #[error("data directory: `{}` cannot be written: {cause}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// No HTTP client can be made.
    #[error("no HTTP client: {0}")]
    NoClient(String),
}

impl Supply {
    /// Whether this supply could have the source at all; a source without an
    /// address or pattern for it is not missing, it is elsewhere.
    pub fn offers(&self, source: &Source) -> bool {
        source.parts.iter().any(|part| match self {
            Self::Mirror(_) | Self::Memory(_) => !part.mirror.is_empty(),
            Self::Network(_) => !part.urls.is_empty(),
        })
    }

    /// The versions of a source, oldest first; undated ones before all.
    ///
    /// # Errors
    ///
    /// [`SupplyError::NoMirror`] if the root is gone. A single bad file is
    /// listed, and [`Supply::open`] says what is wrong with it.
    pub fn versions(
        &self,
        source: &Source,
    ) -> Result<Vec<Version>, SupplyError> {
        match self {
            Self::Mirror(mirror) => mirror.versions(source),
            Self::Memory(memory) => Ok(memory.versions(source)),
            Self::Network(network) => Ok(network.versions(source)),
        }
    }

    /// When its publisher last said that the good file of a part is current;
    /// `None` where nobody is asked, or was.
    pub(crate) fn confirmed(
        &self,
        source: &Source,
        part: &str,
    ) -> Option<Timestamp> {
        match self {
            Self::Mirror(_) | Self::Memory(_) => None,
            Self::Network(network) => {
                network.receipt(&source.name, part).checked
            }
        }
    }

    /// The plain bytes of a version, decompressed within the limits of the
    /// source.
    ///
    /// # Errors
    ///
    /// [`SupplyError`] if the file cannot be opened. Damage that shows later
    /// is an I/O error of the reader.
    pub fn open(
        &self,
        source: &Source,
        version: &Version,
    ) -> Result<Box<dyn BufRead + Send>, SupplyError> {
        let bytes: Box<dyn Read + Send> = match self {
            Self::Mirror(mirror) => {
                Box::new(mirror.open(&source.name, &version.label)?)
            }
            Self::Memory(memory) => {
                Box::new(memory.open(&source.name, &version.label)?)
            }
            Self::Network(network) => {
                Box::new(network.open(&source.name, &version.label)?)
            }
        };
        plain(bytes, source, &version.label)
    }
}

/// The versions that count on a day: all of a source with history, else the
/// newest of each part (every file of that day). What is newer than `until`
/// was not known then.
pub fn select(
    source: &Source,
    versions: &[Version],
    until: Option<Day>,
) -> Vec<Version> {
    let known = |version: &&Version| match (version.day, until) {
        (Some(day), Some(until)) => day <= until,
        _ => true,
    };
    let known: Vec<&Version> = versions.iter().filter(known).collect();
    let newest = |part: &str| {
        let same = known.iter().filter(|version| version.part == part);
        same.map(|version| version.day).max().flatten()
    };
    let counts = |version: &&&Version| {
        source.history || version.day == newest(&version.part)
    };
    known.iter().filter(counts).map(|version| (*version).clone()).collect()
}

fn plain(
    bytes: Box<dyn Read + Send>,
    source: &Source,
    label: &str,
) -> Result<Box<dyn BufRead + Send>, SupplyError> {
    let limits = Limits { max_bytes: source.max_bytes, ..Limits::default() };
    match Decompressed::new(bytes, limits) {
        Ok(plain) => Ok(Box::new(BufReader::with_capacity(BUFFER, plain))),
        Err(cause) => Err(unreadable(&source.name, label, cause)),
    }
}

fn unreadable(source: &str, label: &str, cause: io::Error) -> SupplyError {
    SupplyError::Unreadable {
        source_name: source.to_owned(),
        label: label.to_owned(),
        cause,
    }
}

fn unwritable(path: &Path, cause: io::Error) -> SupplyError {
    SupplyError::Unwritable { path: path.to_owned(), cause }
}

/// Opens a regular file that lies below `root` after all links are followed.
fn open_below(
    root: &Path,
    source: &str,
    label: &str,
) -> Result<File, SupplyError> {
    let failed = |cause| unreadable(source, label, cause);
    let target = root.join(label).canonicalize().map_err(failed)?;
    let root = root.canonicalize().map_err(failed)?;
    if !target.starts_with(&root) {
        return Err(SupplyError::Outside {
            source_name: source.to_owned(),
            label: label.to_owned(),
            target,
        });
    }
    // A pipe would block for ever, a directory fails only on the first read.
    if !target.metadata().map_err(failed)?.is_file() {
        return Err(SupplyError::NotAFile {
            source_name: source.to_owned(),
            label: label.to_owned(),
        });
    }
    File::open(&target).map_err(failed)
}

#[cfg(test)]
mod tests;
