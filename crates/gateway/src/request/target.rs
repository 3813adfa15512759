//! The target of a request: origin form, absolute form, asterisk.
//!
//! CONNECT is refused: a gateway is no forward proxy. So is a fragment, which
//! no client may send (RFC 9110, section 7.1).

use crate::http1::head::Refusal;

/// A target in its parts, as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'r> {
    /// Path and query as they are forwarded.
    pub(crate) path_and_query: &'r str,
    pub(crate) path: &'r str,
    /// After `?`; empty if nothing is.
    pub(crate) query: &'r str,
    /// Of the absolute form.
    pub(crate) authority: Option<&'r str>,
}

impl<'r> Target<'r> {
    pub(crate) fn parse(
        method: &str,
        target: &'r str,
    ) -> Result<Self, Refusal> {
        if method == "CONNECT" {
            return Err(Refusal { status: 405, reason: "CONNECT" });
        }
        if memchr::memchr(b'#', target.as_bytes()).is_some() {
            return Err(Refusal::bad("fragment in the target"));
        }
        if target.starts_with('/') {
            return Ok(Self::split(target, None));
        }
        if target == "*" && method == "OPTIONS" {
            return Ok(Self::split(target, None));
        }
        let rest = ["http://", "https://"]
            .iter()
            .find_map(|scheme| {
                let head = target.get(..scheme.len())?;
                head.eq_ignore_ascii_case(scheme)
                    .then(|| &target[scheme.len()..])
            })
            .ok_or(Refusal::bad("target is neither path nor URL"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        match path {
            "" => Ok(Self::split("/", Some(authority))),
            path if path.starts_with('/') => {
                Ok(Self::split(path, Some(authority)))
            }
            _ => Err(Refusal::bad("URL without a path")),
        }
    }

    fn split(path_and_query: &'r str, authority: Option<&'r str>) -> Self {
        let (path, query) = asgard_policy::gate::path::split(path_and_query);
        Self { path_and_query, path, query, authority }
    }
}

/// A host with an optional port (RFC 9110, section 7.2): letters, digits and
/// what names, addresses and brackets need. User information is refused.
pub(crate) fn host(value: &[u8]) -> Result<&str, Refusal> {
    let refusal = Refusal::bad("malformed Host");
    let is_plain = |&byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'~')
    };
    if value.is_empty() || value.len() > 300 || !value.iter().all(is_plain) {
        return Err(refusal);
    }
    let text = std::str::from_utf8(value).map_err(|_| refusal)?;
    let port = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']').ok_or(refusal)?;
            inside.parse::<std::net::Ipv6Addr>().map_err(|_| refusal)?;
            after
        }
        None => &text[text.find(':').unwrap_or(text.len())..],
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    let is_port = port.is_empty()
        || port.starts_with(':')
            && digits.len() <= 5
            && digits.bytes().all(|b| b.is_ascii_digit());
    let is_named = !text.starts_with(':') && !text[1..].contains('[');
    if is_port && is_named { Ok(text) } else { Err(refusal) }
}

/// The host without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(host, |(inside, _)| inside),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}
