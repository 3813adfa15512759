//! A generated world on disk, a data directory, and servers on both.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use asgard_model::{Asn, Day};
use asgard_synth::{Plan, Truth};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    program::{Ended, asgard},
    server::Serve,
};

/// The day of the newest files of a mirror: 2026-06-27.
pub(crate) const TODAY: Day = Day(20_631);

/// Where sources come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Demo,
    Mirror(Plan),
}

/// A world, and a place for what is learnt from it.
pub(crate) struct World {
    dir: TempDir,
    origin: Origin,
}

impl World {
    /// The embedded world of `--demo`.
    pub(crate) fn demo() -> Self {
        Self { dir: place(), origin: Origin::Demo }
    }

    /// A mirror with 60 networks.
    pub(crate) fn tiny() -> Self {
        Self::mirrored(Plan::tiny(TODAY))
    }

    /// A mirror.
    pub(crate) fn mirrored(plan: Plan) -> Self {
        let world = Self { dir: place(), origin: Origin::Mirror(plan) };
        asgard_synth::write_to(&plan, &world.mirror()).expect("disk");
        world
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.dir.path().join("mirror")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A file of ours beside both.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("disk");
        path
    }

    /// The options that name this world.
    pub(crate) fn options(&self) -> Vec<OsString> {
        let data = ["--data-dir".into(), self.data().into()];
        let origin = match self.origin {
            Origin::Demo => vec!["--demo".into()],
            Origin::Mirror(_) => vec!["--mirror".into(), self.mirror().into()],
        };
        data.into_iter().chain(origin).collect()
    }

    /// A server without a rate limit.
    pub(crate) fn serve(&self) -> Serve {
        Serve::new(self.options()).args(["--rate-limit", "0"])
    }

    /// Runs a command on this world.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let words = words.iter().map(OsString::from);
        asgard(words.chain(self.options()))
    }

    /// Runs a command on what was learnt.
    pub(crate) fn administer(&self, words: &[&str]) -> Ended {
        let words = words.iter().map(OsString::from);
        asgard(words.chain(["--data-dir".into(), self.data().into()]))
    }

    /// A new key.
    pub(crate) fn key(&self, scope: &str) -> String {
        self.administer(&["keys", "create", "--scope", scope]).text()
    }

    /// What was planted.
    pub(crate) fn truth(&self) -> Truth {
        match self.origin {
            Origin::Mirror(plan) => asgard_synth::truth(&plan),
            Origin::Demo => panic!("a demo's day is in its status"),
        }
    }
}

fn place() -> TempDir {
    tempfile::Builder::new().prefix("asgard-").tempdir().expect("disk")
}

/// What was planted in a demo that a server shows.
pub(crate) fn truth_of_demo(status: &Value) -> Truth {
    let as_of = status["as_of"].as_str().expect("a moment");
    let day: Day = as_of[..10].parse().expect("a day");
    asgard_synth::truth(&Plan::demo(day))
}

/// The numbers of networks.
pub(crate) fn numbers<'a>(asns: impl IntoIterator<Item = &'a Asn>) -> Vec<u32> {
    asns.into_iter().map(|asn| asn.0).collect()
}

/// Removes everything in a directory, and keeps the directory.
pub(crate) fn empty(dir: &Path) {
    fs::remove_dir_all(dir).expect("disk");
    fs::create_dir(dir).expect("disk");
}
