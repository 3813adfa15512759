//! Where clients, operators and other proxies come in, and whom the gateway
//! believes; how it logs.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use asgard_model::Prefix;

/// How and how much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Least level.
    pub level: LogLevel,
    /// Form of a line.
    pub format: LogFormat,
}

/// Levels of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happened.
    Info,
    /// What somebody should look at.
    Warn,
    /// What somebody must act on.
    Error,
}

/// Forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// An IP address.
    pub host: IpAddr,
    /// 0 picks a free one.
    pub port: u16,
}

/// Where Envoy asks by `ext_authz` over gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcServer {
    /// Address and port.
    pub address: HostPort,
    /// Longest question; a longer one is denied.
    pub max_message_bytes: usize,
}

/// Where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port.
    pub bind: SocketAddr,
    /// Key of [`super::Config::tls`]; `None` is plain.
    pub tls: Option<String>,
    /// HTTP/2: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// The PROXY protocol; mandatory when on.
    pub proxy_protocol: ProxyProtocol,
}

/// Versions of the PROXY protocol that a listener wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None.
    #[default]
    Off,
    /// Text.
    V1,
    /// Binary.
    V2,
    /// Either.
    Any,
}

/// Certificates; the server name picks one, the first is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// At least one.
    pub certs: Vec<CertificateFiles>,
    /// Least version.
    pub min_version: TlsVersion,
}

/// A certificate chain and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2.
    V1_2,
    /// 1.3.
    V1_3,
}

/// Whose word about the client is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProxies {
    /// These; nobody by default.
    Blocks(Vec<Prefix>),
    /// One address or block a line.
    File(PathBuf),
    /// An ip list, by its place in [`super::Config::ip_lists`].
    IpList(usize),
}

impl HostPort {
    /// Both in one.
    pub fn address(self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}
