//! Which networks a risk selector really blocks: score, how sure we are, who
//! agrees, who would be hurt, and what it costs in addresses.
//!
//! A score says who is bad; a block list must also not hurt. So a network is
//! listed only when enough families agree and the data support the score, never
//! when it is one of the largest or known to be benign, and only as long as the
//! whole list stays within its budget of address space. A listed network stays
//! for a while, so that a score at the threshold does not flap. Blocks of other
//! networks with many servers of abusers are named by themselves.
//!
//! Nobody is skipped in silence: each has its [`SkipReason`].

use std::{collections::BTreeMap, sync::Arc};

use asgard_model::{Asn, Prefix, Snapshot};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::survey::Survey;
use crate::{
    Atlas,
    access::{RiskSelector, Settings},
};

mod decide;
mod survey;

/// Which guards decide. [`DecisionParams::default`] has all of them;
/// [`DecisionParams::plain`] none, which is the plain list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionParams {
    /// Confidence below which a network is watched, not blocked; 0–1.
    pub min_confidence: f64,
    /// Families that must agree, unless ASN-DROP names the network.
    pub min_sources: u8,
    /// The largest, the benign and the critical are left out, unless ASN-DROP
    /// names them.
    pub protected: bool,
    /// Listed networks stay for a while.
    pub hysteresis: bool,
    /// Share of the announced IPv4 space that the list may cost, 0–1; `None`:
    /// any.
    pub max_space_share: Option<f64>,
    /// Bad blocks inside networks that are not listed.
    pub blocks: bool,
}

impl Default for DecisionParams {
    fn default() -> Self {
        Self {
            min_confidence: 0.5,
            min_sources: 2,
            protected: true,
            hysteresis: true,
            max_space_share: Some(0.0005),
            blocks: true,
        }
    }
}

impl DecisionParams {
    /// No guard at all.
    pub fn plain() -> Self {
        Self {
            min_confidence: 0.0,
            min_sources: 0,
            protected: false,
            hysteresis: false,
            max_space_share: None,
            blocks: false,
        }
    }

    /// Whether no guard decides: the plain list.
    pub fn is_plain(&self) -> bool {
        *self == Self::plain()
    }
}

/// A question that is decided once for each set of facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// By what networks are selected.
    pub risk: RiskSelector,
    /// Which guards decide.
    pub params: DecisionParams,
}

/// A network that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The network.
    pub asn: Asn,
    /// Its score, 0–100, 0 is the worst.
    pub score: u8,
    /// Since when it is listed without interruption.
    pub since: Timestamp,
    /// It is listed although its score is above the threshold now.
    pub lingering: bool,
}

/// A network that the selector takes and a guard leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Skipped {
    /// The network.
    pub asn: Asn,
    /// Its score.
    pub score: u8,
    /// Which guard.
    pub reason: SkipReason,
    /// What the guard measured: a confidence, a number of families, a rank by
    /// size, a number of addresses.
    pub value: f64,
    /// What would have been needed.
    pub limit: f64,
}

/// Which guard left a network out.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The data do not support the score enough.
    Confidence,
    /// Too few families agree.
    Corroboration,
    /// One of the largest networks.
    ProtectedSize,
    /// A network of scanners, relays, resolvers, or of those who fight abuse.
    ProtectedBenign,
    /// Critical Internet stands in it.
    ProtectedCritical,
    /// The list has spent its budget of addresses.
    Budget,
}

/// A block that is listed although its network is not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BadBlock {
    /// A /24 or /48, or a block of DROP.
    pub prefix: Prefix,
    /// Its network, the first of several.
    pub asn: Option<Asn>,
    /// Effective number of servers of abusers in it.
    pub hosting: f64,
    /// A list of blocks names it.
    pub listed: bool,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Decision {
    /// Networks to block, ascending.
    pub listed: Vec<Listed>,
    /// Networks that a guard left out, ascending.
    pub skipped: Vec<Skipped>,
    /// Blocks to block, ascending.
    pub blocks: Vec<BadBlock>,
    /// Announced IPv4 addresses of the listed networks.
    pub addresses_v4: u64,
    /// Addresses that the list may cost; `None` without budget.
    pub budget_v4: Option<u64>,
}

/// Decisions with their memory: made once for each set of facts, and carried
/// from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    decisions: BTreeMap<String, Arc<Decision>>,
}

impl Question {
    /// A risk selector of a rule: with the guards that the operator has set.
    pub fn new(risk: RiskSelector, params: DecisionParams) -> Self {
        Self { risk, params }
    }
}

impl Standing {
    /// The decision about a question, if it has been made.
    pub fn get(&self, question: &Question) -> Option<&Arc<Decision>> {
        self.decisions.get(&question.key())
    }
}

impl Question {
    /// Equal questions have equal keys.
    pub fn key(&self) -> String {
        format!("{}|{:?}", self.risk, self.params)
    }
}

/// What decisions are made from: a [`crate::access::Facts`] without decisions.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Scores, routes, lists.
    pub snapshot: &'a Snapshot,
    /// The space of networks.
    pub atlas: &'a Atlas,
    /// Which sets of critical Internet are on.
    pub settings: &'a Settings,
}

impl Standing {
    /// Decides every question on new facts, with the memory of the decisions
    /// so far. Questions that are no longer asked are forgotten.
    #[must_use]
    pub fn advance(
        &self,
        questions: &[Question],
        ground: Ground<'_>,
        now: Timestamp,
    ) -> Self {
        let survey = Survey::new(ground);
        let decisions = questions.iter().map(|question| {
            let key = question.key();
            let before = self.decisions.get(&key).map(AsRef::as_ref);
            let made = decide::decide(question, ground, &survey, before, now);
            (key, Arc::new(made))
        });
        Self { decisions: decisions.collect() }
    }

    /// Decides questions anew, each with the memory of its own decision so far;
    /// all other decisions stay.
    pub fn renew(
        &mut self,
        questions: &[Question],
        ground: Ground<'_>,
        now: Timestamp,
    ) {
        let renewed = self.advance(questions, ground, now);
        self.decisions.extend(renewed.decisions);
    }

    /// The decisions about these questions, as far as they have been made.
    #[must_use]
    pub fn about(&self, questions: &[Question]) -> Self {
        let keys = questions.iter().map(Question::key);
        let known = keys.filter_map(|key| {
            let made = Arc::clone(self.decisions.get(&key)?);
            Some((key, made))
        });
        Self { decisions: known.collect() }
    }

    /// Forgets the decision about the question of a key.
    pub fn forget(&mut self, key: &str) {
        self.decisions.remove(key);
    }

    /// As [`Self::advance`] for questions that have not been decided on these
    /// facts; the decisions that have been made stay.
    #[must_use]
    pub fn with(
        &self,
        questions: &[Question],
        ground: Ground<'_>,
        now: Timestamp,
    ) -> Self {
        let new: Vec<Question> = questions
            .iter()
            .filter(|question| self.get(question).is_none())
            .cloned()
            .collect();
        if new.is_empty() {
            return self.clone();
        }
        let mut decisions = self.decisions.clone();
        decisions.extend(Self::default().advance(&new, ground, now).decisions);
        Self { decisions }
    }
}

/// Decides one question. `before` is the decision so far, for the memory.
pub fn decide(
    question: &Question,
    ground: Ground<'_>,
    before: Option<&Decision>,
    now: Timestamp,
) -> Decision {
    decide::decide(question, ground, &Survey::new(ground), before, now)
}
