//! Stubs that carry routes of others, and a network that moves all its space to
//! another number.
//!
//! Traps: a stub that carries for some hours only.

use asgard_model::Prefix;

use crate::{
    bgp::{
        atom::{Atom, Manner},
        propagation::Circumstances,
        stage::Stage,
        story::{Hop, Incident, Shown},
    },
    network::Trade,
    roa::Rov,
};

const HOUR: u32 = 3_600;
/// Durations in seconds: more than a day.
const DURATIONS: [u32; 3] = [30 * HOUR, 50 * HOUR, 80 * HOUR];
/// Shorter than what counts.
const BLIP: u32 = 5 * HOUR;

pub(super) fn plant(stage: &mut Stage<'_>, events: usize) {
    for number in 0..events + events / 3 {
        let mut tries = 0..40;
        let is_blip = number >= events;
        while tries.next().is_some() && !carry(stage, is_blip) {}
    }
    for _ in 0..events / 4 {
        let mut tries = 0..40;
        while tries.next().is_some() && !hop(stage) {}
    }
}

/// A network without customers, and another one that buys from nobody but it
/// for a while; no relationship data know of that.
fn carry(stage: &mut Stage<'_>, is_blip: bool) -> bool {
    let Some(stub) = stage.stranger(|stage, node, network| {
        let graph = &stage.scene.graph;
        network.trade == Trade::Stub
            && graph.customers.of_node(node).is_empty()
            && !graph.providers.of_node(node).is_empty()
    }) else {
        return false;
    };
    let Some(customer) = stage.stranger(|stage, node, network| {
        let graph = &stage.scene.graph;
        node != stub
            && matches!(network.trade, Trade::Stub | Trade::Hoster)
            && graph.customers.of_node(node).is_empty()
            && !graph.are_neighbours(node, stub)
    }) else {
        return false;
    };
    let Some(atom) = stage.atoms_of(customer).into_iter().next() else {
        return false;
    };
    let prefixes = stage.free(atom);
    let seconds = if is_blip { BLIP } else { *stage.random.pick(&DURATIONS) };
    let stretch = stage.stretch(seconds);
    let (Some((start, end)), false) = (stretch, prefixes.is_empty()) else {
        return false;
    };
    let only = Atom { origins: vec![customer], offers: Vec::new() }
        .with_provider(customer, stub);
    let view = stage.view(&only, &[], Circumstances::default());
    let peers = view.count(|path| path.contains(&stub));
    stage.cast([stub, customer]);
    stage.take(&prefixes);
    stage.show(&prefixes, Shown::plain(view), (start, Some(end)));
    if !is_blip {
        stage.plot.incidents.push(Incident {
            kind: "stub_transit",
            subtype: "carrier",
            asn: stage.scene.asn(stub),
            others: vec![stage.scene.asn(customer)],
            start,
            end: Some(end),
            prefixes,
            peers,
        });
    }
    true
}

/// All prefixes of a network are announced by another one from a moment on.
fn hop(stage: &mut Stage<'_>) -> bool {
    let is_small = |stage: &Stage<'_>, node: u32| {
        stage.scene.graph.customers.of_node(node).is_empty()
            && !stage.scene.graph.providers.of_node(node).is_empty()
    };
    let Some(old) = stage.stranger(|stage, node, network| {
        is_small(stage, node) && !network.signed
    }) else {
        return false;
    };
    let Some(new) = stage.stranger(|stage, node, _| {
        node != old
            && is_small(stage, node)
            && !stage.scene.graph.are_neighbours(node, old)
    }) else {
        return false;
    };
    let atoms = stage.atoms_of(old);
    let prefixes: Vec<_> =
        atoms.iter().flat_map(|&atom| stage.free(atom)).collect();
    // A move against the holder's ROA would be a hijack to everybody.
    let roas = &stage.scene.world.roas;
    let is_invalid = |&prefix: &Prefix| {
        roas.verdict(prefix, stage.scene.asn(new)).0 == Rov::Invalid
    };
    if prefixes.is_empty() || prefixes.iter().any(is_invalid) {
        return false;
    }
    let Some((at, _)) = stage.stretch(HOUR) else { return false };
    let atom = Atom::of(&stage.scene.graph, &[new], Manner::Plain);
    let view = stage.view(&atom, &[], Circumstances::default());
    stage.cast([old, new]);
    stage.take(&prefixes);
    stage.show(&prefixes, Shown::plain(view), (at, None));
    let (from, to) = (stage.scene.asn(old), stage.scene.asn(new));
    stage.plot.hops.push(Hop { from, to, at, prefixes });
    true
}
