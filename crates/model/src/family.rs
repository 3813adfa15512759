//! Independence families of sources: who may corroborate whom.

use serde::{Deserialize, Serialize};

/// Index of a family in the snapshot's family table, below 64.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct FamilyId(pub u8);

impl FamilyId {
    /// The bit of this family in a set of families.
    pub fn bit(self) -> u64 {
        1u64.checked_shl(u32::from(self.0)).unwrap_or(0)
    }
}
