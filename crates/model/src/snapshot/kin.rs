//! Who is around an AS: siblings of the same organisation, customers,
//! providers; and what flows from them.

use crate::{
    Model, World,
    scoring::{downstream_score, upstream_units},
    signals::Neighbours,
};

/// Nodes of each organisation that has several.
#[derive(Clone, Debug)]
pub(super) struct Siblings(Vec<Vec<u32>>);

impl Siblings {
    pub(super) fn find(world: &World) -> Self {
        let count =
            world.organisations.iter().flatten().max().map_or(0, |m| m + 1);
        let mut members = vec![Vec::new(); count as usize];
        for (node, organisation) in (0u32..).zip(&world.organisations) {
            if let Some(number) = *organisation {
                members[number as usize].push(node);
            }
        }
        Self(members)
    }

    /// The other AS of the organisation with the largest P⁰, each weighed by
    /// its size beside `full_share` of the own; `None` if that is 0.
    pub(super) fn worst_of(
        &self,
        world: &World,
        full_share: f64,
        node: usize,
        direct: impl Fn(usize) -> f64,
    ) -> Option<(usize, f64)> {
        let number = world.organisations[node]?;
        let space = |node: usize| world.signals[node].exposure.v4.max(1.0);
        let full = full_share * space(node);
        self.0
            .get(number as usize)?
            .iter()
            .map(|&sibling| sibling as usize)
            .filter(|&sibling| sibling != node)
            .map(|s| (s, direct(s) * (space(s) / full).min(1.0)))
            .filter(|&(_, units)| units > 0.0)
            // Of equals the first, so that the answer is always the same.
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
    }
}

/// What flows to a node along its edges.
pub(super) fn neighbours(
    world: &World,
    siblings: &Siblings,
    model: &Model,
    node: usize,
    direct: impl Fn(usize) -> f64,
) -> Neighbours {
    let share = model.full_sibling_share();
    let sibling = siblings.worst_of(world, share, node, &direct);
    let customers = world.graph.customers(node).iter().map(|&customer| {
        let exposure = &world.signals[customer as usize].exposure;
        (direct(customer as usize), exposure.v4)
    });
    // Without observed paths every provider carries the same share.
    let counted = world.graph.connections(node);
    let paths = |at: usize| match counted {
        Some(counted) => counted.get(at).map_or(0.0, |&n| f64::from(n)),
        None => 1.0,
    };
    let providers = world.graph.providers(node).iter().enumerate();
    let providers = providers.map(|(at, &p)| (direct(p as usize), paths(at)));
    Neighbours {
        downstream: downstream_score(customers),
        upstream: upstream_units(providers),
        sibling: sibling.map(|(_, units)| units),
    }
}
