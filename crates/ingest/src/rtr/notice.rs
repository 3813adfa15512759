//! What a validator said last, for whoever builds the next World.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use asgard_model::{
    ValidatorState, ValidatorStatus,
    aspa::AspaSet,
    rpki::{Rpki, VrpSet},
};
use rpki::rtr::State;
use tokio::{sync::Notify, time::Instant};

/// What a validator says.
#[derive(Clone, Debug, Default)]
pub struct Validated {
    /// Who may originate what, and be whose provider.
    pub rpki: Arc<Rpki>,
    /// Greater with every change.
    pub generation: u64,
}

/// What a validator said last, until it runs out.
#[derive(Debug, Default)]
pub struct Notice {
    address: String,
    /// Told when something has changed.
    changed: Arc<Notify>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    said: Option<Said>,
    generation: u64,
    serial: Option<(u16, u32)>,
    /// Whether the connection over which it was said stands.
    connected: bool,
    updates: u64,
    ignored: u64,
    failures: u64,
    last_error: Option<String>,
}

#[derive(Clone, Debug)]
struct Said {
    what: Arc<Validated>,
    at: Instant,
    end: Instant,
}

impl Notice {
    /// Nothing was said yet by the validator at an address; `changed` is told
    /// whenever something is, or has run out.
    pub fn new(address: impl Into<String>, changed: Arc<Notify>) -> Self {
        Self { address: address.into(), changed, inner: Mutex::default() }
    }

    /// What the validator said, if that is fresh.
    pub fn current(&self) -> Option<Arc<Validated>> {
        self.current_of(&mut self.lock())
    }

    fn current_of(&self, inner: &mut Inner) -> Option<Arc<Validated>> {
        if inner.said.as_ref().is_some_and(|said| said.end <= Instant::now()) {
            let address = &self.address;
            tracing::warn!(address, "RTR: the validator's word has run out");
            inner.said = None;
            self.changed.notify_one();
        }
        inner.said.as_ref().map(|said| Arc::clone(&said.what))
    }

    /// How things are.
    pub fn status(&self) -> ValidatorStatus {
        let mut inner = self.lock();
        let what = self.current_of(&mut inner).unwrap_or_default();
        let said = inner.said.as_ref();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let now = Instant::now();
        let until = |s: &Said| s.end.saturating_duration_since(now).as_secs();
        ValidatorStatus {
            address: self.address.clone(),
            state: match (said, inner.connected) {
                (None, _) => ValidatorState::Down,
                (Some(_), false) => ValidatorState::Lost,
                (Some(_), true) => ValidatorState::Synced,
            },
            in_use: false,
            serial: inner.serial.filter(|_| said.is_some()),
            vrps: count(what.rpki.vrps.len()),
            aspas: count(what.rpki.aspas.len()),
            age_seconds: said.map(|s| s.at.elapsed().as_secs()),
            expires_in_seconds: said.map(until),
            updates: inner.updates,
            ignored: inner.ignored,
            failures: inner.failures,
            last_error: inner.last_error.clone(),
        }
    }

    /// Takes over an answer that is good for so long; `None`: nothing changed.
    pub(super) fn said(
        &self,
        news: Option<(VrpSet, AspaSet)>,
        ignored: u64,
        good_for: Duration,
    ) {
        let mut inner = self.lock();
        let at = Instant::now();
        let end = at + good_for;
        inner.updates += 1;
        inner.ignored += ignored;
        inner.connected = true;
        match (news, &mut inner.said) {
            (Some((vrps, aspas)), _) => {
                inner.generation += 1;
                let generation = inner.generation;
                let rpki = Arc::new(Rpki { known: true, vrps, aspas });
                let what = Arc::new(Validated { rpki, generation });
                inner.said = Some(Said { what, at, end });
                self.changed.notify_one();
            }
            (None, Some(said)) => (said.at, said.end) = (at, end),
            (None, None) => {}
        }
    }

    /// Notes how far the validator had come with its last answer.
    pub(super) fn reached(&self, state: Option<State>) {
        let serial = state.map(|s| (s.session(), s.serial().0));
        if serial.is_some() {
            self.lock().serial = serial;
        }
    }

    /// The connection has ended, or was not made.
    pub(super) fn failed(&self, error: &str) {
        let mut inner = self.lock();
        inner.connected = false;
        inner.failures += 1;
        inner.last_error = Some(error.to_owned());
    }

    /// Nothing that is done under the lock can leave it half done.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
