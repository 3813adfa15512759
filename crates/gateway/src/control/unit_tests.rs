//! The unit tests of the file, before a policy decides about anybody.
//!
//! They run on what is pinned in them and on what files say, as `asgard rules
//! test` runs them: whether a gateway starts must not depend on the network.

use std::fmt;

use asgard_policy::{Policy, gate::case::Outcome};

use crate::{config::Config, generation::Data};

/// Unit tests that fail: what they expected, and what they got.
#[derive(Debug)]
pub struct FailedTests {
    failed: Vec<Outcome>,
    of: usize,
}

impl fmt::Display for FailedTests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.failed.len();
        write!(f, "{count} of {} `tests` of the file failed", self.of)?;
        for outcome in &self.failed {
            let differences = outcome.differences.join("; ");
            write!(f, "\n  {:?}: {differences}", outcome.name)?;
        }
        Ok(())
    }
}

impl std::error::Error for FailedTests {}

/// Runs the tests of a policy on what was loaded for its configuration.
pub(super) fn pass(
    policy: &Policy,
    config: &Config,
    data: &Data,
) -> Result<(), FailedTests> {
    let outcomes = policy.run_tests(&data.as_on_disk(config));
    let of = outcomes.len();
    let failed: Vec<Outcome> =
        outcomes.into_iter().filter(|outcome| !outcome.passed()).collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(FailedTests { failed, of }),
    }
}
