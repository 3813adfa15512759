//! Critical Internet that no feed may name: one data file, `critical.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use asgard_model::{Prefix, prefix::PrefixError};
use serde::Deserialize;

/// One set, which can be switched off by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriticalSet {
    /// Its name in the configuration.
    pub name: String,
    /// Why it is protected.
    pub reason: String,
    /// Its addresses.
    pub prefixes: Vec<Prefix>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    reason: String,
    addresses: Vec<String>,
}

static SETS: LazyLock<Vec<CriticalSet>> = LazyLock::new(|| {
    read(include_str!("critical.toml"))
        .expect("the file is part of the program, and a test reads it")
});

/// Every set, by name.
pub fn sets() -> &'static [CriticalSet] {
    &SETS
}

fn read(text: &str) -> Result<Vec<CriticalSet>, String> {
    let raw: BTreeMap<String, Raw> =
        toml::from_str(text).map_err(|error| error.to_string())?;
    let set = |(name, raw): (String, Raw)| {
        let prefixes = raw.addresses.iter().map(|text| text.parse());
        let prefixes: Result<_, PrefixError> = prefixes.collect();
        let prefixes = prefixes.map_err(|error| error.to_string())?;
        Ok(CriticalSet { name, reason: raw.reason, prefixes })
    };
    raw.into_iter().map(set).collect()
}

#[cfg(test)]
mod tests {
    use asgard_model::special_purpose::is_global_unicast;

    use super::*;

    #[test]
    fn the_file_has_thirteen_root_servers_and_four_resolvers_in_both_families()
    {
        let count = |name: &str, v4: bool| {
            let set = sets().iter().find(|set| set.name == name).unwrap();
            set.prefixes.iter().filter(|prefix| prefix.is_v4() == v4).count()
        };
        assert_eq!(
            [count("root_servers", true), count("root_servers", false)],
            [13, 13]
        );
        for name in ["cloudflare_dns", "google_dns", "quad9", "opendns"] {
            assert_eq!(
                [count(name, true), count(name, false)],
                [2, 2],
                "{name}"
            );
        }
    }

    #[test]
    fn every_address_is_a_public_host() {
        for prefix in sets().iter().flat_map(|set| &set.prefixes) {
            let bits = if prefix.is_v4() { 32 } else { 128 };
            assert_eq!(prefix.len(), bits, "{prefix}");
            assert!(is_global_unicast(prefix.network()), "{prefix}");
        }
    }

    #[test]
    fn a_broken_file_is_refused() {
        for text in
            ["[a]\nreason = \"\"", "[a]\nreason=\"\"\naddresses=[\"x\"]"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
