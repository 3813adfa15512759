//! Device profiles: how much a device holds, and what it wants by default.
//!
//! They are data (`profiles.toml`); an operator may override or add some. A
//! profile is refused that names an unknown format, holds nothing, or asks for
//! ranges in a format that has none.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::format::Format;

/// The profiles that come with the program.
const BUILTIN: &str = include_str!("../../profiles.toml");

/// What one device holds and wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name in `profile=`.
    pub name: String,
    /// Entries that the device takes; see [`Self::per`].
    pub max_entries: usize,
    /// What the number counts.
    pub per: Per,
    /// Bytes of the file that the device takes.
    pub max_bytes: Option<u64>,
    /// The format that the profile stands for.
    pub format: Option<Format>,
    /// Lines as prefixes, ranges, or smallest prefixes.
    pub tr: Translation,
    /// What is kept when the list must be cut.
    pub order: Order,
    /// Join neighbours and drop what is contained.
    pub aggregate: bool,
    /// Where the number is from.
    pub note: String,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// The whole list, both families together.
    List,
    /// Each family alone.
    Family,
    /// One set; the format splits a longer list into several.
    Set,
}

/// How adjacent addresses are written: the parameter `tr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Translation {
    /// 0: prefixes as they are.
    #[default]
    None,
    /// 1: address ranges `a-b`.
    Ranges,
    /// 2: the smallest prefixes that cover the merged ranges.
    Prefixes,
}

impl Translation {
    /// Reads `0`, `1` or `2`.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Ranges),
            2 => Some(Self::Prefixes),
            _ => None,
        }
    }
}

/// The order in which a list is cut: the parameter `order`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By address.
    #[default]
    Numeric,
    /// Worst first.
    Severity,
}

/// Why profiles are refused; the message names the profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, or unknown keys.
    #[error("{0}")]
    Syntax(String),
    /// The profile contradicts itself.
    #[error("profile `{name}`: {reason}")]
    Wrong {
        /// The profile.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    max_entries: usize,
    per: Per,
    max_bytes: Option<u64>,
    format: Option<String>,
    #[serde(default)]
    tr: u8,
    #[serde(default)]
    order: Order,
    aggregate: bool,
    #[serde(default)]
    note: String,
}

/// All profiles, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiles(BTreeMap<String, Profile>);

impl Profiles {
    /// The profiles that come with the program.
    ///
    /// # Panics
    ///
    /// Never: a test reads the file.
    pub fn builtin() -> Self {
        Self(parse(BUILTIN).expect("a test reads the profiles"))
    }

    /// These profiles and those of a TOML text, which win.
    ///
    /// # Errors
    ///
    /// The first profile that is wrong, with the reason.
    pub fn overridden_by(mut self, text: &str) -> Result<Self, ProfileError> {
        self.0.extend(parse(text)?);
        Ok(self)
    }

    /// The profile of a name.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }

    /// All profiles, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.values()
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, Profile>, ProfileError> {
    let raw: BTreeMap<String, Raw> = toml::from_str(text)
        .map_err(|error| ProfileError::Syntax(error.to_string()))?;
    raw.into_iter()
        .map(|(name, raw)| Ok((name.clone(), checked(name, raw)?)))
        .collect()
}

fn checked(name: String, raw: Raw) -> Result<Profile, ProfileError> {
    let wrong = |reason: String| {
        Err(ProfileError::Wrong { name: name.clone(), reason })
    };
    let format = match &raw.format {
        None => None,
        Some(text) => match Format::from_segment(text) {
            Some(format) => Some(format),
            None => return wrong(format!("`{text}` is not a format")),
        },
    };
    let Some(tr) = Translation::from_number(raw.tr) else {
        return wrong(format!("tr is {}, not 0, 1 or 2", raw.tr));
    };
    if raw.max_entries == 0 {
        return wrong("max_entries is 0: nothing would be blocked".to_owned());
    }
    let ranges = format.is_none_or(|format| format.traits().ranges);
    if tr == Translation::Ranges && !ranges {
        return wrong("the format has no ranges: set tr to 0 or 2".to_owned());
    }
    Ok(Profile {
        max_entries: raw.max_entries,
        per: raw.per,
        max_bytes: raw.max_bytes,
        format,
        tr,
        order: raw.order,
        aggregate: raw.aggregate,
        note: raw.note,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_of_the_program_are_sound() {
        let profiles = Profiles::builtin();
        assert_eq!(profiles.iter().count(), 12);
        let pan = profiles.get("pan-50k").unwrap();
        assert_eq!(pan.max_entries, 50_000);
        assert_eq!(pan.format, Some(Format::Panos));
        assert_eq!(pan.tr, Translation::Ranges);
        assert_eq!(pan.order, Order::Severity);
        assert_eq!(profiles.get("synapse").unwrap().per, Per::Family);
        assert_eq!(profiles.get("pan-60k"), None);
    }

    #[test]
    fn an_operator_overrides_a_profile_and_adds_one() {
        let own = "[pan-50k]\nmax_entries = 30000\nper = \"list\"\n\
                   aggregate = true\n[mine]\nmax_entries = 7\n\
                   per = \"family\"\naggregate = false\n";
        let profiles = Profiles::builtin().overridden_by(own).unwrap();
        assert_eq!(profiles.get("pan-50k").unwrap().max_entries, 30_000);
        assert_eq!(profiles.get("mine").unwrap().tr, Translation::None);
        assert_eq!(profiles.iter().count(), 13);
    }

    #[test]
    fn a_profile_that_contradicts_itself_is_refused_by_name() {
        for (line, reason) in [
            ("max_entries = 0", "max_entries is 0"),
            ("max_entries = 1\nformat = \"pano\"", "`pano` is not a format"),
            ("max_entries = 1\ntr = 3", "tr is 3"),
            ("max_entries = 1\ntr = 1\nformat = \"ipset\"", "no ranges"),
        ] {
            let text = format!("[x]\nper = \"list\"\naggregate = true\n{line}");
            let error = Profiles::builtin().overridden_by(&text).unwrap_err();
            let told = error.to_string();
            assert!(told.starts_with("profile `x`: "), "{told}");
            assert!(told.contains(reason), "{told}");
        }
        let unknown = "[x]\nmax_entrys = 1\n";
        let error = Profiles::builtin().overridden_by(unknown).unwrap_err();
        assert!(matches!(error, ProfileError::Syntax(_)), "{error}");
    }
}
