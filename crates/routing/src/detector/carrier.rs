//! Networks without customers that carry routes of others.
//!
//! A stub in the middle of a path is a leak that lasts, a hidden customer, or a
//! path that was made up. Not counted: routes of its own organisation, and those
//! of a neighbour whose relationship is known: from a customer they are welcome,
//! from a peer or provider they are a leak, and told as such. A reserved number
//! behind it is a bogon. And who leaks all the while leaks over links that nobody
//! knows, too: the leak explains what it carries for strangers ([`strangers`]).
//!
//! [`strangers`]: super::strangers

use asgard_model::{Asn, Incident, IncidentKind, Subtype};

use crate::{
    path::PathId,
    table::{PrefixId, Transition},
};

use super::{
    Detector, Findings, Scene,
    cases::Cases,
    is_global,
    remembered::Remembered,
    strangers::{self, Carried, Strangers},
    valley::{self, Customers},
    watch::{Watch, Witness},
};

/// Seconds that carrying must last.
const LASTING: u32 = 86_400;

/// Watches for stubs in the middle of paths.
#[derive(Clone, Debug)]
pub(super) struct Carriers {
    /// Once relationships are known.
    customers: Option<Customers>,
    paths: Remembered<Box<[Carrier]>>,
    watch: Watch<(Asn, PrefixId)>,
    cases: Cases,
    strangers: Strangers,
}

/// A network in the middle of a path.
#[derive(Clone, Copy, Debug)]
struct Carrier {
    carried: Carried,
    /// Whether it has no customers.
    is_stub: bool,
    /// Whether the network from which it has the route buys from others, and
    /// that to which it hands it does not buy from it.
    is_for_stranger: bool,
}

impl Default for Carriers {
    fn default() -> Self {
        Self {
            customers: None,
            paths: Remembered::default(),
            watch: Watch::lasting(LASTING),
            cases: Cases::new(IncidentKind::StubTransit),
            strangers: Strangers::default(),
        }
    }
}

impl Carriers {
    fn carriers(&mut self, scene: &Scene<'_>, path: PathId) -> Vec<Carrier> {
        let customers = self
            .customers
            .get_or_insert_with(|| Customers::of(scene.relations));
        let work_out = || {
            let carriers = carriers(scene, path, customers);
            (!carriers.is_empty()).then(|| carriers.into_boxed_slice())
        };
        let carriers = self.paths.get(path.index(), work_out);
        carriers.map_or_else(Vec::new, |carriers| carriers.to_vec())
    }

    /// For whom a stub carries: its neighbour towards the origin, and the
    /// origin.
    fn served(scene: &Scene<'_>, stub: Asn, path: PathId) -> Vec<Asn> {
        let hops = valley::hops(scene.table.path(path), scene.relations);
        let hops = hops.unwrap_or_default();
        let at = hops.iter().position(|&asn| asn == stub);
        let next = at.and_then(|at| hops.get(at + 1)).copied();
        next.into_iter().chain(hops.last().copied()).collect()
    }
}

impl Detector for Carriers {
    fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        let prefix = scene.table.prefix(t.prefix);
        if t.before == t.after || !is_global(prefix) {
            return;
        }
        let k = scene.threshold(prefix);
        if let Some(path) = t.after {
            for one in self.carriers(scene, path) {
                let witness = Witness::of(t, path);
                if one.is_stub {
                    self.watch.show((one.carried.by, t.prefix), k, witness);
                }
                if one.is_for_stranger {
                    self.strangers.show(one.carried, k, t, witness);
                }
            }
        }
        let Some(path) = t.before else { return };
        for one in self.carriers(scene, path) {
            if one.is_for_stranger {
                self.strangers.hide(one.carried, k, t);
            }
            if !one.is_stub {
                continue;
            }
            let stub = one.carried.by;
            let ended = self.watch.hide((stub, t.prefix), k, t.at);
            if let Some(episode) = ended {
                let served = Self::served(scene, stub, episode.witness.path);
                self.cases.add(stub, Subtype::Carrier, &served, &episode);
            }
        }
    }

    fn finish(&self, scene: &Scene<'_>, now: u32, out: &mut Findings) {
        if let Some(customers) = &self.customers {
            self.strangers.finish(scene, customers, now, out);
        }
        let mut cases = self.cases.clone();
        for episode in self.watch.open(now) {
            let stub = episode.key.0;
            let served = Self::served(scene, stub, episode.witness.path);
            cases.add(stub, Subtype::Carrier, &served, &episode);
        }
        let mut found = cases.incidents(scene.table, now, |_| 0.0);
        found.retain(|one| !out.incidents.iter().any(|l| explains(l, one)));
        for open in found.iter().filter(|one| one.end.is_none()) {
            out.of(open.asn).stub_but_transit = true;
        }
        out.incidents.extend(found);
    }
}

/// Seconds by which carrying may begin before a leak that explains it, or go on
/// after it: the two are not seen over the same links.
const MARGIN: u32 = 3_600;

/// Whether one network leaked as long as it carried.
fn explains(leak: &Incident, carried: &Incident) -> bool {
    let lasts = match (leak.end, carried.end) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(a), Some(b)) => a.saturating_add(MARGIN) >= b,
    };
    leak.kind == IncidentKind::Leak
        && leak.asn == carried.asn
        && leak.start <= carried.start.saturating_add(MARGIN)
        && lasts
}

/// Those strictly between the peer and the origin of a path that have the route
/// from somebody of whom nobody knows what he is to them. The peer itself carries
/// routes to the collector, which proves nothing.
fn carriers(
    scene: &Scene<'_>,
    path: PathId,
    customers: &Customers,
) -> Vec<Carrier> {
    let path = scene.table.path(path);
    let Some(origin) = path.origin() else { return Vec::new() };
    let Some(hops) = valley::hops(path, scene.relations) else {
        return Vec::new();
    };
    let relations = scene.relations;
    let carrier = |triplet: &[Asn]| {
        let &[to, by, from] = triplet else { return None };
        let is_stub = customers.count(by) == 0;
        let is_for_stranger = customers.count(by) <= strangers::MOST_CUSTOMERS
            && customers.is_served(from)
            && customers.above_or_beside(by, to, relations).is_some();
        (relations.between(by, from).is_none()
            && (is_stub || is_for_stranger)
            && !scene.bogons.is_reserved(from)
            && !relations.siblings(by, origin)
            && !relations.siblings(by, from))
        .then_some(Carrier {
            carried: Carried { by, from, to },
            is_stub,
            is_for_stranger,
        })
    };
    hops.windows(3).filter_map(carrier).collect()
}
