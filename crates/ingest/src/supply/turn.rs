//! Whose turn it is to ask for a source and to replace its files: those of one
//! process, though `asgard source refresh` may run beside a server.
//!
//! Locks are advisory (`flock`) and end with their process, however it ends.
//! Where none can be had (a full disk, a file system without), it goes on
//! without: the files are replaced by rename.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

/// Held while a source is asked and its files are replaced.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: Option<File>,
}

impl Turn {
    /// `None` while another process has it.
    pub(super) fn take(folder: &Path) -> Option<Self> {
        let Some(file) = lock_file(folder) else {
            return Some(Self { _lock: None });
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => {
                Some(Self { _lock: Some(file) })
            }
        }
    }

    /// Waits for whoever has it, who finishes within the time of a download.
    pub(super) async fn wait(folder: PathBuf) -> Self {
        let wait = move || {
            let file = lock_file(&folder)?;
            file.lock().ok()?;
            Some(file)
        };
        Self { _lock: spawn_blocking(wait).await.ok().flatten() }
    }
}

fn lock_file(folder: &Path) -> Option<File> {
    let path = folder.join("lock");
    File::options().create(true).append(true).open(path).ok()
}
