//! What the API works with; the binary puts it together.

use std::{collections::BTreeMap, fmt, sync::Arc};

use asgard_model::{Prefix, Snapshot};
use asgard_store::Store;
use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    FeedConfig, Feeds, Live, Lookups, Metrics, error::ApiError,
    feeds::Rulebook, limits, published::Published,
};

/// Tells the time; tests stop it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why new scores could not be published.
pub type RepublishError = Box<dyn std::error::Error + Send + Sync>;

/// Makes a write that changes scores take effect.
#[async_trait]
pub trait Republish: Send + Sync {
    /// Reads the whitelist from the store, judges the present World again and
    /// publishes the Snapshot and its events. A write is acknowledged after
    /// this has returned, so what was stored before the call must be in what
    /// is published. Does nothing while there is no World yet. Calls may
    /// overlap.
    ///
    /// # Errors
    /// When nothing could be published; the client is told to try again.
    async fn republish(&self) -> Result<(), RepublishError>;
}

/// What the operator decides about the API.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiConfig {
    /// Requests a minute for each key, and for each address without a key; 0
    /// switches the limit off.
    pub rate_limit_per_minute: u32,
    /// The same for the keys of a class, by its name. A key whose class is not
    /// here has the limit of everybody.
    pub rate_classes: Arc<BTreeMap<String, u32>>,
    /// Blocks of the operator's proxies, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[Prefix]>,
    /// Whether `/feeds/edl` needs a key.
    pub edl_auth: EdlAuth,
    /// The feeds of organisations.
    pub feeds: FeedConfig,
    /// Origins (`https://soc.example.net`) whose pages may call the API from a
    /// browser; `*` is any. None by default.
    pub cors_origins: Vec<String>,
}

/// Whether the external dynamic list needs a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdlAuth {
    /// It is for everybody.
    #[default]
    None,
    /// Only for keys that may read feeds.
    Key,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            rate_limit_per_minute: limits::RATE_PER_MINUTE,
            rate_classes: Arc::default(),
            trusted_proxies: Arc::default(),
            edl_auth: EdlAuth::None,
            feeds: FeedConfig::default(),
            cors_origins: Vec::new(),
        }
    }
}

/// Everything a request may need. Clones share everything.
#[derive(Clone)]
pub struct App {
    /// What is published now.
    pub live: Arc<Live>,
    /// Memory: history and whitelist.
    pub store: Store,
    /// The operator's decisions.
    pub config: ApiConfig,
    /// Makes whitelist writes take effect.
    pub republish: Arc<dyn Republish>,
    /// Rules and feeds of organisations.
    pub feeds: Arc<Feeds>,
    /// Who is asked about domains and profiles.
    pub lookups: Arc<Lookups>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish()
    }
}

impl App {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The Snapshot, or 503 before the first.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>, ApiError> {
        self.live.snapshot().ok_or_else(ApiError::no_snapshot)
    }

    /// What an organisation blocks, or 503 before the store was read.
    pub(crate) fn rulebook(
        &self,
        org: &Arc<str>,
    ) -> Result<Arc<Rulebook>, ApiError> {
        let unknown = || ApiError::unavailable("Rules have not been read yet");
        self.feeds.rulebook(org).ok_or_else(unknown)
    }

    /// The Snapshot with its rendered feeds, or 503 before the first.
    pub(crate) fn published(&self) -> Result<Arc<Published>, ApiError> {
        self.live.published().ok_or_else(ApiError::no_snapshot)
    }
}
