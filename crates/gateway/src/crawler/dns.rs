//! Questions to name servers: the names of an address, and back.

use std::{net::IpAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig,
    },
    net::{DnsError as Answered, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf::read_system_conf,
};
use tokio::time::timeout;

use crate::config::Resolver;

/// Names of one address that are looked at; more are ignored.
const MOST_NAMES: usize = 4;

/// There is nobody to ask.
#[derive(Debug, thiserror::Error)]
#[error("no name server: the system names none ({0}); set resolver.servers")]
pub struct DnsError(NetError);

/// What was found out about an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Names that lead back to the address; empty if there is none.
    Names(Vec<Box<str>>),
    /// Nobody answered in time, or with an error.
    NoAnswer,
}

/// A client of name servers.
pub(super) struct Dns {
    inner: TokioResolver,
    timeout: Duration,
}

impl Dns {
    pub(super) fn new(resolver: &Resolver) -> Result<Self, DnsError> {
        let servers = if resolver.servers.is_empty() {
            read_system_conf().map_err(DnsError)?.0.name_servers().to_vec()
        } else {
            resolver.servers.iter().map(|&at| name_server(at)).collect()
        };
        let config = ResolverConfig::from_name_servers(servers);
        let runtime = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, runtime);
        let options = builder.options_mut();
        options.timeout = resolver.timeout;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 0;
        options.max_active_requests = 2 * resolver.in_flight.max(1);
        let inner = builder.build().map_err(DnsError)?;
        Ok(Self { inner, timeout: resolver.timeout })
    }

    /// The names of an address that lead back to it.
    pub(super) async fn confirmed_names(&self, address: IpAddr) -> Found {
        let reverse = Name::from(address);
        let Some(answers) = self.ask(reverse, RecordType::PTR).await else {
            return Found::NoAnswer;
        };
        let names = answers.into_iter().filter_map(|data| match data {
            RData::PTR(name) => Some(name.0),
            _ => None,
        });
        let kind = match address {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        };
        let mut confirmed = Vec::new();
        let mut silent = false;
        for name in names.take(MOST_NAMES) {
            match self.ask(name.clone(), kind).await {
                None => silent = true,
                Some(found) => {
                    let back =
                        found.iter().any(|d| d.ip_addr() == Some(address));
                    if back {
                        let name = name.to_ascii().to_ascii_lowercase();
                        confirmed.push(name.trim_end_matches('.').into());
                    }
                }
            }
        }
        if confirmed.is_empty() && silent {
            return Found::NoAnswer;
        }
        Found::Names(confirmed)
    }

    /// The records of an answer; empty if the name or the kind does not exist,
    /// `None` if nobody answered, or with an error.
    async fn ask(
        &self,
        mut name: Name,
        kind: RecordType,
    ) -> Option<Vec<RData>> {
        name.set_fqdn(true);
        match timeout(self.timeout, self.inner.lookup(name, kind)).await {
            Ok(Ok(answer)) => {
                Some(answer.answers().iter().map(|r| r.data.clone()).collect())
            }
            Ok(Err(NetError::Dns(Answered::NoRecordsFound(none))))
                if matches!(
                    none.response_code,
                    ResponseCode::NXDomain | ResponseCode::NoError
                ) =>
            {
                Some(Vec::new())
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, %kind, "no answer from DNS");
                None
            }
            Err(_) => {
                tracing::debug!(%kind, "no answer from DNS in time");
                None
            }
        }
    }
}

fn name_server(at: std::net::SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.to_vec())
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}
