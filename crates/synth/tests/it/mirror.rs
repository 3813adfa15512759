//! A simple reader of the mirror: finds files by folder, unpacks them, reads
//! each syntax in the plainest way.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    net::Ipv4Addr,
    sync::LazyLock,
};

use asgard_model::Day;
use asgard_synth::{Plan, files};
use flate2::read::GzDecoder;

/// The day of the newest file in all tests.
pub(crate) fn today() -> Day {
    "2026-06-27".parse().unwrap()
}

/// The demo world, generated once a process.
pub(crate) static DEMO: LazyLock<Mirror> =
    LazyLock::new(|| Mirror::of(&Plan::demo(today())));

/// The tiny world, generated once a process.
pub(crate) static TINY: LazyLock<Mirror> =
    LazyLock::new(|| Mirror::of(&Plan::tiny(today())));

/// Path → unpacked text.
pub(crate) struct Mirror {
    pub(crate) texts: BTreeMap<String, String>,
}

impl Mirror {
    pub(crate) fn of(plan: &Plan) -> Self {
        let unpack = |(path, bytes): (String, Vec<u8>)| {
            let text = if path.ends_with(".gz") {
                let mut text = String::new();
                GzDecoder::new(bytes.as_slice())
                    .read_to_string(&mut text)
                    .unwrap();
                text
            } else {
                String::from_utf8(bytes).unwrap()
            };
            (path, text)
        };
        Self { texts: files(plan).into_iter().map(unpack).collect() }
    }

    /// All versions below a path prefix, oldest first, with their day.
    pub(crate) fn versions(&self, prefix: &str) -> Vec<(Day, &str)> {
        let found = self.texts.iter().filter(|(p, _)| p.starts_with(prefix));
        let versions: Vec<_> =
            found.map(|(path, text)| (date(path), text.as_str())).collect();
        assert!(!versions.is_empty(), "no file {prefix}…");
        versions
    }

    /// The newest version below a path prefix.
    pub(crate) fn newest(&self, prefix: &str) -> &str {
        self.versions(prefix).last().unwrap().1
    }

    /// Rows of a CSV file by column, with its header checked.
    pub(crate) fn rows(&self, prefix: &str, header: &str) -> Vec<Vec<String>> {
        let text = self.newest(prefix);
        assert_eq!(text.lines().next(), Some(header));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }
}

/// The last run of eight digits in a path.
pub(crate) fn date(path: &str) -> Day {
    let mut runs = path.split(|c: char| !c.is_ascii_digit());
    let date = runs.rfind(|run| run.len() == 8);
    date.unwrap_or_else(|| panic!("no date in {path}")).parse().unwrap()
}

/// The addresses of a list, comments skipped.
pub(crate) fn addresses(text: &str) -> BTreeSet<Ipv4Addr> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.parse().unwrap()).collect()
}
