//! What the library of a new configuration takes over from the one in force.
//!
//! Until it is decided whether a configuration comes into force, its library
//! works on copies: what a refused reload has read must neither be compared
//! with nor count as published. The library in force goes on meanwhile, and
//! what it took last stays.

use std::sync::Arc;

use super::{
    Library,
    subject::{Shelf, State, Subject},
};

/// Whose copy a shelf is, and how that one was doing.
#[derive(Debug)]
pub(super) struct Loan {
    shelf: Arc<Shelf>,
    failures: u64,
    last_error: Option<String>,
}

/// Lets subjects begin with copies of what those in force have. Each of these
/// lends to one only: of two lists of one place, either must be published.
pub(super) fn borrow(subjects: &mut [Subject], in_force: &[Subject]) {
    let mut free: Vec<&Subject> = in_force.iter().collect();
    for subject in subjects {
        if let Some(at) = free.iter().position(|old| old.spec == subject.spec) {
            subject.borrow(&free.remove(at).shelf);
        }
    }
}

impl Subject {
    fn borrow(&mut self, from: &Arc<Shelf>) {
        let state = from.lock().clone();
        self.loan = Some(Loan {
            shelf: Arc::clone(from),
            failures: state.failures,
            last_error: state.last_error.clone(),
        });
        self.shelf = Arc::new(Shelf::of(state));
    }

    /// Goes on with the shelf in force, which takes what the copy has come to
    /// unless it has a later version itself.
    fn settle(&mut self) {
        let Some(loan) = self.loan.take() else { return };
        let tried = self.shelf.lock().clone();
        let mut state = loan.shelf.lock();
        let failures = state.failures + (tried.failures - loan.failures);
        let last_success = state.last_success.max(tried.last_success);
        if tried.taken > state.taken {
            let age_told = state.age_told;
            *state = State { age_told, ..tried };
        } else if tried.last_error != loan.last_error {
            state.last_error = tried.last_error;
        }
        (state.failures, state.last_success) = (failures, last_success);
        drop(state);
        self.shelf = loan.shelf;
    }

    /// Tells the shelf in force of attempts that failed, and of nothing else.
    fn abandon(&self) {
        let Some(loan) = &self.loan else { return };
        let tried = self.shelf.lock();
        let failed = tried.failures - loan.failures;
        if failed > 0 {
            let mut state = loan.shelf.lock();
            state.failures += failed;
            state.last_error.clone_from(&tried.last_error);
        }
    }
}

impl Library {
    /// Its configuration comes into force: the library before it and this one
    /// share what either has loaded from now on.
    pub fn settle(&mut self) {
        self.subjects.iter_mut().for_each(Subject::settle);
    }

    /// Its configuration is refused: the library in force has what it had.
    pub fn abandon(self) {
        self.subjects.iter().for_each(Subject::abandon);
    }
}
