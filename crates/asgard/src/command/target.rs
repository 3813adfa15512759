//! What a user may ask about: an AS number, an address, or a prefix.

use std::{fmt, net::IpAddr, str::FromStr};

use asgard_model::{Asn, Prefix};

/// What a query is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An AS number.
    Asn(Asn),
    /// An address.
    Address(IpAddr),
    /// A prefix.
    Prefix(Prefix),
}

impl Target {
    /// The kind, for JSON.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Asn(_) => "asn",
            Self::Address(_) => "ip",
            Self::Prefix(_) => "prefix",
        }
    }

    /// The address whose longest match answers.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Asn(_) => None,
            Self::Address(address) => Some(address),
            Self::Prefix(prefix) => Some(prefix.network()),
        }
    }
}

/// Text that names nothing that can be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetError(String);

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(f, "`{text}` is neither an AS number, an address nor a prefix")
    }
}

impl std::error::Error for TargetError {}

impl FromStr for Target {
    type Err = TargetError;

    /// First match wins: AS number, address (also in brackets, with port),
    /// prefix.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let trimmed = text.trim();
        // `1.10` could be asdot or half an address: only `AS1.10` is asdot.
        let bare_dot = trimmed.contains('.') && !is_marked(trimmed);
        if let (Ok(asn), false) = (trimmed.parse(), bare_dot) {
            return Ok(Self::Asn(asn));
        }
        if let Some(address) = address(trimmed) {
            return Ok(Self::Address(address));
        }
        match trimmed.parse() {
            Ok(prefix) if trimmed.contains('/') => Ok(Self::Prefix(prefix)),
            _ => Err(TargetError(trimmed.chars().take(60).collect())),
        }
    }
}

fn is_marked(text: &str) -> bool {
    text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("as"))
}

fn address(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let port = after.strip_prefix(':').map(str::parse::<u16>);
        let sound = after.is_empty() || matches!(port, Some(Ok(_)));
        return inside.parse().ok().filter(|_| sound);
    }
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    host.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_what_was_meant() {
        for (text, kind) in [
            ("AS15169", "asn"),
            ("as15169", "asn"),
            ("15169", "asn"),
            ("AS1.10", "asn"),
            ("1.1.1.1", "ip"),
            (" 1.1.1.1 ", "ip"),
            ("1.1.1.1:443", "ip"),
            ("[2001:db8::1]:443", "ip"),
            ("[2001:db8::1]", "ip"),
            ("2001:db8::1", "ip"),
            ("::ffff:1.2.3.4", "ip"),
            ("1.1.1.0/24", "prefix"),
            ("2001:db8::/32", "prefix"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.kind(), kind, "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_asked_about() {
        for text in [
            "",
            "AS0",
            "0",
            "AS",
            "1.1",
            "1.10",
            "4294967296",
            "1.1.1.0/33",
            "1.1.1.1:99999",
            "[::1",
            "[::1]x",
            "example.org",
            "-1",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
