//! Country codes of registries: ISO 3166-1 alpha-2 and what RIRs add to it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Two upper-case ASCII letters, as RIRs publish them (`EU` and `AP` occur).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is not a country code; the message names the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country code (two letters)")]
pub struct CountryError(String);

impl FromStr for CountryCode {
    type Err = CountryError;

    /// Reads two letters in either case; `ZZ` and `??` mean "unknown" in the
    /// registries' files and are refused.
    fn from_str(text: &str) -> Result<Self, CountryError> {
        match text.as_bytes() {
            [a, b]
                if a.is_ascii_alphabetic()
                    && b.is_ascii_alphabetic()
                    && !text.eq_ignore_ascii_case("ZZ") =>
            {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(CountryError(text.chars().take(20).collect())),
        }
    }
}
