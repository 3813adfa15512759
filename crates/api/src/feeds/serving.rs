//! The way of a poll: what is known is handed out, what is not is made once,
//! and what cannot be made is answered by what was good before.

use std::{sync::Arc, time::Duration};

use asgard_policy::feed::{
    format::{Format, Options, RenderError},
    select::{Channel, FeedParams, Overflowed},
};
use axum::http::StatusCode;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{
    Feeds, Rulebook,
    body::Body,
    organisation::Moment,
    rendering::{Failure, Recipe},
    rulebook::Shared,
    shelf::{Outcome, Slot, Url},
};
use crate::{
    App,
    error::{ApiError, ask},
    limits,
    metrics::FeedState,
};

/// A feed that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) org: Arc<str>,
    pub(crate) format: Format,
    pub(crate) params: FeedParams,
    pub(crate) options: Options,
    /// Most bytes that the device takes.
    pub(crate) max_bytes: Option<u64>,
}

/// What a poll gets.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) body: Arc<Body>,
    /// When the bytes last changed, as far as a date can tell them from those
    /// before.
    pub(crate) modified: Option<Timestamp>,
    /// Seconds since the body was made, if it is not what it should be.
    pub(crate) stale: Option<i64>,
    /// Seconds for which a client may keep it.
    pub(crate) max_age: i64,
    /// Whether it was there already.
    pub(crate) hit: bool,
}

impl Served {
    /// How good it is, for those who watch over the server.
    pub(crate) fn state(&self) -> FeedState {
        match (self.stale, self.body.about.held) {
            (Some(_), _) => FeedState::Stale,
            (None, true) => FeedState::Held,
            (None, false) => FeedState::Current,
        }
    }
}

impl Request {
    /// What is asked for, in its one spelling.
    pub(crate) fn url(&self) -> Url {
        let Options { list, confirm, .. } = &self.options;
        let more = match (list.as_str(), confirm) {
            ("asgard", asgard_policy::feed::format::Confirm::Nothing) => {
                String::new()
            }
            (list, confirm) => format!("&set={list}&confirm={confirm:?}"),
        };
        Url::new(&self.org, self.format, &self.params, &more)
    }
}

impl Feeds {
    /// Answers a poll.
    ///
    /// # Errors
    /// 404 for a version that is not kept, 422 for what cannot be made as
    /// asked, 503 while nothing is known.
    pub(crate) async fn serve(
        &self,
        app: &App,
        request: &Request,
    ) -> Result<Served, ApiError> {
        let url = request.url();
        let recipe = match self.recipe(app, request).await {
            Ok(recipe) => recipe,
            Err(error) if error.status == StatusCode::SERVICE_UNAVAILABLE => {
                return self.before(app, &url, error).await;
            }
            Err(error) => return Err(error),
        };
        self.answer(app, &url, recipe).await
    }

    /// What is known of a URL, or what is made of the recipe.
    pub(super) async fn answer(
        &self,
        app: &App,
        url: &Url,
        recipe: Recipe,
    ) -> Result<Served, ApiError> {
        let slot = self.shelf.slot(url);
        let (moment, now) = (recipe.moment, recipe.now);
        let max_age = max_age(moment, now);
        if let Some(outcome) = slot.at(moment) {
            return served(outcome, max_age, now, true);
        }
        let _turn = slot.turn.lock().await;
        // Whoever had the turn before has made it.
        if let Some(outcome) = slot.at(moment) {
            return served(outcome, max_age, now, true);
        }
        let outcome = self.make(app, recipe, url, &slot).await;
        self.shelf.put(url, &slot, moment, outcome.clone());
        served(outcome, max_age, now, false)
    }

    /// What the answer to a request would be made from now.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub(crate) async fn recipe(
        &self,
        app: &App,
        request: &Request,
    ) -> Result<Recipe, ApiError> {
        let now = app.now();
        let unknown = || ApiError::unavailable("Rules have not been read yet");
        let org = &request.org;
        let present = self.rulebook(org).ok_or_else(unknown)?;
        let published = app.published()?;
        let params = &request.params;
        let book = match (params.version, params.channel) {
            (Some(version), _) => self.pinned(app, &present, version).await?,
            (None, Channel::Canary) => Arc::clone(&present),
            (None, Channel::Stable) => self.stable(app, &present, now).await?,
        };
        let staged =
            (params.version, params.channel) == (None, Channel::Stable);
        let delay = match staged {
            true => self.config.stage_delay,
            false => Duration::ZERO,
        };
        Ok(Recipe {
            ripe_at: book.at.checked_add(delay).unwrap_or(now),
            moment: Moment::of(&book, &published, now),
            present: Arc::ptr_eq(&book, &present),
            alone: false,
            rulebook: book,
            published,
            organisation: self.organisation(org),
            settings: Arc::clone(&self.settings),
            request: request.clone(),
            before: None,
            now,
        })
    }

    async fn pinned(
        &self,
        app: &App,
        present: &Shared,
        version: u64,
    ) -> Result<Shared, ApiError> {
        let now = present.stored.version;
        if version == now {
            return Ok(Arc::clone(present));
        }
        let org: Arc<str> = present.stored.org.as_str().into();
        let book = ask(self.past(&app.store, &org, version)).await?;
        book.ok_or_else(|| {
            ApiError::new(StatusCode::NOT_FOUND, "This version is not kept")
                .with_detail("parameter", "version")
                .with_detail("current", now)
        })
    }

    /// What the stable channel gets: the newest version that is old enough or
    /// was released, less what has been taken out since, and with everything
    /// that protects now. Nothing that opens a way ever waits.
    async fn stable(
        &self,
        app: &App,
        present: &Shared,
        now: Timestamp,
    ) -> Result<Shared, ApiError> {
        let delay = self.config.stage_delay;
        let ripe = |at: Timestamp| {
            let age = now.duration_since(at).unsigned_abs();
            age >= delay || at > now
        };
        let version = present.stored.version;
        if delay.is_zero()
            || ripe(present.at)
            || present.release.stable >= version
        {
            return Ok(Arc::clone(present));
        }
        let org: Arc<str> = present.stored.org.as_str().into();
        let history = ask(app.store.rules.history(&org)).await?;
        let old = history.iter().find(|record| {
            ripe(record.at) || record.version <= present.release.stable
        });
        // Of more versions than are kept, the oldest comes nearest.
        let first = || history.last().filter(|first| first.version > 1);
        let old = old.or_else(first);
        let book = match old {
            None => return Ok(self.first_stage(&org, present)),
            Some(old) => ask(self.past(&app.store, &org, old.version)).await?,
        };
        let Some(book) = book else { return Ok(Arc::clone(present)) };
        Ok(self.staged(&org, present, &book))
    }

    /// Before the first version is ripe, nothing is stable.
    fn first_stage(&self, org: &Arc<str>, present: &Rulebook) -> Shared {
        let empty = Rulebook::empty(org, &[]);
        self.staged(org, present, &empty)
    }

    /// Rules of an old version that still stand, each until it ends in either.
    fn staged(
        &self,
        org: &Arc<str>,
        present: &Rulebook,
        old: &Rulebook,
    ) -> Shared {
        // One value for each pair, or every poll would render anew.
        let name = (
            Arc::from(format!("{org}\0stable of {}", present.edition)),
            old.edition,
        );
        self.past.get_with(name, || {
            let mut stored = present.stored.clone();
            stored.version = old.stored.version;
            stored.rules = old.stored.rules.clone();
            stored.rules.retain_mut(|rule| {
                let Some(now) = present.stored.rule(rule.id) else {
                    return false;
                };
                let ends = [rule.expires_at, now.expires_at];
                rule.expires_at = ends.into_iter().flatten().min();
                now.is_active
            });
            let pollers = self.pollers_of(org);
            let (at, release) = (old.at, present.release);
            let staged = Rulebook::of(stored, at, release, &pollers);
            // A removal never waits.
            Arc::new(staged.changed_at(present.changed))
        })
    }

    /// Renders, or falls back to what was good before.
    async fn make(
        &self,
        app: &App,
        mut recipe: Recipe,
        url: &Url,
        slot: &Slot,
    ) -> Outcome {
        let before = match slot.last_good() {
            Some(body) => Some(body),
            None => self.kept_body(&app.store, url).await,
        };
        recipe.before.clone_from(&before);
        let made = spawn_blocking(move || recipe.make()).await;
        app.metrics.feed_rendered();
        let failure = match made {
            Ok(Ok(body)) => {
                let body = Arc::new(body);
                let same = before.is_some_and(|old| {
                    old.about.tag == body.about.tag
                        && old.about.version == body.about.version
                });
                if !same {
                    self.remember(url, &body);
                }
                return Outcome::Good(body);
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Fault("the renderer panicked".to_owned()),
        };
        fall_back(&url.org, failure, before)
    }

    /// What answers while nothing can be made at all.
    async fn before(
        &self,
        app: &App,
        url: &Url,
        error: ApiError,
    ) -> Result<Served, ApiError> {
        let slot = self.shelf.slot(url);
        let body = match slot.last_good() {
            Some(body) => Some(body),
            None => self.kept_body(&app.store, url).await,
        };
        let body = body.ok_or(error)?;
        served(Outcome::Stale(body), 0, app.now(), true)
    }
}

/// What a fault or a guard leaves to answer.
fn fall_back(
    org: &str,
    failure: Failure,
    before: Option<Arc<Body>>,
) -> Outcome {
    match (failure, before) {
        (Failure::Refused(error), _) => Outcome::Refused(refused(&error)),
        (failure, Some(body)) => {
            tracing::error!(
                org,
                ?failure,
                "a feed cannot be made: its last good body is served"
            );
            Outcome::Stale(body)
        }
        (failure, None) => {
            if let Failure::Fault(reason) = &failure {
                tracing::error!(org, reason, "a feed cannot be made");
            }
            Outcome::Refused(hopeless(failure))
        }
    }
}

/// What is answered where nothing was good before.
pub(super) fn hopeless(failure: Failure) -> ApiError {
    match failure {
        Failure::Refused(error) => refused(&error),
        Failure::Overflowed(error) => overflowed(&error),
        Failure::TooLong(bytes, most) => too_long(bytes, most),
        Failure::Stopped => ApiError::unavailable(
            "A guard stopped the feed, and there is no last good one",
        ),
        Failure::TooWide(share) => too_wide(share),
        Failure::Fault(_) => ApiError::internal(),
    }
}

fn refused(error: &RenderError) -> ApiError {
    let parameter = match error {
        RenderError::NeedsConfirmation(_) => "confirm",
        RenderError::NeedsMaxEntries(_) | RenderError::TooMany { .. } => {
            "max_entries"
        }
        RenderError::Ranges(_) => "tr",
        RenderError::Overlap(_) => "aggregate",
        RenderError::ListName(_) => "set",
        RenderError::DefaultRoute | RenderError::Fault { .. } => "format",
    };
    ApiError::validation("The feed cannot be written in this form")
        .with_detail("parameter", parameter)
        .with_detail("message", error.to_string())
}

/// 422 with the numbers.
fn overflowed(error: &Overflowed) -> ApiError {
    ApiError::validation("The feed exceeds the budget of the device")
        .with_detail("parameter", "max_entries")
        .with_detail("entries", error.entries)
        .with_detail("max_entries", error.max_entries)
        .with_detail("message", error.to_string())
}

fn too_long(bytes: usize, most: usize) -> ApiError {
    ApiError::validation("The feed exceeds the budget of the device")
        .with_detail("parameter", "profile")
        .with_detail("bytes", bytes)
        .with_detail("max_bytes", most)
        .with_detail("message", "set max_entries with overflow=truncate")
}

/// 422: an empty list would be taken for a good one.
fn too_wide(share: f64) -> ApiError {
    let percent = share * 100.0;
    let message = format!(
        "it would block more than {percent} % of all IPv4 addresses: lower it"
    );
    ApiError::validation("The list would block too much")
        .with_detail("parameter", "max_score")
        .with_detail("message", message)
}

fn max_age(moment: Moment, now: Timestamp) -> i64 {
    let most = limits::FEED_MAX_AGE;
    let rest = moment.next_expiry.map(|end| end.duration_since(now).as_secs());
    rest.map_or(most, |seconds| seconds.clamp(0, most))
}

fn served(
    outcome: Outcome,
    max_age: i64,
    now: Timestamp,
    hit: bool,
) -> Result<Served, ApiError> {
    let (body, stale, max_age) = match outcome {
        Outcome::Good(body) => (body, None, max_age),
        Outcome::Stale(body) => {
            let age = now.duration_since(body.about.built_at).as_secs();
            (body, Some(age.max(0)), 0)
        }
        Outcome::Refused(error) => return Err(error),
    };
    // Within the second that it names, bytes may change once more: then it is
    // no validator (RFC 9110, section 8.8.2.2), and nobody is told it.
    let modified = body.about.modified;
    let over = now.as_second() > modified.as_second();
    Ok(Served { modified: over.then_some(modified), body, stale, max_age, hit })
}
