//! Hijacks: a stranger announces a prefix of somebody else, or a part of it.

use crate::bgp::{
    atom::{Atom, Manner},
    propagation::Circumstances,
    stage::Stage,
    story::{Incident, Shown},
};

/// Durations in seconds, all below two days.
const DURATIONS: [u32; 5] = [1_200, 3_600, 14_400, 50_000, 150_000];
/// Vantages that shall see it.
const AUDIENCE: usize = 3;

pub(super) fn plant(stage: &mut Stage<'_>, events: usize) {
    for _ in 0..events {
        let mut tries = 0..40;
        while tries.next().is_some() && !exact(stage) {}
        let mut tries = 0..40;
        while tries.next().is_some() && !part(stage) {}
    }
}

/// Attacker and victim, who have nothing to do with each other.
fn pair(stage: &mut Stage<'_>) -> Option<(u32, u32)> {
    let victim = stage
        .stranger(|_, _, network| network.v4().any(|(_, len)| len < 24))?;
    let attacker = stage.stranger(|stage, node, network| {
        let graph = &stage.scene.graph;
        let above = &graph.providers;
        let related = graph.are_neighbours(node, victim)
            || above.of_node(node).iter().any(|&provider| {
                graph.are_neighbours(provider, victim) && provider == victim
            });
        node != victim
            && !related
            && !above.of_node(node).is_empty()
            && network.company != stage.scene.network(victim).company
    })?;
    Some((attacker, victim))
}

fn exact(stage: &mut Stage<'_>) -> bool {
    let Some((attacker, victim)) = pair(stage) else { return false };
    let atoms = stage.atoms_of(victim);
    let free = atoms.iter().map(|&atom| (atom, stage.free(atom)));
    let Some((atom, mut prefixes)) =
        free.into_iter().find(|(_, prefixes)| !prefixes.is_empty())
    else {
        return false;
    };
    prefixes.truncate(4);
    let graph = &stage.scene.graph;
    let own = &stage.scene.announced.atoms[atom];
    let false_one = Atom::of(graph, &[attacker], Manner::Plain);
    let both = Atom {
        origins: vec![victim, attacker],
        offers: [own.offers.clone(), false_one.offers].concat(),
    };
    let view = stage.view(&both, &[], Circumstances::default());
    let peers = view.count(|path| path.last() == Some(&attacker));
    let others = view.count(|path| path.last() == Some(&victim));
    if peers < AUDIENCE || others == 0 {
        return false;
    }
    let shown = Shown::plain(view);
    tell(stage, (attacker, victim), (prefixes, shown, peers), "exact")
}

fn part(stage: &mut Stage<'_>) -> bool {
    let Some((attacker, victim)) = pair(stage) else { return false };
    let Some(prefix) = stage.unannounced(victim, 24) else { return false };
    let view = stage.announced_by(attacker);
    let peers = view.count(|_| true);
    let shown = Shown::plain(view);
    let seen = (vec![prefix], shown, peers);
    peers >= AUDIENCE && tell(stage, (attacker, victim), seen, "sub_prefix")
}

fn tell(
    stage: &mut Stage<'_>,
    (attacker, victim): (u32, u32),
    (prefixes, shown, peers): (Vec<asgard_model::Prefix>, Shown, usize),
    subtype: &'static str,
) -> bool {
    let seconds = *stage.random.pick(&DURATIONS);
    let longest = (stage.to - stage.from) / 2;
    let Some((start, end)) = stage.stretch(seconds.min(longest)) else {
        return false;
    };
    stage.cast([attacker, victim]);
    stage.take(&prefixes);
    stage.show(&prefixes, shown, (start, Some(end)));
    stage.plot.incidents.push(Incident {
        kind: "hijack",
        subtype,
        asn: stage.scene.asn(attacker),
        others: vec![stage.scene.asn(victim)],
        start,
        end: Some(end),
        prefixes,
        peers,
    });
    true
}
