//! What is remembered about a downloaded file, beside the file itself.
//!
//! The validators of conditional requests must never outlive the bytes that
//! they describe, or a server would answer "not modified" about a file that is
//! not there. They therefore lie in the same folder, are written after the
//! file, and count only while the file exists.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{SupplyError, unwritable};

/// First pause after a failure; it doubles up to the source's cadence.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// What is remembered about one downloaded file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// The address that the good file came from.
    pub url: Option<String>,
    /// Its entity tag (RFC 9110 section 8.8.3).
    pub etag: Option<String>,
    /// Its `Last-Modified`, as the server wrote it.
    pub last_modified: Option<String>,
    /// Its size as downloaded, in bytes.
    pub bytes: u64,
    /// When it was downloaded.
    pub fetched: Option<Timestamp>,
    /// When the server last said that it is current.
    pub checked: Option<Timestamp>,
    /// When it was last asked for.
    pub attempted: Option<Timestamp>,
    /// Attempts that have failed since.
    pub failures: u32,
    /// The server asked not to be asked before.
    pub not_before: Option<Timestamp>,
    /// Why the last attempt failed; `None` after a success.
    pub last_error: Option<String>,
}

impl Receipt {
    /// Whether the publisher may be asked again.
    pub(super) fn is_due(&self, cadence: Duration, now: Timestamp) -> bool {
        let cadence =
            SignedDuration::try_from(cadence).unwrap_or(SignedDuration::MAX);
        let pause = match self.failures {
            0 => cadence,
            n => FIRST_PAUSE
                .checked_mul(1 << (n - 1).min(16))
                .map_or(cadence, |pause| pause.min(cadence)),
        };
        let rested = self.attempted.is_none_or(|last| {
            // A clock that was set back must not silence a source for ever.
            now < last || now.duration_since(last) >= pause
        });
        rested && self.not_before.is_none_or(|moment| now >= moment)
    }

    /// Takes note of an attempt that failed.
    pub(super) fn failed(&mut self, reason: &str, now: Timestamp) {
        self.attempted = Some(now);
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(reason.to_owned());
    }

    /// Takes note of an answer that the file is current.
    pub(super) fn confirmed(&mut self, now: Timestamp) {
        self.attempted = Some(now);
        self.checked = Some(now);
        self.failures = 0;
        self.not_before = None;
        self.last_error = None;
    }

    /// Reads a receipt; one that is missing or damaged is empty, which costs an
    /// unconditional request and nothing else.
    pub(super) fn read(path: &Path) -> Self {
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).ok();
        fs::read(path).ok().and_then(read).unwrap_or_default()
    }

    /// Writes a receipt so that a crash leaves the old or the new one.
    pub(super) fn write(&self, path: &Path) -> Result<(), SupplyError> {
        let failed = |cause| unwritable(path, cause);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| failed(error.into()))?;
        let draft = path.with_extension("receipt-draft");
        let written = write_synced(&draft, &text);
        written.and_then(|()| replace(&draft, path)).map_err(|cause| {
            // A full disk gets its space back.
            let _ = fs::remove_file(&draft);
            failed(cause)
        })
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames a synced file over another and makes the rename durable.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CADENCE: Duration = Duration::from_secs(3600);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap()
    }

    #[test]
    fn a_source_rests_for_its_cadence_after_a_success() {
        let mut receipt = Receipt::default();
        assert!(receipt.is_due(CADENCE, at(0)));
        receipt.confirmed(at(0));
        assert!(!receipt.is_due(CADENCE, at(59)));
        assert!(receipt.is_due(CADENCE, at(60)));
        assert!(receipt.is_due(CADENCE, at(-1)), "the clock was set back");
    }

    #[test]
    fn failures_are_retried_sooner_but_ever_more_slowly() {
        let mut receipt = Receipt::default();
        for (failures, pause) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60)] {
            receipt.failed("gone", at(0));
            assert!(!receipt.is_due(CADENCE, at(pause - 1)), "{failures}");
            assert!(receipt.is_due(CADENCE, at(pause)), "{failures}");
        }
        receipt.not_before = Some(at(90));
        assert!(!receipt.is_due(CADENCE, at(89)));
        receipt.failures = u32::MAX;
        assert!(receipt.is_due(CADENCE, at(90)));
    }
}
