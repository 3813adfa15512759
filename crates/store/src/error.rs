//! What can go wrong with the store; a variant says what the caller can do.
//!
//! No driver type leaves the crate: a second backend maps its errors to the
//! same variants.

use std::{io, path::Path, path::PathBuf};

use crate::WorldKind;

/// Why the store refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Disk full, directory gone, permission lost, store closed: go on without
    /// it (answer 503 to writes) and try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Another process held the write lock longer than the busy time-out.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// A file or a row does not say what it must; trying again will not help.
    #[error("{what} is corrupt: {reason}")]
    Corrupt {
        /// The file or table.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The write contradicts what is stored.
    #[error("the store refuses the write: {0}")]
    Conflict(String),
    /// A demo was started on real data, or the reverse.
    #[error(
        "{dir} holds {found} data and cannot be used for {wanted} data: \
         choose another --data-dir"
    )]
    OtherWorld {
        /// The data directory.
        dir: PathBuf,
        /// What it holds.
        found: WorldKind,
        /// What was asked for.
        wanted: WorldKind,
    },
    /// Another server runs on the same directory.
    #[error(
        "another asgard serves from {dir}: stop it, or choose another \
         --data-dir"
    )]
    AlreadyServing {
        /// The data directory.
        dir: PathBuf,
    },
    /// A newer asgard has migrated the directory.
    #[error(
        "{dir} was written by a newer asgard (migration {migration}): \
         upgrade this one, or restore a backup"
    )]
    Newer {
        /// The data directory.
        dir: PathBuf,
        /// The first migration that this program does not know.
        migration: i64,
    },
}

impl StoreError {
    /// Whether the same call may succeed later, with nothing changed but the
    /// surroundings (space on the disk, another process done).
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy(_))
    }

    /// A failed file operation, with the path that the system leaves out.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Unavailable(format!("{}: {error}", path.display()))
    }

    pub(crate) fn corrupt(
        what: impl Into<String>,
        reason: impl ToString,
    ) -> Self {
        Self::Corrupt { what: what.into(), reason: reason.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => {
                let code = cause.code().and_then(|c| c.parse().ok());
                by_code(code.unwrap_or(0), &error)
            }
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound => Self::corrupt("the database", error),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// <https://www.sqlite.org/rescode.html>: the low byte is the primary code.
fn by_code(code: i32, error: &sqlx::Error) -> StoreError {
    match code & 0xff {
        // SQLITE_BUSY, SQLITE_LOCKED
        5 | 6 => StoreError::Busy(error.to_string()),
        // SQLITE_ERROR (no such table), SQLITE_CORRUPT, SQLITE_NOTADB
        1 | 11 | 26 => StoreError::corrupt("the database", error),
        // SQLITE_CONSTRAINT
        19 => StoreError::Conflict(error.to_string()),
        // SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, …
        _ => StoreError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_retryable() {
        let gone = StoreError::from(sqlx::Error::PoolTimedOut);
        assert!(gone.is_retryable(), "{gone}");
        for error in [
            StoreError::Conflict("x".into()),
            StoreError::corrupt("x", "y"),
            StoreError::AlreadyServing { dir: "d".into() },
        ] {
            assert!(!error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn a_refused_directory_is_named_with_the_way_out() {
        let error = StoreError::OtherWorld {
            dir: "/var/lib/asgard".into(),
            found: WorldKind::Real,
            wanted: WorldKind::Demo,
        };
        assert_eq!(
            error.to_string(),
            "/var/lib/asgard holds real data and cannot be used for demo \
             data: choose another --data-dir"
        );
    }
}
