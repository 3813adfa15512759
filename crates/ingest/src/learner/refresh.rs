//! Asking the publishers: fetch, validate, then believe.

use asgard_model::SourceStatus;
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;

use super::{Learner, board::Board, newest};
use crate::{
    catalogue::Source,
    supply::{Network, Outcome, Pace, Progress, Supply, SupplyError},
};

impl Learner {
    /// Asks the publishers of all enabled sources, or of those named, for what
    /// is new; `report` is told how all stand whenever one has answered.
    /// Without a network supply there is nobody to ask.
    ///
    /// What a publisher does wrong is noted on the board, and so is what cannot
    /// be stored of a source: the others are asked, and what is known is still
    /// to be learnt from.
    ///
    /// # Errors
    /// [`SupplyError`] if something could not be stored, after all were asked.
    pub async fn refresh(
        &mut self,
        names: &[String],
        pace: Pace,
        now: Timestamp,
        progress: &dyn Progress,
        report: &(dyn Fn(Vec<SourceStatus>) + Sync),
    ) -> Result<(), SupplyError> {
        let Supply::Network(network) = &self.supply else { return Ok(()) };
        let mut polls: FuturesUnordered<_> = self
            .catalogue
            .enabled()
            .filter(|s| self.supply.offers(s))
            .filter(|s| names.is_empty() || names.contains(&s.name))
            .map(|source| async move {
                (source, network.refresh(source, pace, now, progress).await)
            })
            .collect();
        let mut stored = Ok(());
        while let Some((source, outcome)) = polls.next().await {
            let (board, supply) = (&mut self.board, &self.supply);
            let taken = outcome.and_then(|outcome| {
                take(board, supply, network, source, outcome, now)
            });
            if let Err(error) = &taken {
                board.unreachable(&source.name, error.to_string(), now);
            }
            stored = stored.and(taken);
            report(board.statuses());
        }
        let caught_up = network.catch_up();
        stored.and(caught_up)
    }
}

/// Validates what a publisher sent, keeps or discards it, and notes that.
fn take(
    board: &mut Board,
    supply: &Supply,
    network: &Network,
    source: &Source,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), SupplyError> {
    let name = &source.name;
    match outcome {
        Outcome::NotDue => {}
        Outcome::NotModified => board.current(name, now),
        Outcome::Failed(reason) => board.unreachable(name, reason, now),
        Outcome::Fetched(candidate) => {
            let last = board.last_good(name);
            let files = candidate.versions.clone();
            let partial = candidate.failures.join("; ");
            match newest::examine(source, supply, &files, last, now) {
                Ok(()) => {
                    network.promote(source, candidate, now)?;
                    board.current(name, now);
                    if !partial.is_empty() {
                        board.unreachable(name, partial, now);
                    }
                }
                Err(reason) => {
                    network.discard(source, candidate, &reason, now)?;
                    board.unreachable(name, reason, now);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
