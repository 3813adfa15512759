//! Something holds while enough peers show it: from single routes to episodes.
//!
//! A key (who does what to which prefix) is shown by peers and hidden again.
//! While at least k of them show it, it holds; what held for longer than a
//! threshold is an episode. Shorter ones are convergence, and forgotten.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::{
    path::PathId,
    table::{PeerId, PrefixId, Transition},
};

/// A route that shows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Witness {
    /// Since when, in seconds since 1970.
    pub(super) at: u32,
    pub(super) peer: PeerId,
    pub(super) prefix: PrefixId,
    pub(super) path: PathId,
}

impl Witness {
    /// The new route of a transition, or the old one of a withdrawal.
    pub(super) fn of(t: &Transition<'_>, path: PathId) -> Self {
        Self { at: t.since, peer: t.peer, prefix: t.prefix, path }
    }
}

/// A time for which something held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Episode<K> {
    pub(super) key: K,
    pub(super) start: u32,
    /// `None` while it goes on.
    pub(super) end: Option<u32>,
    /// The most peers that showed it at once.
    pub(super) peers: u16,
    pub(super) witness: Witness,
}

/// What is shown now.
#[derive(Clone, Debug)]
pub(super) struct Watch<K> {
    shown: FxHashMap<K, Showing>,
    /// Seconds; an episode is longer.
    lasting: u32,
}

#[derive(Clone, Debug)]
struct Showing {
    peers: u16,
    most: u16,
    /// Since when enough peers show it.
    holds: Option<u32>,
    /// The latest moment at which a peer began to.
    latest: u32,
    witness: Witness,
}

impl<K: Copy + Eq + Hash + Ord> Watch<K> {
    /// Watches for what lasts longer than some seconds.
    pub(super) fn lasting(lasting: u32) -> Self {
        Self { shown: FxHashMap::default(), lasting }
    }

    /// One more peer shows it; `k` peers are enough.
    pub(super) fn show(&mut self, key: K, k: u16, witness: Witness) {
        let showing = self.shown.entry(key).or_insert(Showing {
            peers: 0,
            most: 0,
            holds: None,
            latest: witness.at,
            witness,
        });
        showing.peers = showing.peers.saturating_add(1);
        showing.most = showing.most.max(showing.peers);
        showing.latest = showing.latest.max(witness.at);
        if showing.holds.is_none() && showing.peers >= k {
            // A dump tells its routes in the order of peers, not of age.
            showing.holds = Some(showing.latest);
        }
    }

    /// One peer less shows it; returns the episode that this ends.
    pub(super) fn hide(
        &mut self,
        key: K,
        k: u16,
        at: u32,
    ) -> Option<Episode<K>> {
        let showing = self.shown.get_mut(&key)?;
        showing.peers = showing.peers.saturating_sub(1);
        let mut episode = None;
        if let Some(start) = showing.holds
            && showing.peers < k
        {
            showing.holds = None;
            let lasted = at.saturating_sub(start) > self.lasting;
            episode = lasted.then_some(Episode {
                key,
                start,
                end: Some(at),
                peers: showing.most,
                witness: showing.witness,
            });
            showing.most = showing.peers;
        }
        if showing.peers == 0 {
            self.shown.remove(&key);
        }
        episode
    }

    /// What holds for long enough at a moment, by key.
    pub(super) fn open(&self, now: u32) -> Vec<Episode<K>> {
        let mut open: Vec<Episode<K>> = self
            .shown
            .iter()
            .filter_map(|(&key, showing)| {
                let start = showing.holds?;
                let lasted = now.saturating_sub(start) > self.lasting;
                lasted.then_some(Episode {
                    key,
                    start,
                    end: None,
                    peers: showing.most,
                    witness: showing.witness,
                })
            })
            .collect();
        open.sort_unstable_by_key(|episode| episode.key);
        open
    }
}
