//! The peers of a table, each with its routes and its session.

use asgard_model::Prefix;
use rustc_hash::FxHashMap;

use crate::{event::Peer, path::PathId};

use super::{
    PrefixId,
    routes::Routes,
    session::{Doing, Session},
};

/// Resets that are remembered.
const MOST_RESETS: usize = 65_536;

/// A peer of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(u16);

impl PeerId {
    /// The number of the peer, from 0, dense.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn at(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self)
    }
}

/// A session that was lost or changed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Whose session.
    pub peer: PeerId,
    /// When it began, in seconds since 1970.
    pub start: u32,
    /// The last change that belongs to it.
    pub end: u32,
}

/// All peers.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    all: Vec<Line>,
    index: FxHashMap<Peer, PeerId>,
    resets: Vec<Reset>,
}

#[derive(Clone, Debug)]
struct Line {
    peer: Peer,
    routes: Routes,
    session: Session,
    /// Routes of any length.
    size: u32,
    /// Of IPv4 and IPv6, those that count for the size of a feed.
    counted: [u32; 2],
    /// The latest of its resets.
    reset: Option<usize>,
}

impl Peers {
    /// The number of a peer; `None` if it is new and `most` are there.
    pub(super) fn intern(&mut self, peer: Peer, most: usize) -> Option<PeerId> {
        if let Some(&id) = self.index.get(&peer) {
            return Some(id);
        }
        let id = PeerId::at(self.all.len())?;
        if self.all.len() >= most {
            return None;
        }
        self.index.insert(peer, id);
        self.all.push(Line {
            peer,
            routes: Routes::default(),
            session: Session::default(),
            size: 0,
            counted: [0; 2],
            reset: None,
        });
        Some(id)
    }

    pub(super) fn get(&self, id: PeerId) -> Peer {
        self.all[id.index()].peer
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PeerId> + use<> {
        (0..self.all.len()).filter_map(PeerId::at)
    }

    pub(super) fn size(&self, id: PeerId) -> u32 {
        self.all[id.index()].size
    }

    /// Sizes of all tables of a family.
    pub(super) fn sizes(&self, family: usize) -> Vec<u32> {
        self.all.iter().map(|line| line.counted[family]).collect()
    }

    pub(super) fn route(&self, id: PeerId, to: PrefixId) -> Option<PathId> {
        self.all[id.index()].routes.get(to)
    }

    pub(super) fn next(
        &self,
        id: PeerId,
        from: usize,
    ) -> Option<(PrefixId, PathId)> {
        self.all[id.index()].routes.next(from)
    }

    /// Puts a route to a prefix, which counts for the size of a feed or not,
    /// and returns what was there.
    pub(super) fn put(
        &mut self,
        id: PeerId,
        to: PrefixId,
        path: Option<PathId>,
        (prefix, counts): (Prefix, bool),
    ) -> Option<PathId> {
        let line = &mut self.all[id.index()];
        let before = line.routes.set(to, path);
        let counted = &mut line.counted[usize::from(!prefix.is_v4())];
        match (before, path) {
            (None, Some(_)) => {
                line.size += 1;
                *counted += u32::from(counts);
            }
            (Some(_), None) => {
                line.size -= 1;
                *counted -= u32::from(counts);
            }
            _ => {}
        }
        before
    }

    /// A session says something; `size` is that of its table before.
    pub(super) fn change(
        &mut self,
        id: PeerId,
        prefix: PrefixId,
        at: u32,
        size: u32,
    ) -> Doing {
        let doing = self.all[id.index()].session.change(prefix, at, size);
        if let Doing::Reset { since } = doing {
            self.note(id, since, at);
        }
        doing
    }

    /// A session ends.
    pub(super) fn end(&mut self, id: PeerId, at: u32) {
        let line = &mut self.all[id.index()];
        if line.size > 0 {
            line.session.end(at, line.size);
            self.note(id, at, at);
        }
    }

    /// Notes a reset, or that it goes on.
    fn note(&mut self, peer: PeerId, start: u32, end: u32) {
        let line = &mut self.all[peer.index()];
        let last = line.reset.and_then(|at| self.resets.get_mut(at));
        if let Some(last) = last
            && start <= last.end
        {
            last.end = last.end.max(end);
            return;
        }
        if self.resets.len() < MOST_RESETS {
            line.reset = Some(self.resets.len());
            self.resets.push(Reset { peer, start, end });
        }
    }

    pub(super) fn resets(&self) -> &[Reset] {
        &self.resets
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of = |line: &Line| {
            size_of::<Line>()
                + line.routes.heap_bytes()
                + line.session.heap_bytes()
        };
        self.all.iter().map(of).sum()
    }
}
