//! The judgement about one AS: score, parts, reasons, and how sure we are.

use serde::{Deserialize, Serialize};

use crate::{Code, Level};

/// The judgement about one AS.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// Published score, 0–100; 100 is safe.
    pub score: u8,
    /// The score before rounding, for ranking without ties.
    pub score_exact: f64,
    /// Worst plausible score; never above `score`.
    pub score_low: u8,
    /// Best plausible score; never below `score`.
    pub score_high: u8,
    /// The band of `score`.
    pub level: Level,
    /// Sub-score of routing hygiene, 0–100.
    pub hygiene: u8,
    /// Sub-score of threat evidence, 0–100.
    pub threat: u8,
    /// Sub-score of stability, 0–100.
    pub stability: u8,
    /// Score of the direct customers, 0–100; `None` without customers.
    pub downstream: Option<u8>,
    /// How much the data support the score, 0–1, two decimals.
    pub confidence: f64,
    /// Whether the score should be used.
    pub state: AssessmentState,
    /// Penalty P⁰ that flows to neighbours, in units.
    pub direct_units: f64,
    /// Lower bound of hosting evidence, IPs per /24 (v6: per /48).
    pub hosting_rate: f64,
    /// Families that give at least 5 threat units on their own.
    pub families: u8,
    /// Whitelisted by the operator.
    pub whitelisted: bool,
    /// The reasons; their points add up to `100 − score`.
    pub details: Vec<Detail>,
}

/// Whether a score should be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssessmentState {
    /// Enough fresh data.
    Ok,
    /// Too little is known: display "not enough data", not "trusted".
    InsufficientData,
    /// The sources or the routing table are too old.
    Stale,
}

impl AssessmentState {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InsufficientData => "insufficient_data",
            Self::Stale => "stale",
        }
    }
}

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detail {
    /// What was found.
    pub code: Code,
    /// Its part of `100 − score`; negative for a bonus.
    pub points: i8,
    /// Its penalty in units, after all limits.
    pub units: f64,
}
