//! Stubs that carry, flaps, blackholes, changes, and what is announced now.

use super::*;
use crate::event::Community;

fn measures(world: &World, now: u32, asn: u32) -> Measures {
    world.finish(now).measures.remove(&Asn(asn)).unwrap_or_default()
}

#[test]
fn a_stub_in_the_middle_for_more_than_a_day_is_told() {
    for (seconds, told) in
        [(DAY, &[][..]), (DAY + 1, &["stub_transit carrier AS3 1"])]
    {
        let mut world = World::new("4>3 2>7");
        world.during((T0, T0 + seconds), "60.0.0.0/24", &[4, 3, 2, 7]);
        assert_eq!(world.told(T0 + 3 * DAY), told, "{seconds}");
    }
}

#[test]
fn a_stub_is_one_while_it_carries() {
    let mut world = World::new("4>3 2>7");
    world.announce(T0, &ALL, "60.0.0.0/24", &[4, 3, 2, 7]);
    assert!(measures(&world, T0 + 2 * DAY, 3).stub_but_transit);
    let incidents = world.incidents(T0 + 2 * DAY);
    assert_eq!(*incidents[0].others, [Asn(2), Asn(7)]);
    world.withdraw(T0 + 2 * DAY, &ALL, "60.0.0.0/24");
    assert!(!measures(&world, T0 + 3 * DAY, 3).stub_but_transit);
}

#[test]
fn who_has_customers_or_carries_kin_is_no_stub() {
    for (links, kin) in
        [("4>3 3>9 2>7", &[0, 0]), ("4>3 2>7", &[3, 7]), ("4>3 2>7", &[3, 2])]
    {
        let mut world = World::among(links, &[kin]);
        world.announce(T0, &ALL, "60.0.0.0/24", &[4, 3, 2, 7]);
        assert_eq!(world.incidents(T0 + 3 * DAY), [], "{links} {kin:?}");
    }
    let mut world = World::new("4>3 2>7");
    world.announce(T0, &[1, 2], "60.0.0.0/24", &[4, 3, 2, 7]);
    // The first of a path carries for the collector, the last for itself.
    world.announce(T0, &ALL, "60.0.1.0/24", &[2, 3]);
    assert_eq!(world.incidents(T0 + 3 * DAY), []);
}

#[test]
fn what_a_stub_has_from_peers_and_providers_would_be_a_leak() {
    for links in ["4>3 2-3 2>7", "4>3 2>3 2>7"] {
        let edges = edges(links, 0.5);
        let mut world = World::with(Relationships::known(edges, [], []));
        world.announce(T0, &ALL, "60.0.0.0/24", &[4, 3, 2, 7]);
        assert_eq!(world.incidents(T0 + 3 * DAY), [], "{links}");
    }
}

#[test]
fn what_a_leaker_carries_for_strangers_meanwhile_is_part_of_the_leak() {
    let carried = ["leak type_4 AS3 1", "stub_transit carrier AS3 1"];
    for (leaks_for, told) in [(2 * DAY, &carried[..1]), (DAY, &carried)] {
        let mut world = World::new("4>3 2-3 2>7 5>8");
        world.announce(T0, &ALL, "60.0.0.0/24", &[4, 3, 2, 7]);
        world.announce(T0, &ALL, "60.0.1.0/24", &[4, 3, 5, 8]);
        world.withdraw(T0 + leaks_for, &ALL, "60.0.0.0/24");
        world.withdraw(T0 + 2 * DAY, &ALL, "60.0.1.0/24");
        assert_eq!(world.told(T0 + 3 * DAY), told, "{leaks_for}");
    }
    let mut world = World::new("4>3 2-3 2>7 5>8");
    world.announce(T0, &ALL, "60.0.0.0/24", &[4, 3, 2, 7]);
    world.announce(T0, &ALL, "60.0.1.0/24", &[4, 3, 5, 8]);
    assert!(!measures(&world, T0 + 2 * DAY, 3).stub_but_transit);
    world.withdraw(T0 + 2 * DAY, &ALL, "60.0.0.0/24");
    assert!(measures(&world, T0 + 3 * DAY, 3).stub_but_transit);
}

/// What is told when 3 carries for 5, 6 and 7, each from so many seconds on, and
/// some peers still reach them through 9.
fn carried_for_three(
    starts: [u32; 3],
    links: &str,
    peers: &[u8],
) -> Vec<String> {
    let mut world = World::new(links);
    let prefix = |stranger: u32| format!("60.0.{stranger}.0/24");
    for stranger in 5..8 {
        world.announce(T0, &ALL, &prefix(stranger), &[9, stranger]);
    }
    for (start, stranger) in starts.into_iter().zip(5..) {
        let at = T0 + DAY + start;
        world.announce(at, peers, &prefix(stranger), &[4, 3, stranger]);
    }
    for stranger in 5..8 {
        let at = T0 + DAY + 2 * HOUR;
        world.announce(at, peers, &prefix(stranger), &[9, stranger]);
    }
    world.told(T0 + 2 * DAY)
}

#[test]
fn who_carries_for_three_strangers_at_once_leaks() {
    let most = &ALL[..3];
    let leak = ["leak type_4 AS3 3"];
    let links = "4>3 9>5 9>6 9>7";
    assert_eq!(carried_for_three([0, 60, 3_600], links, most), leak);
    let two_customers = "4>3 9>5 9>6 9>7 3>31 3>32";
    assert_eq!(carried_for_three([0, 60, 90], two_customers, most), leak);
}

#[test]
fn who_gains_customers_does_not_leak() {
    let most = &ALL[..3];
    let links = "4>3 9>5 9>6 9>7";
    let none = [] as [&str; 0];
    // One after the other.
    assert_eq!(carried_for_three([0, 60, 3_601], links, most), none);
    // Who buys from nobody else may come back with its only provider.
    assert_eq!(carried_for_three([0, 60, 90], "4>3 9>5 9>6", most), none);
    // Not more than it had.
    let three = "4>3 9>5 9>6 9>7 3>31 3>32 3>33";
    assert_eq!(carried_for_three([0, 60, 90], three, most), none);
    // Its own customer hears of its peers.
    let down = "3>4 9>5 9>6 9>7";
    assert_eq!(carried_for_three([0, 60, 90], down, most), none);
    // Nobody goes another way: they have moved.
    assert_eq!(carried_for_three([0, 60, 90], links, &ALL), none);
}

/// A prefix that goes and comes back some times.
fn flap(world: &mut World, peers: &[u8], prefix: &str, times: u32) {
    world.announce(T0, peers, prefix, &[2, 7]);
    for time in 0..times {
        let at = T0 + HOUR + time * 400;
        world.withdraw(at, peers, prefix);
        world.announce(at + 200, peers, prefix, &[2, 7]);
    }
}

fn flapping(world: &World) -> Vec<String> {
    let measures = measures(world, T0 + DAY, 7);
    measures.flapping_prefixes.iter().map(Prefix::to_string).collect()
}

#[test]
fn ten_comings_and_goings_on_a_day_are_flapping() {
    for (times, found) in [(4, 0), (5, 1)] {
        let mut world = World::new("");
        flap(&mut world, &ALL, "60.0.0.0/24", times);
        // The first announcement counts too, so one goes without.
        world.announce(T0, &ALL, "60.0.1.0/24", &[2, 7]);
        assert_eq!(flapping(&world).len(), found, "{times}");
    }
    let mut world = World::new("");
    flap(&mut world, &ALL, "60.0.0.0/24", 8);
    for quiet in 0..3 {
        let prefix = format!("60.1.{quiet}.0/24");
        world.dump(T0 + DAY, T0, &ALL, &prefix, &[2, 100 + quiet]);
    }
    // Seventeen in three days; the median of its like is next to nothing.
    let measures = measures(&world, T0 + DAY, 7);
    assert!((measures.flap_rate - 17.0 / 3.0).abs() < 1e-9);
    let ratio = measures.flap_ratio.unwrap();
    assert!((ratio - 170.0 / 3.0).abs() < 1e-9, "{ratio}");
}

#[test]
fn one_peer_that_flaps_is_its_own_trouble() {
    let mut world = World::new("");
    world.announce(T0 - DAY, &ALL, "60.0.0.0/24", &[2, 7]);
    flap(&mut world, &[1], "60.0.0.0/24", 50);
    assert_eq!(flapping(&world), [] as [&str; 0]);
}

#[test]
fn another_path_is_no_flap() {
    let mut world = World::new("");
    for time in 0..50 {
        let path = if time % 2 == 0 { [2, 7] } else { [3, 7] };
        world.announce(T0 + time * 400, &ALL, "60.0.0.0/24", &path);
    }
    assert_eq!(flapping(&world), [] as [&str; 0]);
}

#[test]
fn beacons_flap_for_science() {
    let mut world = World::new("");
    flap(&mut world, &ALL, "84.205.70.0/24", 50);
    assert_eq!(flapping(&world), [] as [&str; 0]);
    assert_eq!(measures(&world, T0 + DAY, 7).flap_rate, 0.0);
}

#[test]
fn sessions_that_are_reset_again_and_again_flap_nobody() {
    let mut world = World::new("2>7");
    world.announce(T0 - DAY, &ALL, "60.0.0.0/24", &[2, 7]);
    for time in 0..20 {
        for peer in ALL {
            let at = T0 + HOUR + time * 600;
            world.lose(at, peer);
            // What others announce first brings back most of the table.
            for third in 0..20 {
                let prefix = format!("20.0.{third}.0/24");
                world.announce(at + 60, &[peer], &prefix, &[9]);
            }
            world.announce(at + 60, &[peer], "60.0.0.0/24", &[2, 7]);
        }
    }
    let findings = world.finish(T0 + DAY);
    assert_eq!(findings.incidents, []);
    for (asn, measures) in &findings.measures {
        assert_eq!(*measures.flapping_prefixes, [], "{asn}");
        assert_eq!(measures.origin_changes, 0, "{asn}");
        assert_eq!(measures.upstream_changes, 0, "{asn}");
    }
}

fn communities(values: &[(u32, u32)]) -> Details {
    let community = |&(asn, value): &(u32, u32)| Community(asn << 16 | value);
    let communities = values.iter().map(community).collect();
    Details { communities, ..Details::default() }
}

#[test]
fn blackholes_are_told_by_their_communities() {
    for (prefix, asn, value, found) in [
        ("60.0.0.0/24", 65_535, 666, 1),
        ("60.0.0.1/32", 65_535, 666, 1),
        ("60.0.0.0/24", 3356, 9999, 1),
        ("60.0.0.1/32", 777, 666, 1),
        ("60.0.0.0/25", 777, 666, 1),
        ("2001:db8::/49", 777, 666, 1),
        ("60.0.0.0/24", 777, 666, 0),
        ("2001:db8::/48", 777, 666, 0),
        ("60.0.0.1/32", 777, 667, 0),
    ] {
        let mut world = World::new("");
        let details = communities(&[(1, 2), (asn, value)]);
        world.announce_with(T0, &[1, 2], prefix, &[2, 7], &details);
        let count = measures(&world, T0 + DAY, 7).ddos_blackhole_count;
        assert_eq!(count, found, "{prefix} {asn}:{value}");
    }
}

#[test]
fn blackholes_are_counted_for_seven_days_after_their_end() {
    let mut world = World::new("");
    let asks = communities(&[(65_535, 666)]);
    world.announce_with(T0, &ALL, "60.0.0.1/32", &[2, 7], &asks);
    world.announce_with(T0, &ALL, "60.0.0.2/32", &[2, 7], &asks);
    world.withdraw(T0 + 20 * DAY, &ALL, "60.0.0.1/32");
    let plain = Details::default();
    world.announce_with(T0 + DAY, &ALL, "60.0.0.2/32", &[2, 7], &plain);
    let count = |now: u32| measures(&world, now, 7).ddos_blackhole_count;
    assert_eq!(count(T0 + 20 * DAY), 1);
    assert_eq!(count(T0 + 27 * DAY), 1);
    assert_eq!(count(T0 + 27 * DAY + 1), 0);
    assert_eq!(world.incidents(T0 + 20 * DAY), []);
}

#[test]
fn a_prefix_that_changes_hands_counts_once_for_both() {
    let mut world = World::new("");
    world.announce(T0 - DAY, &ALL, "60.0.0.0/24", &[2, 7]);
    world.announce(T0, &ALL, "60.0.0.0/24", &[2, 8]);
    let changes =
        |world: &World, now, asn| measures(world, now, asn).origin_changes;
    assert_eq!(changes(&world, T0 + HOUR, 8), 0);
    assert_eq!(changes(&world, T0 + HOUR + 1, 8), 1);
    assert_eq!(changes(&world, T0 + HOUR + 1, 7), 1);
    // Back within the hour: nothing happened.
    world.announce(T0 + 600, &ALL, "60.0.0.0/24", &[2, 7]);
    assert_eq!(changes(&world, T0 + DAY, 8), 0);
    // Withdrawn and announced again: the same origin.
    world.withdraw(T0 + DAY, &ALL, "60.0.0.0/24");
    world.announce(T0 + 2 * DAY, &ALL, "60.0.0.0/24", &[2, 7]);
    assert_eq!(changes(&world, T0 + 3 * DAY, 7), 0);
}

#[test]
fn a_provider_that_comes_or_goes_for_an_hour_is_a_change() {
    let mut world = World::new("2>7 3>7 4-7");
    for third in 0..5 {
        let prefix = format!("60.0.{third}.0/24");
        world.dump(T0, T0 - DAY, &ALL, &prefix, &[2, 7]);
    }
    let changes = |world: &World, now| measures(world, now, 7).upstream_changes;
    assert_eq!(changes(&world, T0 + DAY), 0);
    world.announce(T0, &ALL, "60.0.0.0/24", &[3, 7]);
    assert_eq!(changes(&world, T0 + HOUR), 0);
    assert_eq!(changes(&world, T0 + HOUR + 1), 1);
    world.announce(T0 + DAY, &ALL, "60.0.1.0/24", &[4, 7]);
    world.announce(T0 + DAY, &ALL, "60.0.2.0/24", &[3, 7]);
    assert_eq!(changes(&world, T0 + 2 * DAY), 1, "a peer, and the same");
    world.announce(T0 + 2 * DAY, &ALL, "60.0.0.0/24", &[2, 7]);
    world.announce(T0 + 2 * DAY, &ALL, "60.0.2.0/24", &[2, 7]);
    assert_eq!(changes(&world, T0 + 3 * DAY), 2);
}

#[test]
fn more_than_five_repetitions_at_most_peers_are_excessive() {
    for (own, peers, found) in [
        (6, &ALL[..], 0),
        (7, &ALL[..], 1),
        (7, &[1, 2, 3], 1),
        (7, &[1, 2], 0),
    ] {
        let mut world = World::new("");
        world.announce(T0, &ALL, "60.0.0.0/24", &[2, 7]);
        let path: Vec<u32> =
            [2].into_iter().chain(std::iter::repeat_n(7, own)).collect();
        world.announce(T0, peers, "60.0.0.0/24", &path);
        let count = measures(&world, T0, 7).excessive_prepending_count;
        assert_eq!(count, found, "{own} {peers:?}");
    }
    let mut world = World::new("");
    world.announce(T0, &ALL, "60.0.0.0/24", &[2, 2, 2, 2, 2, 2, 2, 2, 7]);
    assert_eq!(measures(&world, T0, 7).excessive_prepending_count, 0);
}

#[test]
fn pieces_that_go_along_with_the_whole_are_granular() {
    let mut world = World::new("");
    world.announce(T0, &ALL, "60.0.0.0/16", &[2, 7]);
    world.announce(T0, &ALL, "60.0.1.0/24", &[2, 7]);
    // Another way: it steers traffic. Another origin: not its own.
    world.announce(T0, &ALL, "60.0.2.0/24", &[3, 7]);
    world.announce(T0, &ALL, "60.0.3.0/24", &[2, 8]);
    // Inside the piece, not next to it.
    world.announce(T0, &[1], "60.0.4.0/24", &[2, 7]);
    world.announce(T0, &ALL, "60.1.0.0/16", &[2, 7]);
    let own = measures(&world, T0, 7);
    assert_eq!(own.prefix_granularity, Some(25.0));
    assert_eq!((own.prefixes, own.size), (4, 512.0));
    assert_eq!(measures(&world, T0, 8).prefix_granularity, Some(0.0));
    assert_eq!(measures(&world, T0, 6).prefix_granularity, None);
    let other = measures(&world, T0, 8);
    assert_eq!((other.granularity_p95, other.size), (Some(0.0), 1.0));
}

/// Many quiet networks of one size, and AS7, which announces six prefixes of
/// several registries for an hour each, with others, at three peers of four.
fn serial() -> World {
    let mut world = World::new("");
    for quiet in 0..60 {
        for third in 0..6 {
            let prefix = format!("60.{quiet}.{third}.0/24");
            let path = [2, 100 + quiet];
            world.dump(T0, T0 - 100 * DAY, &ALL, &prefix, &path);
        }
    }
    for octet in 0..6 {
        let prefix = format!("{}.200.0.0/24", 70 + octet);
        world.during((T0 + DAY, T0 + DAY + HOUR), &prefix, &[2, 7]);
        let prefix = format!("{}.201.0.0/24", 70 + octet);
        world.announce(T0 + 2 * DAY, &[1, 2, 3], &prefix, &[2, 7]);
    }
    world
}

#[test]
fn a_serial_hijacker_stands_out_from_its_like() {
    let mut world = serial();
    let features = |world: &World, asn| {
        measures(world, T0 + 2 * DAY + HOUR, asn).serial_origin_features
    };
    // Short life, volatility, registries.
    assert_eq!(features(&world, 7), Some(3));
    assert_eq!(features(&world, 100), Some(0));
    world.exempt.insert(Asn(7));
    assert_eq!(features(&world, 7), Some(0));
}
