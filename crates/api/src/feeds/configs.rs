//! Configurations of Synapse agents: one an organisation, made once for a
//! moment, and the last good one when none can be made.
//!
//! An agent puts in force what it gets, so that an empty set would open every
//! way at once. What cannot be made is answered by what was good before, also
//! after a restart, or by 503; then the agent keeps what it has.

use std::sync::Arc;

use asgard_policy::feed::select::Selected;
use axum::{
    body::Bytes,
    http::{HeaderValue, StatusCode},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{
    Feeds, Request,
    organisation::Moment,
    rendering::{Failure, Recipe},
    serving::hopeless,
};
use crate::{App, coding::Effort, error::ApiError, representation::Kept};

/// A configuration as it is sent.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) kept: Kept,
    about: About,
}

/// What is said about one; kept with it on disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct About {
    /// Entries and IPv4 addresses that had no room.
    cut: Option<(usize, u64)>,
    made_at: Timestamp,
}

/// What an organisation's agents get at a moment.
#[derive(Clone, Debug)]
pub(super) struct Current {
    moment: Moment,
    config: Arc<Config>,
    /// Whether it is of before, because none could be made.
    stale: bool,
}

/// What a poll gets.
#[derive(Debug)]
pub(crate) struct ServedConfig {
    pub(crate) config: Arc<Config>,
    /// Seconds since it was made, if it is not what it should be.
    pub(crate) stale: Option<i64>,
}

impl Config {
    fn new(body: Bytes, about: About) -> Self {
        Self { kept: Kept::new(body, Effort::Kept), about }
    }

    /// What was cut, as a header says it.
    pub(crate) fn cut(&self) -> Option<HeaderValue> {
        let (entries, addresses) = self.about.cut?;
        let text = format!("{entries};v4={addresses}");
        Some(HeaderValue::from_str(&text).expect("digits are header text"))
    }
}

impl Feeds {
    /// The configuration that a request asks for, in a shape.
    ///
    /// # Errors
    /// 503 while nothing is known, and while a guard stops a feed of which no
    /// configuration was ever made.
    pub(crate) async fn config(
        &self,
        app: &App,
        request: &Request,
        shape: fn(&Recipe, &Selected) -> Bytes,
    ) -> Result<ServedConfig, ApiError> {
        let now = app.now();
        let known = self.configs.get(&request.org);
        let recipe = match self.recipe(app, request).await {
            Ok(recipe) => recipe,
            Err(error) if error.status == StatusCode::SERVICE_UNAVAILABLE => {
                let last = self.last_config(app, request, known).await;
                return Ok(served(last.ok_or(error)?, true, now));
            }
            Err(error) => return Err(error),
        };
        let moment = recipe.moment;
        if let Some(known) = &known
            && known.moment == moment
        {
            let config = Arc::clone(&known.config);
            return Ok(served(config, known.stale, now));
        }
        let last = self.last_config(app, request, known).await;
        let made = spawn_blocking(move || {
            let selected = recipe.select()?;
            let cut = selected.truncated;
            let cut = cut.map(|cut| (cut.entries, cut.addresses_v4));
            let about = About { cut, made_at: recipe.now };
            Ok(Config::new(shape(&recipe, &selected), about))
        });
        let made = made.await.unwrap_or_else(|_| {
            app.metrics.panicked();
            Err(Failure::Fault("the renderer panicked".to_owned()))
        });
        let (config, stale) = match (made, last) {
            (Ok(config), last) => {
                let config = Arc::new(config);
                if last.is_none_or(|l| l.kept.etag() != config.kept.etag()) {
                    self.remember_config(&request.org, &config);
                }
                (config, false)
            }
            (Err(failure), Some(last)) => {
                let org = &request.org;
                tracing::error!(
                    %org,
                    ?failure,
                    "a configuration cannot be made: its last good one is served"
                );
                (last, true)
            }
            (Err(failure), None) => return Err(hopeless(failure)),
        };
        let current = Current { moment, config: Arc::clone(&config), stale };
        self.configs.insert(Arc::clone(&request.org), current);
        Ok(served(config, stale, now))
    }

    /// The newest that was good: in memory, else on disk.
    async fn last_config(
        &self,
        app: &App,
        request: &Request,
        known: Option<Current>,
    ) -> Option<Arc<Config>> {
        if let Some(known) = known {
            return Some(known.config);
        }
        let org = &request.org;
        let (about, bytes) = self.kept_config(&app.store, org).await?;
        let about = serde_json::from_str(&about).ok()?;
        Some(Arc::new(Config::new(bytes, about)))
    }

    fn remember_config(&self, org: &Arc<str>, config: &Config) {
        let about = serde_json::to_string(&config.about)
            .expect("numbers and moments are valid JSON");
        self.keep_config(org, about, config.kept.body().plain());
    }
}

fn served(config: Arc<Config>, stale: bool, now: Timestamp) -> ServedConfig {
    let age = now.duration_since(config.about.made_at).as_secs().max(0);
    ServedConfig { stale: stale.then_some(age), config }
}
