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
/// what names, addresses and brackets need. User information is refused. `value`
/// is best a part of `whole`.
pub(crate) fn host<'r>(
    whole: &'r str,
    value: &'r [u8],
) -> Result<&'r str, Refusal> {
    let refusal = Refusal::bad("malformed Host");
    if value.is_empty() || value.len() > 300 {
        return Err(refusal);
    }
    let text = super::text::text(whole, value).ok_or(refusal)?;
    let name = match value[0] {
        b'[' => {
            let end = value.iter().position(|&byte| byte == b']');
            let end = end.ok_or(refusal)?;
            let inside = text.get(1..end).ok_or(refusal)?;
            inside.parse::<std::net::Ipv6Addr>().map_err(|_| refusal)?;
            end + 1
        }
        _ => {
            let end = value.iter().position(|&byte| !is_of_name(byte));
            end.unwrap_or(value.len())
        }
    };
    let is_port = match value[name..].split_first() {
        None => true,
        Some((b':', digits)) => {
            digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit)
        }
        Some(_) => false,
    };
    if is_port && name > 0 { Ok(text) } else { Err(refusal) }
}

/// Bytes of names and of IPv4 addresses.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~')
}
