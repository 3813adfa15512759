//! A request as a test, a log or a person tells it, seen as a gateway sees it.
//!
//! What rules do not see is taken out; what a field says of host, user agent and
//! length is what they are.

use std::borrow::Cow;

use super::{HeaderMap, HiddenFields};

/// What was told, made ready for a [`super::Visit`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// As [`rule_host`] says.
    pub host: String,
    /// Empty if there is none.
    pub user_agent: String,
    /// What rules see.
    pub headers: HeaderMap,
    /// 0 without a body, as a gateway says of a request that announces none;
    /// `None` for one whose length nobody announced.
    pub content_length: Option<u64>,
}

impl Told {
    /// `host` and `user_agent` win over fields of these names; empty ones say
    /// nothing.
    #[must_use]
    pub fn new(
        host: &str,
        user_agent: &str,
        mut headers: HeaderMap,
        hidden: &HiddenFields,
    ) -> Self {
        let field = |name: &str| headers.0.get(name).map(String::as_str);
        let host = if host.is_empty() { field("host") } else { Some(host) };
        let host = rule_host(host.unwrap_or_default()).into_owned();
        let content_length = match field("transfer-encoding") {
            Some(_) => None,
            None => {
                let length = field("content-length");
                Some(length.and_then(|text| text.parse().ok()).unwrap_or(0))
            }
        };
        let user_agent = match user_agent {
            "" => field("user-agent").unwrap_or_default().to_owned(),
            told => {
                let told = told.to_owned();
                headers.0.insert("user-agent".into(), told.clone());
                told
            }
        };
        headers.0.retain(|name, _| !hidden.hides(name));
        Self { host, user_agent, headers, content_length }
    }
}

/// The host as rules and backends know it, in its one form, which stays so.
///
/// Lower case, without port, without the dot of a full name (`shop.example.` is
/// `shop.example`); an IPv6 address without brackets, as RFC 5952 writes it.
#[must_use]
pub fn rule_host(host: &str) -> Cow<'_, str> {
    let (name, colons) = match host.strip_prefix('[') {
        Some(rest) => {
            let inside = rest.split_once(']').map(|(inside, _)| inside);
            (inside.unwrap_or(host), true)
        }
        None => (host, host.contains(':')),
    };
    if colons && let Ok(address) = name.parse::<std::net::Ipv6Addr>() {
        let canonical = address.to_string();
        return match canonical == name {
            true => Cow::Borrowed(name),
            false => Cow::Owned(canonical),
        };
    }
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    let name = name.trim_end_matches('.');
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_rules_is_the_same_however_often_it_is_asked_for() {
        for (told, host) in [
            ("Shop.Example:8443", "shop.example"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:DB8:0:0::0:1]:443", "2001:db8::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("shop.example.", "shop.example"),
            ("SHOP.example.:8443", "shop.example"),
            ("shop.example..", "shop.example"),
            ("shop.example:80:90", "shop.example"),
            ("192.0.2.1.", "192.0.2.1"),
            (".", ""),
            ("", ""),
        ] {
            assert_eq!(rule_host(told), host, "{told}");
            assert_eq!(rule_host(host), host, "{told}");
        }
    }

    fn told(host: &str, agent: &str, fields: &[(&str, &str)]) -> Told {
        let mut headers = HeaderMap::default();
        for (name, value) in fields {
            headers.add(name, value);
        }
        Told::new(host, agent, headers, &HiddenFields::default())
    }

    #[test]
    fn fields_of_the_connection_say_what_they_say_and_are_not_seen() {
        let fields = [("Host", "Shop.Example:8080"), ("Content-Length", "7")];
        let all = told("", "", &fields);
        assert_eq!((&*all.host, all.content_length), ("shop.example", Some(7)));
        assert!(all.headers.0.is_empty(), "{:?}", all.headers);
        assert_eq!(told("[::1]:80", "", &fields).host, "::1");
        assert_eq!(told("", "", &[]).content_length, Some(0));
        let chunks = told("", "", &[("transfer-encoding", "chunked")]);
        assert_eq!(chunks.content_length, None);
    }

    #[test]
    fn the_user_agent_is_a_field_and_a_field_is_the_user_agent() {
        let by_field = told("", "", &[("User-Agent", "a"), ("accept", "b")]);
        assert_eq!(by_field.user_agent, "a");
        let told = told("", "c", &[("User-Agent", "a"), ("accept", "b")]);
        assert_eq!(told.user_agent, "c");
        assert_eq!(told.headers.0["user-agent"], "c");
        assert_eq!(told.headers.0.len(), 2);
    }
}
