//! Asking the publishers: fetch, validate, then believe.

use jiff::Timestamp;

use super::{Learner, slow};
use crate::{
    catalogue::Source,
    supply::{
        Candidate, Network, Outcome, Pace, Progress, Supply, SupplyError,
    },
};

impl Learner {
    /// Asks the publishers of all enabled sources, or of those named, for what
    /// is new. Without a network supply there is nobody to ask.
    ///
    /// # Errors
    /// [`SupplyError`] if the data directory cannot be written; what a
    /// publisher does wrong is noted on the board.
    pub async fn refresh(
        &mut self,
        names: &[String],
        pace: Pace,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Result<(), SupplyError> {
        let Supply::Network(network) = &self.supply else { return Ok(()) };
        let wanted: Vec<&Source> = self
            .catalogue
            .enabled()
            .filter(|s| self.supply.offers(s))
            .filter(|s| names.is_empty() || names.contains(&s.name))
            .collect();
        let polls = wanted.iter().map(|source| async move {
            (*source, network.refresh(source, pace, now, progress).await)
        });
        for (source, outcome) in futures_util::future::join_all(polls).await {
            let name = source.name.clone();
            match outcome? {
                Outcome::NotDue => {}
                Outcome::NotModified => self.board.current(&name, now),
                Outcome::Failed(reason) => {
                    self.board.unreachable(&name, reason, now);
                }
                Outcome::Fetched(candidate) => {
                    let last = self.board.last_good(&name);
                    let files = candidate.versions.clone();
                    let partial = candidate.failures.join("; ");
                    let verdict =
                        slow::examine(source, &self.supply, &files, last, now);
                    match verdict {
                        Ok(()) => network.promote(source, candidate)?,
                        Err(reason) => {
                            discard(network, source, candidate, &reason, now)?;
                            self.board.unreachable(&name, reason, now);
                            continue;
                        }
                    }
                    self.board.current(&name, now);
                    if !partial.is_empty() {
                        self.board.unreachable(&name, partial, now);
                    }
                }
            }
        }
        Ok(())
    }
}

fn discard(
    network: &Network,
    source: &Source,
    candidate: Candidate,
    reason: &str,
    now: Timestamp,
) -> Result<(), SupplyError> {
    network.discard(source, candidate, reason, now)
}
