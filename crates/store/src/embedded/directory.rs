//! The data directory: made private, locked, and written atomically.
//!
//! Locks are advisory (`flock`) and end with their process, however it ends.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::StoreError;

/// How long a start waits for another process that sets the directory up.
const SETUP_PATIENCE: Duration = Duration::from_secs(15);
const SETUP_POLL: Duration = Duration::from_millis(10);

/// The data directory of an open store.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

/// The right to serve from a data directory; dropping it gives it back.
#[derive(Debug)]
pub struct ServingGuard {
    _lock: File,
}

/// Held while a directory is set up, so that no two processes do it at once.
pub(super) struct SetupGuard {
    _lock: File,
}

impl Directory {
    /// Makes the directory (0700) and an empty database file (0600).
    pub(super) async fn prepare(
        path: &Path,
    ) -> Result<(Self, SetupGuard), StoreError> {
        let directory = Self(path.to_owned());
        blocking(move || {
            directory.create()?;
            let lock = directory.wait_for_setup()?;
            directory.open_private("asgard.db")?;
            sync(directory.path())?;
            Ok((directory, SetupGuard { _lock: lock }))
        })
        .await
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn lock_serving(&self) -> Result<ServingGuard, StoreError> {
        match self.try_lock("serve.lock")? {
            Some(lock) => Ok(ServingGuard { _lock: lock }),
            None => Err(StoreError::AlreadyServing { dir: self.0.clone() }),
        }
    }

    /// Waits for a lock without limit: for holders that finish by themselves.
    pub(super) fn lock(&self, name: &str) -> Result<File, StoreError> {
        let file = self.open_private(name)?;
        file.lock().map_err(|e| StoreError::file(&self.file(name), &e))?;
        Ok(file)
    }

    /// Replaces a file (0600): temporary name, fsync, rename, fsync of the
    /// folder that it is in and of the directory. The caller sees to it that nobody else writes the same name.
    pub(super) fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let temporary = self.file(&format!("{name}.tmp"));
        let written = private(&temporary, true)
            .and_then(|mut file| {
                write(&mut file)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&temporary, self.file(name)));
        if let Err(error) = written {
            // A full disk gets its space back; a failure here changes nothing.
            let _ = fs::remove_file(&temporary);
            return Err(StoreError::file(&temporary, &error));
        }
        match self.file(name).parent() {
            // The folder may be new, too.
            Some(folder) if folder != self.0 => sync(folder)?,
            _ => {}
        }
        sync(&self.0)
    }

    fn create(&self) -> Result<(), StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| StoreError::file(&self.0, &error))
    }

    fn open_private(&self, name: &str) -> Result<File, StoreError> {
        let path = self.file(name);
        private(&path, false).map_err(|e| StoreError::file(&path, &e))
    }

    fn wait_for_setup(&self) -> Result<File, StoreError> {
        for _ in 0..SETUP_PATIENCE.as_millis() / SETUP_POLL.as_millis() {
            if let Some(lock) = self.try_lock("setup.lock")? {
                return Ok(lock);
            }
            thread::sleep(SETUP_POLL);
        }
        let text = format!("{} is being set up elsewhere", self.0.display());
        Err(StoreError::Busy(text))
    }

    fn try_lock(&self, name: &str) -> Result<Option<File>, StoreError> {
        let file = self.open_private(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(StoreError::file(&self.file(name), &error))
            }
        }
    }
}

/// Makes names in a directory durable.
fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::file(path, &error))
}

fn private(path: &Path, truncate: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o600)
        .open(path)
}

/// Runs file operations where they may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
}
