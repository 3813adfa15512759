//! What rules are resolved against: one argument for all of it.

use std::sync::Arc;

use asgard_model::Snapshot;
use jiff::Timestamp;

use crate::{
    Atlas,
    access::{RiskSelector, Settings},
    feed::decision::{Decision, Ground, Question, Standing, decide},
};

/// What rules are resolved against. All of it is of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Scores, routes, lists, the whitelist.
    pub snapshot: &'a Snapshot,
    /// The space of networks and countries, drawn from the same World.
    pub atlas: &'a Atlas,
    /// What the operator of the server has set.
    pub settings: &'a Settings,
    /// Decisions about risk selectors, with what they remember. A selector
    /// that is not in it is decided afresh, without memory.
    pub standing: &'a Standing,
}

impl<'a> Facts<'a> {
    /// The same without decisions: what decisions are made from.
    pub fn ground(&self) -> Ground<'a> {
        Ground {
            snapshot: self.snapshot,
            atlas: self.atlas,
            settings: self.settings,
        }
    }

    /// The decision about a risk selector of a rule. One that is not standing
    /// is made now, without memory.
    pub fn decision(
        &self,
        risk: &RiskSelector,
        now: Timestamp,
    ) -> Arc<Decision> {
        let question = Question::new(risk.clone(), self.settings.decision);
        match self.standing.get(&question) {
            Some(decision) => Arc::clone(decision),
            None => Arc::new(decide(&question, self.ground(), None, now)),
        }
    }
}
