//! The files from which a configuration was read, and whether one has changed.
//!
//! Watched is what the configuration in force was read from, and what the last
//! one that was tried would have been read from: whoever repairs the file that
//! made a reload fail wants no other sign. Databases and lists have intervals
//! of their own; only where one of them refused a reload is it watched too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    config::{
        Config, DatabaseSource, FeedSource, ListSource, TrustedProxies,
        files_like,
    },
    supply::Signature,
};

/// Files, and patterns of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    files: BTreeSet<PathBuf>,
    patterns: BTreeSet<PathBuf>,
}

/// How the files were at some moment; `None`: not there, or not readable.
pub(super) type Marks = BTreeMap<PathBuf, Option<Signature>>;

/// What is watched, and how it was when it was read.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) watched: Watched,
    pub(super) marks: Marks,
}

impl Watched {
    /// What a configuration is read from.
    pub(super) fn of(config: &Config) -> Self {
        let certificates = config
            .tls
            .values()
            .flat_map(|tls| &tls.certs)
            .flat_map(|files| [&files.cert, &files.key]);
        let authorities =
            config.backends.iter().filter_map(|b| b.tls.ca.as_ref());
        let trusted = match &config.trusted_proxies {
            TrustedProxies::File(path) => Some(path),
            TrustedProxies::Blocks(_) | TrustedProxies::IpList(_) => None,
        };
        let files = config
            .files
            .iter()
            .chain(certificates)
            .chain(authorities)
            .chain(trusted)
            .chain(&config.challenge.key_file);
        Self {
            files: files.cloned().collect(),
            patterns: config.rule_patterns.iter().cloned().collect(),
        }
    }

    /// Databases, lists and feeds in files.
    pub(super) fn data_of(config: &Config) -> Self {
        let features = &config.features;
        let databases = [
            (features.asn.enabled, &features.asn.database),
            (features.geoip.enabled, &features.geoip.database),
        ];
        let databases =
            databases.into_iter().filter_map(|(on, database)| match &database
                .source
            {
                DatabaseSource::File(path) if on => Some(path),
                _ => None,
            });
        let lists = config.ip_lists.iter().filter_map(|l| match &l.source {
            ListSource::File(path) => Some(path),
            ListSource::Inline(_) | ListSource::Url(_) => None,
        });
        let feeds = config.feeds.iter().filter_map(|f| match &f.source {
            FeedSource::File(path) => Some(path),
            FeedSource::Asgard | FeedSource::Url(_) => None,
        });
        let files = databases.chain(lists).chain(feeds).cloned().collect();
        Self { files, patterns: BTreeSet::new() }
    }

    pub(super) fn with(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.patterns.extend(other.patterns);
        self
    }

    /// How the files are now. Blocking.
    pub(super) fn marks(&self) -> Marks {
        let like = self.patterns.iter().flat_map(|pattern| {
            // What is no pattern is reported where it is read.
            files_like(pattern).unwrap_or_default()
        });
        let all = self.files.iter().cloned().chain(like);
        all.map(|path| (path.clone(), mark(&path))).collect()
    }
}

impl Watch {
    /// Watches these, which were read just now; `before` is how they were
    /// before that, as far as they were known.
    pub(super) fn of(watched: Watched, before: &Marks) -> Self {
        let mut marks = watched.marks();
        for (path, mark) in &mut marks {
            if let Some(earlier) = before.get(path) {
                *mark = *earlier;
            }
        }
        Self { watched, marks }
    }
}

fn mark(path: &Path) -> Option<Signature> {
    fs::metadata(path).ok().map(|file| Signature::of(&file))
}
