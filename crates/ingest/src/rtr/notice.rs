//! What a validator said last, for whoever builds the next World.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use asgard_model::{aspa::AspaSet, rpki::VrpSet};
use tokio::time::Instant;

/// What a validator says.
#[derive(Clone, Debug, Default)]
pub struct Validated {
    /// Who may originate what.
    pub vrps: VrpSet,
    /// Who may be whose provider.
    pub aspas: AspaSet,
    /// Greater with every change.
    pub generation: u64,
}

/// The state of things with a validator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// VRPs that are known and fresh.
    pub vrps: usize,
    /// Customers with ASPAs.
    pub aspas: usize,
    /// Answers that were taken over.
    pub updates: u64,
    /// Records that were left out: of space larger than a /8, or keys of
    /// routers.
    pub ignored: u64,
    /// Connections that ended, or were not made.
    pub failures: u64,
    /// Why the last one ended.
    pub last_error: Option<String>,
}

/// What a validator said last, until it runs out.
#[derive(Debug, Default)]
pub struct Notice {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    said: Option<(Arc<Validated>, Instant)>,
    generation: u64,
    updates: u64,
    ignored: u64,
    failures: u64,
    last_error: Option<String>,
}

impl Notice {
    /// What the validator said, if that is fresh.
    pub fn current(&self) -> Option<Arc<Validated>> {
        let mut inner = self.lock();
        if inner.said.as_ref().is_some_and(|(_, end)| *end <= Instant::now()) {
            tracing::warn!("RTR: the validator has been away for too long");
            inner.said = None;
        }
        inner.said.as_ref().map(|(said, _)| Arc::clone(said))
    }

    /// How things are.
    pub fn verdicts(&self) -> Verdicts {
        let said = self.current().unwrap_or_default();
        let inner = self.lock();
        Verdicts {
            vrps: said.vrps.len(),
            aspas: said.aspas.len(),
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
        let end = Instant::now() + good_for;
        inner.updates += 1;
        inner.ignored += ignored;
        match (news, &mut inner.said) {
            (Some((vrps, aspas)), _) => {
                inner.generation += 1;
                let generation = inner.generation;
                let said = Validated { vrps, aspas, generation };
                inner.said = Some((Arc::new(said), end));
            }
            (None, Some((_, until))) => *until = end,
            (None, None) => {}
        }
    }

    pub(super) fn failed(&self, error: &str) {
        let mut inner = self.lock();
        inner.failures += 1;
        inner.last_error = Some(error.to_owned());
    }

    /// Nothing that is done under the lock can leave it half done.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
