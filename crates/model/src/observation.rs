//! What a source may say about an address: the atom of threat evidence.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Day, Prefix};

/// What an address was seen doing.
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
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Botnet command and control.
    C2,
    /// Distribution of malware.
    Malware,
    /// Hosting of phishing.
    Phishing,
    /// Emission of spam.
    Spam,
    /// Source of scans and brute force.
    Attack,
}

impl Category {
    /// Every category with its name in catalogue, TOML and JSON.
    pub const VALUES: [(Self, &'static str); 5] = [
        (Self::C2, "c2"),
        (Self::Malware, "malware"),
        (Self::Phishing, "phishing"),
        (Self::Spam, "spam"),
        (Self::Attack, "attack"),
    ];

    /// The name in catalogue, TOML and JSON.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// C2, malware and phishing are *hosted*; they make months of persistence.
    pub fn is_hosting(self) -> bool {
        matches!(self, Self::C2 | Self::Malware)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no category.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a category (c2, malware, phishing, spam, attack)")]
pub struct CategoryError(String);

impl FromStr for Category {
    type Err = CategoryError;

    fn from_str(text: &str) -> Result<Self, CategoryError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|&(category, _)| category)
            .ok_or_else(|| CategoryError(text.chars().take(20).collect()))
    }
}

/// Index of a source in the snapshot's source table.
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
pub struct SourceId(pub u16);

/// One source's word about one address, merged over all of its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The address (host prefix) or, for netsets, the block.
    pub prefix: Prefix,
    /// What it was seen doing.
    pub category: Category,
    /// Who says so.
    pub source: SourceId,
    /// First and last day on which the source listed it.
    pub first_seen: Day,
    /// See `first_seen`.
    pub last_seen: Day,
    /// Bit i is set if a version of month `last_seen.month() − i` listed it.
    pub months: u16,
}
