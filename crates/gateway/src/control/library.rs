//! The data of a gateway: loaded before the first request, kept fresh, carried
//! over a reload.
//!
//! A reload makes a new [`Library`], which works on copies of what the old one
//! has loaded from the same places, and takes its place only with all that the
//! configuration needs. The old one ends its work before the new one begins, and
//! whatever it still brings is not published.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
};

use tokio::sync::watch;

use super::{Gateway, LoadError, unit_tests};
use crate::{
    clock,
    generation::Generation,
    setup::Setup,
    supply::{Library, Status, Update, What},
};

/// Rules that never match should show before somebody relies on them.
const NO_SCORES: &str = "features.asn.database: rules ask for asnScore or \
    asnLevel, and this database has no scores: those rules never match; use \
    `source: asgard`, or a file of `asgard mmdb build`";

impl Gateway {
    /// Loads what the configuration names, from files, copies or elsewhere.
    /// `cache` is a directory for last good copies.
    ///
    /// # Errors
    /// When a database is missing that must be there, or when the unit tests of
    /// the file fail.
    pub async fn load_data(
        &self,
        cache: Option<&Path>,
    ) -> Result<(), LoadError> {
        let setup = &self.generations.load().setup;
        let config = &setup.config;
        let library = Library::new(config, cache, None, clock::seconds)?;
        library.load().await?;
        unit_tests::pass(&setup.policy, config, &library.data())?;
        self.generations.update_data(|_| library.data());
        let now = self.generations.load();
        now.setup.warn_of_everybody(&now.data);
        self.library.send_replace(Some(Arc::new(library)));
        self.tell_if_scores_are_missing();
        Ok(())
    }

    /// The library for a new configuration; what must be there is loaded, and
    /// the unit tests of the file pass on it.
    pub(super) async fn next_library(
        &self,
        setup: &Setup,
    ) -> Result<Arc<Library>, LoadError> {
        let config = &setup.config;
        let before = self.library.borrow().clone();
        let mut library = match &before {
            Some(before) => before.for_config(config)?,
            None => Library::new(config, None, None, clock::seconds)?,
        };
        let ready = async {
            library.reread_files().await?;
            library.load().await?;
            Ok(unit_tests::pass(&setup.policy, config, &library.data())?)
        };
        let done: Result<(), LoadError> = ready.await;
        match done {
            Ok(()) => {
                library.settle();
                Ok(Arc::new(library))
            }
            Err(error) => {
                library.abandon();
                Err(error)
            }
        }
    }

    /// Keeps all data fresh until `shutdown` is true. The binary spawns and
    /// joins it.
    pub async fn keep_fresh(&self, mut shutdown: watch::Receiver<bool>) {
        let mut changes = self.library.subscribe();
        loop {
            let library = changes.borrow_and_update().clone();
            let (stop, stopped) = watch::channel(false);
            let work = async {
                let Some(library) = &library else { return };
                // What came between its making and now.
                for update in library.updates() {
                    self.publish(library, &update);
                }
                let publish = |update: Update| self.publish(library, &update);
                library.run(publish, stopped).await;
            };
            let end = async {
                let over = tokio::select! {
                    _ = shutdown.wait_for(|stop| *stop) => true,
                    changed = changes.changed() => changed.is_err(),
                };
                stop.send_replace(true);
                over
            };
            let ((), over) = tokio::join!(work, end);
            if over {
                return;
            }
        }
    }

    /// Puts a new version into force, unless a reload has made its place in
    /// the configuration mean something else.
    fn publish(&self, library: &Arc<Library>, update: &Update) {
        self.generations.update(|old| {
            let current = self.library.borrow();
            let ours =
                current.as_ref().is_some_and(|c| Arc::ptr_eq(c, library));
            let mut next = Generation::clone(old);
            if ours {
                let mut data = (*old.data).clone();
                update.apply(&mut data);
                if old.setup.trusts_list(&update.what) {
                    old.setup.warn_of_everybody(&data);
                }
                next.data = Arc::new(data);
            }
            next
        });
        if update.what == What::Networks {
            self.tell_if_scores_are_missing();
        }
    }

    /// Once for the rules in force and each table that comes into use.
    pub(super) fn tell_if_scores_are_missing(&self) {
        let generation = self.generations.load();
        let table = generation.data.networks.as_ref();
        let built = table.map_or(0, |table| table.build_epoch());
        let these = (generation.setup.policy_hash.clone(), built);
        let lacks = generation.lacks_scores().then_some(these);
        let mut told =
            self.scoreless.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == lacks {
            return;
        }
        if lacks.is_some() {
            tracing::warn!("{NO_SCORES}");
        }
        *told = lacks;
    }

    /// How databases, lists and feeds are doing.
    pub fn data_status(&self) -> Vec<Status> {
        let library = self.library.borrow();
        library.as_ref().map(|l| l.status()).unwrap_or_default()
    }

    /// What is wrong with the data, in a line each.
    pub(crate) fn data_faults(&self) -> Vec<String> {
        let lacks_scores = self.generations.load().lacks_scores();
        let scores = lacks_scores.then(|| NO_SCORES.to_owned());
        let faults = self.data_status().into_iter().filter_map(|status| {
            let name = &status.name;
            match (&status.last_error, status.stale) {
                (Some(error), _) => Some(format!("{name}: {error}")),
                (None, true) => Some(format!("{name}: older than max_age")),
                (None, false) => None,
            }
        });
        faults.chain(scores).collect()
    }
}
