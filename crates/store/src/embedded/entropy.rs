//! Random bytes of the system, for keys and the pepper.

use crate::StoreError;

pub(super) fn draw<const LEN: usize>() -> Result<[u8; LEN], StoreError> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(|error| {
        StoreError::Unavailable(format!(
            "the system gives no random bytes: {error}"
        ))
    })?;
    Ok(bytes)
}
