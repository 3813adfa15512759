//! Bogons: space, numbers, and what only looks like one.

use super::*;

fn announced(prefix: &str, path: &[u32], seconds: u32) -> Vec<String> {
    let mut world = World::new("");
    world.during((T0, T0 + seconds), prefix, path);
    world.told(T0 + DAY)
}

#[test]
fn special_space_for_more_than_an_hour_is_a_bogon() {
    let long = HOUR + 1;
    let told = ["bogon prefix AS7 1"];
    assert_eq!(announced("10.1.0.0/16", &[2, 7], long), told);
    assert_eq!(announced("2001:db8:1::/48", &[2, 7], long), told);
    assert_eq!(announced("100.64.0.0/10", &[7, 7], long), told);
    assert_eq!(announced("10.1.0.0/16", &[2, 7], HOUR), [] as [&str; 0]);
}

#[test]
fn reachable_blocks_default_routes_and_long_prefixes_are_none() {
    for prefix in [
        "0.0.0.0/0",
        "10.0.0.0/25",
        "8.0.0.0/7",
        "2001:4:112::/48",
        "1.1.1.0/24",
    ] {
        let told = announced(prefix, &[2, 7], DAY / 2);
        assert_eq!(told, [] as [&str; 0], "{prefix}");
    }
}

#[test]
fn two_peers_of_four_see_no_bogon() {
    let mut world = World::new("");
    world.announce(T0, &[1, 2], "10.1.0.0/16", &[2, 7]);
    assert_eq!(world.incidents(T0 + DAY), []);
}

#[test]
fn an_open_bogon_counts_and_one_that_ended_is_remembered() {
    let mut world = World::new("");
    world.announce(T0, &ALL, "10.1.0.0/16", &[2, 7]);
    let findings = world.finish(T0 + DAY);
    assert!(findings.measures[&Asn(7)].bogon_ads);
    assert!(!findings.measures.contains_key(&Asn(2)));
    let [open] = &findings.incidents[..] else { panic!() };
    assert_eq!((open.end, open.weight), (None, 1.0));
    world.withdraw(T0 + DAY, &ALL, "10.1.0.0/16");
    let findings = world.finish(T0 + 2 * DAY);
    assert_eq!(findings.incidents[0].end, Some(T0 + DAY));
    assert!(!findings.measures.get(&Asn(7)).is_some_and(|m| m.bogon_ads));
}

/// A world in which registries call space free; of some of it, somebody was
/// the holder within the last year.
fn with_free_space(free: &[&str], lately_held: &[&str]) -> World {
    let space = |texts: &[&str]| -> Vec<Prefix> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let mut world = World::new("");
    let special = SpecialPurpose::default();
    world.bogons = Bogons::new(special, space(free), space(lately_held));
    world
}

#[test]
fn space_of_no_holder_counts_unless_somebody_held_it_lately() {
    let free = ["66.0.0.0/16", "66.0.4.0/24", "67.0.0.0/16"];
    let mut world = with_free_space(&free, &["67.0.0.0/17"]);
    world.announce(T0, &ALL, "66.0.9.0/24", &[2, 7]);
    world.announce(T0, &ALL, "67.0.1.0/24", &[2, 8]);
    world.announce(T0, &ALL, "62.0.0.0/24", &[2, 6]);
    // Half of it is allocated.
    world.announce(T0, &ALL, "66.0.0.0/15", &[2, 6]);
    let findings = world.finish(T0 + DAY);
    let found: Vec<(String, f64)> =
        findings.incidents.iter().map(|i| (tell(i), i.weight)).collect();
    let expected = [
        ("bogon unallocated AS7 1".to_owned(), 1.0),
        ("bogon unallocated AS8 1".to_owned(), 0.0),
    ];
    assert_eq!(found, expected);
    assert!(findings.measures[&Asn(7)].bogon_ads);
    assert!(!findings.measures[&Asn(8)].bogon_ads);
}

#[test]
fn space_with_a_roa_or_of_another_registry_is_held() {
    let free = ["66.0.0.0/16", "60.0.0.0/16"];
    let roas = ["66.0.1.0/24 AS7", "66.0.2.0/24 AS0"];
    let mut world = with_free_space(&free, &[]).roas(&roas);
    world.announce(T0, &ALL, "66.0.1.0/24", &[2, 7]);
    world.announce(T0, &ALL, "66.0.2.0/24", &[2, 8]);
    // Another registry says that it gave 60.0.0.0/8.
    world.announce(T0, &ALL, "60.0.1.0/24", &[2, 6]);
    assert_eq!(world.told(T0 + DAY), ["bogon unallocated AS8 1"]);
}

#[test]
fn what_a_registry_gives_meanwhile_is_told_no_more() {
    let mut world = with_free_space(&["66.0.0.0/16"], &[]);
    world.announce(T0, &ALL, "66.0.1.0/24", &[2, 7]);
    assert_eq!(world.told(T0 + DAY), ["bogon unallocated AS7 1"]);
    world.bogons = Bogons::new(SpecialPurpose::default(), vec![], vec![]);
    assert_eq!(world.told(T0 + DAY), [] as [&str; 0]);
}

#[test]
fn who_lets_a_reserved_number_through_is_blamed() {
    for (path, number) in [
        (&[3, 2, 64_512][..], 64_512),
        (&[3, 2, 4_200_000_000, 7], 4_200_000_000),
        (&[3, 2, 0], 0),
        (&[3, 2, 23_456, 23_456, 7], 23_456),
    ] {
        let mut world = World::new("");
        world.announce(T0, &ALL, "60.0.0.0/24", path);
        let [incident] = &world.incidents(T0 + DAY)[..] else {
            panic!("{path:?}")
        };
        assert_eq!(tell(incident), "bogon asn AS2 1", "{path:?}");
        assert_eq!(*incident.others, [Asn(number)]);
    }
}

#[test]
fn space_of_a_reserved_origin_is_its_neighbours_fault() {
    let mut world = World::new("");
    world.announce(T0, &ALL, "10.1.0.0/16", &[3, 2, 64_512]);
    let incidents = world.incidents(T0 + DAY);
    assert!(!incidents.is_empty());
    assert!(incidents.iter().all(|i| i.asn == Asn(2)), "{incidents:?}");
}

#[test]
fn in_an_invented_world_reserved_numbers_stand_in_for_others() {
    let mut world = World::new("");
    world.bogons =
        Bogons::new(SpecialPurpose::default(), vec![], vec![]).with_stand_ins();
    world.announce(T0, &ALL, "60.0.0.0/24", &[3, 2, 64_512]);
    world.announce(T0, &ALL, "10.1.0.0/16", &[3, 2, 64_513]);
    assert_eq!(world.told(T0 + DAY), ["bogon prefix AS64513 1"]);
}
