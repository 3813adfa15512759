//! What the gateway reads from elsewhere: databases, lists, feeds; kept fresh.
//!
//! Each *subject* (a database, a list, a feed) is fetched, unpacked, judged, and
//! only then published, whole. Whatever goes wrong on the way, the last good
//! version stays, and [`Library::status`] says why. Requests never wait for
//! any of it: they read what was published.
//!
//! Nothing is mapped into memory: a file that is truncated in place would kill
//! the process. A refresh is a future; the binary spawns and joins it.

mod archive;
mod changes;
mod disk;
pub(crate) mod evidence;
mod fetch;
mod judge;
mod on_disk;
mod refresh;
mod subject;
mod takeover;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use asgard_model::{NetworkTable, PlaceTable};
use asgard_policy::AddressSet;
use tokio::sync::watch;

pub use archive::ArchiveError;
pub use judge::Rejection;
pub(crate) use judge::list;
pub use on_disk::Unusable;
pub(crate) use subject::Signature;
pub use subject::{Status, Subject};

use crate::{
    config::{Config, OnMissing},
    generation::Data,
};
use fetch::Fetcher;

/// Gives the time, in seconds since 1970.
pub type Clock = fn() -> u64;

/// What a subject is to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Networks of addresses.
    Networks,
    /// Places of addresses.
    Places,
    /// The list at this place of the configuration.
    List(usize),
    /// The feed at this place of the configuration.
    Feed(usize),
}

/// A new version of a subject, complete and judged good.
#[derive(Clone, Debug)]
pub enum Version {
    /// Networks of addresses.
    Networks(Arc<NetworkTable>),
    /// Places of addresses.
    Places(Arc<PlaceTable>),
    /// Addresses of a list or feed.
    Addresses(Arc<AddressSet>),
}

/// What is to be replaced, and by what.
#[derive(Clone, Debug)]
pub struct Update {
    /// What.
    pub what: What,
    /// By what.
    pub version: Version,
}

impl Update {
    /// Replaces it in what requests are decided by.
    pub fn apply(&self, data: &mut Data) {
        let slot = |slots: &mut Vec<_>, at: usize, set: &Arc<AddressSet>| {
            if slots.len() <= at {
                slots.resize(at + 1, None);
            }
            slots[at] = Some(Arc::clone(set));
        };
        match (&self.what, &self.version) {
            (What::Networks, Version::Networks(table)) => {
                data.networks = Some(Arc::clone(table));
            }
            (What::Places, Version::Places(table)) => {
                data.places = Some(Arc::clone(table));
            }
            (What::List(at), Version::Addresses(set)) => {
                slot(&mut data.lists, *at, set);
            }
            (What::Feed(at), Version::Addresses(set)) => {
                slot(&mut data.feeds, *at, set);
            }
            // A subject makes versions of its own kind only.
            _ => {}
        }
    }
}

/// Why the data of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A subject without which the gateway must not start.
    #[error("{subject}: {cause}")]
    Missing {
        /// `features.asn.database`, `ip_lists.NAME`, …
        subject: String,
        /// Why, with the fix.
        cause: String,
    },
    /// `source: asgard` without `asgard.url`.
    #[error(
        "{0}: source is asgard, but asgard.url is not set; set it to the \
         address of the API"
    )]
    NoAsgard(String),
    /// The client of HTTP cannot be made.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// All subjects of a configuration.
#[derive(Debug)]
pub struct Library {
    subjects: Vec<Subject>,
    fetcher: Fetcher,
    cache: Option<PathBuf>,
    clock: Clock,
}

impl Library {
    /// The subjects of a configuration. `cache` is a directory for last good
    /// copies of what has no `path`; it begins with a copy of what `before` has
    /// loaded from the same places, until [`Self::settle`].
    ///
    /// # Errors
    /// [`DataError::NoAsgard`], [`DataError::Client`].
    pub fn new(
        config: &Config,
        cache: Option<&Path>,
        before: Option<&Self>,
        clock: Clock,
    ) -> Result<Self, DataError> {
        let mut subjects = subject::of(config, cache)?;
        if let Some(before) = before {
            takeover::borrow(&mut subjects, &before.subjects);
        }
        let cache = cache.map(Path::to_owned);
        Ok(Self { subjects, fetcher: Fetcher::new()?, cache, clock })
    }

    /// The library of another configuration, which begins with a copy of what
    /// this one has loaded.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn for_config(&self, config: &Config) -> Result<Self, DataError> {
        let cache = self.cache.as_deref();
        Self::new(config, cache, Some(self), self.clock)
    }

    /// Loads what was never loaded: from the last good copy on disk, else from
    /// its source.
    ///
    /// # Errors
    /// [`DataError::Missing`] for a database that rules need, or a list in a
    /// file, that cannot be loaded. Lists from elsewhere may come later.
    pub async fn load(&self) -> Result<(), DataError> {
        let loads = self.subjects.iter().map(|subject| async move {
            if subject.shelf.version().is_some() {
                return Ok(());
            }
            if self.restore(subject).await {
                return Ok(());
            }
            let Err(cause) = self.refresh(subject).await else {
                return Ok(());
            };
            let subject_name = subject.name.clone();
            tracing::warn!(subject = subject_name, %cause, "not loaded");
            match subject.on_missing {
                OnMissing::Start => Ok(()),
                OnMissing::Fail => Err(DataError::Missing {
                    subject: subject_name,
                    cause: cause.to_string(),
                }),
            }
        });
        let done = futures_util::future::join_all(loads).await;
        done.into_iter().collect()
    }

    /// Everything that is loaded, for a new generation.
    pub fn data(&self) -> Data {
        let mut data = Data::default();
        for update in self.updates() {
            update.apply(&mut data);
        }
        data
    }

    /// Everything that is loaded, one by one.
    pub fn updates(&self) -> Vec<Update> {
        let update = |subject: &Subject| {
            let version = subject.shelf.version()?;
            Some(Update { what: subject.what.clone(), version })
        };
        self.subjects.iter().filter_map(update).collect()
    }

    /// Looks again now, at files of which none changed too; for a reload.
    ///
    /// # Errors
    /// The first subject that has a new version which is refused.
    pub async fn reread_files(&self) -> Result<Vec<Update>, DataError> {
        let mut updates = Vec::new();
        for subject in &self.subjects {
            if !subject.is_file() {
                continue;
            }
            match self.refresh(subject).await {
                Ok(Some(update)) => updates.push(update),
                Ok(None) => {}
                Err(cause) => {
                    return Err(DataError::Missing {
                        subject: subject.name.clone(),
                        cause: cause.to_string(),
                    });
                }
            }
        }
        Ok(updates)
    }

    /// Keeps everything fresh until `shutdown` changes or its sender is gone.
    /// Each new version is handed to `publish`, which must not wait.
    pub async fn run(
        &self,
        publish: impl Fn(Update) + Sync,
        shutdown: watch::Receiver<bool>,
    ) {
        let loops = self.subjects.iter().map(|subject| {
            self.keep_fresh(subject, &publish, shutdown.clone())
        });
        let ages = self.tell_ages(shutdown.clone());
        let loops = futures_util::future::join_all(loops);
        tokio::join!(loops, ages);
    }

    /// How every subject is doing.
    pub fn status(&self) -> Vec<Status> {
        let now = (self.clock)();
        self.subjects.iter().map(|subject| subject.status(now)).collect()
    }

    /// Whether something that rules need was never loaded.
    pub fn is_waiting(&self) -> bool {
        self.subjects.iter().any(|s| s.needed && s.shelf.version().is_none())
    }
}

/// The place of a last good copy that has no place of its own.
fn cached(cache: Option<&Path>, name: &str) -> Option<PathBuf> {
    cache.map(|cache| cache.join(name))
}

#[cfg(test)]
mod tests;
