//! The public addresses: conditional polls, and the last good file of each.
//!
//! `<data>/sources/<name>/<part>.good` is what everyone reads. A download goes
//! to `<part>.candidate` beside it and replaces it only when the caller has
//! parsed and validated it ([`Network::promote`]); otherwise it is thrown away
//! ([`Network::discard`]) and the good file stays, ageing. Nothing that a
//! server sends can make a good file disappear.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use asgard_model::Day;
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::Client;
use tokio::sync::Semaphore;

use super::{
    Egress, Progress, Receipt, Source, SupplyError, Timing, Version,
    client::client,
    dated_url,
    fetch::{Answer, FetchError, Request, fetch},
    open_below,
    receipt::replace,
    receipts::Receipts,
    turn::Turn,
    unwritable,
};
use crate::catalogue::Part;

/// Downloads at the same time; more only share the same line.
const MAX_PARALLEL: usize = 8;

/// The public addresses, with the last good files on disk.
#[derive(Debug)]
pub struct Network {
    root: PathBuf,
    client: Client,
    egress: Egress,
    /// Why https cannot work on this machine.
    tls_problem: Option<String>,
    slots: Semaphore,
    receipts: Receipts,
}

/// Whether the publisher's cadence binds this poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Only what is due.
    Due,
    /// Now, or after another process that is asking: a person asked for it.
    Forced,
}

/// How a poll went.
#[derive(Debug)]
pub enum Outcome {
    /// It is too early to ask again, or another process is asking.
    NotDue,
    /// The good files are current.
    NotModified,
    /// There is something new to validate.
    Fetched(Candidate),
    /// No answer that could be used; the good files stay. Names the source and
    /// every address that was tried.
    Failed(String),
}

/// New files that nobody has believed yet.
#[derive(Debug)]
pub struct Candidate {
    /// The files of the new state: the new ones, and for parts that have not
    /// changed or could not be fetched, the good ones.
    pub versions: Vec<Version>,
    /// Parts that could not be fetched, and why.
    pub failures: Vec<String>,
    fetched: Vec<(String, Receipt)>,
    /// Until it is promoted or discarded, no other process fetches.
    _turn: Turn,
}

enum Polled {
    NotDue,
    NotModified,
    Fetched(Receipt),
    Failed(String),
}

impl Network {
    /// Sources below `<data_dir>/sources`, fetched by a client of ours.
    ///
    /// # Errors
    ///
    /// [`SupplyError::Unwritable`] if the directory cannot be made,
    /// [`SupplyError::NoClient`] if no HTTP client can.
    pub fn new(
        data_dir: &Path,
        egress: Egress,
        timing: Timing,
    ) -> Result<Self, SupplyError> {
        let sources = data_dir.join("sources");
        let failed = |cause| unwritable(&sources, cause);
        fs::create_dir_all(&sources).map_err(failed)?;
        let root = data_dir.to_owned();
        let slots = Semaphore::new(MAX_PARALLEL);
        let (client, tls_problem) = client(&egress, timing)?;
        let receipts = Receipts::default();
        Ok(Self { root, client, egress, tls_problem, slots, receipts })
    }

    /// Asks for what is new of a source, part by part. What cannot be noted on
    /// disk is remembered, so that the cadence binds on a full disk too.
    ///
    /// # Errors
    ///
    /// [`SupplyError::Unwritable`] if there is no folder for the source: what a
    /// server does, and a receipt that cannot be written, is an [`Outcome`].
    pub async fn refresh(
        &self,
        source: &Source,
        pace: Pace,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Result<Outcome, SupplyError> {
        let folder = self.folder(&source.name);
        fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, e))?;
        let turn = match pace {
            Pace::Due => Turn::take(&folder),
            Pace::Forced => Some(Turn::wait(folder).await),
        };
        let Some(turn) = turn else { return Ok(Outcome::NotDue) };
        let (mut fetched, mut failures) = (Vec::new(), Vec::new());
        let mut confirmed = false;
        for part in source.parts.iter().filter(|part| !part.urls.is_empty()) {
            match self.poll(source, part, pace, now, progress).await {
                Polled::NotDue => {}
                Polled::NotModified => confirmed = true,
                Polled::Fetched(receipt) => {
                    fetched.push((part.name.clone(), receipt));
                }
                Polled::Failed(reason) => failures.push(reason),
            }
        }
        Ok(if !fetched.is_empty() {
            let versions = self.with_candidates(source, &fetched);
            let _turn = turn;
            Outcome::Fetched(Candidate { versions, failures, fetched, _turn })
        } else if !failures.is_empty() {
            Outcome::Failed(failures.join("; "))
        } else if confirmed {
            Outcome::NotModified
        } else {
            Outcome::NotDue
        })
    }

    /// Makes the files of a candidate the good ones, durably.
    ///
    /// # Errors
    ///
    /// [`SupplyError::Unwritable`], of the first part that failed; each part is
    /// either old or new, and an old one is asked for again after a pause.
    pub fn promote(
        &self,
        source: &Source,
        candidate: Candidate,
        now: Timestamp,
    ) -> Result<(), SupplyError> {
        let promote = |(part, receipt): (String, Receipt)| {
            let good = self.file(&source.name, &part, GOOD);
            let new = self.file(&source.name, &part, CANDIDATE);
            match replace(&new, &good) {
                // After the file: an old receipt costs a download, a new one
                // without its file would hide it for ever.
                Ok(()) => self.note(&source.name, &part, receipt),
                Err(cause) => {
                    let error = unwritable(&good, cause);
                    self.note_failure(source, &part, &error.to_string(), now)
                        .and(Err(error))
                }
            }
        };
        first_error(candidate.fetched.into_iter().map(promote))
    }

    /// Throws a candidate away and remembers why; the good files stay.
    ///
    /// # Errors
    ///
    /// [`SupplyError::Unwritable`], of the first part that failed.
    pub fn discard(
        &self,
        source: &Source,
        candidate: Candidate,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), SupplyError> {
        let discard = |(part, _): (String, Receipt)| {
            let noted = self.note_failure(source, &part, reason, now);
            let new = self.file(&source.name, &part, CANDIDATE);
            match fs::remove_file(&new) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    noted.and_then(|()| Err(unwritable(&new, e)))
                }
                _ => noted,
            }
        };
        first_error(candidate.fetched.into_iter().map(discard))
    }

    /// Writes the receipts that could not be written when they were made.
    ///
    /// # Errors
    ///
    /// [`SupplyError::Unwritable`] as long as there is one that cannot be.
    pub fn catch_up(&self) -> Result<(), SupplyError> {
        self.receipts.catch_up()
    }

    /// What is remembered about a part's good file; empty if there is none.
    pub fn receipt(&self, source: &str, part: &str) -> Receipt {
        self.receipts.read(&self.file(source, part, RECEIPT))
    }

    fn note(
        &self,
        source: &str,
        part: &str,
        receipt: Receipt,
    ) -> Result<(), SupplyError> {
        self.receipts.write(&self.file(source, part, RECEIPT), receipt)
    }

    fn note_failure(
        &self,
        source: &Source,
        part: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), SupplyError> {
        let mut receipt = self.receipt(&source.name, part);
        receipt.failed(reason, now);
        self.note(&source.name, part, receipt)
    }

    /// The good files.
    pub(super) fn versions(&self, source: &Source) -> Vec<Version> {
        let mut versions: Vec<Version> = source
            .parts
            .iter()
            .filter(|p| self.file(&source.name, &p.name, GOOD).is_file())
            .map(|part| self.version(&source.name, &part.name, GOOD, None))
            .collect();
        versions.sort();
        versions
    }

    pub(super) fn open(
        &self,
        source: &str,
        label: &str,
    ) -> Result<File, SupplyError> {
        open_below(&self.root, source, label)
    }

    fn with_candidates(
        &self,
        source: &Source,
        fetched: &[(String, Receipt)],
    ) -> Vec<Version> {
        let mut versions = self.versions(source);
        versions.retain(|good| fetched.iter().all(|(p, _)| *p != good.part));
        versions.extend(fetched.iter().map(|(part, receipt)| {
            self.version(&source.name, part, CANDIDATE, Some(receipt))
        }));
        versions.sort();
        versions
    }

    fn version(
        &self,
        source: &str,
        part: &str,
        suffix: &str,
        receipt: Option<&Receipt>,
    ) -> Version {
        let receipt = receipt.cloned();
        let receipt = receipt.unwrap_or_else(|| self.receipt(source, part));
        Version {
            day: data_day(&receipt),
            part: part.to_owned(),
            label: format!("sources/{source}/{part}.{suffix}"),
        }
    }

    async fn poll(
        &self,
        source: &Source,
        part: &Part,
        pace: Pace,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Polled {
        let mut receipt = self.receipt(&source.name, &part.name);
        if pace == Pace::Due && !receipt.is_due(source.cadence, now) {
            return Polled::NotDue;
        }
        let subject = subject(source, part);
        let polled =
            self.try_all(source, part, &mut receipt, now, progress).await;
        let line = match &polled {
            Polled::Fetched(new) => format!("{} bytes", new.bytes),
            // The reason is told by whoever handles the failure.
            Polled::Failed(_) => "failed".to_owned(),
            Polled::NotModified | Polled::NotDue => "not modified".to_owned(),
        };
        progress.end(&subject, &line);
        if matches!(polled, Polled::Fetched(_)) {
            // Noted when somebody has judged it.
            return polled;
        }
        match (self.note(&source.name, &part.name, receipt), polled) {
            (Ok(()), polled) => polled,
            (Err(error), Polled::Failed(reason)) => {
                Polled::Failed(format!("{reason}; {error}"))
            }
            (Err(error), _) => Polled::Failed(error.to_string()),
        }
    }

    /// Tries the addresses of a part in order, until one answers. `receipt`
    /// keeps describing the good file, whatever comes.
    async fn try_all(
        &self,
        source: &Source,
        part: &Part,
        receipt: &mut Receipt,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Polled {
        let _slot = self.slots.acquire().await;
        let to = self.file(&source.name, &part.name, CANDIDATE);
        let has_good = self.file(&source.name, &part.name, GOOD).is_file();
        let today = Day::of(now);
        let urls =
            part.urls.iter().flat_map(|url| dated_url::expand(url, today));
        let subject = subject(source, part);
        let (mut reasons, mut not_before) = (Vec::new(), None);
        for url in urls {
            let known = receipt.url.as_deref() == Some(url.as_str());
            let request = Request {
                subject: &subject,
                url: &url,
                known: (known && has_good).then_some(&*receipt),
                max_bytes: source.max_bytes,
                timeout: source.timeout,
                to: &to,
            };
            match self.fetch(request, progress).await {
                Ok(Answer::NotModified) => {
                    receipt.confirmed(now);
                    return Polled::NotModified;
                }
                Ok(Answer::Body { etag, last_modified, bytes }) => {
                    // The old receipt stays as it is: should nobody promote
                    // or discard the file, it is fetched again at once.
                    let mut new = Receipt::default();
                    new.confirmed(now);
                    (new.url, new.fetched) = (Some(url), Some(now));
                    (new.etag, new.last_modified) = (etag, last_modified);
                    new.bytes = bytes;
                    return Polled::Fetched(new);
                }
                Err(error) => {
                    not_before = not_before.max(error.not_before(now));
                    reasons.push(format!("{url}: {error}"));
                }
            }
        }
        // A draft of a failed download is of no use to anybody.
        let _ = fs::remove_file(&to);
        let mut reason = reasons.join("; ");
        if source.parts.len() > 1 {
            reason = format!("`{}`: {reason}", part.name);
        }
        receipt.failed(&reason, now);
        receipt.not_before = not_before;
        Polled::Failed(reason)
    }

    async fn fetch(
        &self,
        request: Request<'_>,
        progress: &dyn Progress,
    ) -> Result<Answer, FetchError> {
        match &self.tls_problem {
            Some(problem) if request.url.starts_with("https:") => {
                Err(FetchError::Tls(problem.clone()))
            }
            _ => fetch(&self.client, &self.egress, request, progress).await,
        }
    }

    fn folder(&self, source: &str) -> PathBuf {
        self.root.join("sources").join(source)
    }

    fn file(&self, source: &str, part: &str, suffix: &str) -> PathBuf {
        self.folder(source).join(format!("{part}.{suffix}"))
    }
}

/// What everyone reads.
const GOOD: &str = "good";
/// What nobody has believed yet.
const CANDIDATE: &str = "candidate";
/// What is remembered about the good file.
const RECEIPT: &str = "receipt";

/// Does everything, and tells what failed first.
fn first_error(
    done: impl Iterator<Item = Result<(), SupplyError>>,
) -> Result<(), SupplyError> {
    done.fold(Ok(()), Result::and)
}

/// How a part is called in messages: only sources of many parts name them.
fn subject(source: &Source, part: &Part) -> String {
    match source.parts.len() {
        1 => source.name.clone(),
        _ => format!("{}/{}", source.name, part.name),
    }
}

/// The day of the data: when the server changed it, else when it was fetched.
fn data_day(receipt: &Receipt) -> Option<Day> {
    let modified = receipt
        .last_modified
        .as_deref()
        .and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
    let moment = match (modified, receipt.fetched) {
        // A date in the future is a wrong clock, not fresher data.
        (Some(modified), Some(fetched)) => Some(modified.min(fetched)),
        (modified, fetched) => modified.or(fetched),
    };
    moment.map(Day::of)
}

#[cfg(test)]
mod tests;
