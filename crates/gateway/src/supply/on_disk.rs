//! What the configured files say: all that can be known without a network.
//!
//! The tools of rules read it from disk; a gateway takes it out of what it has
//! loaded, when it runs the unit tests of its file. Both judge files alike and
//! come to the same facts. What only the network knows (lists by URL, feeds of
//! asgard, a table of asgard) is left out: a test must not fail because
//! somebody else's list has changed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use asgard_policy::AddressSet;

use super::{
    Version, disk,
    fetch::Label,
    judge::{self, Present, Provenance},
    subject::{self, Kind, Origin, Spec},
};
use crate::{
    config::{Config, Database, DatabaseSource, FeedSource, ListSource},
    generation::Data,
};

/// A file that is there and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: `{}`: {why}", key.join("."), path.display())]
pub struct Unusable {
    /// Where the configuration names it: `features`, `asn`, `database`. Empty
    /// for a file that was named on the command line.
    pub key: Vec<String>,
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

impl Data {
    /// Reads every file that a configuration names and that is there, `mmdb`
    /// instead of the configured database of networks. Blocking. A file that
    /// cannot be used is left out, and comes back with the reason.
    #[must_use]
    pub fn on_disk(
        config: &Config,
        mmdb: Option<&Path>,
    ) -> (Self, Vec<Unusable>) {
        let mut reader = Reader { unusable: Vec::new() };
        let mut data = Self::of(config, None);
        let (asn, geoip) = (&config.features.asn, &config.features.geoip);
        let key = |name: &str| ["features", name, "database"].map(Into::into);
        data.networks = match mmdb {
            Some(path) => reader.named(path, asn.database.max_bytes),
            None if asn.enabled => {
                let key = key("asn").to_vec();
                reader.database(key, Kind::Networks, &asn.database)
            }
            None => None,
        }
        .and_then(|version| match version {
            Version::Networks(table) => Some(table),
            _ => None,
        });
        if geoip.enabled
            && let Some(Version::Places(table)) = reader.database(
                key("geoip").to_vec(),
                Kind::Places,
                &geoip.database,
            )
        {
            data.places = Some(table);
        }
        for (list, known) in config.ip_lists.iter().zip(&mut data.lists) {
            if let ListSource::File(path) = &list.source {
                let key = vec!["ip_lists".into(), list.name.clone()];
                *known = reader.addresses(key, path);
            }
        }
        for (feed, known) in config.feeds.iter().zip(&mut data.feeds) {
            if let FeedSource::File(path) = &feed.source {
                let key = vec!["feeds".into(), feed.name.clone()];
                *known = reader.addresses(key, path);
            }
        }
        (data, reader.unusable)
    }

    /// Of what was loaded, that which [`Self::on_disk`] would know.
    #[must_use]
    pub fn as_on_disk(&self, config: &Config) -> Self {
        let is_on_disk = |of: &Database| file(of).is_some();
        let known = |on_disk: bool, set: &Option<Arc<AddressSet>>| {
            set.clone().filter(|_| on_disk)
        };
        let lists = config.ip_lists.iter().zip(&self.lists);
        let feeds = config.feeds.iter().zip(&self.feeds);
        let (asn, geoip) = (&config.features.asn, &config.features.geoip);
        Self {
            networks: self
                .networks
                .clone()
                .filter(|_| is_on_disk(&asn.database)),
            places: self.places.clone().filter(|_| is_on_disk(&geoip.database)),
            lists: lists
                .map(|(list, set)| {
                    known(!matches!(list.source, ListSource::Url(_)), set)
                })
                .collect(),
            feeds: feeds
                .map(|(feed, set)| {
                    known(matches!(feed.source, FeedSource::File(_)), set)
                })
                .collect(),
        }
    }
}

/// Where a database is on disk.
fn file(database: &Database) -> Option<(&Path, Provenance<'static>)> {
    const UNLABELLED: &Label = &Label { table: None, entries: None };
    match &database.source {
        DatabaseSource::File(path) => {
            Some((path, Provenance::Published(UNLABELLED)))
        }
        // The last good copy.
        DatabaseSource::Url { path, .. } => {
            Some((path.as_deref()?, Provenance::Copy))
        }
        DatabaseSource::Asgard => None,
    }
}

struct Reader {
    unusable: Vec<Unusable>,
}

impl Reader {
    /// A file that must be there; how a configured one is judged says nothing
    /// about it.
    fn named(&mut self, path: &Path, max_bytes: u64) -> Option<Version> {
        let spec = spec(Kind::Networks, path, max_bytes, None);
        self.read(Vec::new(), path, &spec, Provenance::Copy)
    }

    fn database(
        &mut self,
        key: Vec<String>,
        kind: Kind,
        database: &Database,
    ) -> Option<Version> {
        let (path, provenance) = file(database)?;
        let own = Some(database.clone());
        let spec = spec(kind, path, database.max_bytes, own);
        is_there(path).then(|| self.read(key, path, &spec, provenance))?
    }

    fn addresses(
        &mut self,
        key: Vec<String>,
        path: &Path,
    ) -> Option<Arc<AddressSet>> {
        let spec = spec(Kind::Addresses, path, subject::LIST_BYTES, None);
        let unlabelled = Label::default();
        let provenance = Provenance::Published(&unlabelled);
        let read = || self.read(key, path, &spec, provenance);
        match is_there(path).then(read)?? {
            Version::Addresses(set) => Some(set),
            _ => None,
        }
    }

    fn read(
        &mut self,
        key: Vec<String>,
        path: &Path,
        spec: &Spec,
        provenance: Provenance<'_>,
    ) -> Option<Version> {
        let bytes = disk::read(path, spec.max_bytes);
        let good =
            bytes.map_err(|error| error.to_string()).and_then(|(bytes, _)| {
                judge::judge(spec, bytes, Present::default(), provenance)
                    .map_err(|rejection| rejection.to_string())
            });
        match good {
            Ok(good) => Some(good.version),
            Err(why) => {
                let path = path.to_owned();
                self.unusable.push(Unusable { key, path, why });
                None
            }
        }
    }
}

/// What is not there yet is no fault: a gateway may fetch or wait for it.
fn is_there(path: &Path) -> bool {
    fs::exists(path).unwrap_or(true)
}

fn spec(
    kind: Kind,
    path: &Path,
    max_bytes: u64,
    database: Option<Database>,
) -> Spec {
    Spec {
        kind,
        origin: Origin::File(path.to_owned()),
        interval: None,
        max_bytes,
        copy: None,
        database,
    }
}
