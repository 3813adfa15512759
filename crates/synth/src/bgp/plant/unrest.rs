//! Prefixes that come and go, and prefixes under attack that are blackholed.

use asgard_model::Prefix;

use crate::bgp::{
    stage::Stage,
    story::{Habit, Shown},
};

const HOUR: u32 = 3_600;
/// "Drop the traffic" (RFC 7999).
const BLACKHOLE: (u16, u16) = (65_535, 666);
/// The value by which most networks mean the same.
const DROP: u16 = 666;

pub(super) fn plant(stage: &mut Stage<'_>, events: usize) {
    for _ in 0..events {
        let mut tries = 0..40;
        while tries.next().is_some() && !flap(stage) {}
        let mut tries = 0..40;
        while tries.next().is_some() && !blackhole(stage) {}
    }
}

/// One or two prefixes that vanish for minutes, many times a day, for one to
/// three days.
fn flap(stage: &mut Stage<'_>) -> bool {
    let stranger = stage.stranger(|stage, node, _| {
        !stage.scene.graph.providers.of_node(node).is_empty()
    });
    let Some(origin) = stranger else { return false };
    let atoms = stage.atoms_of(origin);
    let mut prefixes: Vec<Prefix> =
        atoms.iter().flat_map(|&atom| stage.free(atom)).collect();
    prefixes.truncate(2);
    let days = stage.random.between(1, 3) * 24 * HOUR;
    let stretch = stage.stretch(days.min((stage.to - stage.from) / 2));
    let (Some((start, end)), false) = (stretch, prefixes.is_empty()) else {
        return false;
    };
    stage.cast([origin]);
    stage.take(&prefixes);
    let period = stage.random.between(1_200, 3_600);
    let mut at = start;
    while at + period < end {
        let gap = stage.random.between(120, 400);
        stage.show(&prefixes, Shown::nowhere(), (at, Some(at + gap)));
        at += period;
    }
    let asn = stage.scene.asn(origin);
    stage.plot.flaps.push(Habit { asn, prefixes });
    true
}

/// Up to four addresses that a network lets its providers drop for hours; some
/// peers of the collector see it.
fn blackhole(stage: &mut Stage<'_>) -> bool {
    let Some(origin) = stage.stranger(|stage, node, network| {
        !stage.scene.graph.providers.of_node(node).is_empty()
            && network.v4().next().is_some()
    }) else {
        return false;
    };
    let wanted = stage.random.between(1, 4);
    let mut addresses: Vec<Prefix> = Vec::new();
    for _ in 0..wanted {
        let address = stage.unannounced(origin, 32);
        addresses.extend(address.filter(|one| !addresses.contains(one)));
    }
    let Some((start, end)) = stage.stretch(8 * HOUR) else { return false };
    if addresses.is_empty() {
        return false;
    }
    // A provider with a number of two bytes has a community of its own.
    let provider = stage.scene.graph.providers.of_node(origin)[0];
    let own = u16::try_from(stage.scene.asn(provider).0).ok();
    let communities = match own {
        Some(short) if stage.random.chance(500) => vec![(short, DROP)],
        Some(short) => vec![BLACKHOLE, (short, DROP)],
        None => vec![BLACKHOLE],
    };
    let few = stage.random.between(3, 9);
    let view = stage.announced_by(origin);
    let mut rest = few;
    let view = view.only(|_| {
        rest = rest.saturating_sub(1);
        rest > 0
    });
    stage.cast([origin]);
    stage.take(&addresses);
    for (&address, number) in addresses.iter().zip(0..) {
        let shown = Shown {
            view: std::rc::Rc::new(view.clone()),
            communities: communities.as_slice().into(),
        };
        let from = start + number * HOUR;
        let to = (from + 2 * HOUR).min(end);
        stage.show(&[address], shown, (from, Some(to)));
    }
    let asn = stage.scene.asn(origin);
    stage.plot.blackholes.push(Habit { asn, prefixes: addresses });
    true
}
