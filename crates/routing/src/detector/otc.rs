//! Routes marked "only to customers" that went elsewhere (RFC 9234).
//!
//! The mark names the AS from which on the route may go down only. Whoever
//! behind it sent the route to a provider or peer has leaked it, even where
//! nobody knows whether it came from above. A mark of an AS that is not in the
//! path, such as a route server, does not tell where the way down began.

use asgard_model::{Asn, Subtype};
use rustc_hash::FxHashMap;

use crate::{
    path::PathId,
    relationships::Relationships,
    table::{Cause, Table, Transition},
};

use super::valley::{Leak, is_not_down};

/// Marks by path. A mark is set by an AS of the path, or for it, so that routes
/// with one path have one mark; the first that is seen stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    seen: Vec<bool>,
    marks: FxHashMap<PathId, Asn>,
}

impl Marks {
    /// Notes the mark of a new route.
    pub(super) fn note(&mut self, _: &Table, t: &Transition<'_>) {
        let Some((path, attributes)) = t.after.zip(t.attributes) else {
            return;
        };
        let index = path.index();
        if index >= self.seen.len() {
            self.seen.resize(index + 1, false);
        }
        // Decoding the attributes of all routes of a table takes longer than
        // reading it.
        if std::mem::replace(&mut self.seen[index], true)
            && t.cause == Cause::Table
        {
            return;
        }
        if let Some(asn) = attributes.details().otc {
            self.marks.entry(path).or_insert(asn);
        }
    }

    pub(super) fn of(&self, path: PathId) -> Option<Asn> {
        self.marks.get(&path).copied()
    }
}

/// Who leaked a route with a mark: the first behind the marked AS that sent it
/// to a provider or peer.
pub(super) fn leak(
    hops: &[Asn],
    mark: Asn,
    relations: &Relationships,
) -> Option<Leak> {
    let marked = hops.iter().position(|&asn| asn == mark)?;
    let way = hops.get(..=marked)?;
    let triplet = way
        .windows(3)
        .rev()
        .find(|triplet| is_not_down(triplet[1], triplet[0], relations))?;
    let &[to, by, from] = triplet else { return None };
    Some(Leak { by, from, to, subtype: Subtype::Otc })
}
