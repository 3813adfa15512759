//! The Internet in which BGP is spoken: its paths obey its relationships, what
//! is planted is there, and nothing else is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use asgard_model::{Asn, Prefix};
use asgard_synth::{Internet, Plan, Story};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    mirror::today,
    mrt::{self, Said},
};

static PLANTED: LazyLock<TempDir> =
    LazyLock::new(|| written(&internet(Story::Planted(2))));
static CLEAN: LazyLock<TempDir> =
    LazyLock::new(|| written(&internet(Story::Clean)));

fn internet(story: Story) -> Internet {
    let plan = Plan { seed: 5, ases: 1_500, as_of: today() };
    Internet { plan, prefixes: 6_000, peers: 24, days: 4, story }
}

fn written(internet: &Internet) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    internet.write_to(dir.path()).unwrap();
    dir
}

fn truth(world: &Path) -> Value {
    let text = fs::read_to_string(world.join("truth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn told(world: &Path, name: &str) -> Vec<Said> {
    mrt::files(world, name).iter().flat_map(|file| mrt::read(file)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Provider,
    Customer,
    Peer,
}

/// What the second is to the first.
fn relations(world: &Path) -> BTreeMap<(u32, u32), Relation> {
    let file = format!("relations/{}.as-rel.txt", "20260627");
    let mut relations = BTreeMap::new();
    for line in fs::read_to_string(world.join(file)).unwrap().lines() {
        if let [a, b, kind] = line.split('|').collect::<Vec<_>>()[..] {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            let [down, up] = match kind {
                "-1" => [Relation::Customer, Relation::Provider],
                _ => [Relation::Peer; 2],
            };
            relations.insert((a, b), down);
            relations.insert((b, a), up);
        }
    }
    relations
}

fn pairs(truth: &Value, key: &str) -> BTreeSet<(u32, u32)> {
    let pair = |pair: &Value| -> (u32, u32) {
        serde_json::from_value(pair.clone()).unwrap()
    };
    let all = truth[key].as_array().unwrap().iter().map(pair);
    all.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}

/// The steps of a path from its origin on, without repetitions.
fn steps(path: &[u32]) -> Vec<u32> {
    let mut hops: Vec<u32> = path.iter().rev().copied().collect();
    hops.dedup();
    hops.retain(|asn| !SERVERS.contains(asn));
    hops
}

/// Numbers of route servers, which are nobody's neighbours.
const SERVERS: std::ops::Range<u32> = 499_101..499_200;

/// Up, at most once across, down; siblings and hybrid connections may do
/// anything.
fn is_valley_free(
    path: &[u32],
    relations: &BTreeMap<(u32, u32), Relation>,
    special: &BTreeSet<(u32, u32)>,
) -> bool {
    let mut may_climb = true;
    for step in steps(path).windows(2) {
        let pair = (step[0], step[1]);
        if special.contains(&pair) {
            continue;
        }
        match relations[&pair] {
            Relation::Provider if may_climb => {}
            Relation::Peer if may_climb => may_climb = false,
            Relation::Customer => may_climb = false,
            _ => return false,
        }
    }
    true
}

#[test]
fn equal_options_give_equal_files() {
    let plan = Plan { seed: 9, ases: 200, as_of: today() };
    let story = Story::Planted(1);
    let small = Internet { plan, prefixes: 900, peers: 4, days: 2, story };
    let read = |dir: &TempDir| -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(dir.path()).unwrap();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = name.to_str().unwrap().to_owned();
                        files.insert(name, fs::read(path).unwrap());
                    }
                }
            }
        }
        files
    };
    let (first, second) = (read(&written(&small)), read(&written(&small)));
    assert!(first.len() > 100, "{:?}", first.keys());
    assert!(first == second);
}

#[test]
fn every_path_of_the_table_obeys_the_relationships() {
    let world = PLANTED.path();
    let (relations, truth) = (relations(world), truth(world));
    let mut special = pairs(&truth, "siblings");
    special.extend(pairs(&truth, "hybrid"));
    let table = told(world, "rib.");
    assert!(table.len() > 120_000, "{}", table.len());
    let mut met = 0;
    for said in table {
        let is_free = is_valley_free(&said.path, &relations, &special);
        assert!(is_free, "{said:?}");
        let unique: BTreeSet<u32> = steps(&said.path).into_iter().collect();
        assert_eq!(unique.len(), steps(&said.path).len(), "{said:?}");
        met += usize::from(said.path.iter().any(|asn| SERVERS.contains(asn)));
    }
    assert!(met > 100, "{met} routes over route servers");
}

#[test]
fn every_kind_is_planted() {
    let truth = truth(PLANTED.path());
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for incident in truth["incidents"].as_array().unwrap() {
        let word = |key: &str| incident[key].as_str().unwrap().to_owned();
        *counts.entry((word("type"), word("subtype"))).or_default() += 1;
    }
    for (kind, subtype) in [
        ("leak", "type_1"),
        ("leak", "type_2"),
        ("leak", "type_3"),
        ("leak", "type_4"),
        ("hijack", "exact"),
        ("bogon", "prefix"),
        ("bogon", "asn"),
        ("stub_transit", "carrier"),
    ] {
        let key = (kind.to_owned(), subtype.to_owned());
        assert_eq!(counts.get(&key), Some(&2), "{key:?} of {counts:?}");
    }
    for key in ["prepending", "blackholes", "flaps"] {
        assert_eq!(truth[key].as_array().unwrap().len(), 2, "{key}");
    }
}

#[test]
fn every_leak_is_on_paths_of_its_type() {
    let world = PLANTED.path();
    let (relations, truth) = (relations(world), truth(world));
    let updates = told(world, "updates.");
    let all = truth["incidents"].as_array().unwrap();
    // The last six hours are told by RIS Live.
    let is_archived =
        |one: &&Value| one["start"].as_str().unwrap() < "2026-06-26T17:59:00Z";
    let leaks = all.iter().filter(|one| one["type"] == "leak");
    for leak in leaks.filter(is_archived) {
        let by = u32::try_from(leak["asn"].as_u64().unwrap()).unwrap();
        let (from, to) = match leak["subtype"].as_str().unwrap() {
            "type_1" => (Relation::Provider, Relation::Provider),
            "type_2" => (Relation::Peer, Relation::Peer),
            "type_3" => (Relation::Provider, Relation::Peer),
            "type_4" => (Relation::Peer, Relation::Provider),
            other => panic!("{other}"),
        };
        let prefixes: BTreeSet<Prefix> = leak["prefixes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().parse().unwrap())
            .collect();
        let shows = |said: &&Said| {
            steps(&said.path).windows(3).any(|hops| {
                hops[1] == by
                    && relations[&(by, hops[0])] == from
                    && relations[&(by, hops[2])] == to
            })
        };
        let seen = updates.iter().filter(|s| prefixes.contains(&s.prefix));
        let peers: BTreeSet<u32> =
            seen.filter(shows).map(|said| said.path[0]).collect();
        assert!(peers.len() >= 3, "{leak}: {peers:?}");
    }
}

#[test]
fn a_clean_world_says_nothing_that_is_not_announced() {
    let world = CLEAN.path();
    let (relations, truth) = (relations(world), truth(world));
    assert_eq!(truth["incidents"].as_array().unwrap().len(), 0);
    let mut special = pairs(&truth, "siblings");
    special.extend(pairs(&truth, "hybrid"));
    let table = told(world, "rib.");
    let announced: BTreeSet<(Prefix, u32)> = table
        .iter()
        .map(|said| (said.prefix, *said.path.last().unwrap()))
        .collect();
    let mut count = 0;
    for said in told(world, "updates.") {
        if let Some(&origin) = said.path.last() {
            count += 1;
            assert!(announced.contains(&(said.prefix, origin)), "{said:?}");
            let is_free = is_valley_free(&said.path, &relations, &special);
            assert!(is_free, "{said:?}");
            assert!(!Asn(origin).is_reserved(), "{said:?}");
        }
    }
    assert!(count > 1_000, "{count}");
}

#[test]
fn the_smallest_internet_has_one_peer_and_no_days() {
    let plan = Plan { seed: 1, ases: 1, as_of: today() };
    let story = Story::Planted(1);
    let least = Internet { plan, prefixes: 0, peers: 0, days: 0, story };
    let dir = tempfile::tempdir().unwrap();
    let written = least.write_to(dir.path()).unwrap();
    assert_eq!((written.ases, written.messages), (62, 0));
    assert_eq!(told(dir.path(), "rib.").len() as u64, written.entries);
    assert!(mrt::files(dir.path(), "updates.").is_empty());
}
