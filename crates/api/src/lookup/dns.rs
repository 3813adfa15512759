//! DNS for domain risk: questions to name servers of the operator's choice.
//!
//! Names are taken as absolute: no hosts file, no search list, no cache of our
//! own, which would answer for longer than the publisher said. A failure, a
//! name that does not exist and silence are all the same: no answer.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig,
        ResolverOpts,
    },
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, Record, RecordType},
    system_conf::read_system_conf,
};
use tokio::time::timeout;

use crate::limits;

/// Answers about names, which are in ASCII and absolute.
#[async_trait]
pub trait Dns: Send + Sync {
    /// The addresses of a name, in the order of the answers, those of A before
    /// those of AAAA; empty if there is none or nobody answers in time.
    async fn addresses(&self, name: &str) -> Vec<IpAddr>;

    /// The TXT records of a name; empty as above.
    async fn texts(&self, name: &str) -> Vec<String>;
}

/// The real one.
pub(super) struct Resolver {
    inner: TokioResolver,
    timeout: Duration,
}

impl Resolver {
    /// Asks one server, or those of the system.
    ///
    /// # Errors
    /// The system names no server.
    pub(super) fn new(
        server: Option<SocketAddr>,
        timeout: Duration,
    ) -> Result<Self, NetError> {
        let servers = match server {
            Some(server) => vec![name_server(server)],
            None => read_system_conf()?.0.name_servers().to_vec(),
        };
        let config = ResolverConfig::from_name_servers(servers);
        let runtime = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, runtime);
        set_options(builder.options_mut(), timeout);
        Ok(Self { inner: builder.build()?, timeout })
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Vec<Record> {
        let Ok(mut name) = Name::from_ascii(name) else { return Vec::new() };
        name.set_fqdn(true);
        match timeout(self.timeout, self.inner.lookup(name, kind)).await {
            Ok(Ok(answer)) => answer.answers().to_vec(),
            Ok(Err(error)) => {
                tracing::debug!(%error, %kind, "no answer from DNS");
                Vec::new()
            }
            Err(_) => {
                tracing::debug!(%kind, "no answer from DNS in time");
                Vec::new()
            }
        }
    }
}

fn name_server(at: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.to_vec())
}

fn set_options(options: &mut ResolverOpts, timeout: Duration) {
    options.timeout = timeout;
    options.attempts = 1;
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    // Each look-up asks for two kinds of records at the same time.
    options.max_active_requests = 2 * limits::DNS_LOOKUPS;
}

#[async_trait]
impl Dns for Resolver {
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let (mut v4, v6) = tokio::join!(
            self.ask(name, RecordType::A),
            self.ask(name, RecordType::AAAA),
        );
        v4.extend(v6);
        v4.iter().filter_map(|record| record.data.ip_addr()).collect()
    }

    async fn texts(&self, name: &str) -> Vec<String> {
        let records = self.ask(name, RecordType::TXT).await;
        records.iter().filter_map(text).collect()
    }
}

/// A TXT record: its strings are pieces of one text.
fn text(record: &Record) -> Option<String> {
    let RData::TXT(txt) = &record.data else { return None };
    Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
}
