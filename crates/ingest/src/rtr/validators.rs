//! Several validators, in the order in which they are preferred (RFC 8210,
//! section 10).

use std::sync::Arc;

use asgard_model::Sessions;

use super::{Notice, Validated};

/// Validators, the preferred one first; there may be none.
#[derive(Clone, Debug, Default)]
pub struct Validators {
    notices: Vec<Arc<Notice>>,
}

/// Which answer of which validator it is.
pub(crate) type Answer = (usize, u64);

impl Validators {
    /// In the order in which they are preferred.
    pub fn new(notices: Vec<Arc<Notice>>) -> Self {
        Self { notices }
    }

    /// What the first of them says whose word is good, and which answer that
    /// is. One that knows nothing is not ready.
    pub(crate) fn current(&self) -> Option<(Answer, Arc<Validated>)> {
        let mut all = self.notices.iter().enumerate();
        all.find_map(|(place, notice)| {
            let said = notice.current()?;
            let ready = !said.rpki.vrps.is_empty();
            ready.then(|| ((place, said.generation), said))
        })
    }

    /// Tells how they are doing.
    pub fn tell(&self, sessions: &mut Sessions) {
        let in_use = self.current().map(|((place, _), _)| place);
        let notices = self.notices.iter().enumerate();
        sessions.rtr = notices
            .map(|(place, notice)| {
                let mut status = notice.status();
                status.in_use = in_use == Some(place);
                status
            })
            .collect();
    }
}
