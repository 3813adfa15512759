//! Leaks: the four types, marks, ASPA, and everybody who must not be blamed.

use super::*;
use crate::relationships::Relationships;

/// 3 is the leaker in each: the path is `4 3 2 7`, 7 is the origin.
const LINKS: [(&str, &str); 4] = [
    ("2>3 4>3 2>7 3>30", "type_1"),
    ("2-3 3-4 2>7", "type_2"),
    ("2>3 3-4 2>7", "type_3"),
    ("2-3 4>3 2>7", "type_4"),
];
const LEAKED: [u32; 4] = [4, 3, 2, 7];
const PREFIX: &str = "60.0.0.0/24";

fn leaked_for(world: &mut World, seconds: u32) {
    world.during((T0, T0 + seconds), PREFIX, &LEAKED);
}

#[test]
fn each_type_is_told_and_the_leaker_is_blamed() {
    for (links, subtype) in LINKS {
        let mut world = World::new(links);
        leaked_for(&mut world, HOUR);
        let [incident] = &world.incidents(T0 + DAY)[..] else {
            panic!("{subtype}: {:?}", world.told(T0 + DAY))
        };
        assert_eq!(tell(incident), format!("leak {subtype} AS3 1"));
        assert_eq!(*incident.others, [Asn(2), Asn(4)]);
        assert_eq!((incident.start, incident.end), (T0, Some(T0 + HOUR)));
        assert_eq!((incident.peers, incident.weight), (4, 1.0));
        assert_eq!(*incident.prefixes, [PREFIX.parse().unwrap()]);
        let evidence = &incident.evidence[0];
        assert_eq!((evidence.at, evidence.peer), (T0, Asn(91)));
        assert_eq!(*evidence.path, [91, 4, 3, 2, 7].map(Asn));
    }
}

#[test]
fn ways_down_and_over_one_peering_are_no_leaks() {
    for links in ["3>2 4>3", "3>2 3-4", "3>2 3>4", "2-3 3>4", "2>3 3>4", ""] {
        let mut world = World::new(links);
        leaked_for(&mut world, HOUR);
        assert_eq!(world.told(T0 + DAY), [] as [&str; 0], "{links}");
    }
}

#[test]
fn two_peers_of_four_are_not_enough() {
    let mut world = World::new(LINKS[0].0);
    world.announce(T0, &[1, 2], PREFIX, &LEAKED);
    assert_eq!(world.incidents(T0 + DAY), []);
    world.announce(T0 + 50, &[3], PREFIX, &LEAKED);
    let [incident] = &world.incidents(T0 + DAY)[..] else { panic!() };
    assert_eq!((incident.start, incident.peers), (T0 + 50, 3));
}

#[test]
fn five_minutes_are_convergence() {
    for (seconds, found) in [(300, 0), (301, 1)] {
        let mut world = World::new(LINKS[0].0);
        leaked_for(&mut world, seconds);
        assert_eq!(world.incidents(T0 + DAY).len(), found, "{seconds}");
    }
    let mut world = World::new(LINKS[0].0);
    world.announce(T0, &ALL, PREFIX, &LEAKED);
    assert_eq!(world.incidents(T0 + 300), []);
    let [open] = &world.incidents(T0 + 301)[..] else { panic!() };
    assert_eq!(open.end, None);
}

#[test]
fn uncertain_relationships_accuse_nobody() {
    for (confidence, found) in [(0.89, 0), (0.9, 1)] {
        let edges = edges("2>3 4>3 3>30", confidence);
        let mut world = World::with(Relationships::known(edges, [], []));
        leaked_for(&mut world, HOUR);
        assert_eq!(world.incidents(T0 + DAY).len(), found, "{confidence}");
    }
}

/// 2 and 4 have so many customers each.
fn larger(links: &str, customers: u32) -> String {
    let sold = |n: u32| format!(" 2>{} 4>{}", 200 + n, 400 + n);
    let sold: String = (0..customers).map(sold).collect();
    format!("{links}{sold}")
}

#[test]
fn a_stranger_that_is_clearly_larger_is_no_customer() {
    for (links, subtype) in
        [("", "type_2"), ("2>3", "type_3"), ("4>3", "type_4")]
    {
        let links = larger(links, 3);
        let mut world = World::new(&links);
        leaked_for(&mut world, HOUR);
        let told = format!("leak {subtype} AS3 1");
        assert_eq!(world.told(T0 + DAY), [told], "{links}");
    }
    for links in [
        // Too small, not larger than 3, customers of 3, one of its own.
        larger("", 2),
        larger("3>31 3>32 3>33", 4),
        larger("3>2", 9),
        larger("3>4", 9),
    ] {
        let mut world = World::new(&links);
        leaked_for(&mut world, HOUR);
        assert_eq!(world.told(T0 + DAY), [] as [&str; 0], "{links}");
    }
    let mut world = World::among(&larger("", 9), &[&[3, 4]]);
    leaked_for(&mut world, HOUR);
    assert_eq!(world.told(T0 + DAY), [] as [&str; 0]);
}

#[test]
fn siblings_may_exchange_everything() {
    for organisation in [[2, 3], [3, 4], [2, 4]] {
        let mut world = World::among(LINKS[0].0, &[&organisation]);
        leaked_for(&mut world, HOUR);
        assert_eq!(world.incidents(T0 + DAY), [], "{organisation:?}");
    }
}

#[test]
fn a_route_server_is_no_hop() {
    // 3 and 8 peer over the route server 5, which only looks like a leaker.
    let links = "3-5 5-8 3-8 3>2 2>7";
    let server = [Asn(5)];
    for (servers, found) in [(&server[..], 0), (&[], 1)] {
        let servers = servers.iter().copied();
        let edges = edges(links, 1.0);
        let mut world = World::with(Relationships::known(edges, [], servers));
        world.during((T0, T0 + HOUR), PREFIX, &[8, 5, 3, 2, 7]);
        assert_eq!(world.incidents(T0 + DAY).len(), found);
    }
}

#[test]
fn a_poisoned_path_accuses_nobody() {
    let mut world = World::new(LINKS[0].0);
    world.during((T0, T0 + HOUR), PREFIX, &[4, 3, 2, 7, 3, 7]);
    assert_eq!(world.incidents(T0 + DAY), []);
    world.during((T0 + DAY, T0 + DAY + HOUR), PREFIX, &[4, 3, 3, 2, 7, 7]);
    assert_eq!(world.told(T0 + 2 * DAY), ["leak type_1 AS3 1"]);
}

#[test]
fn what_has_been_so_for_thirty_days_is_a_hybrid_relationship() {
    for (days, found) in [(31, 0), (29, 1)] {
        let mut world = World::new(LINKS[0].0);
        world.dump(T0, T0 - days * DAY, &ALL, PREFIX, &LEAKED);
        // A second prefix that takes the same way is as good.
        world.during((T0 + 60, T0 + HOUR), "60.0.1.0/24", &LEAKED);
        assert_eq!(world.incidents(T0 + HOUR).len(), found, "{days}");
    }
}

#[test]
fn a_reset_makes_no_old_way_new() {
    let mut world = World::new(LINKS[0].0);
    world.dump(T0, T0 - 31 * DAY, &ALL, PREFIX, &LEAKED);
    for peer in ALL {
        world.lose(T0 + HOUR, peer);
    }
    world.announce(T0 + 2 * HOUR, &ALL, PREFIX, &LEAKED);
    assert_eq!(world.incidents(T0 + DAY), []);
    // Gone for longer than a day, it is no agreement.
    world.withdraw(T0 + DAY, &ALL, PREFIX);
    world.announce(T0 + 3 * DAY, &ALL, PREFIX, &LEAKED);
    assert_eq!(world.told(T0 + 4 * DAY), ["leak type_1 AS3 1"]);
}

#[test]
fn leaks_less_than_an_hour_apart_are_one() {
    for (gap, found) in [(HOUR - 1, 1), (HOUR, 2)] {
        let mut world = World::new(LINKS[0].0);
        leaked_for(&mut world, HOUR);
        let again = T0 + HOUR + gap;
        world.during((again, again + HOUR), "60.0.1.0/24", &LEAKED);
        let incidents = world.incidents(T0 + DAY);
        assert_eq!(incidents.len(), found, "{gap}");
        let prefixes: u32 = incidents.iter().map(|i| i.prefix_count).sum();
        assert_eq!(prefixes, 2);
    }
}

#[test]
fn an_hour_of_ten_thousand_prefixes_is_one_incident() {
    let mut world = World::new(LINKS[0].0);
    for route in 0..200 {
        let prefix = format!("61.{}.{}.0/24", route / 100, route % 100);
        world.during((T0 + route, T0 + HOUR + route), &prefix, &LEAKED);
    }
    let [incident] = &world.incidents(T0 + DAY)[..] else { panic!() };
    assert_eq!((incident.prefix_count, incident.prefixes.len()), (200, 50));
    assert_eq!(incident.evidence.len(), 5);
    assert_eq!(incident.end, Some(T0 + HOUR + 199));
}

#[test]
fn weights_are_those_of_the_manrs_observatory_and_fade() {
    let half = 90 * DAY;
    for (seconds, later, weight) in [
        (1_799, 0, 0.5),
        (1_800, 0, 1.0),
        (DAY - 1, 0, 1.0),
        (DAY, 0, 2.0),
        (3 * DAY, 0, 4.0),
        (3 * DAY, half, 2.0),
        (3 * DAY, half + 1, 0.0),
    ] {
        let mut world = World::new(LINKS[0].0);
        leaked_for(&mut world, seconds);
        let findings = world.finish(T0 + seconds + later);
        let found = findings.measures.get(&Asn(3));
        let found = found.map_or(0.0, |m| m.route_leak_weight);
        assert_eq!(found, weight, "{seconds} {later}");
        let origin = findings.measures.get(&Asn(7));
        assert!(origin.is_none_or(|m| m.route_leak_weight == 0.0));
    }
}

#[test]
fn a_leak_that_goes_on_over_another_way_goes_on() {
    let mut world = World::new("2>3 4>3 5>3 2>7");
    world.announce(T0, &ALL, PREFIX, &LEAKED);
    world.announce(T0 + 200, &ALL, PREFIX, &[5, 3, 2, 7]);
    world.announce(T0 + 400, &ALL, PREFIX, &[2, 7]);
    let [incident] = &world.incidents(T0 + DAY)[..] else { panic!() };
    assert_eq!((incident.start, incident.end), (T0, Some(T0 + 400)));
}

fn marked(asn: u32) -> Details {
    Details { otc: Some(Asn(asn)), ..Details::default() }
}

#[test]
fn a_marked_route_must_go_to_customers_only() {
    // Nobody knows what 2 is to 3; 2 has marked the route.
    for (links, found) in [("4>3", true), ("3-4", true), ("3>4", false)] {
        let mut world = World::new(links);
        world.announce_with(T0, &ALL, PREFIX, &LEAKED, &marked(2));
        let expected: &[&str] = if found { &["leak otc AS3 1"] } else { &[] };
        assert_eq!(world.told(T0 + HOUR), expected, "{links}");
    }
}

#[test]
fn a_mark_of_nobody_in_the_path_tells_nothing() {
    for mark in [99, 4, 3] {
        let mut world = World::new("4>3");
        world.announce_with(T0, &ALL, PREFIX, &LEAKED, &marked(mark));
        assert_eq!(world.incidents(T0 + HOUR), [], "{mark}");
    }
}

#[test]
fn a_leak_by_relationships_and_mark_is_one_leak() {
    let mut world = World::new(LINKS[0].0).aspas(&[(2, &[1]), (4, &[1])]);
    world.announce_with(T0, &ALL, PREFIX, &LEAKED, &marked(2));
    assert_eq!(world.told(T0 + HOUR), ["leak type_1 AS3 1"]);
    let measures = &world.finish(T0 + HOUR).measures[&Asn(3)];
    assert_eq!(measures.aspa_invalid_routes, 1);
}

#[test]
fn a_path_that_aspa_excludes_is_a_leak() {
    // 2 says that 3 is no provider of it, 4 says the same.
    let mut world = World::new("").aspas(&[(2, &[1]), (4, &[1])]);
    world.announce(T0, &ALL, PREFIX, &LEAKED);
    let findings = world.finish(T0 + HOUR);
    let told: Vec<String> = findings.incidents.iter().map(tell).collect();
    assert_eq!(told, ["leak aspa AS3 1"]);
    assert_eq!(findings.measures[&Asn(3)].aspa_invalid_routes, 1);
    world.withdraw(T0 + HOUR, &ALL, PREFIX);
    let measures = &world.finish(T0 + DAY).measures;
    assert_eq!(measures[&Asn(3)].aspa_invalid_routes, 0);
}

#[test]
fn what_aspa_does_not_know_is_no_fault() {
    for objects in [
        // One side only; up and down; one peering at the top.
        &[(2, &[1][..])][..],
        &[(4, &[1])],
        &[(2, &[3]), (4, &[3])],
        &[(2, &[1]), (3, &[1]), (4, &[3])],
        &[(7, &[2]), (2, &[0]), (3, &[0]), (4, &[3])],
    ] {
        let mut world = World::new("").aspas(objects);
        world.announce(T0, &ALL, PREFIX, &LEAKED);
        assert_eq!(world.incidents(T0 + HOUR), [], "{objects:?}");
    }
}

#[test]
fn of_several_between_two_statements_relationships_blame_one_or_nobody() {
    // 2 → 3 is not up, 5 → 4 not down; 3 or 5 is at fault.
    let path = [4, 5, 3, 2, 7];
    let objects: &[(u32, &[u32])] = &[(2, &[1]), (4, &[1])];
    for (links, told) in [
        ("", &[][..]),
        ("3>5", &["leak aspa AS5 1"]),
        ("5>3", &["leak aspa AS3 1"]),
        ("3-5", &["leak aspa AS3 1"]),
    ] {
        let mut world = World::new(links).aspas(objects);
        world.announce(T0, &ALL, PREFIX, &path);
        assert_eq!(world.told(T0 + HOUR), told, "{links}");
    }
}
