//! Port: score history, kept as changes plus a table of cycles.
//!
//! A point a cycle would cost a hundred times the space; a reader gets the
//! points back by [`reconstruct`].

use asgard_model::Asn;
use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// One scoring cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Serial of the snapshot that the cycle published; ascends.
    pub id: u64,
    /// When the cycle ran; kept to the microsecond.
    pub at: Timestamp,
    /// The moment for which observations aged; kept to the microsecond.
    pub as_of: Timestamp,
    /// Version of the scoring model.
    pub model_version: String,
}

/// A page of one AS's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Points since the asked moment, on all pages.
    pub total: u64,
    /// When and how it scored, 0–100 (100 is safe), newest first.
    pub points: Vec<(Timestamp, u8)>,
}

/// Scores of the past.
#[async_trait]
pub trait History: Send + Sync {
    /// Records a cycle and what it changed, whole or not at all. `None` means
    /// that the AS is no longer scored. Each AS occurs once.
    ///
    /// # Errors
    /// `Conflict` unless `cycle.id` is above that of the last cycle, for an AS
    /// that occurs twice, and for a score above 100.
    async fn record_cycle(
        &self,
        cycle: &Cycle,
        changes: &[(Asn, Option<u8>)],
    ) -> Result<(), StoreError>;

    /// Points of one AS at `since` and later, one a cycle, newest first:
    /// `limit` of them after the first `offset`. There is no point before the
    /// first score, nor while the AS was not scored.
    ///
    /// # Errors
    /// When the store fails.
    async fn page(
        &self,
        asn: Asn,
        since: Timestamp,
        offset: u64,
        limit: u32,
    ) -> Result<HistoryPage, StoreError>;

    /// The score of every AS that is scored now, ascending by AS.
    ///
    /// # Errors
    /// When the store fails.
    async fn last_scores(&self) -> Result<Vec<(Asn, u8)>, StoreError>;

    /// The newest cycle; `None` before the first.
    ///
    /// # Errors
    /// When the store fails.
    async fn last_cycle(&self) -> Result<Option<Cycle>, StoreError>;

    /// Whether the history bears out that it is `now`: `false` if its cycles
    /// end more than a week before, but for those of the last day. Then either
    /// this machine was off, or its clock is wrong; only when cycles have run by
    /// it for a day may what is old by it be forgotten.
    ///
    /// # Errors
    /// When the store fails.
    async fn bears_out(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// Forgets the cycles that ran before `older_than`, but never the last
    /// one, and the changes that no remaining cycle needs. Returns how many
    /// cycles went.
    ///
    /// # Errors
    /// When the store fails; what is left is consistent, and the next call
    /// goes on.
    async fn prune(&self, older_than: Timestamp) -> Result<u64, StoreError>;
}

/// The points of one AS: each cycle `(id, at)` with the score of the last
/// change `(cycle, score)` at or before it. Both inputs are newest first.
pub(crate) fn reconstruct<T>(
    cycles: impl IntoIterator<Item = (i64, T)>,
    changes: &[(i64, Option<u8>)],
) -> impl Iterator<Item = (T, u8)> {
    let mut next = 0;
    cycles.into_iter().filter_map(move |(id, at)| {
        while changes.get(next).is_some_and(|&(cycle, _)| cycle > id) {
            next += 1;
        }
        let &(_, score) = changes.get(next)?;
        Some((at, score?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_the_last_change_at_or_before_its_cycle() {
        let cycles = [(9, 'i'), (8, 'h'), (5, 'e'), (4, 'd'), (2, 'b')];
        let changes = [(10, Some(1)), (8, Some(70)), (5, None), (3, Some(90))];
        let points: Vec<_> = reconstruct(cycles, &changes).collect();
        assert_eq!(points, [('i', 70), ('h', 70), ('d', 90)]);
    }
}
