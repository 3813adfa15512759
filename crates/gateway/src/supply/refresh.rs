//! One attempt to get a newer version, and the loop of attempts.

use std::{io, time::Duration};

use asgard_model::pages::Pages;
use tokio::{sync::watch, task::JoinError, time::MissedTickBehavior};

use super::{
    Library, Rejection, Subject, Update,
    changes::{self, Changes},
    disk,
    fetch::{self, FetchError, Label, Question, Reply},
    judge::{self, Good, Present, Provenance},
    subject::{Origin, Signature},
};

/// First pause after a failure; it doubles up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// How often ages are looked at.
const AGE_LOOK: Duration = Duration::from_secs(60);
/// How often the log repeats that a database is too old, in seconds.
const AGE_WARNING: u64 = 3600;

/// Why there is no newer version.
#[derive(Debug, thiserror::Error)]
pub(super) enum RefreshError {
    #[error("`{path}`: {cause}")]
    File { path: String, cause: io::Error },
    #[error("{url}: {cause}")]
    Fetch { url: String, cause: FetchError },
    #[error("{from}: {cause}")]
    Rejected { from: String, cause: Rejection },
    #[error("interrupted: {0}")]
    Interrupted(#[from] JoinError),
}

/// Bytes as they came, with what tells the next ones apart.
struct Got {
    bytes: Pages<u8>,
    etag: Option<String>,
    last_modified: Option<String>,
    signature: Option<Signature>,
    /// What a running asgard says about them; others are not believed.
    label: Label,
}

impl Library {
    /// Takes the last good copy, if there is one that is still good.
    pub(super) async fn restore(&self, subject: &Subject) -> bool {
        let Some(path) = subject.spec.copy.clone() else { return false };
        let spec = subject.spec.clone();
        let restored = tokio::task::spawn_blocking(move || {
            let (bytes, _) = disk::read(&path, spec.max_bytes)?;
            let good = judge::judge(
                &spec,
                bytes,
                Present::default(),
                Provenance::Copy,
            )
            .map_err(io::Error::other)?;
            Ok::<_, io::Error>(changes::restored(&spec, good))
        });
        match restored.await {
            Ok(Ok((good, steps))) => {
                let mut state = subject.shelf.lock();
                state.take(&good);
                state.steps = steps;
                tracing::info!(
                    subject = subject.name,
                    "the last good copy is used until a newer one is there"
                );
                true
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => false,
            Ok(Err(error)) => {
                tracing::warn!(
                    subject = subject.name, %error,
                    "the last good copy cannot be used"
                );
                false
            }
            Err(_) => false,
        }
    }

    /// Asks for a newer version; `None` if there is none.
    pub(super) async fn refresh(
        &self,
        subject: &Subject,
    ) -> Result<Option<Update>, RefreshError> {
        let result = self.attempt(subject).await;
        let mut state = subject.shelf.lock();
        match &result {
            Ok(_) => {
                state.last_error = None;
                state.last_success = (self.clock)();
            }
            Err(error) => {
                state.failures += 1;
                state.last_error = Some(error.to_string());
            }
        }
        result
    }

    async fn attempt(
        &self,
        subject: &Subject,
    ) -> Result<Option<Update>, RefreshError> {
        match self.changes(subject).await? {
            Changes::Nothing => return Ok(None),
            Changes::Applied(update) => return Ok(Some(update)),
            Changes::FetchWhole => {}
        }
        let Some(got) = self.get(subject).await? else { return Ok(None) };
        let from = match &subject.spec.origin {
            Origin::Inline(_) => "inline".to_owned(),
            Origin::File(path) => format!("`{}`", path.display()),
            Origin::Url(url) | Origin::Asgard { url, .. } => url.clone(),
        };
        let Got { bytes, etag, last_modified, signature, label } = got;
        let spec = subject.spec.clone();
        let present = Present::of(&subject.shelf.lock());
        let name = subject.name.clone();
        let good: Good = tokio::task::spawn_blocking(move || {
            if let Origin::Inline(blocks) = &spec.origin {
                return Ok(judge::inline(blocks));
            }
            let from = Provenance::Published(&label);
            let mut good = judge::judge(&spec, bytes, present, from)?;
            let plain = std::mem::take(&mut good.bytes);
            if let Some(copy) = &spec.copy
                && let Err(error) = disk::replace(copy, &plain)
            {
                // It is good all the same; only a restart would miss it.
                tracing::error!(
                    subject = name, path = %copy.display(), %error,
                    "the last good copy cannot be written"
                );
            }
            changes::forget(&spec);
            Ok(good)
        })
        .await?
        .map_err(|cause| RefreshError::Rejected { from, cause })?;
        let mut state = subject.shelf.lock();
        state.take(&good);
        state.steps.clear();
        (state.etag, state.last_modified) = (etag, last_modified);
        state.signature = signature;
        tracing::info!(
            subject = subject.name,
            entries = good.entries,
            build_epoch = good.build_epoch,
            "a new version is in use"
        );
        let update =
            Update { what: subject.what.clone(), version: good.version };
        Ok(Some(update))
    }

    /// The bytes of the origin; `None` if they are those in use.
    async fn get(
        &self,
        subject: &Subject,
    ) -> Result<Option<Got>, RefreshError> {
        let spec = &subject.spec;
        let (url, key_file) = match &spec.origin {
            Origin::Inline(_) => {
                let known = subject.shelf.version().is_some();
                let nothing = Got {
                    bytes: Pages::default(),
                    etag: None,
                    last_modified: None,
                    signature: None,
                    label: Label::default(),
                };
                return Ok((!known).then_some(nothing));
            }
            Origin::File(path) => {
                let known = subject.shelf.lock().signature;
                let (at, max) = (path.clone(), spec.max_bytes);
                let read = tokio::task::spawn_blocking(move || {
                    let now = Signature::of(&std::fs::metadata(&at)?);
                    if known == Some(now) {
                        return Ok(None);
                    }
                    disk::read(&at, max).map(Some)
                });
                let read = read.await?.map_err(|cause| {
                    let path = path.display().to_string();
                    RefreshError::File { path, cause }
                })?;
                return Ok(read.map(|(bytes, metadata)| Got {
                    bytes,
                    etag: None,
                    last_modified: None,
                    signature: Some(Signature::of(&metadata)),
                    label: Label::default(),
                }));
            }
            Origin::Url(url) => (url, None),
            Origin::Asgard { url, key_file } => (url, key_file.as_deref()),
        };
        let failed = |cause| RefreshError::Fetch { url: url.clone(), cause };
        let key = fetch::key(key_file).await.map_err(failed)?;
        let question = {
            let state = subject.shelf.lock();
            Question {
                url: url.clone(),
                key,
                // After changes the table is another than the tag says.
                etag: state.etag.clone().filter(|_| state.steps.is_empty()),
                last_modified: state.last_modified.clone(),
                max_bytes: spec.max_bytes,
            }
        };
        match self.fetcher.ask(&question).await.map_err(failed)? {
            Reply::NotModified => Ok(None),
            Reply::Body { bytes, etag, last_modified, label } => {
                let label = match &spec.origin {
                    Origin::Asgard { .. } => label,
                    _ => Label::default(),
                };
                let signature = None;
                Ok(Some(Got { bytes, etag, last_modified, signature, label }))
            }
        }
    }

    /// Attempts for ever: at each interval, sooner after a failure.
    pub(super) async fn keep_fresh(
        &self,
        subject: &Subject,
        publish: &(impl Fn(Update) + Sync),
        mut shutdown: watch::Receiver<bool>,
    ) {
        let Some(interval) = subject.spec.interval else { return };
        // A copy from disk, or nothing at all, wants to be replaced at once.
        let mut pause = match subject.shelf.lock().last_success {
            0 => Duration::ZERO,
            _ => jittered(interval),
        };
        let mut failures = 0u32;
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // Not in the select: a version that is being taken is taken whole.
            match self.refresh(subject).await {
                Ok(update) => {
                    failures = 0;
                    pause = jittered(interval);
                    if let Some(update) = update {
                        publish(update);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        subject = subject.name, %error,
                        "not refreshed; the last good version stays"
                    );
                    let doubled = FIRST_PAUSE * (1 << failures.min(12));
                    pause = jittered(doubled.min(interval));
                    failures += 1;
                }
            }
        }
    }

    /// Tells of databases that are too old, whether or not they have an
    /// interval: each once an hour.
    pub(super) async fn tell_ages(&self, mut shutdown: watch::Receiver<bool>) {
        let mut looks = tokio::time::interval(AGE_LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                _ = looks.tick() => {}
            }
            let now = (self.clock)();
            for subject in &self.subjects {
                if subject.is_to_be_told(now, AGE_WARNING) {
                    tracing::warn!(
                        subject = subject.name,
                        "older than max_age; rules decide by old data"
                    );
                }
            }
        }
    }
}

/// Between 90 and 110 %: not all gateways ask at the same moment.
fn jittered(interval: Duration) -> Duration {
    let mut byte = [128];
    // Without random bytes there is no jitter, which harms nobody.
    let _ = getrandom::fill(&mut byte);
    interval.mul_f64(0.9 + 0.2 * f64::from(byte[0]) / 255.0)
}
