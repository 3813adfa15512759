//! The only place that asks the machine for the time.

use jiff::Timestamp;

/// The present.
#[expect(clippy::disallowed_methods, reason = "everything else is given it")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
