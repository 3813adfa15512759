//! Decisions about risk, made once for each set of data, whoever asks.
//!
//! A decision has a memory: what was listed stays listed until it is clearly
//! better. Were the memory that of an organisation, two that block the same
//! risk could have different lists, and both another one than `/feeds/edl` with
//! guards. So it is one for all, by selector and guards.
//!
//! Decisions that nobody asked for are not made again; so many are remembered,
//! and the one that was asked for least recently is forgotten first. Those of
//! organisations outlast those of open lists, which anybody may ask for, and
//! which have a bound in bytes, too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use asgard_policy::{
    access::Settings,
    feed::decision::{
        BadBlock, Decision, Ground, Listed, Question, Skipped, Standing,
    },
};
use jiff::Timestamp;

use crate::{limits, published::Published};

/// Questions that are remembered: as many as lists of nobody.
const MOST: usize = 1_024;

/// The memory of all decisions.
#[derive(Debug, Default)]
pub(crate) struct Deciding {
    /// A std lock, held while decisions are made, which happens once for each
    /// set of data, and never on a thread that serves connections.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    asked: HashMap<String, Asked>,
    /// Grows with every look.
    clock: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asker {
    /// Whoever fetches an open list.
    Anybody,
    /// The rules of an organisation.
    Organisation,
}

/// When a question was last decided and asked, and by whom at most.
#[derive(Clone, Copy, Debug)]
struct Asked {
    serial: u64,
    at: u64,
    by: Asker,
    /// What the decision takes.
    bytes: usize,
}

impl Deciding {
    /// The decisions about questions on these data. Those that have not been
    /// made are made, with the memory of those on the data before. Blocks: not
    /// for threads that serve.
    pub(crate) fn about(
        &self,
        asker: Asker,
        questions: &[Question],
        published: &Published,
        settings: &Settings,
        now: Timestamp,
    ) -> Arc<Standing> {
        let ground = Ground {
            snapshot: &published.snapshot,
            atlas: &published.atlas,
            settings,
        };
        let serial = published.snapshot.serial;
        let state = self.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let newer = |question: &&Question| {
            let asked = state.asked.get(&question.key());
            asked.is_some_and(|asked| asked.serial > serial)
        };
        if questions.iter().any(|question| newer(&question)) {
            // Somebody who began before the data changed: an answer for once,
            // so that nobody remembers what is over.
            return Arc::new(state.standing.advance(questions, ground, now));
        }
        let open = |question: &&Question| {
            let asked = state.asked.get(&question.key());
            asked.is_none_or(|asked| asked.serial != serial)
        };
        let open: Vec<Question> =
            questions.iter().filter(open).cloned().collect();
        if !open.is_empty() {
            state.standing.renew(&open, ground, now);
        }
        // First: what was just decided may be the first to be forgotten.
        let answer = Arc::new(state.standing.about(questions));
        state.note(asker, questions, serial);
        answer
    }

    /// The decisions about questions that have been made on data.
    pub(crate) fn known(
        &self,
        questions: &[Question],
        serial: u64,
    ) -> Standing {
        let state = self.state.lock();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let made = |question: &&Question| {
            let asked = state.asked.get(&question.key());
            asked.is_some_and(|asked| asked.serial == serial)
        };
        let made: Vec<Question> =
            questions.iter().filter(made).cloned().collect();
        state.standing.about(&made)
    }
}

impl State {
    fn note(&mut self, asker: Asker, questions: &[Question], serial: u64) {
        self.clock += 1;
        for question in questions {
            let key = question.key();
            let before = self.asked.get(&key).map(|asked| asked.by);
            let by = before.map_or(asker, |before| before.max(asker));
            let bytes = self.standing.get(question).map_or(0, |d| weight(d));
            let asked = Asked { serial, at: self.clock, by, bytes };
            self.asked.insert(key, asked);
        }
        while let Some(oldest) = self.excess() {
            self.asked.remove(&oldest);
            self.standing.forget(&oldest);
        }
    }

    /// What has to be forgotten next.
    fn excess(&self) -> Option<String> {
        let open = self.asked.values().filter(|a| a.by == Asker::Anybody);
        let bytes: usize = open.map(|asked| asked.bytes).sum();
        let most = self.asked.len() > MOST;
        if !most && bytes <= limits::RISK_DECISIONS_BYTES {
            return None;
        }
        let rank = |asked: &Asked| (asked.by, asked.at);
        let oldest = self.asked.iter().min_by_key(|(_, asked)| rank(asked));
        oldest.map(|(key, _)| key.clone())
    }
}

/// Bytes of a decision.
fn weight(decision: &Decision) -> usize {
    decision.listed.len() * size_of::<Listed>()
        + decision.skipped.len() * size_of::<Skipped>()
        + decision.blocks.len() * size_of::<BadBlock>()
}

#[cfg(test)]
mod tests {
    use asgard_policy::{
        access::{RiskSelector, Threshold},
        feed::decision::DecisionParams,
    };

    use super::*;

    fn up_to(score: f64) -> Question {
        let risk = RiskSelector::new(Threshold::new(score), Vec::new());
        Question::new(risk.unwrap(), DecisionParams::default())
    }

    #[test]
    fn open_lists_push_no_organisation_out_of_the_memory() {
        let mut state = State::default();
        let own = up_to(30.0);
        state.note(Asker::Organisation, std::slice::from_ref(&own), 1);
        for n in 0..3 * MOST {
            let score = 31.0 + n as f64 / 100.0;
            state.note(Asker::Anybody, &[up_to(score)], 1);
        }
        assert_eq!(state.asked.len(), MOST);
        assert!(state.asked.contains_key(&own.key()));
        // Nor does somebody who asks for the same.
        state.note(Asker::Anybody, std::slice::from_ref(&own), 1);
        assert_eq!(state.asked[&own.key()].by, Asker::Organisation);
        // Organisations push the oldest of their own out.
        for n in 0..MOST {
            let score = 1.0 + n as f64 / 100.0;
            state.note(Asker::Organisation, &[up_to(score)], 1);
        }
        assert_eq!(state.asked.len(), MOST);
        assert!(!state.asked.contains_key(&own.key()));
    }
}
