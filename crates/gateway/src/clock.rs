//! The only place of the gateway that asks for the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970; 0 before.
pub(crate) fn seconds() -> u64 {
    milliseconds() / 1000
}

/// Milliseconds since 1970; 0 before.
#[expect(clippy::disallowed_methods, reason = "everything else is given it")]
pub(crate) fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
