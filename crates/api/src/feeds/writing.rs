//! A write: judged against the present rules, stored, published, acknowledged;
//! in that order, one at a time.
//!
//! What was acknowledged is durable and visible to every later read of this
//! process. Other processes hear of it by the generation of the store. When one
//! of them was faster, the write is judged again on what it left.

use std::{sync::Arc, time::Duration};

use asgard_policy::access::{Change, Facts};
use asgard_store::{Answer, Committed, RulesWrite};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    Feeds, Release, Rulebook,
    documents::{of_change, of_release},
    organisation::facts,
    rulebook::Shared,
};
use crate::{
    App,
    error::{ApiError, ask},
    published::Published,
};

/// Times that a write is judged again because others were faster.
const ATTEMPTS: usize = 5;

/// Who writes.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) org: Arc<str>,
    /// The id of the key.
    pub(crate) actor: String,
    pub(crate) repeat: Option<Repeat>,
}

/// A request that the client may send again.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    /// Its `Idempotency-Key`.
    pub(crate) key: String,
    /// SHA-256 of method, path and body.
    pub(crate) request: [u8; 32],
}

/// What a write is to do, and what to answer.
pub(crate) struct Draft {
    /// For the audit log.
    pub(crate) action: &'static str,
    pub(crate) change: Change,
    pub(crate) release: Option<Release>,
    pub(crate) status: StatusCode,
    /// The body, given the version that the write makes.
    pub(crate) body: Box<dyn FnOnce(u64) -> Value + Send>,
}

/// What a write is judged against.
pub(crate) struct Desk<'a> {
    pub(crate) book: &'a Rulebook,
    pub(crate) published: &'a Published,
    pub(crate) facts: Facts<'a>,
    pub(crate) now: Timestamp,
}

/// What is answered to a write.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    /// It was written before, by the same request.
    pub(crate) replayed: bool,
}

impl Draft {
    /// A change that is answered by `{"success": true, "data": …}`.
    pub(crate) fn new(
        action: &'static str,
        change: Change,
        data: impl FnOnce(u64) -> Value + Send + 'static,
    ) -> Self {
        let body = move |version| serde_json::json!({"success": true, "data": data(version)});
        Self {
            action,
            change,
            release: None,
            status: StatusCode::OK,
            body: Box::new(body),
        }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn changes(&self) -> bool {
        self.release.is_some() || !self.change.is_empty()
    }
}

impl Feeds {
    /// Writes what `judge` says.
    ///
    /// # Errors
    /// What `judge` refuses; 422 for a repeated key with another request, 503
    /// when the store cannot take it.
    pub(crate) async fn write(
        &self,
        app: &App,
        write: &Write,
        judge: impl Fn(&Desk<'_>) -> Result<Draft, ApiError> + Send + Sync + 'static,
    ) -> Result<Done, ApiError> {
        let judge = Arc::new(judge);
        let _turn = self.turn.lock().await;
        if let Some(done) = self.repeated(app, write).await? {
            return Ok(done);
        }
        for _ in 0..ATTEMPTS {
            let book = self.rulebook(&write.org).ok_or_else(|| {
                ApiError::unavailable("Rules have not been read yet")
            })?;
            let draft = self.judged(app, &book, &judge).await?;
            if let Some(done) = self.commit(app, write, &book, draft).await? {
                return Ok(done);
            }
            self.reload(app, &write.org).await?;
        }
        Err(ApiError::unavailable("Others write the same rules: try again"))
    }

    /// The answer that was given to the same request before.
    async fn repeated(
        &self,
        app: &App,
        write: &Write,
    ) -> Result<Option<Done>, ApiError> {
        let Some(repeat) = &write.repeat else { return Ok(None) };
        let find = &app.store.idempotency;
        let find = find.find(&write.org, &repeat.key, app.now());
        let Some(kept) = ask(find).await? else { return Ok(None) };
        if kept.request != repeat.request {
            return Err(ApiError::validation(
                "This Idempotency-Key was used for another request",
            )
            .with_detail("header", "Idempotency-Key"));
        }
        let status = StatusCode::from_u16(kept.status);
        Ok(Some(Done {
            status: status.unwrap_or(StatusCode::OK),
            body: kept.body,
            replayed: true,
        }))
    }

    async fn judged<J>(
        &self,
        app: &App,
        book: &Shared,
        judge: &Arc<J>,
    ) -> Result<Draft, ApiError>
    where
        J: Fn(&Desk<'_>) -> Result<Draft, ApiError> + Send + Sync + 'static,
    {
        let org: Arc<str> = book.stored.org.as_str().into();
        let organisation = self.organisation(&org);
        let settings = Arc::clone(&self.settings);
        let (published, now) = (app.published()?, app.now());
        let (book, judge) = (Arc::clone(book), Arc::clone(judge));
        let work = spawn_blocking(move || {
            let standing =
                organisation.standing(&book, &published, &settings, now);
            judge(&Desk {
                book: &book,
                published: &published,
                facts: facts(&published, &settings, &standing),
                now,
            })
        });
        work.await.unwrap_or_else(|_| {
            app.metrics.panicked();
            Err(ApiError::internal())
        })
    }

    /// Stores a draft and publishes it; `None` if somebody else was faster.
    async fn commit(
        &self,
        app: &App,
        write: &Write,
        book: &Rulebook,
        draft: Draft,
    ) -> Result<Option<Done>, ApiError> {
        let (base, at) = (book.stored.version, app.now());
        let changes = draft.changes();
        let version = base + u64::from(changes);
        let (mut put, remove) = of_change(&draft.change);
        put.extend(draft.release.map(of_release));
        let body = (draft.body)(version).to_string();
        let status = draft.status;
        let answer = write.repeat.as_ref().map(|repeat| Answer {
            key: &repeat.key,
            request: repeat.request,
            status: status.as_u16(),
            body: &body,
        });
        let org = &write.org;
        if changes {
            let committed = app.store.rules.commit(RulesWrite {
                org,
                base,
                put,
                remove,
                actor: &write.actor,
                action: draft.action,
                at,
                answer,
                staged: Some(staged(self.config.stage_delay)),
            });
            let committed = ask(committed).await;
            app.live.store_wrote(committed.is_ok());
            if committed? == Committed::Moved {
                return Ok(None);
            }
            let stored = book.stored.with(&draft.change);
            let release = draft.release.unwrap_or(book.release);
            let pollers = self.pollers_of(org);
            let next = Rulebook::of(stored, at, release, &pollers);
            self.publish(vec![(Arc::clone(org), Arc::new(next))]);
        } else if let Some(answer) = answer {
            let keep = app.store.idempotency.keep(org, answer, at);
            ask(keep).await?;
        }
        Ok(Some(Done { status, body, replayed: false }))
    }

    /// Takes up what somebody else wrote.
    async fn reload(&self, app: &App, org: &Arc<str>) -> Result<(), ApiError> {
        let rules = ask(app.store.rules.load(org)).await?;
        let book = Rulebook::new(&rules, &self.pollers_of(org));
        self.publish(vec![(Arc::clone(org), Arc::new(book))]);
        Ok(())
    }
}

fn staged(delay: Duration) -> SignedDuration {
    SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX)
}
