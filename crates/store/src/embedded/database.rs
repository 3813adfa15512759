//! The SQLite file: one connection that writes, a few that read.
//!
//! One writer, so that writes of this process queue in order instead of
//! fighting for the file lock; other processes wait by the busy time-out.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Sqlite, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use super::directory::Directory;
use crate::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 3;
/// How long one attempt to write waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Some lock states do not wait by themselves (WAL recovery, closing).
const BUSY_ATTEMPTS: u32 = 3;
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// What a write-ahead log may keep after a large transaction, in bytes.
const WAL_KEEP: &str = "67108864";

/// Both pools over one file.
pub(super) struct Database {
    file: PathBuf,
    identity: (u64, u64),
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens the file, switches it to WAL and applies the missing migrations.
    /// The caller holds the set-up lock: the migrator has none for SQLite.
    pub(super) async fn open(
        directory: &Directory,
    ) -> Result<Self, StoreError> {
        let file = directory.file("asgard.db");
        let identity =
            identity(&file).map_err(|error| StoreError::file(&file, &error))?;
        // The mode is a property of the file: readers need not ask for it.
        let writing = options(&file).journal_mode(SqliteJournalMode::Wal);
        let reading = options(&file).pragma("query_only", "ON");
        let writer = pool(1).connect_with(writing).await?;
        MIGRATIONS
            .run(&writer)
            .await
            .map_err(|error| failed_migration(directory, error))?;
        let readers = pool(READERS).connect_with(reading).await?;
        Ok(Self { file, identity, writer, readers })
    }

    /// Starts a write. The lock is taken at once, because a reader that
    /// becomes a writer later cannot wait for others.
    pub(super) async fn begin(
        &self,
    ) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.check_presence()?;
        let mut attempts = 1;
        loop {
            let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
            match begun.map_err(StoreError::from) {
                Err(StoreError::Busy(_)) if attempts < BUSY_ATTEMPTS => {
                    attempts += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                begun => return begun,
            }
        }
    }

    /// The connection that writes, for single statements during the set-up.
    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// The connections that only read.
    pub(super) fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.check_presence()?;
        Ok(&self.readers)
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.writer)
            .await;
        self.writer.close().await;
        folded?;
        Ok(())
    }

    /// A deleted or replaced file stays open and would swallow writes that
    /// nobody ever reads again.
    fn check_presence(&self) -> Result<(), StoreError> {
        let reason = match identity(&self.file) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Ok(_) => io::Error::other("the file was replaced; restart"),
            Err(error) => error,
        };
        Err(StoreError::file(&self.file, &reason))
    }
}

fn identity(file: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(file)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        // There is no network to lose, hence nothing to test or to renew.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        // In WAL mode only FULL makes a commit durable before it returns:
        // https://www.sqlite.org/pragma.html#pragma_synchronous
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_KEEP)
        .row_buffer_size(1024)
        .disable_statement_logging()
}

fn failed_migration(directory: &Directory, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error)
        | MigrateError::ExecuteMigration(error, _) => error.into(),
        MigrateError::VersionMissing(migration) => {
            StoreError::Newer { dir: directory.path().to_owned(), migration }
        }
        other => {
            let what = directory.file("asgard.db").display().to_string();
            StoreError::corrupt(what, other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_in_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort_unstable();
        let embedded: Vec<_> = MIGRATIONS
            .iter()
            .map(|m| {
                let name = m.description.replace(' ', "_");
                format!("{:04}_{name}.sql", m.version)
            })
            .collect();
        assert_eq!(embedded, files, "touch src/embedded/database.rs");
    }
}
