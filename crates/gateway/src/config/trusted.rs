//! Trusted proxies from a file, and the lint about those who trust everybody.
//!
//! The file is read like every list, but strictly: whoever is left out of it by
//! a slip of the pen would be taken for a client.

use std::{fs, path::Path};

use asgard_model::Prefix;
use asgard_policy::{AddressSet, Diagnostic, yaml::Node};

use super::{Config, ListSource, TrustedProxies};
use crate::supply;

/// One address or block a line; `#` and `;` begin a comment.
pub(crate) fn read(path: &Path) -> Result<AddressSet, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let list = supply::list(&bytes);
    match list.first_bad {
        None => Ok(AddressSet::from_prefixes(list.blocks)),
        Some((number, text)) => {
            Err(format!("line {number}: `{text}` is no address or block"))
        }
    }
}

/// A family of addresses all of which are in the set, however it is written.
pub(crate) fn everybody(set: &AddressSet) -> Option<Prefix> {
    let all = [Prefix::V4(0, 0), Prefix::V6(0, 0)];
    all.into_iter().find(|all| set.covers(*all))
}

/// Says so if everybody is trusted, as far as that can be known before data is
/// fetched.
pub(super) fn lint(
    config: &Config,
    place: Option<&Node>,
) -> Option<Diagnostic> {
    // A file that cannot be read is told of when it is needed.
    let set = match &config.trusted_proxies {
        TrustedProxies::Blocks(blocks) => {
            AddressSet::from_prefixes(blocks.iter().copied())
        }
        TrustedProxies::File(path) => read(path).ok()?,
        TrustedProxies::IpList(at) => match &config.ip_lists.get(*at)?.source {
            ListSource::Inline(blocks) => {
                AddressSet::from_prefixes(blocks.iter().copied())
            }
            ListSource::File(path) => {
                let list = supply::list(&fs::read(path).ok()?);
                AddressSet::from_prefixes(list.blocks)
            }
            ListSource::Url(_) => return None,
        },
    };
    let all = everybody(&set)?;
    let message = format!("`trusted_proxies` names everybody ({all})");
    let lint = Diagnostic::lint("W212", message);
    let lint = lint.at_opt(place.map(|node| node.place));
    Some(lint.hint("then every client can forge its address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<AddressSet, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trusted.txt");
        fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_file_is_read_like_every_list() {
        let set = of("\u{feff}::ffff:192.0.2.1 ; the balancer\r\n\
             # others\n; more\n::ffff:198.51.100.0/120\n2001:db8::/32\n\n")
        .unwrap();
        for address in ["192.0.2.1", "198.51.100.9", "2001:db8::7"] {
            assert!(set.contains(address.parse().unwrap()), "{address}");
        }
        assert!(!set.contains("192.0.2.2".parse().unwrap()));
        let fault = of("192.0.2.1\n\n192.0.2.1x # no\n").unwrap_err();
        assert_eq!(fault, "line 3: `192.0.2.1x` is no address or block");
    }

    #[test]
    fn everybody_is_everybody_in_any_spelling() {
        let all = |text: &str| everybody(&of(text).unwrap());
        assert_eq!(all("0.0.0.0/0"), Some(Prefix::V4(0, 0)));
        assert_eq!(all("128.0.0.0/1\n0.0.0.0/1"), Some(Prefix::V4(0, 0)));
        assert_eq!(all("::ffff:0:0/96"), Some(Prefix::V4(0, 0)));
        assert_eq!(all("::/0"), Some(Prefix::V6(0, 0)));
        assert_eq!(all("0.0.0.0/1\n::/1"), None);
    }
}
