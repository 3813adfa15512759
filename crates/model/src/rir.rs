//! The five Regional Internet Registries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A Regional Internet Registry.
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
pub enum Rir {
    /// African Network Information Centre.
    Afrinic,
    /// Asia Pacific Network Information Centre.
    Apnic,
    /// American Registry for Internet Numbers.
    Arin,
    /// Latin America and Caribbean Network Information Centre.
    Lacnic,
    /// Réseaux IP Européens Network Coordination Centre.
    Ripe,
}

impl Rir {
    /// Name in the API (`registry`), and the name in RIR statistics files.
    pub const VALUES: [(Self, &'static str, &'static str); 5] = [
        (Self::Afrinic, "AFRINIC", "afrinic"),
        (Self::Apnic, "APNIC", "apnic"),
        (Self::Arin, "ARIN", "arin"),
        (Self::Lacnic, "LACNIC", "lacnic"),
        (Self::Ripe, "RIPE", "ripencc"),
    ];

    /// The name in the API: `ARIN`, `RIPE`, …
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }
}

impl fmt::Display for Rir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a registry (afrinic, apnic, arin, lacnic, ripencc)")]
pub struct RirError(String);

impl FromStr for Rir {
    type Err = RirError;

    /// Reads the names of statistics files and of the API, in any case.
    fn from_str(text: &str) -> Result<Self, RirError> {
        Self::VALUES
            .iter()
            .find(|(_, api, file)| {
                text.eq_ignore_ascii_case(file)
                    || text.eq_ignore_ascii_case(api)
            })
            .map(|&(rir, ..)| rir)
            .ok_or_else(|| RirError(text.chars().take(20).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_names_of_files_and_of_the_api() {
        for (rir, api, file) in Rir::VALUES {
            assert_eq!(api.parse(), Ok(rir));
            assert_eq!(file.parse(), Ok(rir));
            assert_eq!(rir.as_str(), api);
        }
        assert!("iana".parse::<Rir>().is_err());
    }
}
