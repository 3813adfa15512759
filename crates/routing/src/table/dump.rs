//! What a dump has shown so far, so that what it does not show can go.

use super::{PeerId, PrefixId, routes::Marks};

/// Prefixes by peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Dump {
    shown: Vec<Option<Marks>>,
}

impl Dump {
    pub(super) fn shows(&mut self, peer: PeerId, prefix: PrefixId) {
        if peer.index() >= self.shown.len() {
            self.shown.resize_with(peer.index() + 1, || None);
        }
        self.shown[peer.index()].get_or_insert_default().insert(prefix);
    }

    pub(super) fn has(&self, peer: PeerId, prefix: PrefixId) -> bool {
        let marks = self.shown.get(peer.index()).and_then(Option::as_ref);
        marks.is_some_and(|marks| marks.contains(prefix))
    }

    /// Peers of which the dump shows something.
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        let shown = self.shown.iter().enumerate();
        shown.filter(|(_, s)| s.is_some()).filter_map(|(at, _)| PeerId::at(at))
    }
}
