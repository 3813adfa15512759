//! The configuration of a gateway: the file, typed, with every default.
//!
//! Precedence: flag over environment (`ASGARD_GATEWAY__…`) over file over
//! default. Unknown keys, wrong types, and values that cannot work are refused,
//! all at once, with their places. Nothing else of the gateway reads YAML or the
//! environment.

use std::{collections::BTreeMap, path::PathBuf};

use asgard_policy::gate::PolicySource;

mod backends;
mod challenge;
mod features;
mod limits;
mod listeners;
mod lists;
mod load;
mod overrides;
mod read;
pub(crate) mod trusted;

pub use backends::{
    Backend, BackendTimeouts, BackendTls, Balance, Pool, Server,
};
pub use challenge::{Binding, ChallengeConfig, Contract, OnFailure, Verdict};
pub use features::{
    AsnFeature, AsnHeaders, Database, DatabaseSource, Features, GeoipFeature,
    OnMissing, OrgEncoding, WhenUnknown,
};
pub use limits::Limits;
pub use listeners::{
    CertificateFiles, GrpcServer, HostPort, Listener, Log, LogFormat, LogLevel,
    ProxyProtocol, Tls, TlsVersion, TrustedProxies,
};
pub use lists::{
    AsgardLink, CrawlerConfig, Feed, FeedSource, IpList, ListSource, OnPending,
    Resolver,
};
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
