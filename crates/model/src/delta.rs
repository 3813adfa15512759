//! What changed between two Snapshots: history, stream and alerts come from it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Asn, Level, Snapshot};

/// A changed, new, or vanished score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreChange {
    /// The AS.
    pub asn: Asn,
    /// Published score before; `None` if it was not scored.
    pub before: Option<u8>,
    /// Published score now; `None` if it is no longer scored.
    pub now: Option<u8>,
}

/// All changes from one Snapshot to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Changes, ascending by ASN.
    pub changes: Vec<ScoreChange>,
}

/// A score update as it is published: the event of the live stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreEvent {
    /// Ascending identity, for resuming a stream.
    pub id: u64,
    /// The AS.
    pub asn: Asn,
    /// Published score now.
    pub score: u8,
    /// Published score before.
    pub previous_score: u8,
    /// Level of `score`.
    pub level: Level,
    /// When the Snapshot was made.
    pub timestamp: Timestamp,
}

/// Events of one Snapshot that have identities of their own.
const EVENT_BITS: u32 = 20;

impl ScoreEvent {
    /// Identity of the first event of a Snapshot: `serial · 2²⁰`, so they
    /// ascend across restarts and stay exact in a JSON number (53 bits).
    pub fn first_id(serial: u64) -> u64 {
        serial << EVENT_BITS
    }
}

impl Delta {
    /// Compares two Snapshots, or two lists of scores, both ascending by ASN.
    pub fn between(before: &[(Asn, u8)], now: &Snapshot) -> Self {
        let scores = now.scores();
        let mut changes = Vec::new();
        let mut old = before.iter().copied().peekable();
        for (asn, assessment) in scores {
            while let Some((gone, score)) = old.next_if(|o| o.0 < asn) {
                changes.push(ScoreChange {
                    asn: gone,
                    before: Some(score),
                    now: None,
                });
            }
            let before = old.next_if(|o| o.0 == asn).map(|o| o.1);
            let now = Some(assessment.score);
            if before != now {
                changes.push(ScoreChange { asn, before, now });
            }
        }
        changes.extend(old.map(|(asn, score)| ScoreChange {
            asn,
            before: Some(score),
            now: None,
        }));
        Self { changes }
    }

    /// The events to publish: changes of ASes that were scored before and
    /// still are.
    pub fn events(&self, now: &Snapshot) -> Vec<ScoreEvent> {
        let changed = self
            .changes
            .iter()
            .filter_map(|c| Some((c.asn, c.before?, c.now?)));
        (ScoreEvent::first_id(now.serial)..)
            .zip(changed)
            .map(|(id, (asn, previous_score, score))| ScoreEvent {
                id,
                asn,
                score,
                previous_score,
                level: now.bands.level(score),
                timestamp: now.created,
            })
            .collect()
    }
}
