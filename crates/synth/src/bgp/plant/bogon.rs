//! Bogons: space that nobody may announce, and customers with private numbers
//! that somebody forgot to remove.
//!
//! Traps: bogons for twenty minutes.

use asgard_model::{Asn, Prefix};

use crate::bgp::{
    dressing::private,
    stage::Stage,
    story::{Incident, Shown},
};

/// Durations in seconds: more than an hour.
const DURATIONS: [u32; 4] = [6_000, 20_000, 90_000, 200_000];
/// Shorter than any bogon that counts.
const BLIP: u32 = 1_200;

pub(super) fn plant(stage: &mut Stage<'_>, events: usize) {
    for number in 0..events + events / 3 {
        prefix(stage, number, number >= events);
    }
    for number in 0..events {
        let mut tries = 0..40;
        while tries.next().is_some() && !asn(stage, number) {}
    }
}

/// Special-purpose space that is not globally reachable (IANA registries,
/// RFC 6890), another block for every number.
fn space(number: usize) -> Prefix {
    let n = u32::try_from(number).unwrap_or(0);
    let v4 = |first: u32, len: u8| Prefix::V4(first + (n << (32 - len)), len);
    match number % 8 {
        0 => v4(0x0a00_0000, 16),
        1 => v4(0x6440_0000, 18),
        2 => v4(0xac10_0000, 20),
        3 => v4(0xc0a8_0000, 24),
        4 => v4(0xc612_0000, 23),
        5 => v4(0xf000_0000, 16),
        6 => Prefix::V6((0x2001_0db8 << 96) + (u128::from(n) << 80), 48),
        _ => Prefix::V6((0xfd00 << 112) + (u128::from(n) << 96), 32),
    }
}

fn prefix(stage: &mut Stage<'_>, number: usize, is_blip: bool) {
    let Some(origin) = stage.stranger(|stage, node, _| {
        !stage.scene.graph.providers.of_node(node).is_empty()
    }) else {
        return;
    };
    let seconds = if is_blip { BLIP } else { *stage.random.pick(&DURATIONS) };
    let prefixes = vec![space(number)];
    let view = stage.announced_by(origin);
    let seen = (prefixes, Shown::plain(view), seconds);
    tell(stage, (origin, "prefix", Vec::new()), seen, is_blip);
}

/// A part of one's own space, announced by a customer with a private number.
fn asn(stage: &mut Stage<'_>, number: usize) -> bool {
    let Some(provider) = stage.stranger(|stage, node, network| {
        !stage.scene.graph.providers.of_node(node).is_empty()
            && network.v4().any(|(_, len)| len < 23)
    }) else {
        return false;
    };
    let Some(prefix) = stage.unannounced(provider, 24) else { return false };
    let customer = private(number);
    let view = stage.announced_by(provider).behind(customer);
    let seconds = *stage.random.pick(&DURATIONS);
    let seen = (vec![prefix], Shown::plain(view), seconds);
    let others = vec![stage.scene.asn(customer)];
    tell(stage, (provider, "asn", others), seen, false)
}

fn tell(
    stage: &mut Stage<'_>,
    (who, subtype, others): (u32, &'static str, Vec<Asn>),
    (prefixes, shown, seconds): (Vec<Prefix>, Shown, u32),
    is_blip: bool,
) -> bool {
    let longest = (stage.to - stage.from) / 2;
    let Some((start, end)) = stage.stretch(seconds.min(longest)) else {
        return false;
    };
    let peers = shown.view.count(|_| true);
    stage.cast([who]);
    stage.take(&prefixes);
    stage.show(&prefixes, shown, (start, Some(end)));
    if !is_blip {
        stage.plot.incidents.push(Incident {
            kind: "bogon",
            subtype,
            asn: stage.scene.asn(who),
            others,
            start,
            end: Some(end),
            prefixes,
            peers,
        });
    }
    true
}
