//! What the state of BGP says at the end: who announces what, seen by how many,
//! and over which providers.

use asgard_model::{Asn, Prefix};
use asgard_routing::{
    relationships::{Relation, Relationships},
    table::{PrefixId, Table},
};
use rustc_hash::FxHashMap;

use crate::reader::OriginRows;

/// Origins that enough full feeds see.
pub(super) fn origins(table: &Table) -> OriginRows {
    let mut rows = OriginRows::default();
    let feeds = [true, false].map(|v4| table.full_feeds(v4));
    let mut seen: Vec<(Asn, u16)> = Vec::new();
    for id in table.prefix_ids() {
        let prefix = table.prefix(id);
        if is_announced(prefix) {
            count(table, id, &mut seen);
            let threshold = table.threshold(prefix.is_v4());
            for &(origin, peers) in &seen {
                if usize::from(peers) >= threshold {
                    rows.table.announce_seen(prefix, origin, None, peers);
                }
            }
        }
    }
    rows.table.full_feeds(feeds.map(|n| u16::try_from(n).unwrap_or(u16::MAX)));
    rows.low_visibility = [true, false].map(|v4| table.is_low(v4));
    rows
}

/// Full feeds by origin of a prefix.
fn count(table: &Table, id: PrefixId, seen: &mut Vec<(Asn, u16)>) {
    seen.clear();
    let v4 = table.prefix(id).is_v4();
    for (peer, path) in table.routes(id) {
        if !table.is_full(peer, v4) {
            continue;
        }
        let Some(origin) = table.paths().origin(path) else { continue };
        match seen.iter_mut().find(|(asn, _)| *asn == origin) {
            Some((_, peers)) => *peers = peers.saturating_add(1),
            None => seen.push((origin, 1)),
        }
    }
}

/// Whether a prefix is neither the default route nor too long to be accepted
/// everywhere.
fn is_announced(prefix: Prefix) -> bool {
    let longest = if prefix.is_v4() { 24 } else { 48 };
    (1..=longest).contains(&prefix.len())
}

/// Routes (prefix and peer) of each origin over each of its providers:
/// `(origin, provider)` → number.
pub(super) fn connections(
    table: &Table,
    routes_by_path: &[u32],
    relationships: &Relationships,
) -> FxHashMap<(Asn, Asn), u32> {
    let mut connections: FxHashMap<(Asn, Asn), u32> = FxHashMap::default();
    for (id, path) in table.paths().iter() {
        let routes = routes_by_path.get(id.index()).copied().unwrap_or(0);
        let hops = path.as_sequence().unwrap_or_default();
        let Some(&origin) = hops.last() else { continue };
        let before = hops
            .iter()
            .rev()
            .copied()
            .find(|&a| a != origin && !relationships.is_route_server(a));
        let Some(neighbour) = before.filter(|_| routes > 0) else { continue };
        let relation = relationships.between(origin, neighbour);
        if relation.is_some_and(|(r, _)| r == Relation::Provider) {
            let count = connections.entry((origin, neighbour)).or_default();
            *count = count.saturating_add(routes);
        }
    }
    connections
}
