//! Lists, feeds and crawlers, and whom they are asked of.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use asgard_model::Prefix;

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
    /// The feed of the organisation whose key [`super::Config::asgard`] has.
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
    /// Published ranges, by their place in [`super::Config::ip_lists`].
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
