//! Decisions about risk, made once for each set of data, whoever asks.
//!
//! A decision has a memory: what was listed stays listed until it is clearly
//! better. Were the memory that of an organisation, two that block the same
//! risk could have different lists, and both another one than `/feeds/edl` with
//! guards. So it is one for all, by selector and guards.
//!
//! Decisions that nobody asked for are not made again; so many are remembered,
//! and the one that was asked for least recently is forgotten first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use asgard_policy::{
    access::Settings,
    feed::decision::{Ground, Question, Standing},
};
use jiff::Timestamp;

use crate::published::Published;

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

/// When a question was last decided and asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    serial: u64,
    at: u64,
}

impl Deciding {
    /// The decisions about questions on these data. Those that have not been
    /// made are made, with the memory of those on the data before. Blocks: not
    /// for threads that serve.
    pub(crate) fn about(
        &self,
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
        state.note(questions, serial);
        Arc::new(state.standing.about(questions))
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
    fn note(&mut self, questions: &[Question], serial: u64) {
        self.clock += 1;
        let asked = Asked { serial, at: self.clock };
        let keys = questions.iter().map(Question::key);
        self.asked.extend(keys.map(|key| (key, asked)));
        while self.asked.len() > MOST {
            let oldest = self.asked.iter().min_by_key(|(_, asked)| asked.at);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.asked.remove(&oldest);
            self.standing.forget(&oldest);
        }
    }
}
