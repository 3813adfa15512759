//! What is asked of others while a client waits: DNS, Team Cymru, PeeringDB.
//!
//! Everything here is bounded: how long one question may take, how many may be
//! under way, how much of an answer is read. Nobody connects to an address that
//! a client names: such addresses are resolved, looked at, and looked up.

use std::{fmt, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use asgard_model::{Asn, special_purpose::is_global_unicast};
use axum::http::StatusCode;
use tokio::{
    sync::{Semaphore, SemaphorePermit, TryAcquireError},
    time::timeout,
};

mod cymru;
mod dns;
mod host;
mod peeringdb;

pub use dns::Dns;
pub use peeringdb::{PeeringdbUrl, PeeringdbUrlError};

pub(crate) use host::Host;
pub(crate) use peeringdb::Fault;

use self::{dns::Resolver, peeringdb::Peeringdb};
use crate::{error::ApiError, limits};

const UNRESOLVED: &str = "Cannot resolve domain (DNS failure or NXDOMAIN)";
const NOT_GLOBAL: &str =
    "Domain resolves to private/non-global IP (SSRF protection)";

/// Whom to ask, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupConfig {
    /// The name server; `None` for those of the system.
    pub resolver: Option<SocketAddr>,
    /// Longest wait for the addresses of a name.
    pub dns_timeout: Duration,
    /// The API of PeeringDB; `None` to ask nobody.
    pub peeringdb_url: Option<PeeringdbUrl>,
}

impl Default for LookupConfig {
    /// The system's name servers, 3 s, and nobody asked about profiles.
    fn default() -> Self {
        Self {
            resolver: None,
            dns_timeout: limits::DNS_TIMEOUT,
            peeringdb_url: None,
        }
    }
}

/// The clients, shared by all requests.
pub struct Lookups {
    /// `None` if this machine has no name server.
    dns: Option<Arc<dyn Dns>>,
    slots: Semaphore,
    pub(crate) peeringdb: Peeringdb,
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("dns", &self.dns.is_some()).finish()
    }
}

impl Lookups {
    /// Real clients. What cannot work on this machine is logged, and answered
    /// with 503 when it is needed.
    pub fn new(config: &LookupConfig) -> Self {
        let resolver = Resolver::new(config.resolver, config.dns_timeout);
        let dns = resolver.inspect_err(|error| {
            tracing::warn!(
                %error,
                "domains cannot be resolved: set `resolver` to a name server"
            );
        });
        Self {
            dns: dns.ok().map(|dns| Arc::new(dns) as Arc<dyn Dns>),
            slots: Semaphore::new(limits::DNS_LOOKUPS),
            peeringdb: Peeringdb::new(config.peeringdb_url.as_ref()),
        }
    }

    /// The same with another DNS.
    #[must_use]
    pub fn with_dns(self, dns: Arc<dyn Dns>) -> Self {
        Self { dns: Some(dns), ..self }
    }

    /// The address of a host, asked for once: 400 if there is none, or if any
    /// of its addresses is not global. The first IPv4 address counts, else the
    /// first of IPv6.
    pub(crate) async fn address(
        &self,
        host: &Host,
    ) -> Result<IpAddr, ApiError> {
        let found = match host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let (dns, _slot) = self.dns()?;
                dns.addresses(name).await
            }
        };
        if !found.iter().copied().all(is_global_unicast) {
            return Err(bad_request(NOT_GLOBAL));
        }
        let v4 = found.iter().find(|address| address.is_ipv4());
        let first = v4.or_else(|| found.first()).copied();
        first.ok_or_else(|| bad_request(UNRESOLVED))
    }

    /// Whom Team Cymru sees announce an address; `None` if nobody, or if there
    /// is no answer in time.
    pub(crate) async fn cymru(
        &self,
        address: IpAddr,
    ) -> Result<Option<Asn>, ApiError> {
        if self.dns.is_none() {
            return Ok(None);
        }
        let (dns, _slot) = self.dns()?;
        let question = cymru::question(address);
        let answer = timeout(limits::CYMRU_TIMEOUT, dns.texts(&question));
        Ok(cymru::origin(&answer.await.unwrap_or_default()))
    }

    /// DNS, and a place among those who may ask.
    fn dns(&self) -> Result<(&dyn Dns, SemaphorePermit<'_>), ApiError> {
        let dns = self.dns.as_deref().ok_or_else(|| {
            ApiError::unavailable("No name server is configured")
        })?;
        let slot = self.slots.try_acquire().map_err(|full| match full {
            TryAcquireError::NoPermits => {
                ApiError::unavailable("Too many domain look-ups are under way")
            }
            TryAcquireError::Closed => ApiError::internal(),
        })?;
        Ok((dns, slot))
    }
}

fn bad_request(message: &'static str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}
