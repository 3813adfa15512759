//! Whom asgard talks to: public addresses only, unless the operator says so.
//!
//! An address of a source may be redirected, or its name may resolve, to a
//! machine inside the operator's network (server-side request forgery). Every
//! address is therefore checked after resolution and before the connection,
//! and the connection goes to exactly the address that was checked. Literal
//! addresses never reach a resolver and are checked on their own, on every
//! redirect again.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use asgard_model::Prefix;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// IPv4 space that is not globally reachable unicast.
///
/// IANA IPv4 Special-Purpose Address Registry, entries with Globally Reachable
/// = False, plus multicast (RFC 5771) and the deprecated 6to4 relay anycast
/// (RFC 7526). <https://www.iana.org/assignments/iana-ipv4-special-registry/>
const SPECIAL_V4: [Prefix; 15] = [
    Prefix::V4(0x0000_0000, 8),  // this network, RFC 791
    Prefix::V4(0x0a00_0000, 8),  // private, RFC 1918
    Prefix::V4(0x6440_0000, 10), // shared, RFC 6598
    Prefix::V4(0x7f00_0000, 8),  // loopback, RFC 1122
    Prefix::V4(0xa9fe_0000, 16), // link local, RFC 3927
    Prefix::V4(0xac10_0000, 12), // private, RFC 1918
    Prefix::V4(0xc000_0000, 24), // protocol assignments, RFC 6890
    Prefix::V4(0xc000_0200, 24), // documentation, RFC 5737
    Prefix::V4(0xc058_6300, 24), // 6to4 relay, RFC 7526
    Prefix::V4(0xc0a8_0000, 16), // private, RFC 1918
    Prefix::V4(0xc612_0000, 15), // benchmarking, RFC 2544
    Prefix::V4(0xc633_6400, 24), // documentation, RFC 5737
    Prefix::V4(0xcb00_7100, 24), // documentation, RFC 5737
    Prefix::V4(0xe000_0000, 4),  // multicast, RFC 5771
    Prefix::V4(0xf000_0000, 4),  // reserved and broadcast, RFC 1112, 8190
];

/// The only IPv6 space from which global unicast is assigned (RFC 4291, 3587).
const GLOBAL_V6: Prefix = Prefix::V6(0x2000 << 112, 3);

/// Space inside [`GLOBAL_V6`] that is not globally reachable.
///
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
const SPECIAL_V6: [Prefix; 4] = [
    Prefix::V6(0x2001_0000 << 96, 23), // protocol assignments, RFC 2928
    Prefix::V6(0x2001_0db8 << 96, 32), // documentation, RFC 3849
    Prefix::V6(0x2002 << 112, 16),     // 6to4, RFC 3056, deprecated
    Prefix::V6(0x3fff << 112, 20),     // documentation, RFC 9637
];

/// The well-known prefix of NAT64 (RFC 6052): the last 32 bits are IPv4.
const NAT64: Prefix = Prefix::V6(0x0064_ff9b << 96, 96);

/// Whom the fetcher may talk to.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    allowed: Arc<[Prefix]>,
}

/// A connection that is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is not public.
    #[error(
        "`{host}` is at {address}, which is not a public address; \
         list it in egress.allow_private if it is yours"
    )]
    Private {
        /// The host as the URL names it.
        host: String,
        /// The address that was found.
        address: IpAddr,
    },
    /// Too many redirects.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// A redirect would give up encryption.
    #[error("redirect from https to `{0}`")]
    Downgrade(String),
    /// The scheme is neither http nor https.
    #[error("`{0}` is not an http or https address")]
    Scheme(String),
}

impl Egress {
    /// Public addresses, and these.
    pub fn new(allow_private: Vec<Prefix>) -> Self {
        Self { allowed: allow_private.into() }
    }

    /// Whether a connection to the address may be made.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.allowed.iter().any(|prefix| prefix.contains(address))
    }

    /// Checks scheme and literal address of a URL; names are checked when they
    /// are resolved.
    ///
    /// # Errors
    ///
    /// [`Refusal`], naming host and address.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(url.to_string()));
        }
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => self.check_address(host, address),
            Err(_) => Ok(()),
        }
    }

    fn check_address(&self, host: &str, at: IpAddr) -> Result<(), Refusal> {
        if self.permits(at) {
            return Ok(());
        }
        Err(Refusal::Private { host: host.to_owned(), address: at })
    }
}

/// Whether an address is globally reachable unicast.
fn is_public(address: IpAddr) -> bool {
    let host = Prefix::host(address);
    let inside = |block: &Prefix| block.covers(host);
    match address {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(inside),
        IpAddr::V6(v6) if NAT64.covers(host) => is_public(embedded(v6).into()),
        IpAddr::V6(_) => {
            GLOBAL_V6.covers(host) && !SPECIAL_V6.iter().any(inside)
        }
    }
}

fn embedded(v6: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = v6.octets();
    Ipv4Addr::new(a, b, c, d)
}

impl Resolve for Egress {
    /// Resolves by the system and refuses the name if any of its addresses is
    /// refused: a name that is half inside is a trick or a mistake.
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await;
            let found = found.map_err(|cause| not_resolved(host, &cause))?;
            let addresses: Vec<SocketAddr> = found.collect();
            for address in &addresses {
                egress.check_address(host, address.ip())?;
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn not_resolved(host: &str, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("cannot resolve `{host}`: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_public_unicast_and_nothing_else() {
        let egress = Egress::default();
        for text in ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(egress.permits(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "3fff::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!egress.permits(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn permits_what_the_operator_lists() {
        let egress = Egress::new(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(egress.permits("10.9.9.9".parse().unwrap()));
        assert!(egress.permits("::ffff:10.9.9.9".parse().unwrap()));
        assert!(!egress.permits("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn sees_through_every_spelling_of_a_literal_address() {
        let egress = Egress::default();
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:80/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            let refused = egress.check(&text.parse().unwrap());
            assert!(
                matches!(refused, Err(Refusal::Private { .. })),
                "{text}: {refused:?}"
            );
        }
        let file = egress.check(&"file:///etc/passwd".parse().unwrap());
        assert!(matches!(file, Err(Refusal::Scheme(_))));
        assert_eq!(egress.check(&"https://x.test".parse().unwrap()), Ok(()));
    }
}
