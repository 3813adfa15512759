//! What flowed along the edges of one AS, again: the sentences about neighbours
//! need the numbers, and an Assessment keeps only their effect.

use asgard_model::{
    Profile, Snapshot,
    scoring::{downstream_score, upstream_units},
    signals::Neighbours,
};

/// Direct evidence of the neighbours of an AS; none for a stranger.
pub(super) fn neighbours(
    snapshot: &Snapshot,
    profile: &Profile<'_>,
) -> Neighbours {
    let Some(node) = profile.node else { return Neighbours::default() };
    let graph = &snapshot.world.graph;
    let around = |nodes: &[u32]| -> Vec<(f64, f64)> {
        let known = nodes.iter().filter_map(|&n| at(snapshot, n as usize));
        known
            .map(|p| (p.assessment.direct_units, p.signals.exposure.v4))
            .collect()
    };
    let customers = around(graph.customers(node));
    let providers = around(graph.providers(node));
    Neighbours {
        downstream: downstream_score(customers.into_iter()),
        upstream: upstream_units(
            providers.into_iter().map(|(units, _)| (units, 1.0)),
        ),
        sibling: worst_sibling(snapshot, node),
    }
}

fn at(snapshot: &Snapshot, node: usize) -> Option<Profile<'_>> {
    snapshot.profile(*snapshot.world.asns.get(node)?)
}

/// Largest direct evidence against another AS of the same organisation.
fn worst_sibling(snapshot: &Snapshot, node: usize) -> Option<f64> {
    let organisations = &snapshot.world.organisations;
    let own = (*organisations.get(node)?)?;
    let siblings = organisations
        .iter()
        .enumerate()
        .filter(|&(other, of)| other != node && *of == Some(own));
    siblings
        .filter_map(|(other, _)| at(snapshot, other))
        .map(|profile| profile.assessment.direct_units)
        .filter(|&units| units > 0.0)
        .max_by(f64::total_cmp)
}
