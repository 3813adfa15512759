//! Risk bands: the only file that knows a threshold.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The band of a score; 100 is safe, 0 is worst.
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
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Trusted.
    Low,
    /// Worth a look.
    Medium,
    /// Suspicious.
    High,
    /// Run by, or for, abusers.
    Critical,
}

impl Level {
    /// Every level with its name.
    pub const VALUES: [(Self, &'static str); 4] = [
        (Self::Low, "LOW"),
        (Self::Medium, "MEDIUM"),
        (Self::High, "HIGH"),
        (Self::Critical, "CRITICAL"),
    ];

    /// The name in every output.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a risk level (LOW, MEDIUM, HIGH, CRITICAL)")]
pub struct LevelError(String);

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| text.eq_ignore_ascii_case(name))
            .map(|&(level, _)| level)
            .ok_or_else(|| LevelError(text.chars().take(20).collect()))
    }
}

/// Lowest score of each band but CRITICAL, which starts at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bands {
    /// Lowest LOW score.
    pub low: u8,
    /// Lowest MEDIUM score.
    pub medium: u8,
    /// Lowest HIGH score.
    pub high: u8,
}

impl Default for Bands {
    fn default() -> Self {
        Self { low: 90, medium: 75, high: 50 }
    }
}

impl Bands {
    /// The band of a published (rounded) score.
    pub fn level(self, score: u8) -> Level {
        match score {
            s if s >= self.low => Level::Low,
            s if s >= self.medium => Level::Medium,
            s if s >= self.high => Level::High,
            _ => Level::Critical,
        }
    }

    /// Whether the thresholds ascend and fit the scale.
    pub fn is_ordered(self) -> bool {
        self.high < self.medium && self.medium < self.low && self.low <= 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_change_exactly_at_50_75_and_90() {
        let bands = Bands::default();
        for (score, level) in [
            (0, Level::Critical),
            (49, Level::Critical),
            (50, Level::High),
            (74, Level::High),
            (75, Level::Medium),
            (89, Level::Medium),
            (90, Level::Low),
            (100, Level::Low),
        ] {
            assert_eq!(bands.level(score), level, "{score}");
        }
        assert!(bands.is_ordered());
    }
}
