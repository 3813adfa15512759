//! A mirror of two days, what a server makes of it, and one bad file.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use asgard_model::Day;
use asgard_synth::{Plan, Truth};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::Value;

use crate::{
    server::{Serve, Server},
    world::{TODAY, World, numbers},
};

/// The newest file of every source, of one part where it has several.
pub(super) const FILES: [(&str, &str); 19] = [
    ("announced-prefixes", "routing/announced-prefixes-ipv4-20260627.csv.gz"),
    ("vrps-csv", "rpki/derived-vrps-20260627.csv.gz"),
    ("as-info", "names/as-info-20260627.csv.gz"),
    ("rir-delegated", "names/delegated-ripencc-extended-20260627.txt.gz"),
    ("caida-as-rel", "relations/20260627.as-rel.txt"),
    ("asn-network-types", "peeringdb/asn_network_types_20260627.csv.gz"),
    ("peeringdb-net", "peeringdb/net-20260627.json.gz"),
    ("spamhaus-asndrop", "threats/asndrop/asndrop-20260626.json.gz"),
    ("spamhaus-drop", "threats/drop_v4/drop_v4-20260626.json.gz"),
    ("threatfox", "threats/threatfox-ips/threatfox-ips-20260627.txt.gz"),
    ("c2-tracker", "threats/c2-tracker/c2-tracker-20260624.txt.gz"),
    ("ipsum", "threats/firehol/ipsum_3/ipsum_3-20260626.ipset.gz"),
    (
        "blocklist-de",
        "threats/firehol/blocklist_de/blocklist_de-20260627.ipset.gz",
    ),
    (
        "blocklist-de-mail",
        "threats/firehol/blocklist_de_mail/blocklist_de_mail-20260627.ipset.gz",
    ),
    ("tor-exits", "threats/firehol/tor_exits/tor_exits-20260627.ipset.gz"),
    ("censys", "ranges/borestad-20260627/censys.ipv4"),
    ("public-dns", "ranges/misp-warninglists-20260627/public-dns-v4.json.gz"),
    ("googlebot", "ranges/cloud-ips-20260627/googlebot.json.gz"),
    ("aws", "ranges/cloud-ips-20260627/aws.json.gz"),
];

/// What a server says of a world.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picture {
    pub(super) edl: Vec<u32>,
    pub(super) scores: BTreeMap<u32, u64>,
    /// Rows by source.
    pub(super) rows: BTreeMap<String, Option<u64>>,
    /// Troubles by source.
    pub(super) errors: BTreeMap<String, String>,
}

/// The mirror, a data directory that is as it was before each start, a key.
pub(super) struct Scene {
    world: World,
    key: String,
    pub(super) good: Picture,
}

impl Scene {
    /// A server that has never seen anything.
    pub(super) fn cold() -> Self {
        Self::new(|_| {})
    }

    /// A server that has seen the first of the two days.
    pub(super) fn warm() -> Self {
        Self::new(|world| {
            let first = Day(TODAY.0 - 1).to_string();
            let server = world.serve().args(["--as-of", &first]);
            server.settled().stop().exits(0);
        })
    }

    fn new(before: impl Fn(&World)) -> Self {
        let world = World::tiny();
        let mirror = world.mirror();
        let second = asgard_synth::files(&Plan::tiny(TODAY));
        fs::remove_dir_all(&mirror).expect("disk");
        let first = Plan::tiny(Day(TODAY.0 - 1));
        asgard_synth::write_to(&first, &mirror).expect("disk");
        let key = world.key("read");
        before(&world);
        for (path, bytes) in second {
            put(&mirror.join(path), &bytes);
        }
        let mut scene = Self { world, key, good: Picture::none() };
        scene.remember();
        scene.good = scene.picture();
        assert_eq!(scene.good.errors, BTreeMap::new());
        assert!(!scene.good.edl.is_empty());
        scene
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.world.mirror().join(file)
    }

    /// The data directory as it is now is that of every start from now on.
    fn remember(&self) {
        copy(&self.world.data(), &self.aside());
    }

    fn aside(&self) -> PathBuf {
        self.world.mirror().with_file_name("aside")
    }

    fn serve(&self) -> Serve {
        self.world.serve().args(["--as-of", &TODAY.to_string()])
    }

    /// Starts a server on the mirror as it is now, and looks.
    fn picture(&self) -> Picture {
        fs::remove_dir_all(self.world.data()).expect("disk");
        copy(&self.aside(), &self.world.data());
        let server = self.serve().settled();
        self.look(&server)
    }

    fn look(&self, server: &Server) -> Picture {
        let status = server.read("/v1/status", &self.key);
        let sources = status["sources"].as_array().expect("a list");
        let name = |s: &Value| s["name"].as_str().expect("a name").to_owned();
        let error = |s: &Value| Some(s["last_error"].as_str()?.to_owned());
        let asns = numbers(&self.world.truth().asns);
        let scores = server.bulk(&self.key, &asns).into_iter();
        Picture {
            edl: server.edl(),
            scores: asns
                .into_iter()
                .zip(scores)
                .filter_map(|(asn, r)| Some((asn, r["score"].as_u64()?)))
                .collect(),
            rows: sources
                .iter()
                .map(|s| (name(s), s["rows"].as_u64()))
                .collect(),
            errors: sources
                .iter()
                .filter_map(|s| Some((name(s), error(s)?)))
                .collect(),
        }
    }

    /// What a server makes of a file with other bytes; then the file is good
    /// again.
    pub(super) fn with(&self, file: &str, bytes: &[u8]) -> Picture {
        let path = self.path(file);
        let good = fs::read(&path).expect("a file of the mirror");
        put(&path, bytes);
        let picture = self.picture();
        put(&path, &good);
        picture
    }

    pub(super) fn good_bytes(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).expect("a file of the mirror")
    }

    /// What a file says when it is good.
    pub(super) fn good_text(&self, file: &str) -> String {
        let bytes = self.good_bytes(file);
        if !is_gzip(&bytes) {
            return String::from_utf8(bytes).expect("text");
        }
        let mut text = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut text).expect("text");
        text
    }

    pub(super) fn truth(&self) -> Truth {
        self.world.truth()
    }
}

impl Picture {
    fn none() -> Self {
        Self {
            edl: Vec::new(),
            scores: BTreeMap::new(),
            rows: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Asserts that one source was refused with a reason, that the others are
    /// as they were, and that the block list is.
    pub(super) fn assert_refused(&self, good: &Self, source: &str, file: &str) {
        let what = format!("{file}: {:?}", self.errors);
        let error = self.errors.get(source).expect(&what);
        let reason = error.starts_with(file) || error.contains(" rows, ");
        assert!(reason, "{what}");
        assert_eq!(self.errors.len(), 1, "{what}");
        for (name, rows) in &good.rows {
            if name != source {
                assert_eq!(self.rows[name], *rows, "{name}: {what}");
            }
        }
        assert_eq!(self.edl, good.edl, "{what}");
        self.assert_close(good, &what);
    }

    /// Asserts that no score differs by more than a day's news explains.
    pub(super) fn assert_close(&self, good: &Self, what: &str) {
        for (asn, score) in &good.scores {
            let now = self.scores.get(asn).copied().unwrap_or(0);
            assert!(
                now.abs_diff(*score) <= 3,
                "AS{asn}: {score}, {now}: {what}"
            );
        }
    }
}

pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain).expect("memory");
    packed.finish().expect("memory")
}

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("disk");
    // Another inode and another time: no copy of the old bytes can be meant.
    if path.exists() {
        fs::remove_file(path).expect("disk");
    }
    fs::write(path, bytes).expect("disk");
}

/// Copies a directory; sockets, links and the like are not in ours.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("disk");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("disk");
        }
    }
}
