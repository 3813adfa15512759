//! What happens every day, and is nobody's fault: connections that fail,
//! networks that are down for a while, routes that are said again, sessions of
//! the collector that begin anew. Nothing of it is an incident.

use super::{
    propagation::Circumstances,
    stage::Stage,
    story::{Change, Reset, Shown},
};

const MINUTE: u32 = 60;
const DAY: u32 = 86_400;
/// Nothing ends later than this before the end.
const EDGE: u32 = 3_600;

/// Fills the days, in order of time.
pub(super) fn fill(stage: &mut Stage<'_>) {
    let networks =
        u32::try_from(stage.scene.world.networks.len()).unwrap_or(u32::MAX);
    let days = (stage.to - stage.from) / DAY;
    let mut moments = Vec::new();
    for (share, deed) in [
        (40, Deed::Failure),
        (150, Deed::Outage),
        (25, Deed::Repetition),
        (2_500, Deed::Backbone),
    ] {
        for _ in 0..days * (networks / share).max(1) {
            let room = stage.to - stage.from - 2 * EDGE;
            moments.push((stage.from + stage.random.below(room), deed));
        }
    }
    moments.sort_unstable();
    for (at, deed) in moments {
        match deed {
            Deed::Failure => failure(stage, at),
            Deed::Outage => outage(stage, at),
            Deed::Repetition => repetition(stage, at),
            Deed::Backbone => backbone(stage, at),
        }
    }
    resets(stage);
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    /// One of several connections of a network is down.
    Failure,
    /// A network is down.
    Outage,
    /// A route is announced again, with other communities.
    Repetition,
    /// A connection between larger networks is down.
    Backbone,
}

/// A network, whoever it is.
fn anybody(stage: &mut Stage<'_>) -> u32 {
    let networks =
        u32::try_from(stage.scene.world.networks.len()).unwrap_or(u32::MAX);
    stage.random.below(networks)
}

fn failure(stage: &mut Stage<'_>, at: u32) {
    let origin = anybody(stage);
    let providers = stage.scene.graph.providers.of_node(origin);
    if providers.len() > 1 {
        let provider = *stage.random.pick(providers);
        let seconds = stage.random.between(5 * MINUTE, 300 * MINUTE);
        let atoms = stage.atoms_of(origin);
        cut(stage, (origin, provider), atoms, (at, seconds));
    }
}

/// The connection of a transit or access network to a provider is down, for
/// everybody whose routes use it.
fn backbone(stage: &mut Stage<'_>, at: u32) {
    let customer = anybody(stage);
    let graph = &stage.scene.graph;
    let providers = graph.providers.of_node(customer);
    if providers.len() < 2 || graph.customers.of_node(customer).len() < 2 {
        return;
    }
    let provider = *stage.random.pick(providers);
    let seconds = stage.random.between(5 * MINUTE, 60 * MINUTE);
    let uses = |path: &[u32]| {
        path.windows(2).any(|step| {
            step == [customer, provider] || step == [provider, customer]
        })
    };
    let views = stage.scene.views.iter().enumerate();
    let atoms: Vec<usize> = views
        .filter(|(_, view)| view.count(uses) > 0)
        .map(|(atom, _)| atom)
        .collect();
    cut(stage, (customer, provider), atoms, (at, seconds));
}

fn cut(
    stage: &mut Stage<'_>,
    link: (u32, u32),
    atoms: Vec<usize>,
    (at, seconds): (u32, u32),
) {
    let until = (at + seconds).min(stage.to - EDGE / 2);
    for atom in atoms {
        // A minute of peace between two changes: peers hear of them late.
        let prefixes = stage.idle(atom, at.saturating_sub(MINUTE));
        if prefixes.is_empty() || until < at + 2 * MINUTE {
            continue;
        }
        let how = Circumstances { cut: Some(link), on_path: &[] };
        let scene = stage.scene;
        let view = stage.view(&scene.announced.atoms[atom], &[], how);
        if view != scene.views[atom] {
            stage.take_until(&prefixes, until);
            stage.show(&prefixes, Shown::plain(view), (at, Some(until)));
        }
    }
}

fn outage(stage: &mut Stage<'_>, at: u32) {
    let origin = anybody(stage);
    if !stage.scene.graph.customers.of_node(origin).is_empty() {
        return;
    }
    let seconds = stage.random.between(3 * MINUTE, 90 * MINUTE);
    for atom in stage.atoms_of(origin) {
        let prefixes = stage.idle(atom, at.saturating_sub(MINUTE));
        stage.take_until(&prefixes, at + seconds);
        if !prefixes.is_empty() {
            let span = (at, Some(at + seconds));
            stage.show(&prefixes, Shown::nowhere(), span);
        }
    }
}

fn repetition(stage: &mut Stage<'_>, at: u32) {
    let atoms = stage.scene.announced.atoms.len();
    let count = u32::try_from(atoms).unwrap_or(u32::MAX);
    let atom = stage.random.below(count) as usize;
    let prefixes = stage.idle(atom, at.saturating_sub(MINUTE));
    let [prefix, ..] = prefixes[..] else { return };
    stage.take_until(&[prefix], at + MINUTE);
    let tag = u16::try_from(stage.random.between(1, 99)).unwrap_or(1);
    let view = stage.scene.views[atom].clone();
    let communities = [(3_356, tag)].into();
    let shown = Shown { view: std::rc::Rc::new(view), communities };
    let now = Some(shown);
    stage.plot.changes.push(Change { at, prefixes: [prefix].into(), now });
}

/// Three sessions begin anew, one of them without a word about it.
fn resets(stage: &mut Stage<'_>) {
    let full = stage.scene.vantages.iter().filter(|one| !one.partial).count();
    let count = u32::try_from(full).unwrap_or(1);
    for number in 0..3 {
        let Some((from, _)) = stage.stretch(3 * EDGE) else { return };
        let seconds = stage.random.between(45, 240);
        stage.plot.resets.push(Reset {
            vantage: stage.random.below(count) as usize,
            from,
            to: from + seconds,
            stated: number < 2,
        });
    }
}
