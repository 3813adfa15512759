//! Between columns and values: SQLite knows signed 64-bit integers only.

use jiff::Timestamp;

use crate::StoreError;

/// Microseconds since 1970.
pub(super) fn micros(moment: Timestamp) -> i64 {
    moment.as_microsecond()
}

pub(super) fn moment(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros)
        .map_err(|error| StoreError::corrupt("a moment in the database", error))
}

pub(super) fn maybe_moment(
    micros: Option<i64>,
) -> Result<Option<Timestamp>, StoreError> {
    micros.map(moment).transpose()
}

/// A count or a serial on its way in.
pub(super) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| {
        StoreError::Conflict(format!("{number} is above {}", i64::MAX))
    })
}

/// A count or a serial on its way out.
pub(super) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number)
        .map_err(|_| StoreError::corrupt("a count in the database", number))
}
