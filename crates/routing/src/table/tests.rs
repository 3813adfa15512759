//! Tables of a few routes, and a slow model that random events are compared
//! with.

use std::{collections::BTreeMap, net::IpAddr};

use asgard_model::{AsPath, Asn, Model};
use proptest::prelude::*;

use super::*;
use crate::event::{Details, Moment, Peer};

/// What the tests look at of a transition.
type Seen = (u32, u8, String, Option<String>, Option<String>, Cause);

struct Scene {
    table: Table,
    seen: Vec<Seen>,
}

impl Scene {
    fn new() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let rule = Model::default_model().visibility();
        Self { table: Table::new(rule, limits), seen: Vec::new() }
    }

    fn event(&mut self, at: u32, peer: u8, what: What<'_>) {
        let event = Event {
            at: Moment { seconds: at, micros: None },
            envelope: Envelope::Bgp4mp { local: false },
            peer: peer_number(peer),
            what,
        };
        let seen = &mut self.seen;
        self.table.apply(&event, &mut |table, t| seen.push(look(table, t)));
    }

    fn announce(&mut self, at: u32, peer: u8, prefix: &str, path: &[u32]) {
        self.announce_as(at, peer, nlri(prefix, None), path);
    }

    fn announce_as(&mut self, at: u32, peer: u8, route: Nlri, path: &[u32]) {
        let path = AsPath::sequence(path.iter().copied());
        let attributes = Attributes::new(Some(&path), Details::default());
        let attributes = &attributes;
        self.event(at, peer, What::Announce { route, attributes });
    }

    fn withdraw(&mut self, at: u32, peer: u8, prefix: &str) {
        let route = nlri(prefix, None);
        self.event(at, peer, What::Withdraw { route });
    }

    fn dumped(&mut self, at: u32, peer: u8, prefix: &str, path: &[u32]) {
        let path = AsPath::sequence(path.iter().copied());
        let attributes = Attributes::new(Some(&path), Details::default());
        let attributes = &attributes;
        let route = nlri(prefix, None);
        let originated = at - 50;
        self.event(at, peer, What::Rib { route, originated, attributes });
    }

    fn end_dump(&mut self, at: u32) {
        let seen = &mut self.seen;
        self.table.end_dump(at, &mut |table, t| seen.push(look(table, t)));
    }

    fn causes(&self) -> Vec<Cause> {
        self.seen.iter().map(|seen| seen.5).collect()
    }

    fn state(&mut self, at: u32, peer: u8, new: State) {
        self.event(at, peer, What::State { old: None, new });
    }

    fn id(&self, prefix: &str) -> PrefixId {
        self.table.find(prefix.parse().unwrap()).unwrap()
    }
}

fn peer_number(number: u8) -> Peer {
    let address = IpAddr::from([192, 0, 2, number]);
    Peer { address, asn: Asn(64_500 + u32::from(number)) }
}

fn nlri(prefix: &str, path_id: Option<u32>) -> Nlri {
    Nlri { prefix: prefix.parse().unwrap(), path_id }
}

fn look(table: &Table, t: &Transition<'_>) -> Seen {
    let text = |path: Option<PathId>| path.map(|p| table.path(p).to_string());
    let IpAddr::V4(address) = table.peer(t.peer).address else { panic!() };
    assert_eq!(table.route(t.peer, t.prefix), t.after);
    (
        t.at,
        address.octets()[3],
        table.prefix(t.prefix).to_string(),
        text(t.before),
        text(t.after),
        t.cause,
    )
}

fn seen(
    at: u32,
    peer: u8,
    prefix: &str,
    before: Option<&str>,
    after: Option<&str>,
    cause: Cause,
) -> Seen {
    let own = |text: Option<&str>| text.map(str::to_owned);
    (at, peer, prefix.to_owned(), own(before), own(after), cause)
}

#[test]
fn a_route_is_told_when_it_comes_changes_is_repeated_and_goes() {
    let mut scene = Scene::new();
    scene.withdraw(9, 1, "10.0.0.0/8");
    scene.announce(10, 1, "10.0.0.0/8", &[1, 2]);
    scene.announce(11, 1, "10.0.0.0/8", &[1, 3]);
    scene.announce(12, 1, "10.0.0.0/8", &[1, 3]);
    scene.withdraw(13, 1, "10.0.0.0/8");
    scene.withdraw(14, 1, "10.0.0.0/8");
    let told = |at, before, after| {
        seen(at, 1, "10.0.0.0/8", before, after, Cause::Update)
    };
    assert_eq!(
        scene.seen,
        [
            told(10, None, Some("1 2")),
            told(11, Some("1 2"), Some("1 3")),
            told(12, Some("1 3"), Some("1 3")),
            told(13, Some("1 3"), None),
        ]
    );
}

#[test]
fn origins_are_remembered_with_their_times_and_peers() {
    let mut scene = Scene::new();
    scene.dumped(100, 1, "10.0.0.0/8", &[1, 2]);
    scene.dumped(100, 2, "10.0.0.0/8", &[7, 2]);
    scene.announce(200, 1, "10.0.0.0/8", &[1, 9]);
    scene.withdraw(300, 1, "10.0.0.0/8");
    let spans: Vec<Span> =
        scene.table.spans(scene.id("10.0.0.0/8")).copied().collect();
    assert_eq!(
        spans,
        [
            Span { origin: Asn(2), first: 50, last: 200, peers: 1 },
            Span { origin: Asn(9), first: 200, last: 300, peers: 0 },
        ]
    );
}

#[test]
fn only_full_feeds_make_a_route_visible() {
    let mut scene = Scene::new();
    for peer in 1..=3 {
        for third in 0..10 {
            let prefix = format!("10.0.{third}.0/24");
            scene.announce(1, peer, &prefix, &[peer.into(), 9]);
        }
    }
    scene.announce(1, 4, "10.0.0.0/24", &[4, 9]);
    scene.announce(1, 3, "10.0.0.0/24", &[3, 8]);
    let id = scene.id("10.0.0.0/24");
    assert_eq!(scene.table.full_feeds(true), 3);
    assert_eq!(scene.table.threshold(true), 3);
    assert_eq!(scene.table.visible_by(id, Asn(9)), 2);
    assert_eq!(scene.table.visible_by(id, Asn(8)), 1);
    assert_eq!(scene.table.routes(id).count(), 4);
    assert_eq!(scene.table.full_feeds(false), 0);
    // A feed that falls away is none.
    scene.state(2, 3, State::Idle);
    assert_eq!(scene.table.full_feeds(true), 2);
    assert_eq!(scene.table.threshold(true), 1);
}

#[test]
fn a_lost_session_takes_its_routes_and_brings_them_back_as_a_reset() {
    let mut scene = Scene::new();
    for third in 0..10 {
        scene.announce(1, 1, &format!("10.0.{third}.0/24"), &[1]);
        scene.announce(1, 2, &format!("10.0.{third}.0/24"), &[2]);
    }
    scene.seen.clear();
    scene.state(100, 1, State::Idle);
    scene.state(101, 1, State::Active);
    scene.state(102, 1, State::Established);
    for third in 0..9 {
        scene.announce(110, 1, &format!("10.0.{third}.0/24"), &[1]);
    }
    assert_eq!(scene.causes(), [Cause::Reset; 19]);
    scene.announce(120, 1, "10.0.9.0/24", &[1]);
    assert_eq!(scene.causes()[19..], [Cause::Update]);
    let id = scene.table.peer_ids().next().unwrap();
    let reset = Reset { peer: id, start: 100, end: 110 };
    assert_eq!(scene.table.resets(), [reset]);
}

#[test]
fn a_table_that_changes_as_a_whole_is_a_reset_without_a_state() {
    let mut scene = Scene::new();
    for route in 0..400 {
        let prefix = format!("10.{}.{}.0/24", route / 200, route % 200);
        scene.dumped(1_000, 1, &prefix, &[1, 2]);
    }
    scene.seen.clear();
    for route in 0..400 {
        let prefix = format!("10.{}.{}.0/24", route / 200, route % 200);
        scene.announce(2_000 + route / 4, 1, &prefix, &[1, 3]);
    }
    let causes = scene.causes();
    assert_eq!(causes[..200], [Cause::Update; 200]);
    assert_eq!(causes[200..], [Cause::Reset; 200]);
    let [reset] = scene.table.resets() else { panic!() };
    assert!(reset.start <= 2_000 && reset.end == 2_099, "{reset:?}");
}

#[test]
fn a_second_dump_takes_away_what_it_does_not_show() {
    let mut scene = Scene::new();
    for (peer, prefix) in
        [(1, "10.0.0.0/8"), (1, "11.0.0.0/8"), (2, "12.0.0.0/8")]
    {
        scene.dumped(100, peer, prefix, &[peer.into(), 9]);
    }
    scene.seen.clear();
    scene.table.begin_dump();
    scene.dumped(200, 1, "11.0.0.0/8", &[1, 9]);
    scene.end_dump(201);
    let told = [
        seen(200, 1, "11.0.0.0/8", Some("1 9"), Some("1 9"), Cause::Table),
        seen(201, 1, "10.0.0.0/8", Some("1 9"), None, Cause::Table),
    ];
    assert_eq!(scene.seen, told);
    // Peer 2 belongs to another collector.
    assert_eq!(scene.table.routes(scene.id("12.0.0.0/8")).count(), 1);
    scene.table.begin_dump();
    scene.dumped(300, 2, "10.0.0.0/8", &[2, 9]);
    scene.table.abandon_dump();
    assert_eq!(scene.table.routes(scene.id("12.0.0.0/8")).count(), 1);
}

#[test]
fn of_several_routes_of_a_peer_the_lowest_is_shown_and_replaced() {
    let mut scene = Scene::new();
    let route = |id| nlri("10.0.0.0/8", Some(id));
    scene.announce_as(1, 1, route(5), &[1, 5]);
    scene.announce_as(2, 1, route(7), &[1, 7]);
    scene.announce_as(3, 1, route(2), &[1, 2]);
    scene.event(4, 1, What::Withdraw { route: route(9) });
    scene.event(5, 1, What::Withdraw { route: route(2) });
    scene.event(6, 1, What::Withdraw { route: route(7) });
    scene.event(7, 1, What::Withdraw { route: route(5) });
    let told = |at, before, after| {
        seen(at, 1, "10.0.0.0/8", before, after, Cause::Update)
    };
    assert_eq!(
        scene.seen,
        [
            told(1, None, Some("1 5")),
            told(3, Some("1 5"), Some("1 2")),
            told(5, Some("1 2"), Some("1 5")),
            told(7, Some("1 5"), None),
        ]
    );
}

#[test]
fn a_route_without_a_readable_path_is_withdrawn() {
    let mut scene = Scene::new();
    scene.announce(1, 1, "10.0.0.0/8", &[1]);
    let attributes = &Attributes::new(None, Details::default());
    let route = nlri("10.0.0.0/8", None);
    scene.event(2, 1, What::Announce { route, attributes });
    assert_eq!(scene.seen[1].4, None);
    assert_eq!(scene.table.refused().pathless, 1);
}

#[test]
fn what_the_collector_itself_sent_is_not_the_peers() {
    let mut scene = Scene::new();
    let path = AsPath::sequence([1]);
    let attributes = &Attributes::new(Some(&path), Details::default());
    let route = nlri("10.0.0.0/8", None);
    let event = Event {
        at: Moment { seconds: 1, micros: None },
        envelope: Envelope::Bgp4mp { local: true },
        peer: peer_number(1),
        what: What::Announce { route, attributes },
    };
    scene.table.apply(&event, &mut |_, _| panic!("nothing changes"));
    assert_eq!(scene.table.peer_ids().count(), 0);
}

#[test]
fn what_finds_no_room_is_counted_and_the_rest_stays() {
    let room = Room { paths: 2, members: 100 };
    let mut scene =
        Scene::within(Limits { peers: 1, prefixes: 2, paths: room });
    scene.announce(1, 1, "10.0.0.0/8", &[1]);
    scene.announce(2, 2, "10.0.0.0/8", &[1]);
    scene.announce(3, 1, "11.0.0.0/8", &[1]);
    scene.announce(4, 1, "12.0.0.0/8", &[1]);
    scene.announce(5, 1, "11.0.0.0/8", &[2]);
    scene.announce(6, 1, "11.0.0.0/8", &[3]);
    let expected =
        Refused { peers: 1, prefixes: 1, paths: 1, ..Refused::default() };
    assert_eq!(scene.table.refused(), expected);
    // Its path is not known any more: better no route than an old one.
    assert_eq!(scene.table.routes(scene.id("11.0.0.0/8")).count(), 0);
    assert_eq!(scene.table.routes(scene.id("10.0.0.0/8")).count(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u8, u8, u32),
    Withdraw(u8, u8),
    Down(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u8..4, 0_u8..200, 0_u32..9)
            .prop_map(|(peer, to, path)| Step::Announce(peer, to, path)),
        3 => (0_u8..4, 0_u8..200).prop_map(|(peer, to)| Step::Withdraw(peer, to)),
        1 => (0_u8..4).prop_map(Step::Down),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    #[test]
    fn a_table_equals_a_map_of_routes_and_its_transitions_rebuild_it(
        steps in steps()
    ) {
        let mut scene = Scene::new();
        let mut model: BTreeMap<(u8, String), String> = BTreeMap::new();
        let prefix = |to: u8| format!("10.{}.{}.0/24", to % 7, to);
        for (at, step) in (1..).zip(steps) {
            match step {
                Step::Announce(peer, to, path) => {
                    let to = prefix(to);
                    scene.announce(at, peer, &to, &[1, path]);
                    model.insert((peer, to), format!("1 {path}"));
                }
                Step::Withdraw(peer, to) => {
                    scene.withdraw(at, peer, &prefix(to));
                    model.remove(&(peer, prefix(to)));
                }
                Step::Down(peer) => {
                    scene.state(at, peer, State::Idle);
                    model.retain(|(p, _), _| *p != peer);
                }
            }
        }
        let mut told = BTreeMap::new();
        for (_, peer, prefix, before, after, _) in &scene.seen {
            let key = (*peer, prefix.clone());
            prop_assert_eq!(told.get(&key), before.as_ref());
            match after {
                Some(path) => told.insert(key, path.clone()),
                None => told.remove(&key),
            };
        }
        prop_assert_eq!(&told, &model);
        let mut replayed = BTreeMap::new();
        scene.table.replay(&mut |table, t| {
            let (_, peer, prefix, before, after, cause) = look(table, t);
            assert_eq!((before, cause), (None, Cause::Table));
            replayed.insert((peer, prefix), after.unwrap());
        });
        prop_assert_eq!(&replayed, &model);
        for prefix in scene.table.prefix_ids() {
            for span in scene.table.spans(prefix) {
                let carried = scene.table.routes(prefix).filter(|(_, path)| {
                    scene.table.path(*path).origin() == Some(span.origin)
                });
                prop_assert_eq!(carried.count(), usize::from(span.peers));
            }
        }
    }
}
