//! The configuration of a gateway: the file, typed, with every default.
//!
//! Precedence: flag over environment (`ASGARD_GATEWAY__…`) over file over
//! default. Unknown keys, wrong types, and values that cannot work are refused,
//! all at once, with their places. Nothing else of the gateway reads YAML or the
//! environment.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use asgard_model::{Asn, Prefix};
use asgard_policy::gate::PolicySource;

mod load;
mod overrides;
mod read;
pub(crate) mod trusted;

pub(crate) use load::files_like;
pub use load::{Faults, Loaded, Overrides, load, load_from};

/// Everything that is configured. Names are indices: the n-th of `ip_lists` is
/// [`asgard_policy::gate::ListIndex`] n, and so with `feeds`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How and how much is logged.
    pub log: Log,
    /// Where `/healthz`, `/livez`, `/readyz`, `/metrics`, `/v1/explain` and
    /// `/-/reload` answer.
    pub health: HostPort,
    /// Where Envoy asks over gRPC; `None` if it is not configured.
    pub server: Option<GrpcServer>,
    /// Where clients come in.
    pub listeners: Vec<Listener>,
    /// Certificates by the name that listeners use.
    pub tls: BTreeMap<String, Tls>,
    /// Whose word about the client is believed.
    pub trusted_proxies: TrustedProxies,
    /// Where requests go; the first without `hosts` is the default.
    pub backends: Vec<Backend>,
    /// Sizes and times.
    pub limits: Limits,
    /// What is found out about an address.
    pub features: Features,
    /// Lists of addresses, in file order.
    pub ip_lists: Vec<IpList>,
    /// Feeds, in file order.
    pub feeds: Vec<Feed>,
    /// Another asgard process.
    pub asgard: Option<AsgardLink>,
    /// Crawlers that can prove who they are, in file order.
    pub crawlers: Vec<CrawlerConfig>,
    /// Name servers of crawler verification.
    pub resolver: Resolver,
    /// Pages that ask for work or patience.
    pub challenge: ChallengeConfig,
    /// Decisions for proxies of others.
    pub verdict: Option<Verdict>,
    /// Rules, thresholds, defaults and unit tests.
    pub policy: PolicySource,
    /// Every file that this was read from: the first is the configuration, the
    /// others are rule files. A change of one of them means: read again.
    pub files: Vec<PathBuf>,
    /// `rule_files` as patterns of paths. A new file that fits one means: read
    /// again.
    pub rule_patterns: Vec<PathBuf>,
}

impl Config {
    /// Whether both mean the same, wherever it is written in their files.
    #[must_use]
    pub fn means_the_same(&self, other: &Self) -> bool {
        let meaning = |config: &Self| Self {
            policy: config.policy.without_places(),
            ..config.clone()
        };
        meaning(self) == meaning(other)
    }
}

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
    /// Key of [`Config::tls`]; `None` is plain.
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
    /// An ip list, by its place in [`Config::ip_lists`].
    IpList(usize),
}

/// Servers for some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// For metrics.
    pub name: String,
    /// Lower case; `*.` stands for one or more labels. Empty: the default.
    pub hosts: Vec<String>,
    /// At least one.
    pub servers: Vec<Server>,
    /// Who is next.
    pub balance: Balance,
    /// For servers with https.
    pub tls: BackendTls,
    /// Speaks HTTP/2 to the servers.
    pub http2: bool,
    /// How long to wait.
    pub timeouts: BackendTimeouts,
    /// Idle connections.
    pub pool: Pool,
}

/// One server of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `https://`.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// 80 or 443 by default.
    pub port: u16,
}

/// How a server is picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest requests under way.
    #[default]
    LeastConn,
    /// One after the other.
    RoundRobin,
}

/// How a server with https is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendTls {
    /// Whether its certificate must be valid.
    pub verify: bool,
    /// Authorities as a PEM file; `None`: those of the web.
    pub ca: Option<PathBuf>,
    /// Name in the certificate; `None`: the host of the server.
    pub server_name: Option<String>,
}

/// How long to wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendTimeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the head of the response.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
}

/// Idle connections to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// At most.
    pub max_idle_per_server: usize,
    /// For so long.
    pub idle_timeout: Duration,
}

/// Sizes and times of connections with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait in the kernel.
    pub connections: usize,
    /// All headers together.
    pub header_bytes: usize,
    /// How many headers.
    pub headers: usize,
    /// Path and query.
    pub uri_bytes: usize,
    /// 0 is no limit.
    pub body_bytes: u64,
    /// Concurrent streams of HTTP/2.
    pub h2_streams: u32,
    /// For the head of a request.
    pub header_timeout: Duration,
    /// Slower bodies, over 10 s, are cut.
    pub min_rate_bytes: u64,
    /// Of a connection without a request.
    pub idle_timeout: Duration,
    /// Of an upgraded connection.
    pub tunnel_idle: Duration,
    /// Between `/readyz` 503 and the last accept.
    pub drain_delay: Duration,
    /// For what is under way.
    pub drain_timeout: Duration,
}

/// What is found out about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The network behind it.
    pub asn: AsnFeature,
    /// Where it is.
    pub geoip: GeoipFeature,
    /// Where a trusted proxy says who the client is, lower case; the one value
    /// of both features.
    pub client_ip_header: String,
}

/// The network behind an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsnFeature {
    /// Whether it is found out at all.
    pub enabled: bool,
    /// From where.
    pub database: Database,
    /// What backends are told.
    pub downstream_headers: AsnHeaders,
    /// Whether rules may use it.
    pub policy_usage: bool,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeoipFeature {
    /// Whether it is found out at all.
    pub enabled: bool,
    /// From where.
    pub database: Database,
    /// Whether backends are told.
    pub downstream_headers: bool,
    /// Whether rules may use it.
    pub policy_usage: bool,
}

/// A database of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// From where.
    pub source: DatabaseSource,
    /// `None`: never again.
    pub refresh_interval: Option<Duration>,
    /// Lower-case hex of the expected file; `None`: not checked.
    pub sha256: Option<String>,
    /// Larger ones are refused.
    pub max_bytes: u64,
    /// Older ones are reported; `None`: never.
    pub max_age: Option<Duration>,
    /// A new one may have so many networks fewer.
    pub max_shrink_percent: u8,
    /// Addresses whose AS is known.
    pub probe: Vec<(IpAddr, Asn)>,
    /// At the first start, without data.
    pub on_missing: OnMissing,
}

/// Where a database comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseSource {
    /// A file.
    File(PathBuf),
    /// An address; `path` keeps the last good copy, if it is set.
    Url {
        /// `https://…` or `http://…`.
        url: String,
        /// The last good copy.
        path: Option<PathBuf>,
    },
    /// The asgard of [`Config::asgard`], which is another process.
    Asgard,
}

/// What to do at the first start without data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// Do not start.
    #[default]
    Fail,
    /// Start; every address is unknown.
    Start,
}

/// What backends are told about the network; an empty name: nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsnHeaders {
    /// Whether they are told at all.
    pub enabled: bool,
    /// `X-Rescaled-ASN-Number` by default.
    pub number: String,
    /// `X-Rescaled-ASN-Org` by default.
    pub org: String,
    /// None by default.
    pub score: String,
    /// None by default.
    pub level: String,
    /// What is sent for an unknown network.
    pub when_unknown: WhenUnknown,
    /// How the organisation is written.
    pub org_encoding: OrgEncoding,
}

/// What is sent for an unknown network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnknown {
    /// The header, empty.
    #[default]
    Empty,
    /// No header.
    Omit,
}

/// How names of organisations are written in headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrgEncoding {
    /// As bytes of UTF-8.
    #[default]
    Utf8,
    /// Other characters become `?`.
    Ascii,
}

/// A list of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpList {
    /// As rules name it.
    pub name: String,
    /// From where.
    pub source: ListSource,
    /// `None`: never again.
    pub refresh_interval: Option<Duration>,
}

/// Where a list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSource {
    /// It is in the configuration.
    Inline(Vec<Prefix>),
    /// One address or block a line.
    File(PathBuf),
    /// The same over HTTP.
    Url(String),
}

/// A feed: blocks that rules name by `inFeed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// As rules name it.
    pub name: String,
    /// From where.
    pub source: FeedSource,
    /// `None`: never again.
    pub refresh_interval: Option<Duration>,
}

/// Where a feed comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedSource {
    /// The feed of the organisation whose key [`Config::asgard`] has.
    Asgard,
    /// One address or block a line.
    File(PathBuf),
    /// The same over HTTP.
    Url(String),
}

/// Another asgard process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsgardLink {
    /// Its API.
    pub url: String,
    /// A file with a key.
    pub key_file: Option<PathBuf>,
    /// Between two questions.
    pub poll: Duration,
}

/// A crawler that can prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrawlerConfig {
    /// Value of `verifiedCrawler`.
    pub name: String,
    /// Who says that it is this crawler; checked, but not compiled.
    pub user_agent_regex: String,
    /// Published ranges, by their place in [`Config::ip_lists`].
    pub ip_list: Option<usize>,
    /// Domains of its names, lower case.
    pub fcrdns: Vec<String>,
    /// While the proof is under way.
    pub on_pending: OnPending,
}

/// What happens while the proof of a crawler is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPending {
    /// Rules that ask for it do not match.
    #[default]
    Skip,
    /// 503 with Retry-After.
    Retry,
}

/// Name servers of crawler verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Those of the system if there is none.
    pub servers: Vec<SocketAddr>,
    /// For one answer.
    pub timeout: Duration,
    /// Questions under way.
    pub in_flight: usize,
    /// Answers that are kept.
    pub cache: usize,
    /// For so long.
    pub ttl: Duration,
    /// The same for failures.
    pub negative_ttl: Duration,
}

/// Pages that ask for work or patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeConfig {
    /// Keys, newest first, one a line; `None`: made at start, gone at the end.
    pub key_file: Option<PathBuf>,
    /// Name of the cookie.
    pub cookie: String,
    /// How long a passed challenge counts.
    pub ttl: Duration,
    /// What a cookie is bound to.
    pub bind: Vec<Binding>,
    /// Of the page.
    pub status: u16,
    /// Paths that are never challenged; a final `/` means: and below.
    pub exempt_paths: Vec<String>,
}

/// What a cookie is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The client's /24 or /48.
    Network,
    /// The user agent.
    UserAgent,
}

/// Decisions for proxies of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Address and port of questions over HTTP; `None` if only
    /// [`Config::server`] is asked.
    pub bind: Option<SocketAddr>,
    /// What bare `/v1/verdict` means.
    pub contract: Contract,
    /// Whose facts are believed.
    pub trusted_peers: Vec<Prefix>,
    /// When we cannot decide.
    pub on_failure: OnFailure,
}

/// Headers by which a proxy tells about a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contract {
    /// `X-Forwarded-*`: Traefik, Caddy, APISIX.
    #[default]
    Forward,
    /// `X-Original-*`: nginx `auth_request`.
    Nginx,
    /// Envoy `ext_authz` over HTTP.
    Envoy,
}

/// What happens when we cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The request passes.
    Allow,
    /// It does not.
    Deny,
}

impl HostPort {
    /// Both in one.
    pub fn address(self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}
