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
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use asgard_model::{Prefix, special_purpose::is_global_unicast};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

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
        is_global_unicast(address)
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

    pub(crate) fn check_address(
        &self,
        host: &str,
        at: IpAddr,
    ) -> Result<(), Refusal> {
        if self.permits(at) {
            return Ok(());
        }
        Err(Refusal::Private { host: host.to_owned(), address: at })
    }
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
        for text in ["1.1.1.1", "::ffff:1.1.1.1", "2606:4700::1111"] {
            assert!(egress.permits(text.parse().unwrap()), "{text}");
        }
        for text in ["10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "::1"] {
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
