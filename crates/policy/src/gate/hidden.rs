//! Which fields of a request rules do not see: one answer for the proxy, for
//! verdicts, and for every tool that asks the rules without a gateway.
//!
//! Rules see what the client says about its request. Not the fields of the
//! connection, which every proxy in between makes anew; not those by which
//! proxies speak about clients; not copies of ours. Else a rule would say one
//! thing here and another when nginx or Envoy asks about the same request.

/// Prefixes that only the gateway may use.
pub const OURS: [&str; 3] = ["x-rescaled-asn-", "x-rescaled-geo-", "x-asgard-"];

/// Fields by which proxies speak about clients, beside `x-forwarded-…`.
pub const CLAIMS: Names<11> = Names::new([
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "forwarded",
    "cf-connecting-ip",
    "client-ip",
    "true-client-ip",
    "fastly-client-ip",
    "x-original-host",
]);

/// Fields of the connection (RFC 9110, section 7.6.1), those that a gateway
/// writes anew, and `Proxy`, which CGI would take for a setting (httpoxy).
pub const OF_CONNECTION: Names<13> = Names::new([
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
]);

const OF_QUESTIONS: Names<2> =
    Names::new(["x-original-uri", "x-original-method"]);

/// Names in their folded form ([`same`]), shorter than 32 bytes. Most fields
/// differ from all of them by their length: that is seen first.
#[derive(Clone, Copy, Debug)]
pub struct Names<const N: usize> {
    /// Each of them.
    pub names: [&'static str; N],
    /// A bit for each length.
    lengths: u32,
}

impl<const N: usize> Names<N> {
    /// Of names in their folded form; longer ones do not compile.
    #[must_use]
    pub const fn new(names: [&'static str; N]) -> Self {
        let (mut lengths, mut at) = (0, 0);
        while at < N {
            lengths |= 1 << names[at].len();
            at += 1;
        }
        Self { names, lengths }
    }

    /// Whether a name is one of them, in any spelling.
    #[must_use]
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        name.len() < 32
            && self.lengths & (1 << name.len()) != 0
            && self.names.iter().any(|other| same(name, other))
    }
}

/// What rules do not see, with the names that a configuration adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HiddenFields {
    /// In their folded form.
    names: Vec<Box<str>>,
}

impl HiddenFields {
    /// `names` are the configured ones: of injected headers, and of the header
    /// that says who the client is. Empty ones are passed over.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().filter(|name| !name.is_empty());
        Self { names: names.map(folded).collect() }
    }

    /// Whether rules do not see a field of this name, in any spelling.
    #[must_use]
    pub fn hides(&self, name: &str) -> bool {
        let first = name.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
        let fixed = match first {
            b'x' => {
                is_ours(name)
                    || is_forwarded(name)
                    || is_of_question(name)
                    || CLAIMS.has(name)
                    || OF_CONNECTION.has(name)
            }
            b'c' | b'e' | b'f' | b'h' | b'k' | b'p' | b't' | b'u' => {
                CLAIMS.has(name) || OF_CONNECTION.has(name)
            }
            _ => false,
        };
        fixed || self.names.iter().any(|own| same(name, own))
    }
}

/// Whether only the gateway may use the name, whatever is configured.
#[must_use]
#[inline]
pub fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| starts_with(name, ours))
}

/// `x-forwarded-…`.
#[must_use]
#[inline]
pub fn is_forwarded(name: &str) -> bool {
    starts_with(name, "x-forwarded-")
}

/// By which proxies ask for verdicts, beside [`CLAIMS`].
#[must_use]
#[inline]
pub fn is_of_question(name: &str) -> bool {
    starts_with(name, "x-envoy-") || OF_QUESTIONS.has(name)
}

/// The form of a name in which [`same`] compares: lower case, `-` for `_`, as
/// CGI and WSGI fold them.
#[must_use]
pub fn folded(name: &str) -> Box<str> {
    name.to_ascii_lowercase().replace('_', "-").into_boxed_str()
}

/// Equality of names when case and `_` against `-` do not matter; `lower` is
/// [`folded`].
#[must_use]
#[inline]
pub fn same(name: &str, lower: &str) -> bool {
    same_bytes(name.as_bytes(), lower.as_bytes())
}

#[inline]
fn starts_with(name: &str, lower: &str) -> bool {
    let head = name.as_bytes().get(..lower.len());
    head.is_some_and(|head| same_bytes(head, lower.as_bytes()))
}

#[inline]
fn same_bytes(name: &[u8], lower: &[u8]) -> bool {
    name.len() == lower.len()
        && name.iter().zip(lower).all(|(&have, &want)| {
            have.to_ascii_lowercase() == want || have == b'_' && want == b'-'
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_see_what_the_client_says_and_nothing_else() {
        let hidden = HiddenFields::new(["X-Score", "", "cf_ray"]);
        for name in [
            "Host",
            "content_length",
            "X-Forwarded-Port",
            "x_forwarded_for",
            "X-Envoy-Original-Path",
            "X-Original-URI",
            "x-original-method",
            "X-Real-IP",
            "X-Rescaled-ASN-Number",
            "x-asgard-action",
            "x-score",
            "CF-Ray",
            "Upgrade",
            "TE",
        ] {
            assert!(hidden.hides(name), "{name}");
        }
        for name in [
            "accept",
            "cookie",
            "user-agent",
            "x-original-url",
            "content-type",
            "forwarded-for",
            "x-scores",
            "",
        ] {
            assert!(!hidden.hides(name), "{name}");
        }
    }
}
