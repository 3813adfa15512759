//! Worlds of a few networks, in which everybody knows who pays whom.

use asgard_model::graph::Relationship::{self, Peer, ProviderOf};

use super::*;

/// All valley-free paths of a world from some peers to all others, the way
/// each AS would choose: customers, then peers, then providers; then the
/// shortest; then the lowest number.
fn paths(links: &[(u32, u32, Relationship)], peers: &[u32]) -> Vec<Vec<Asn>> {
    let mut nodes: Vec<u32> = links.iter().flat_map(|l| [l.0, l.1]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut all = Vec::new();
    for &origin in &nodes {
        // Rank 0 by a customer, 1 by a peer, 2 by a provider.
        let mut best: FxHashMap<u32, (u8, Vec<u32>)> = FxHashMap::default();
        best.insert(origin, (0, vec![origin]));
        loop {
            let mut better = Vec::new();
            for &(a, b, relationship) in links {
                let down = relationship == ProviderOf;
                // (from, to, rank at `to`, whether peers' routes may go there)
                let ways = [
                    (a, b, if down { 2 } else { 1 }, down),
                    (b, a, u8::from(!down), false),
                ];
                for (from, to, rank, to_customer) in ways {
                    let Some((known, path)) = best.get(&from) else { continue };
                    if !(to_customer || *known == 0) || path.contains(&to) {
                        continue;
                    }
                    let mut longer = vec![to];
                    longer.extend(path);
                    let new = (rank, longer.len(), longer);
                    let old = best.get(&to);
                    let old = old.map(|(r, p)| (*r, p.len(), p.clone()));
                    if old.is_none_or(|old| new < old) {
                        better.push((to, (new.0, new.2)));
                    }
                }
            }
            if better.is_empty() {
                break;
            }
            best.extend(better);
        }
        all.extend(peers.iter().filter_map(|peer| {
            let (_, path) = best.get(peer)?;
            Some(path.iter().copied().map(Asn).collect::<Vec<Asn>>())
        }));
    }
    all
}

/// Three at the top with customers of no size and of some, these with customers
/// of their own, and peers in the middle; who is not at the very edge has two
/// providers.
fn world() -> Vec<(u32, u32, Relationship)> {
    let mut links = vec![(1, 2, Peer), (1, 3, Peer), (2, 3, Peer)];
    for edge in 0..300 {
        links.push((1 + edge % 3, 300 + edge, ProviderOf));
    }
    for middle in 0..6 {
        links.push((1 + middle % 3, 10 + middle, ProviderOf));
        links.push((1 + (middle + 1) % 3, 10 + middle, ProviderOf));
        for edge in 0..4 {
            let customer = 100 + middle * 4 + edge;
            links.push((10 + middle, customer, ProviderOf));
            links.push((10 + (middle + 1) % 6, customer, ProviderOf));
        }
    }
    links.extend([(10, 12, Peer), (11, 14, Peer), (13, 15, Peer)]);
    links
}

/// Peers of the collectors: customers of two in the middle each, which have a
/// provider for every way, and customers of one at the top, which see what
/// lies between it and the others.
fn edge() -> Vec<u32> {
    (100..124).step_by(2).chain(300..303).collect()
}

fn infer(paths: &[Vec<Asn>]) -> Relationships {
    let observed = paths.iter().map(|asns| Observed { asns, prefixes: 1 });
    Relationships::infer(observed, Options::default())
}

fn relation(found: &Relationships, a: u32, b: u32) -> Option<Relation> {
    found.between(Asn(a), Asn(b)).map(|(relation, _)| relation)
}

#[test]
fn every_link_of_a_small_world_that_is_seen_is_recovered() {
    let links = world();
    let edge = edge();
    let found = infer(&paths(&links, &edge));
    assert_eq!(found.clique(), [Asn(1), Asn(2), Asn(3)]);
    let mut seen = 0;
    for &(a, b, relationship) in &links {
        let Some(inferred) = relation(&found, a, b) else { continue };
        let expected = match relationship {
            ProviderOf => Relation::Customer,
            Peer => Relation::Peer,
        };
        assert_eq!(inferred, expected, "{a} {b}");
        seen += 1;
    }
    assert!(seen >= 60, "{seen} of {} links", links.len());
    assert_eq!(seen, found.len());
}

#[test]
fn a_leak_of_everything_makes_its_leaker_no_provider() {
    let links = world();
    let edge = edge();
    let mut all = paths(&links, &edge);
    // 101 hands the routes of its provider 10 to its provider 11.
    for origin in 200..260 {
        for peer in [&[102, 10][..], &[104, 12, 1, 10], &[106, 11, 2, 10]] {
            let honest = peer.iter().copied().chain([origin]);
            all.push(honest.map(Asn).collect());
            let leaked = [104, 11, 101, 10, origin];
            all.push(leaked.map(Asn).to_vec());
        }
    }
    let found = infer(&all);
    assert_eq!(relation(&found, 101, 11), Some(Relation::Provider));
    assert_eq!(relation(&found, 101, 10), Some(Relation::Provider));
    assert_eq!(relation(&found, 10, 1), Some(Relation::Provider));
}

/// Six at the top, few of whose customers are large: a dozen who buy from two
/// of them each, and serve more networks than these.
fn regional_world() -> Vec<(u32, u32, Relationship)> {
    let mut links = Vec::new();
    for a in 1..=6 {
        links.extend((a + 1..=6).map(|b| (a, b, Peer)));
    }
    for region in 0..12 {
        let provider = 10 + region;
        links.push((1 + region % 6, provider, ProviderOf));
        links.push((1 + (region + 1 + region / 6) % 6, provider, ProviderOf));
        for edge in 0..8 {
            links.push((provider, 100 + region * 8 + edge, ProviderOf));
        }
    }
    links
}

#[test]
fn a_clique_is_found_though_many_of_its_customers_are_larger() {
    let links = regional_world();
    let edge: Vec<u32> = (100..196).step_by(8).collect();
    let found = infer(&paths(&links, &edge));
    assert_eq!(found.clique(), [1, 2, 3, 4, 5, 6].map(Asn));
    for &(a, b, relationship) in &links {
        let wrong = match relationship {
            ProviderOf => Relation::Provider,
            Peer => Relation::Customer,
        };
        assert_ne!(relation(&found, a, b), Some(wrong), "{a} {b}");
    }
}

/// Paths between the customers of members 1, 2, 3, of which 3 has most; those
/// of each are seen by those of the others.
fn paths_over_the_top() -> Vec<Vec<Asn>> {
    let mut all = Vec::new();
    for (a, b) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
        let customers = if b == 3 { 120 } else { 60 };
        let seen = |at: u32| path(&[200 + a, a, b, 1000 * b + at]);
        all.extend((0..customers).map(seen));
    }
    all
}

fn path(asns: &[u32]) -> Vec<Asn> {
    asns.iter().copied().map(Asn).collect()
}

#[test]
fn a_member_joins_the_clique_though_not_all_its_links_are_seen() {
    let mut all = Vec::new();
    for a in 1..=5 {
        for b in (1..=5).filter(|&b| b != a) {
            all.push(path(&[100 + a, a, b, 200 + b]));
        }
    }
    for a in 1..=4 {
        // 6 is behind one member at most; 7 is behind two.
        all.push(path(&[100 + a, a, 6, 206]));
        all.push(path(&[106, 6, a, 200 + a]));
        all.push(path(&[105, 5, a, 7, 207]));
    }
    let found = infer(&all);
    assert_eq!(found.clique(), [1, 2, 3, 4, 5, 6].map(Asn));
    assert_eq!(relation(&found, 7, 1), Some(Relation::Provider));
}

#[test]
fn a_small_customer_of_a_member_buys_from_the_next_but_nobody_is_sure() {
    let mut all = paths_over_the_top();
    // Those below 3 see 50 behind 2; only 201, below 1, sees it behind 1.
    for customer in [51, 52] {
        all.push(path(&[203, 3, 2, 50, customer]));
        all.push(path(&[201, 1, 50, customer]));
    }
    let found = infer(&all);
    assert_eq!(found.clique(), [Asn(1), Asn(2), Asn(3)]);
    let between = |a: u32, b: u32| found.between(Asn(a), Asn(b));
    let (of_two, _) = between(50, 2).unwrap();
    assert_eq!(of_two, Relation::Provider);
    let (of_one, sure) = between(50, 1).unwrap();
    assert_eq!(of_one, Relation::Provider);
    assert!(sure < SURE, "{sure}");
}

#[test]
fn a_large_customer_of_a_member_may_peer_with_the_next_but_nobody_is_sure() {
    let mut all = paths_over_the_top();
    for customer in 5100..5180 {
        all.push(path(&[203, 3, 2, 50, customer]));
        for peer in [201, 211, 221] {
            all.push(path(&[peer, 1, 50, customer]));
        }
    }
    let found = infer(&all);
    assert_eq!(relation(&found, 50, 2), Some(Relation::Provider));
    let (of_one, sure) = found.between(Asn(50), Asn(1)).unwrap();
    assert_eq!(of_one, Relation::Peer);
    assert!(sure < SURE, "{sure}");
}

#[test]
fn links_that_are_never_on_top_of_a_path_go_towards_the_larger() {
    let mut all = paths_over_the_top();
    for customer in 0..3 {
        all.push(path(&[203, 3, 1, 50, 5000 + customer]));
        all.push(path(&[203, 3, 1, 50, 5010 + customer]));
        all.push(path(&[203, 3, 1, 60, 6000 + customer]));
        all.push(path(&[203, 3, 1, 70, 7000 + customer]));
    }
    all.push(path(&[203, 3, 1, 80]));
    // Which of three links is one of peers, if any, nothing tells.
    all.push(path(&[80, 60, 50, 70]));
    let found = infer(&all);
    for (a, b, expected) in [
        (80, 60, Relation::Provider),
        (60, 50, Relation::Provider),
        (50, 70, Relation::Customer),
    ] {
        let (relation, sure) = found.between(Asn(a), Asn(b)).unwrap();
        assert_eq!(relation, expected, "{a} {b}");
        assert!(sure < SURE, "{a} {b}: {sure}");
    }
}

#[test]
fn what_is_to_one_the_provider_has_the_other_as_customer() {
    let known = Relationships::known(
        [(Asn(9), Asn(2), ProviderOf, 1.0), (Asn(2), Asn(3), Peer, 0.5)],
        [(Asn(2), 7), (Asn(9), 7), (Asn(3), 8)],
        [Asn(6777)],
    );
    let between = |a: u32, b: u32| known.between(Asn(a), Asn(b));
    assert_eq!(between(2, 9), Some((Relation::Provider, 1.0)));
    assert_eq!(between(9, 2), Some((Relation::Customer, 1.0)));
    assert_eq!(between(3, 2), Some((Relation::Peer, 0.5)));
    assert_eq!(between(3, 9), None);
    assert!(known.siblings(Asn(9), Asn(2)) && !known.siblings(Asn(2), Asn(3)));
    assert!(!known.siblings(Asn(2), Asn(2)));
    assert!(known.is_route_server(Asn(6777)));
    let mut edges: Vec<_> = known.edges().collect();
    edges.sort_by_key(|edge| edge.0);
    assert_eq!(
        edges,
        [(Asn(2), Asn(3), Peer, 0.5), (Asn(9), Asn(2), ProviderOf, 1.0)]
    );
}

#[test]
fn loaded_links_rule_and_contradictions_make_nobody_sure() {
    let inferred = Relationships::known(
        [
            (Asn(1), Asn(2), ProviderOf, 0.93),
            (Asn(1), Asn(3), ProviderOf, 0.93),
            (Asn(1), Asn(4), ProviderOf, 0.3),
            (Asn(1), Asn(5), ProviderOf, 0.93),
        ],
        [],
        [],
    );
    let loaded = Relationships::loaded([
        (Asn(1), Asn(2), ProviderOf),
        (Asn(1), Asn(3), Peer),
        (Asn(1), Asn(4), Peer),
        (Asn(1), Asn(6), Peer),
    ]);
    let merged = inferred.merge(loaded);
    let between = |b: u32| merged.between(Asn(1), Asn(b)).unwrap();
    assert_eq!(between(2), (Relation::Customer, AGREED));
    assert_eq!(between(3), (Relation::Peer, DISPUTED));
    assert_eq!(between(4), (Relation::Peer, LOADED));
    assert_eq!(between(5), (Relation::Customer, 0.93));
    assert_eq!(between(6), (Relation::Peer, LOADED));
}

#[test]
fn nothing_follows_from_no_path() {
    let found = infer(&[]);
    assert!(found.is_empty() && found.clique().is_empty());
}
