//! Leaks of the types 1 to 4 of RFC 7908: somebody gives routes of a provider or
//! peer to another provider or peer.
//!
//! Traps beside them: leaks of two minutes, and leaks that are gone for less
//! than an hour and come back, which are one.

use std::collections::BTreeSet;

use asgard_model::Prefix;

use crate::bgp::{
    propagation::{Circumstances, Class, Offer},
    stage::Stage,
    story::{Incident, Shown},
    view::View,
};

/// From whom it is leaked, to whom, and what that is called.
const TYPES: [(Class, Class, &str); 4] = [
    (Class::Provider, Class::Customer, "type_1"),
    (Class::Peer, Class::Peer, "type_2"),
    (Class::Provider, Class::Peer, "type_3"),
    (Class::Peer, Class::Customer, "type_4"),
];
/// Durations in seconds.
const DURATIONS: [u32; 6] = [900, 2_400, 7_200, 30_000, 90_000, 180_000];
/// Shorter than any leak that counts.
const BLIP: u32 = 120;
/// To how many peers at most it is leaked at once.
const MOST_RECEIVERS: usize = 25;
/// Routes that one tries to leak.
const TRIES: usize = 40;
/// Vantages with full tables that shall see it.
const AUDIENCE: usize = 3;

/// Plants so many leaks of each type, and half as many blips.
pub(super) fn plant(stage: &mut Stage<'_>, events: usize) {
    for kind in TYPES {
        for number in 0..events + events / 2 {
            let is_blip = number >= events;
            let mut tries = 0..200;
            while tries.next().is_some() && !one(stage, kind, is_blip) {}
        }
    }
}

/// Who leaks what to whom.
struct Leak {
    leaker: u32,
    receivers: Vec<u32>,
    /// What is leaked, with its view meanwhile.
    routes: Vec<(Vec<Prefix>, View)>,
    peers: usize,
}

fn one(
    stage: &mut Stage<'_>,
    (from, to, subtype): (Class, Class, &'static str),
    is_blip: bool,
) -> bool {
    let Some(pair) = pair(stage, to) else { return false };
    let Some(leak) = leak(stage, pair, (from, to)) else {
        return false;
    };
    let seconds = if is_blip { BLIP } else { *stage.random.pick(&DURATIONS) };
    let longest = (stage.to - stage.from) / 2;
    let Some((start, end)) = stage.stretch(seconds.min(longest)) else {
        return false;
    };
    stage.cast([leak.leaker]);
    let lasts = !is_blip && stage.random.chance(100);
    let pause = !is_blip && !lasts && seconds > 7_000;
    let stretches = match (lasts, pause) {
        (true, _) => vec![(start, None)],
        (_, true) => {
            let middle = start + (end - start) / 2;
            vec![(start, Some(middle)), (middle + 1_500, Some(end))]
        }
        _ => vec![(start, Some(end))],
    };
    let mut prefixes = Vec::new();
    for (leaked, view) in leak.routes {
        stage.take(&leaked);
        let shown = Shown::plain(view);
        for &stretch in &stretches {
            stage.show(&leaked, shown.clone(), stretch);
        }
        prefixes.extend(leaked);
    }
    if !is_blip {
        stage.plot.incidents.push(Incident {
            kind: "leak",
            subtype,
            asn: stage.scene.asn(leak.leaker),
            others: leak
                .receivers
                .iter()
                .map(|&one| stage.scene.asn(one))
                .collect(),
            start,
            end: (!lasts).then_some(end),
            prefixes,
            peers: leak.peers,
        });
    }
    true
}

/// A receiver with an audience, and a neighbour of his who may leak to him and
/// others like him.
fn pair(stage: &mut Stage<'_>, to: Class) -> Option<(u32, Vec<u32>)> {
    let scene = stage.scene;
    let (down, up) = match to {
        Class::Peer => (&scene.graph.peers, &scene.graph.peers),
        _ => (&scene.graph.customers, &scene.graph.providers),
    };
    let receiver = stage.stranger(|stage, node, _| {
        stage.audience(node) > 0 && !down.of_node(node).is_empty()
    })?;
    let leaker = *stage.random.pick(down.of_node(receiver));
    // Careless filters: towards peers all of them, towards providers one.
    let receivers: Vec<u32> = match to {
        Class::Peer => up
            .of_node(leaker)
            .iter()
            .copied()
            .filter(|&peer| stage.audience(peer) > 0 && !is_kin(stage, peer))
            .take(MOST_RECEIVERS)
            .collect(),
        _ => vec![receiver],
    };
    (!stage.is_cast(leaker) && !receivers.is_empty())
        .then_some((leaker, receivers))
}

fn leak(
    stage: &mut Stage<'_>,
    (leaker, receivers): (u32, Vec<u32>),
    (from, to): (Class, Class),
) -> Option<Leak> {
    let scene = stage.scene;
    let sources = match from {
        Class::Peer => &scene.graph.peers,
        _ => &scene.graph.providers,
    };
    let is_other = |source: &u32| receivers != [*source];
    if !sources.of_node(leaker).iter().any(is_other) {
        return None;
    }
    let wanted = stage.random.between(1, 12) as usize;
    let (routes, peers) = (Vec::new(), 0);
    let mut leak = Leak { leaker, receivers, routes, peers };
    let mut tried = BTreeSet::new();
    for _ in 0..TRIES {
        let Some(index) = candidate(stage, leaker, from) else { continue };
        let prefixes = stage.free(index);
        if prefixes.is_empty() || !tried.insert(index) {
            continue;
        }
        let atom = &scene.announced.atoms[index];
        let how = Circumstances::default();
        stage.propagation.run(&atom.origins, &atom.offers, how);
        let source = stage.propagation.parent(leaker);
        let mut path = Vec::new();
        stage.propagation.path(leaker, &mut path);
        if stage.propagation.class(leaker) != from
            || !sources.of_node(leaker).contains(&source)
            || path[1..].iter().any(|&hop| is_kin(stage, hop))
        {
            continue;
        }
        let len = stage.propagation.len(leaker) + 1;
        let others = leak.receivers.iter().filter(|one| !path.contains(one));
        let offer = |&to_whom: &u32| Offer {
            from: leaker,
            to: to_whom,
            class: to,
            len,
            leaked: true,
        };
        let offers: Vec<Offer> = others.map(offer).collect();
        let how = Circumstances { cut: None, on_path: &path };
        let view = stage.view(atom, &offers, how);
        let shows = |path: &[u32]| {
            path.windows(3).any(|step| {
                step[1..] == [leaker, source]
                    && leak.receivers.contains(&step[0])
            })
        };
        let seen = view.count(shows);
        // Less would be a leak of which hardly anybody hears.
        if seen >= AUDIENCE {
            leak.peers = leak.peers.max(seen);
            leak.routes.push((prefixes, view));
            if leak.routes.len() >= wanted {
                break;
            }
        }
    }
    (!leak.routes.is_empty()).then_some(leak)
}

/// An atom that the leaker may well have from such a neighbour: of peers only
/// those below them.
fn candidate(stage: &mut Stage<'_>, leaker: u32, from: Class) -> Option<usize> {
    if from != Class::Peer {
        let count = stage.scene.announced.atoms.len();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        return Some(stage.random.below(count) as usize);
    }
    let graph = &stage.scene.graph;
    let mut at = *stage.random.pick(graph.peers.of_node(leaker));
    while !graph.customers.of_node(at).is_empty() && stage.random.chance(700) {
        at = *stage.random.pick(graph.customers.of_node(at));
    }
    let atoms = stage.atoms_of(at);
    (!atoms.is_empty()).then(|| *stage.random.pick(&atoms))
}

fn is_kin(stage: &Stage<'_>, node: u32) -> bool {
    !stage.scene.graph.siblings.of_node(node).is_empty()
}
