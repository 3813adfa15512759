//! Several routes of one peer to one prefix (RFC 7911).
//!
//! A detector asks what a peer would do, so of several routes one is shown: the
//! one with the lowest path id, because which is best the peer does not say.
//! The others wait, and take its place when it is withdrawn.

use rustc_hash::FxHashMap;

use crate::path::PathId;

use super::{PeerId, PrefixId};

/// Routes kept of one peer to one prefix.
const MOST_ROUTES: usize = 16;
/// Pairs of peer and prefix with path ids.
const MOST_PAIRS: usize = 8 << 20;

/// Routes with path ids, ascending by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Additional {
    routes: FxHashMap<(PeerId, PrefixId), Vec<(u32, PathId)>>,
    /// Routes that found no room.
    pub(super) refused: u64,
}

/// What a change of one of several routes means for the one that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It is this one now.
    Now(Option<PathId>),
    /// Nothing.
    AsBefore,
}

impl Additional {
    /// Notes a route, or with `None` that it is gone.
    pub(super) fn change(
        &mut self,
        key: (PeerId, PrefixId),
        path_id: u32,
        path: Option<PathId>,
    ) -> Shown {
        let room = self.routes.len() < MOST_PAIRS;
        let Some(path) = path else { return self.remove(key, path_id) };
        if !room && !self.routes.contains_key(&key) {
            self.refused += 1;
            return Shown::AsBefore;
        }
        let routes = self.routes.entry(key).or_default();
        let at = routes.partition_point(|(id, _)| *id < path_id);
        if let Some(route) = routes.get_mut(at)
            && route.0 == path_id
        {
            route.1 = path;
        } else if routes.len() < MOST_ROUTES {
            routes.insert(at, (path_id, path));
        } else {
            self.refused += 1;
            return Shown::AsBefore;
        }
        if at == 0 { Shown::Now(Some(path)) } else { Shown::AsBefore }
    }

    fn remove(&mut self, key: (PeerId, PrefixId), path_id: u32) -> Shown {
        let Some(routes) = self.routes.get_mut(&key) else {
            return Shown::Now(None);
        };
        let Some(at) = routes.iter().position(|(id, _)| *id == path_id) else {
            return Shown::AsBefore;
        };
        routes.remove(at);
        let next = routes.first().map(|(_, path)| *path);
        if next.is_none() {
            self.routes.remove(&key);
        }
        if at == 0 { Shown::Now(next) } else { Shown::AsBefore }
    }

    /// Forgets all routes of a peer to a prefix.
    pub(super) fn forget(&mut self, key: (PeerId, PrefixId)) {
        if !self.routes.is_empty() {
            self.routes.remove(&key);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.routes.capacity() * size_of::<((PeerId, PrefixId), Vec<u64>)>()
            + self.routes.values().map(Vec::capacity).sum::<usize>() * 8
    }
}
