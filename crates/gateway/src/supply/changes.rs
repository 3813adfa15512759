//! Changes of the table of a running asgard: asked for, applied, kept.
//!
//! A gateway that has a table asks what leads from it to the present one, which
//! is a few kilobytes where the whole is ten megabytes. Whatever is wrong with
//! the answer (the server has forgotten the way, or was started again; bytes
//! are broken; what comes out is not what the server has, or is judged bad),
//! the whole is fetched. So it is when changes since the last whole add up to
//! [`MOST`]: until then they lie beside the last good copy, in a file of their
//! own, and a restart applies them to it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use asgard_model::{NetworkTable, network_table::DeltaError, pages::Pages};
use reqwest::StatusCode;

use super::{
    Library, Rejection, Subject, Update, Version, disk,
    fetch::{self, FetchError, Question, Reply},
    judge::{self, Good, Present},
    refresh::RefreshError,
    subject::{Origin, Spec},
};

/// Most bytes of changes on top of a whole.
pub(super) const MOST: u64 = 4 << 20;

/// What the server said about changes.
pub(super) enum Changes {
    /// There are none.
    Nothing,
    /// They were applied.
    Applied(Update),
    /// Only the whole helps.
    FetchWhole,
}

/// Why changes are not applied.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error(transparent)]
    Delta(#[from] DeltaError),
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

impl Library {
    /// Asks what changed since the table in use, and applies it.
    pub(super) async fn changes(
        &self,
        subject: &Subject,
    ) -> Result<Changes, RefreshError> {
        let Some((table, steps)) = held(subject) else {
            return Ok(Changes::FetchWhole);
        };
        let Some(bytes) = self.ask_since(subject, &table).await? else {
            return Ok(Changes::Nothing);
        };
        let sum = u64::try_from(steps.len() + bytes.len()).unwrap_or(u64::MAX);
        if bytes.is_empty() || sum > MOST {
            return Ok(Changes::FetchWhole);
        }
        let present = Present::of(&subject.shelf.lock());
        let (spec, name) = (subject.spec.clone(), subject.name.clone());
        let applied = tokio::task::spawn_blocking(move || {
            let good = apply(&spec, &table, &bytes, present)?;
            let mut steps = steps;
            steps.extend_from_slice(&bytes);
            keep(&spec, &name, &steps);
            Ok::<_, Misfit>((good, steps))
        });
        let (good, steps) = match applied.await? {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(
                    subject = subject.name, %error,
                    "changes of the table are refused; the whole is fetched"
                );
                return Ok(Changes::FetchWhole);
            }
        };
        tracing::debug!(
            subject = subject.name,
            entries = good.entries,
            build_epoch = good.build_epoch,
            "changes are in use"
        );
        let mut state = subject.shelf.lock();
        state.take(&good);
        state.steps = steps;
        let (what, version) = (subject.what.clone(), good.version);
        Ok(Changes::Applied(Update { what, version }))
    }

    /// The answer of the server: empty if only the whole helps, `None` if
    /// nothing has changed.
    async fn ask_since(
        &self,
        subject: &Subject,
        table: &Arc<NetworkTable>,
    ) -> Result<Option<Pages<u8>>, RefreshError> {
        let Origin::Asgard { url, key_file } = &subject.spec.origin else {
            return Ok(Some(Pages::default()));
        };
        let table = Arc::clone(table);
        let version = move || table.version();
        let version = tokio::task::spawn_blocking(version).await?;
        let url = format!("{url}/changes?since={version}");
        let failed = |cause| RefreshError::Fetch { url: url.clone(), cause };
        let key = fetch::key(key_file.as_deref()).await.map_err(failed)?;
        let question = Question {
            url: url.clone(),
            key,
            etag: Some(format!("\"{version}\"")),
            last_modified: None,
            max_bytes: MOST,
        };
        match self.fetcher.ask(&question).await {
            Ok(Reply::NotModified) => Ok(None),
            Ok(Reply::Body { bytes, .. }) => Ok(Some(bytes)),
            // Gone: it has forgotten the way. Not found: it is an older asgard.
            Err(
                FetchError::Status(StatusCode::GONE | StatusCode::NOT_FOUND)
                | FetchError::TooLarge(_)
                | FetchError::Empty,
            ) => Ok(Some(Pages::default())),
            Err(cause) => Err(failed(cause)),
        }
    }
}

/// The table of a running asgard in use, with the changes since its whole.
fn held(subject: &Subject) -> Option<(Arc<NetworkTable>, Vec<u8>)> {
    let Origin::Asgard { .. } = subject.spec.origin else { return None };
    let state = subject.shelf.lock();
    match &state.version {
        Some(Version::Networks(table)) => {
            Some((Arc::clone(table), state.steps.clone()))
        }
        _ => None,
    }
}

fn apply(
    spec: &Spec,
    table: &NetworkTable,
    bytes: &[u8],
    present: Present,
) -> Result<Good, Misfit> {
    let next = table.apply(bytes)?;
    Ok(judge::changed(spec, next, present)?)
}

/// Beside the last good copy.
fn place(copy: &Path) -> PathBuf {
    let mut name = copy.file_name().unwrap_or_default().to_owned();
    name.push(".changes");
    copy.with_file_name(name)
}

fn keep(spec: &Spec, name: &str, steps: &[u8]) {
    let Some(copy) = &spec.copy else { return };
    let path = place(copy);
    if let Err(error) = disk::replace(&path, steps) {
        // They are good all the same; only a restart would miss them.
        tracing::error!(
            subject = name, path = %path.display(), %error,
            "changes of the table cannot be written"
        );
    }
}

/// Forgets the changes on disk, which the last good copy has now. Where that
/// fails they do no harm: they lead from another table.
pub(super) fn forget(spec: &Spec) {
    if let (Origin::Asgard { .. }, Some(copy)) = (&spec.origin, &spec.copy) {
        let _ = std::fs::remove_file(place(copy));
    }
}

/// A last good copy with the changes beside it, as far as they fit; and these.
pub(super) fn restored(spec: &Spec, good: Good) -> (Good, Vec<u8>) {
    let (Origin::Asgard { .. }, Some(copy)) = (&spec.origin, &spec.copy) else {
        return (good, Vec::new());
    };
    let Version::Networks(table) = &good.version else {
        return (good, Vec::new());
    };
    let path = place(copy);
    let steps = match disk::read(&path, MOST) {
        Ok((steps, _)) => steps,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return (good, Vec::new());
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "no changes");
            return (good, Vec::new());
        }
    };
    match apply(spec, table, &steps, Present::default()) {
        Ok(changed) => (changed, steps.to_vec()),
        Err(error) => {
            tracing::warn!(
                path = %path.display(), %error,
                "changes are left out; the last whole is used"
            );
            (good, Vec::new())
        }
    }
}
