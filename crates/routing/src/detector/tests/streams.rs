//! Properties: what cannot be a leak is none, and the same routes give the same
//! findings in whatever form and order they come.

use proptest::prelude::*;

use super::*;

/// Five levels of three networks; each buys from some of the level above, and
/// some of a level peer.
fn links() -> impl Strategy<Value = String> {
    let buys = prop::collection::vec(any::<[bool; 3]>(), 12);
    let peers = prop::collection::vec(any::<[bool; 3]>(), 5);
    (buys, peers).prop_map(|(buys, peers)| {
        let mut links = Vec::new();
        for (at, buys) in buys.into_iter().enumerate() {
            let (level, place) = (at / 3 + 1, at % 3);
            for (provider, _) in buys.iter().enumerate().filter(|b| *b.1) {
                let customer = number(level, place);
                let provider = number(level - 1, provider);
                links.push(format!("{provider}>{customer}"));
            }
        }
        for (level, peers) in peers.into_iter().enumerate() {
            for (at, (a, b)) in [(0, 1), (1, 2), (0, 2)].iter().enumerate() {
                if peers[at] {
                    let (a, b) = (number(level, *a), number(level, *b));
                    links.push(format!("{a}-{b}"));
                }
            }
        }
        links.join(" ")
    })
}

fn number(level: usize, place: usize) -> u32 {
    u32::try_from(100 + level * 10 + place).unwrap()
}

/// A walk from an origin: hops that pick one of the neighbours.
fn walks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 2..6), 1..6)
}

/// Which neighbours a walk may go on to.
#[derive(Clone, Copy, PartialEq)]
enum Rules {
    ValleyFree,
    Any,
}

/// The path that a walk takes, the nearest to the collector first.
fn path(relations: &Relationships, choices: &[u8], rules: Rules) -> Vec<u32> {
    use crate::relationships::Relation;
    let all: Vec<u32> = (0..15).map(|at| number(at / 3, at % 3)).collect();
    let mut at = all[usize::from(choices[0]) % all.len()];
    let mut walk = vec![at];
    let mut down = false;
    for choice in &choices[1..] {
        let next: Vec<(u32, Relation)> = all
            .iter()
            .filter(|next| !walk.contains(next))
            .filter_map(|&n| Some((n, relations.between(Asn(at), Asn(n))?.0)))
            .filter(|(_, relation)| {
                rules == Rules::Any || !down || *relation == Relation::Customer
            })
            .collect();
        let Some((next, relation)) =
            next.get(usize::from(*choice) % next.len().max(1))
        else {
            break;
        };
        down |= *relation != Relation::Provider;
        at = *next;
        walk.push(at);
    }
    walk.reverse();
    walk
}

fn prefix(at: usize) -> String {
    format!("60.0.{at}.0/24")
}

/// A world with the routes of some walks, as updates of peers in some order.
fn streamed(
    links: &str,
    walks: &[Vec<u8>],
    rules: Rules,
    peers: &[u8],
) -> World {
    let mut world = World::new(links);
    for (at, walk) in walks.iter().enumerate() {
        let path = path(&world.relations, walk, rules);
        world.announce(T0, peers, &prefix(at), &path);
    }
    world
}

fn dumped(links: &str, walks: &[Vec<u8>], rules: Rules) -> World {
    let mut world = World::new(links);
    for (at, walk) in walks.iter().enumerate() {
        let path = path(&world.relations, walk, rules);
        world.dump(T0, T0, &ALL, &prefix(at), &path);
    }
    world
}

/// What does not depend on which peer is the first witness.
fn outcome(world: &World, now: u32) -> Vec<(String, Vec<Asn>, u32, u16)> {
    let of = |i: &Incident| (tell(i), i.others.to_vec(), i.start, i.peers);
    world.incidents(now).iter().map(of).collect()
}

proptest! {
    #[test]
    fn a_valley_free_world_has_no_incident(
        links in links(), walks in walks(),
    ) {
        let world = streamed(&links, &walks, Rules::ValleyFree, &ALL);
        let found: Vec<String> = world
            .told(T0 + DAY / 2)
            .into_iter()
            .filter(|told| told.starts_with("leak"))
            .collect();
        prop_assert_eq!(found, [] as [&str; 0]);
    }

    #[test]
    fn the_order_of_peers_changes_nothing(
        links in links(), walks in walks(),
    ) {
        let one = streamed(&links, &walks, Rules::Any, &[1, 2, 3, 4]);
        let other = streamed(&links, &walks, Rules::Any, &[3, 1, 4, 2]);
        let now = T0 + 2 * DAY;
        prop_assert_eq!(outcome(&one, now), outcome(&other, now));
        prop_assert_eq!(one.finish(now).measures, other.finish(now).measures);
    }

    #[test]
    fn a_dump_and_a_stream_give_the_same(
        links in links(), walks in walks(),
    ) {
        let stream = streamed(&links, &walks, Rules::Any, &ALL);
        let dump = dumped(&links, &walks, Rules::Any);
        let now = T0 + DAY / 2;
        prop_assert_eq!(stream.incidents(now), dump.incidents(now));
    }

    #[test]
    fn a_survey_that_comes_late_finds_what_is_there(
        links in links(), walks in walks(),
    ) {
        let early = streamed(&links, &walks, Rules::Any, &ALL);
        let now = T0 + 2 * DAY;
        let mut survey = Survey::default();
        let World { table, relations, rpki, bogons, blackholes, .. } = &early;
        table.replay(&mut |table, t| {
            let scene = Scene {
                table, relations, rpki, bogons, blackholes,
                exempt: &early.exempt, rir: &rir, half_life_days: 90.0,
            };
            survey.transition(&scene, t);
        });
        let expected = outcome(&early, now);
        let late = World { survey, ..early };
        prop_assert_eq!(outcome(&late, now), expected);
    }
}

#[test]
fn a_session_that_is_lost_ends_no_leak_that_others_see() {
    let mut world = World::new("2>3 4>3 2>7");
    world.announce(T0, &ALL, "60.0.0.0/24", &[4, 3, 2, 7]);
    world.lose(T0 + HOUR, 1);
    let [open] = &world.incidents(T0 + DAY)[..] else { panic!() };
    assert_eq!((open.start, open.end, open.peers), (T0, None, 4));
}
