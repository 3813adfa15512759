//! Organisations with several networks that exchange everything between them,
//! and announce prefixes of each other: a trap for whoever takes them for
//! strangers.

use std::collections::BTreeSet;

use crate::{
    Plan,
    network::{Network, Plant, Trade},
    random::Random,
    space::{Form, Route, Table},
    topology::Links,
};

/// Makes siblings of pairs of ordinary transit and access networks of one
/// registry: same organisation, connected.
pub(super) fn join(plan: &Plan, networks: &mut [Network], links: &mut Links) {
    let mut random = Random::stream(plan.seed, "siblings");
    let suits = |network: &Network| {
        network.plant == Plant::Ordinary
            && matches!(network.trade, Trade::Transit | Trade::Access)
            && !network.company.is_empty()
    };
    let mut free: Vec<usize> =
        (0..networks.len()).filter(|&i| suits(&networks[i])).collect();
    random.shuffle(&mut free);
    let wanted = plan.share(250, 1);
    let mut used = BTreeSet::new();
    for position in 0..free.len() {
        if links.siblings.len() >= wanted {
            break;
        }
        let (a, rest) = (free[position], &free[position + 1..]);
        let kin = rest.iter().find(|&&b| {
            networks[b].rir == networks[a].rir && !used.contains(&b)
        });
        let Some(&b) = kin.filter(|_| !used.contains(&a)) else { continue };
        if !has_loop(links, a, b) && links.join(a, b) {
            used.extend([a, b]);
            networks[b].company = networks[a].company.clone();
            networks[b].domain = networks[a].domain.clone();
        }
    }
}

/// Whether one of them is among the providers of the other, at any distance of
/// up to two: they would be above themselves.
fn has_loop(links: &Links, a: usize, b: usize) -> bool {
    let above = |of: usize| -> BTreeSet<usize> {
        let direct: Vec<usize> = links.providers(of).collect();
        let second = direct.iter().flat_map(|&p| links.providers(p));
        direct.iter().copied().chain(second).collect()
    };
    above(a).contains(&b) || above(b).contains(&a)
}

/// In every second pair, one announces a prefix of the other as well.
pub(super) fn moas(links: &Links, table: &Table) -> Vec<Route> {
    let pairs = links.siblings.iter().step_by(2);
    let route = |&(a, b): &(usize, usize)| {
        let own = table.routes.iter().find(|route| {
            (route.origin, route.holder, route.form) == (a, a, Form::Block)
        })?;
        (table.announcers(own.prefix) == [a]).then_some(Route {
            prefix: own.prefix,
            origin: b,
            holder: a,
            form: Form::Kin,
        })
    };
    pairs.filter_map(route).collect()
}
