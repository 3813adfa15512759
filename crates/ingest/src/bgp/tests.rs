//! Mirrors with a dump and what came after it.

use std::{fs, path::Path, sync::Arc};

use asgard_model::{AsPath, Asn, Model, SourceStatus, World};
use asgard_routing::{
    event::{Attributes, Details, Envelope, Event, Moment, Nlri, Peer, What},
    relationships::Relationships,
    table::{Limits, Table},
};

use super::harvest::connections;
use super::sightings::routes_by_path;
use crate::{
    catalogue::Catalogue,
    format::mrt::fixture::{
        MESSAGE_AS4, RIB_V4, bgp, index, message, nlri, plain, rib, update,
    },
    learner::{AsOf, Learner},
    supply::{Mirror, Supply},
};

const RIB: &str = "routing/rib.20260627.0000";
const UPDATES: &str = "routing/updates.20260627.0000";

/// Three full feeds carry twelve prefixes of AS7; one less makes no feed less
/// full.
fn dump() -> Vec<u8> {
    let routes: Vec<u8> = (20..32)
        .flat_map(|first| {
            let entry =
                |peer: u16| (peer, None, plain(&[64_500 + u32::from(peer), 7]));
            let prefix = format!("{first}.0.0.0/8");
            rib(RIB_V4, &prefix, &[entry(0), entry(1), entry(2)])
        })
        .collect();
    [index(3), routes].concat()
}

/// One of the three says that a prefix is gone.
fn withdrawal(prefix: &str) -> Vec<u8> {
    message(MESSAGE_AS4, &bgp(2, &update(&nlri(prefix), &[], &[])))
}

fn announcement(prefix: &str, path: &[u32]) -> Vec<u8> {
    message(MESSAGE_AS4, &bgp(2, &update(&[], &plain(path), &nlri(prefix))))
}

mod registries;

struct Stage {
    mirror: tempfile::TempDir,
    learner: Learner,
}

impl Stage {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let mirror = tempfile::tempdir().unwrap();
        files.iter().for_each(|(path, bytes)| {
            write(mirror.path(), path, bytes);
        });
        let learner = Learner::new(
            Catalogue::embedded().unwrap(),
            Supply::Mirror(Mirror::new(mirror.path()).unwrap()),
            Arc::new(Model::default_model()),
            AsOf::Now,
            None,
        );
        Self { mirror, learner }
    }

    fn add(&self, path: &str, bytes: &[u8]) {
        write(self.mirror.path(), path, bytes);
    }

    fn learn(&mut self) -> World {
        self.learner.learn("2026-06-27T12:00:00Z".parse().unwrap()).unwrap()
    }

    fn status(&self, name: &str) -> SourceStatus {
        let statuses = self.learner.statuses();
        statuses.into_iter().find(|status| status.name == name).unwrap()
    }
}

fn write(mirror: &Path, path: &str, bytes: &[u8]) {
    let path = mirror.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Origins with the number of full feeds that see them.
fn origins(world: &World, address: &str) -> Vec<(u32, u16)> {
    let Some(route) = world.table.lookup(address.parse().unwrap()) else {
        return Vec::new();
    };
    let origins = route.origins.iter().map(|asn| asn.0);
    origins.zip(route.peers.iter().copied()).collect()
}

#[test]
fn updates_change_what_the_dump_showed() {
    let mut stage = Stage::new(&[(RIB, &dump())]);
    assert_eq!(origins(&stage.learn(), "20.0.0.1"), [(7, 3)]);
    stage.add(UPDATES, &withdrawal("20.0.0.0/8"));
    let world = stage.learn();
    assert_eq!(origins(&world, "20.0.0.1"), []);
    assert_eq!(origins(&world, "21.0.0.1"), [(7, 3)]);
    assert_eq!(stage.status("updates").rows, Some(1));
    // A later file goes on from there.
    let back = announcement("20.0.0.0/8", &[64_501, 7]);
    stage.add("routing/updates.20260627.0005", &back);
    assert_eq!(origins(&stage.learn(), "20.0.0.1"), [(7, 3)]);
    assert_eq!(stage.status("updates").rows, Some(2));
    assert_eq!(stage.status("ribs").rows, Some(12));
}

#[test]
fn messages_of_ris_live_are_updates_too() {
    let live = br#"{"type":"ris_message","data":{"timestamp":1782518460.5,"peer":"192.0.2.1","peer_asn":"64501","type":"UPDATE","withdrawals":["20.0.0.0/8"]}}"#;
    let mut stage =
        Stage::new(&[(RIB, &dump()), ("routing/ris-live-20260627.json", live)]);
    assert_eq!(origins(&stage.learn(), "20.0.0.1"), []);
    assert_eq!(stage.status("ris-live").rows, Some(1));
}

#[test]
fn of_a_cut_file_of_updates_what_came_before_the_cut_counts() {
    let mut bytes = withdrawal("20.0.0.0/8");
    bytes.extend(withdrawal("21.0.0.0/8"));
    bytes.pop();
    let mut stage = Stage::new(&[(RIB, &dump()), (UPDATES, &bytes)]);
    let world = stage.learn();
    assert_eq!(origins(&world, "20.0.0.1"), []);
    assert_eq!(origins(&world, "21.0.0.1"), [(7, 3)]);
    let error = stage.status("updates").last_error.unwrap();
    assert!(error.contains(UPDATES) && error.contains("cut"), "{error}");
}

#[test]
fn signals_of_behaviour_are_known_where_bgp_was_read_and_only_there() {
    let world = Stage::new(&[(RIB, &dump())]).learn();
    let signals = &world.signals[world.node(Asn(7)).unwrap()];
    assert_eq!(signals.hygiene.route_leak_weight, Some(0.0));
    assert_eq!(signals.hygiene.stub_but_transit, Some(false));
    assert_eq!(signals.stability.ddos_blackhole_count, Some(0));
    // A dump alone does not tell how things change.
    assert_eq!(signals.stability.flap_ratio, None);
    let table = "prefix,asn,rpki\n20.0.0.0/8,7,\n";
    let csv = "routing/announced-prefixes-ipv4-20260627.csv";
    let world = Stage::new(&[(csv, table.as_bytes())]).learn();
    let signals = &world.signals[world.node(Asn(7)).unwrap()];
    assert_eq!(signals.hygiene.route_leak_weight, None);
    assert_eq!(signals.stability.ddos_blackhole_count, None);
}

#[test]
fn connections_are_routes_over_a_provider_next_to_the_origin() {
    let mut table =
        Table::new(Model::default_model().visibility(), Limits::default());
    let mut carry = |peer: u8, prefix: &str, path: &[u32]| {
        let path = AsPath::sequence(path.iter().copied());
        let attributes = &Attributes::new(Some(&path), Details::default());
        let address = [192, 0, 2, peer].into();
        let route = Nlri { prefix: prefix.parse().unwrap(), path_id: None };
        let event = Event {
            at: Moment { seconds: 1, micros: None },
            envelope: Envelope::Bgp4mp { local: false },
            peer: Peer { address, asn: Asn(peer.into()) },
            what: What::Announce { route, attributes },
        };
        table.apply(&event, &mut |_, _| {});
    };
    carry(1, "20.0.0.0/8", &[1, 5, 9]);
    carry(1, "21.0.0.0/8", &[1, 5, 9, 9, 9]);
    carry(2, "20.0.0.0/8", &[2, 5, 9]);
    carry(2, "21.0.0.0/8", &[2, 6, 6777, 9]);
    carry(2, "22.0.0.0/8", &[2, 8, 9]);
    let provider = asgard_model::graph::Relationship::ProviderOf;
    let peer = asgard_model::graph::Relationship::Peer;
    let links = [
        (Asn(5), Asn(9), provider, 1.0),
        (Asn(6), Asn(9), provider, 1.0),
        (Asn(8), Asn(9), peer, 1.0),
    ];
    let known = Relationships::known(links, [], [Asn(6777)]);
    let found = connections(&table, &routes_by_path(&table), &known);
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable();
    assert_eq!(found, [((Asn(9), Asn(5)), 3), ((Asn(9), Asn(6)), 1)]);
}
