//! The moment for which scores are computed, as people name it.

use std::{fmt, str::FromStr};

use asgard_model::{Day, day::DayError};

/// The moment for which observations age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The present.
    Now,
    /// The newest day of any list of observations.
    Newest,
    /// A day; what was published later is not read.
    At(Day),
}

/// Text that names no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as_of: `{text}` is neither `now` nor `newest`, and {cause}")]
pub struct AsOfError {
    text: String,
    cause: DayError,
}

impl FromStr for AsOf {
    type Err = AsOfError;

    fn from_str(text: &str) -> Result<Self, AsOfError> {
        match text {
            "now" => Ok(Self::Now),
            "newest" => Ok(Self::Newest),
            day => day.parse().map(Self::At).map_err(|cause| AsOfError {
                text: text.chars().take(40).collect(),
                cause,
            }),
        }
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Newest => f.write_str("newest"),
            Self::At(day) => day.fmt(f),
        }
    }
}
