//! A subject: where it comes from, how it is judged, what is known of it.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{DataError, Version, What, cached, judge::Good, takeover::Loan};
use crate::config::{
    AsgardLink, Config, Database, DatabaseSource, Feed, FeedSource, IpList,
    ListSource, OnMissing,
};

/// Largest list or feed, in bytes.
pub(super) const LIST_BYTES: u64 = 64 << 20;

/// Something that is read from elsewhere.
#[derive(Debug)]
pub struct Subject {
    pub(super) what: What,
    /// As the configuration calls it: `ip_lists.tor`.
    pub(super) name: String,
    pub(super) spec: Spec,
    /// At the first start, without data.
    pub(super) on_missing: OnMissing,
    /// Whether rules need it.
    pub(super) needed: bool,
    pub(super) shelf: Arc<Shelf>,
    /// Whose copy the shelf is, while it is undecided whether this subject
    /// comes into force.
    pub(super) loan: Option<Loan>,
}

/// What makes two subjects the same across a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    /// `None`: never again.
    pub(super) interval: Option<Duration>,
    pub(super) max_bytes: u64,
    /// The last good copy, if it is not the origin itself.
    pub(super) copy: Option<PathBuf>,
    /// Judgement of databases.
    pub(super) database: Option<Database>,
}

/// How bytes become a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Networks,
    Places,
    Addresses,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The configuration itself; never again.
    Inline(Vec<asgard_model::Prefix>),
    File(PathBuf),
    Url(String),
    /// An endpoint of a running asgard, with a key.
    Asgard {
        url: String,
        key_file: Option<PathBuf>,
    },
}

/// What is known of a subject, shared across reloads.
#[derive(Debug, Default)]
pub(super) struct Shelf(
    /// Locked for a few lines, never while something is read.
    Mutex<State>,
);

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) version: Option<Version>,
    /// Of two versions, the one with the higher number was taken later; 0: none.
    pub(super) taken: u64,
    pub(super) entries: u64,
    pub(super) build_epoch: u64,
    pub(super) last_success: u64,
    pub(super) last_error: Option<String>,
    pub(super) failures: u64,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) signature: Option<Signature>,
    /// When the log last told that it is too old, in seconds since 1970.
    pub(super) age_told: u64,
    /// Changes of the table since it was fetched whole.
    pub(super) steps: Vec<u8>,
}

/// What changes when a file is replaced or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// How a subject is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// As the configuration calls it: `features.asn.database`, `ip_lists.tor`.
    pub name: String,
    /// What it is.
    pub what: What,
    /// Whether a version is in use.
    pub loaded: bool,
    /// Networks of a database, ranges of a list.
    pub entries: u64,
    /// When what it says was true, in seconds since 1970; 0 if not known.
    pub build_epoch: u64,
    /// When it was last found current, in seconds since 1970; 0 if never.
    pub last_success: u64,
    /// Why the last attempt failed; `None` if it did not.
    pub last_error: Option<String>,
    /// Attempts that failed.
    pub failures: u64,
    /// Older than `max_age` allows.
    pub stale: bool,
}

impl Signature {
    pub(crate) fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}

impl State {
    /// A new version is there, whole.
    pub(super) fn take(&mut self, good: &Good) {
        static TAKEN: AtomicU64 = AtomicU64::new(0);
        self.taken = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
        self.version = Some(good.version.clone());
        self.entries = good.entries;
        self.build_epoch = good.build_epoch;
    }
}

impl Shelf {
    pub(super) fn of(state: State) -> Self {
        Self(Mutex::new(state))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.lock().version.clone()
    }
}

impl Subject {
    pub(super) fn is_file(&self) -> bool {
        matches!(self.spec.origin, Origin::File(_))
    }

    /// Whether it is too old, and the log has not said so for `pause` seconds;
    /// it is taken to say so now.
    pub(super) fn is_to_be_told(&self, now: u64, pause: u64) -> bool {
        let mut state = self.shelf.lock();
        let told = state.age_told;
        let due = told == 0 || now.saturating_sub(told) >= pause;
        let is_told = due && self.is_stale(&state, now);
        if is_told {
            state.age_told = now;
        }
        is_told
    }

    /// Whether what it says is older than `max_age`; without the moment of its
    /// build, whether it was not found current for so long.
    fn is_stale(&self, state: &State, now: u64) -> bool {
        let max_age = self.spec.database.as_ref().and_then(|d| d.max_age);
        let born = match state.build_epoch {
            0 => state.last_success,
            epoch => epoch,
        };
        state.version.is_some()
            && max_age.is_some_and(|max_age| {
                now.saturating_sub(born) > max_age.as_secs()
            })
    }

    pub(super) fn status(&self, now: u64) -> Status {
        let state = self.shelf.lock();
        Status {
            name: self.name.clone(),
            what: self.what.clone(),
            loaded: state.version.is_some(),
            entries: state.entries,
            build_epoch: state.build_epoch,
            last_success: state.last_success,
            last_error: state.last_error.clone(),
            failures: state.failures,
            stale: self.is_stale(&state, now),
        }
    }
}

/// The subjects of a configuration.
pub(super) fn of(
    config: &Config,
    cache: Option<&Path>,
) -> Result<Vec<Subject>, DataError> {
    let mut all = Vec::new();
    let (asn, geoip) = (&config.features.asn, &config.features.geoip);
    let link = config.asgard.as_ref();
    if asn.enabled {
        let made = (What::Networks, Kind::Networks, "asn");
        let mut subject = database(made, &asn.database, link, cache)?;
        subject.needed = asn.policy_usage;
        all.push(subject);
    }
    if geoip.enabled {
        let made = (What::Places, Kind::Places, "geoip");
        let mut subject = database(made, &geoip.database, link, cache)?;
        subject.needed = geoip.policy_usage;
        all.push(subject);
    }
    for (index, entry) in config.ip_lists.iter().enumerate() {
        all.push(list(index, entry, cache));
    }
    for (index, entry) in config.feeds.iter().enumerate() {
        all.push(feed(index, entry, link, cache)?);
    }
    Ok(all)
}

fn database(
    (what, kind, feature): (What, Kind, &str),
    database: &Database,
    link: Option<&AsgardLink>,
    cache: Option<&Path>,
) -> Result<Subject, DataError> {
    let name = format!("features.{feature}.database");
    let mut interval = database.refresh_interval;
    let in_cache = || cached(cache, &format!("{feature}.mmdb"));
    let (origin, copy) = match &database.source {
        DatabaseSource::File(path) => (Origin::File(path.clone()), None),
        DatabaseSource::Url { url, path } => {
            let copy = path.clone().or_else(in_cache);
            (Origin::Url(url.clone()), copy)
        }
        DatabaseSource::Asgard => {
            let link = link.ok_or_else(|| DataError::NoAsgard(name.clone()))?;
            interval = Some(link.poll);
            (asgard(link, "/v1/gateway/table"), in_cache())
        }
    };
    Ok(Subject {
        what,
        name,
        spec: Spec {
            kind,
            origin,
            interval,
            max_bytes: database.max_bytes,
            copy,
            database: Some(database.clone()),
        },
        on_missing: database.on_missing,
        needed: false,
        shelf: Arc::default(),
        loan: None,
    })
}

fn list(index: usize, list: &IpList, cache: Option<&Path>) -> Subject {
    let in_cache = || cached(cache, &format!("list-{}.txt", safe(&list.name)));
    let (origin, copy, on_missing) = match &list.source {
        ListSource::Inline(blocks) => {
            (Origin::Inline(blocks.clone()), None, OnMissing::Fail)
        }
        ListSource::File(path) => {
            (Origin::File(path.clone()), None, OnMissing::Fail)
        }
        ListSource::Url(url) => {
            (Origin::Url(url.clone()), in_cache(), OnMissing::Start)
        }
    };
    Subject {
        what: What::List(index),
        name: format!("ip_lists.{}", list.name),
        spec: addresses(origin, list.refresh_interval, copy),
        on_missing,
        needed: false,
        shelf: Arc::default(),
        loan: None,
    }
}

fn feed(
    index: usize,
    feed: &Feed,
    link: Option<&AsgardLink>,
    cache: Option<&Path>,
) -> Result<Subject, DataError> {
    let name = format!("feeds.{}", feed.name);
    let in_cache = || cached(cache, &format!("feed-{}.txt", safe(&feed.name)));
    let mut interval = feed.refresh_interval;
    let (origin, copy, on_missing) = match &feed.source {
        FeedSource::Asgard => {
            let link = link.ok_or_else(|| DataError::NoAsgard(name.clone()))?;
            interval = Some(link.poll);
            let origin = asgard(link, "/v1/threat/feeds");
            (origin, in_cache(), OnMissing::Start)
        }
        FeedSource::File(path) => {
            (Origin::File(path.clone()), None, OnMissing::Fail)
        }
        FeedSource::Url(url) => {
            (Origin::Url(url.clone()), in_cache(), OnMissing::Start)
        }
    };
    Ok(Subject {
        what: What::Feed(index),
        name,
        spec: addresses(origin, interval, copy),
        on_missing,
        needed: false,
        shelf: Arc::default(),
        loan: None,
    })
}

fn addresses(
    origin: Origin,
    interval: Option<Duration>,
    copy: Option<PathBuf>,
) -> Spec {
    Spec {
        kind: Kind::Addresses,
        origin,
        interval,
        max_bytes: LIST_BYTES,
        copy,
        database: None,
    }
}

fn asgard(link: &AsgardLink, endpoint: &str) -> Origin {
    Origin::Asgard {
        url: format!("{}{endpoint}", link.url.trim_end_matches('/')),
        key_file: link.key_file.clone(),
    }
}

/// A name as part of a file name.
fn safe(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars().map(|c| if keep(c) { c } else { '_' }).take(80).collect()
}
