//! A mirror with a dump of a BGP table: it alone rules routing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, sync::Arc};

use asgard_ingest::{
    catalogue::Catalogue,
    learner::{AsOf, Learner},
    supply::{Mirror, Supply},
};
use asgard_model::{Asn, Model, World, signals::Visibility};

const RIB: &[u8] = include_bytes!("../testdata/format/mrt_rib.mrt");
const LATER: &str = "prefix,asn,rpki\n20.0.0.0/24,64496,\n";

fn mirror(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let mirror = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = mirror.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    mirror
}

fn learner(mirror: &Path) -> Learner {
    Learner::new(
        Catalogue::embedded().unwrap(),
        Supply::Mirror(Mirror::new(mirror).unwrap()),
        Arc::new(Model::default_model()),
        AsOf::Now,
        None,
    )
}

fn learn(learner: &mut Learner) -> World {
    learner.learn("2026-06-28T12:00:00Z".parse().unwrap()).unwrap()
}

fn origins(world: &World) -> Vec<u32> {
    let address = "20.0.0.1".parse().unwrap();
    let route = world.table.lookup(address).unwrap();
    route.origins.iter().map(|asn| asn.0).collect()
}

fn visibility(world: &World, asn: u32) -> Visibility {
    let node = world.asns.binary_search(&Asn(asn)).unwrap();
    world.signals[node].exposure.visibility
}

#[test]
fn a_dump_rules_over_every_other_table_and_is_not_merged() {
    let announced = "routing/announced-prefixes-ipv4-20260628.csv";
    let rib = "routing/rib.20260627.0000";
    let mirror = mirror(&[(rib, RIB), (announced, LATER.as_bytes())]);
    let world = learn(&mut learner(mirror.path()));
    assert_eq!(&*world.routing_source, "ribs 2026-06-27");
    // The file has two routes of each peer to it: the one with a path id rules.
    assert_eq!(origins(&world), [4_200_000_000]);
    assert_eq!(world.asns.binary_search(&Asn(64_496)).ok(), None);
    assert_eq!(visibility(&world, 101), Visibility::Full);
}

#[test]
fn the_newest_good_dump_is_used_and_the_bad_one_named() {
    let (old, new) = ("routing/rib.20260626.0000", "routing/rib.20260627.0000");
    let cut = &RIB[..RIB.len() - 1];
    let mirror = mirror(&[(old, RIB), (new, cut)]);
    let mut learner = learner(mirror.path());
    let world = learn(&mut learner);
    assert_eq!(&*world.routing_source, "ribs 2026-06-26");
    let statuses = learner.statuses();
    let ribs = statuses.iter().find(|status| status.name == "ribs").unwrap();
    let error = ribs.last_error.as_deref().unwrap();
    assert!(error.contains(new) && error.contains("cut"), "{error}");
}

#[test]
fn a_table_that_one_peer_shows_has_low_visibility() {
    let (index, route) = (one_peer(), one_route());
    let file = [index, route].concat();
    let mirror = mirror(&[("routing/rib.20260627.0000", &*file)]);
    let world = learn(&mut learner(mirror.path()));
    assert_eq!(visibility(&world, 100), Visibility::Low);
}

/// `PEER_INDEX_TABLE` with one peer (RFC 6396, 4.3.1).
fn one_peer() -> Vec<u8> {
    let header = [0, 0, 0, 1, 0, 13, 0, 1, 0, 0, 0, 21];
    let index = [198, 51, 100, 1, 0, 0, 0, 1];
    let peer = [2, 10, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0xfb, 0xf4];
    [&header[..], &index, &peer].concat()
}

/// `RIB_IPV4_UNICAST`: 20.0.0.0/24 of AS100 by that peer (RFC 6396, 4.3.2).
fn one_route() -> Vec<u8> {
    let header = [0, 0, 0, 1, 0, 13, 0, 2, 0, 0, 0, 31];
    let prefix = [0, 0, 0, 0, 24, 20, 0, 0, 0, 1];
    let entry = [0, 0, 0, 0, 0, 1, 0, 13];
    let attributes = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0, 100];
    [&header[..], &prefix, &entry, &attributes].concat()
}
