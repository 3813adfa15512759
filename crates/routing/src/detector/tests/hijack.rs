//! Hijacks and multiple origins, and all who may announce the same space.

use super::*;

/// 7 has announced its space for a hundred days.
fn world(links: &str, organisations: &[&[u32]]) -> World {
    // The carriers have other customers, so that they are no stubs.
    let links = format!("{links} 1>70 2>80");
    let mut world = World::among(&links, organisations);
    world.dump(T0, T0 - 100 * DAY, &ALL, "60.0.0.0/16", &[1, 7]);
    world.dump(T0, T0 - 100 * DAY, &ALL, "61.0.0.0/24", &[1, 7]);
    world
}

const ROAS: [&str; 2] = ["60.0.0.0/16-16 AS7", "61.0.0.0/24 AS7"];
/// A part of the space of 7, and exactly a prefix of it.
const ATTACKS: [(&str, &str); 2] =
    [("60.0.9.0/24", "sub_prefix"), ("61.0.0.0/24", "exact")];

/// 8 announces a prefix; one peer stays with the old origin.
fn attack(world: &mut World, prefix: &str, from: u32, to: u32) {
    world.announce(from, &[2, 3, 4], prefix, &[2, 8]);
    for peer in [2, 3, 4] {
        match prefix {
            "61.0.0.0/24" => world.announce(to, &[peer], prefix, &[1, 7]),
            _ => world.withdraw(to, &[peer], prefix),
        }
    }
}

#[test]
fn space_that_a_roa_gives_to_another_is_hijacked_however_long() {
    for (prefix, subtype) in ATTACKS {
        for seconds in [301, 5 * DAY] {
            let mut world = world("1>7 2>8", &[]).roas(&ROAS);
            attack(&mut world, prefix, T0 + DAY, T0 + DAY + seconds);
            let [incident] = &world.incidents(T0 + 10 * DAY)[..] else {
                panic!("{:?}", world.told(T0 + 10 * DAY))
            };
            assert_eq!(tell(incident), format!("hijack {subtype} AS8 1"));
            assert_eq!(*incident.others, [Asn(7)]);
            let end = Some(T0 + DAY + seconds);
            assert_eq!((incident.start, incident.end), (T0 + DAY, end));
            assert_eq!((incident.peers, incident.weight), (3, 0.0));
            assert_eq!(*incident.evidence[0].path, [94, 2, 8].map(Asn));
        }
    }
}

#[test]
fn without_roas_two_days_are_an_attack_and_more_an_arrangement() {
    let long = ["", "moas multiple_origins AS8 1"];
    for ((prefix, subtype), long) in ATTACKS.into_iter().zip(long) {
        for (seconds, told) in [
            (300, String::new()),
            (2 * DAY, format!("hijack {subtype} AS8 1")),
            (2 * DAY + 1, long.to_owned()),
        ] {
            let mut world = world("1>7 2>8", &[]);
            attack(&mut world, prefix, T0 + DAY, T0 + DAY + seconds);
            let found = world.told(T0 + 10 * DAY).join(",");
            assert_eq!(found, told, "{prefix} {seconds}");
        }
    }
}

#[test]
fn an_attack_is_told_while_it_goes_on() {
    let mut world = world("1>7 2>8", &[]).roas(&ROAS);
    world.announce(T0 + DAY, &[2, 3, 4], "60.0.9.0/24", &[2, 8]);
    assert_eq!(world.incidents(T0 + DAY + 300), []);
    let [open] = &world.incidents(T0 + DAY + 301)[..] else { panic!() };
    assert_eq!((open.start, open.end), (T0 + DAY, None));
}

fn innocent(mut world: World, why: &str) {
    for (prefix, _) in ATTACKS {
        attack(&mut world, prefix, T0 + DAY, T0 + DAY + HOUR);
    }
    assert_eq!(world.told(T0 + 2 * DAY), [] as [&str; 0], "{why}");
}

#[test]
fn who_may_announce_is_no_hijacker() {
    let both = ["60.0.0.0/16-24 AS8", "61.0.0.0/24 AS8", ROAS[0], ROAS[1]];
    innocent(world("", &[]).roas(&both), "a valid ROA");
    innocent(world("", &[&[7, 8]]).roas(&ROAS), "one organisation");
    innocent(world("7>8", &[]).roas(&ROAS), "a customer");
    innocent(world("8>7", &[]).roas(&ROAS), "a provider");
    let owner = ["60.0.0.0/16-16 AS6", "61.0.0.0/24 AS6"];
    innocent(world("6>8", &[]).roas(&owner), "the ROA of its provider");
    let short = ["60.0.0.0/16-16 AS8", "61.0.0.0/23 AS8", "61.0.0.0/24 AS7"];
    innocent(world("", &[]).roas(&short), "its own ROA, too short");
    let mut world = world("", &[]).roas(&ROAS);
    world.exempt.insert(Asn(8));
    innocent(world, "it mitigates attacks");
}

#[test]
fn a_peering_excuses_nothing() {
    let mut world = world("7-8", &[]).roas(&ROAS);
    attack(&mut world, "60.0.9.0/24", T0 + DAY, T0 + DAY + HOUR);
    assert_eq!(world.told(T0 + 2 * DAY), ["hijack sub_prefix AS8 1"]);
}

#[test]
fn who_announces_more_of_the_space_steers_traffic() {
    let roas = [ROAS[0], ROAS[1], "60.0.0.0/20 AS8"];
    let mut world = world("", &[]).roas(&roas);
    world.dump(T0, T0 - 100 * DAY, &ALL, "60.0.0.0/20", &[2, 8]);
    world.dump(T0, T0 - 100 * DAY, &ALL, "61.0.0.0/20", &[2, 8]);
    for (prefix, _) in ATTACKS {
        attack(&mut world, prefix, T0 + DAY, T0 + DAY + HOUR);
    }
    let found = world.told(T0 + 2 * DAY);
    assert_eq!(found, [] as [&str; 0]);
}

#[test]
fn whose_route_the_owner_carries_is_its_customer() {
    let mut world = world("", &[]).roas(&ROAS);
    world.during((T0 + DAY, T0 + 2 * DAY), "60.0.9.0/24", &[1, 7, 8]);
    assert_eq!(world.incidents(T0 + 3 * DAY), []);
}

#[test]
fn space_that_changes_hands_is_not_attacked() {
    let mut world = world("1>7 2>8", &[]);
    // The peers follow one after the other, within two minutes.
    for (second, peer) in [(0, 1), (40, 2), (80, 3), (120, 4)] {
        let at = T0 + DAY + second;
        world.announce(at, &[peer], "61.0.0.0/24", &[2, 8]);
    }
    assert_eq!(world.incidents(T0 + 3 * DAY), []);
}

#[test]
fn parts_that_change_hands_before_the_whole_are_not_attacked() {
    let mut world = world("2>7 2>8", &[]);
    let (whole, part) = ("60.8.0.0/16", "60.8.1.0/24");
    for prefix in [whole, part] {
        world.announce(T0 + DAY, &ALL, prefix, &[2, 7]);
    }
    // Peer by peer: the part is gone while the whole is still contested.
    let at = T0 + 3 * DAY;
    world.announce(at, &ALL[..3], whole, &[2, 8]);
    world.announce(at + 10, &ALL, part, &[2, 8]);
    world.announce(at + 20, &ALL[3..], whole, &[2, 8]);
    assert_eq!(world.told(at + DAY), [] as [&str; 0]);
}

#[test]
fn what_has_stood_for_thirty_days_is_an_arrangement() {
    for (days, told) in [(31, &[][..]), (20, &["moas multiple_origins AS8 1"])]
    {
        let mut world = World::new("1>7 2>8");
        let since = T0 - days * DAY;
        world.dump(T0, T0 - 100 * DAY, &[1], "61.0.0.0/24", &[1, 7]);
        world.dump(T0, since, &[2, 3, 4], "61.0.0.0/24", &[2, 8]);
        assert_eq!(world.told(T0 + HOUR), told, "{days}");
    }
}

#[test]
fn who_attacks_the_whole_is_not_excused_for_a_part() {
    let mut world = world("", &[]);
    world.dump(T0, T0 - 100 * DAY, &ALL, "60.0.0.0/20", &[1, 7]);
    for prefix in ["60.0.0.0/16", "60.0.0.0/20"] {
        world.announce(T0 + DAY, &[2, 3, 4], prefix, &[2, 8]);
    }
    world.announce(T0 + DAY, &[2, 3, 4], "60.0.3.0/24", &[2, 8]);
    assert_eq!(world.told(T0 + 2 * DAY), ["hijack exact AS8 3"]);
}

#[test]
fn a_squatter_that_rpki_refuses_is_told_after_years() {
    let mut world = world("", &[]).roas(&ROAS);
    world.dump(T0, T0 - 90 * DAY, &ALL, "60.0.9.0/24", &[2, 8]);
    let [open] = &world.incidents(T0 + HOUR)[..] else { panic!() };
    assert_eq!(tell(open), "hijack sub_prefix AS8 1");
    assert_eq!((open.start, open.end), (T0 - 90 * DAY, None));
}

#[test]
fn a_reserved_number_is_a_bogon_and_no_hijacker() {
    let mut world = world("", &[]).roas(&ROAS);
    world.during((T0, T0 + DAY), "60.0.9.0/24", &[2, 64_512]);
    assert_eq!(world.told(T0 + 2 * DAY), ["bogon asn AS2 1"]);
}

#[test]
fn two_peers_of_four_see_no_hijack() {
    let mut world = world("", &[]).roas(&ROAS);
    world.announce(T0 + DAY, &[2, 3], "60.0.9.0/24", &[2, 8]);
    assert_eq!(world.incidents(T0 + 2 * DAY), []);
}

#[test]
fn routes_too_long_for_the_internet_are_local_business() {
    let mut world = world("", &[]).roas(&ROAS);
    world.during((T0 + DAY, T0 + 2 * DAY), "60.0.9.0/25", &[2, 8]);
    assert_eq!(world.incidents(T0 + 3 * DAY), []);
}

#[test]
fn space_that_nobody_else_announces_has_no_victim() {
    let mut world = World::new("").roas(&["62.0.0.0/24 AS7"]);
    world.during((T0, T0 + DAY), "62.0.0.0/24", &[2, 8]);
    assert_eq!(world.incidents(T0 + 2 * DAY), []);
}

#[test]
fn the_owner_who_answers_is_no_hijacker() {
    // 7 comes back to a prefix that 8 has announced meanwhile.
    let mut world = world("", &[]).roas(&ROAS);
    world.withdraw(T0 + HOUR, &ALL, "61.0.0.0/24");
    world.announce(T0 + DAY, &ALL, "61.0.0.0/24", &[2, 8]);
    world.announce(T0 + 2 * DAY, &[1], "61.0.0.0/24", &[1, 7]);
    assert_eq!(world.told(T0 + 3 * DAY), ["hijack exact AS8 1"]);
}
