//! One conditional GET into one file, within limits of size and time.
//!
//! The body is written as it arrives and judged only for what no publisher
//! sends on purpose: nothing at all, a page for people, more than was agreed,
//! or less than was announced. Everything else is for the parsers.

use std::{fmt, io, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{
        ACCEPT_ENCODING, CONTENT_LENGTH, ETAG, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
    },
};
use tokio::{fs::File, io::AsyncWriteExt};

use super::{Egress, Progress, Receipt, Refusal};

/// Bytes of the start that are looked at for signs of a page.
const HEAD: usize = 512;
/// Longest pause that a server may ask for.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// What to fetch, and within what.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// Whom progress is told about.
    pub subject: &'a str,
    pub url: &'a str,
    /// The good file at hand, if there is one.
    pub known: Option<&'a Receipt>,
    pub max_bytes: u64,
    pub timeout: Duration,
    pub to: &'a Path,
}

/// What a server said.
#[derive(Debug)]
pub(super) enum Answer {
    /// The file at hand is current.
    NotModified,
    /// A new file lies at the path of the request, synced.
    Body { etag: Option<String>, last_modified: Option<String>, bytes: u64 },
}

/// Why there is no new file; always read behind the address.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("not an address: {0}")]
    Url(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Tls(String),
    #[error("{}", chain(.0))]
    Http(#[from] reqwest::Error),
    #[error("HTTP {status}")]
    Status { status: StatusCode, retry: Option<SignedDuration> },
    #[error("not complete within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("larger than the limit of {limit} bytes ({seen})")]
    TooLarge { limit: u64, seen: Seen },
    #[error("cut after {got} of {want} bytes")]
    Cut { got: u64, want: u64 },
    #[error("the connection ended after {got} bytes: {cause}")]
    Broken { got: u64, cause: String },
    #[error("an empty file")]
    Empty,
    #[error("a web page instead of data")]
    Page,
    #[error("cannot be stored: {0}")]
    Disk(#[from] io::Error),
}

/// How the excess showed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    Announced(u64),
    Received,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announced(bytes) => write!(f, "{bytes} announced"),
            Self::Received => f.write_str("received"),
        }
    }
}

/// The cause behind a client error: its own text only repeats the address.
fn chain(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error {
        e if e.is_timeout() && e.is_connect() => "no connection in time".into(),
        e if e.is_timeout() => "no data for too long".into(),
        e if e.is_connect() => format!("no connection: {deepest}"),
        _ => deepest.to_string(),
    }
}

impl FetchError {
    /// When the server wants to be asked again, if it said so.
    pub(super) fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Status { retry: Some(pause), .. } => {
                now.checked_add((*pause).min(LONGEST_PAUSE)).ok()
            }
            _ => None,
        }
    }
}

/// Fetches within the total time of the request.
pub(super) async fn fetch(
    client: &Client,
    egress: &Egress,
    request: Request<'_>,
    progress: &dyn Progress,
) -> Result<Answer, FetchError> {
    let work = exchange(client, egress, request, progress);
    match tokio::time::timeout(request.timeout, work).await {
        Ok(answer) => answer,
        Err(_) => Err(FetchError::TooSlow(request.timeout)),
    }
}

async fn exchange(
    client: &Client,
    egress: &Egress,
    request: Request<'_>,
    progress: &dyn Progress,
) -> Result<Answer, FetchError> {
    let url: Url = request
        .url
        .parse()
        .map_err(|error| FetchError::Url(format!("{error}")))?;
    egress.check(&url)?;
    let response = ask(client, url, request.known).await?;
    if response.status() == StatusCode::NOT_MODIFIED && request.known.is_some()
    {
        return Ok(Answer::NotModified);
    }
    if response.status() != StatusCode::OK {
        let retry = retry_after(&response);
        let status = response.status();
        return Err(FetchError::Status { status, retry });
    }
    let etag = text_of(&response, ETAG);
    let last_modified = text_of(&response, LAST_MODIFIED);
    let bytes = store(response, request, progress).await?;
    Ok(Answer::Body { etag, last_modified, bytes })
}

async fn ask(
    client: &Client,
    url: Url,
    known: Option<&Receipt>,
) -> Result<Response, FetchError> {
    let packed = [".gz", ".bz2", ".xz", ".zst"];
    let is_packed = packed.iter().any(|end| url.path().ends_with(end));
    let mut request = client.get(url);
    if !is_packed {
        // Stored as it comes: the reader tells compressed bytes by itself.
        request = request.header(ACCEPT_ENCODING, "gzip");
    }
    if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if let Some(day) = known.and_then(|known| known.last_modified.as_ref()) {
        request = request.header(IF_MODIFIED_SINCE, day);
    }
    let failed = |error: reqwest::Error| match refusal(&error) {
        Some(refusal) => FetchError::Refused(refusal),
        None => FetchError::Http(error),
    };
    request.send().await.map_err(failed)
}

/// Our own refusal, if that is what stopped the client.
fn refusal(error: &reqwest::Error) -> Option<Refusal> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(refusal.clone());
        }
        cause = error.source();
    }
    None
}

fn text_of(
    response: &Response,
    name: reqwest::header::HeaderName,
) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date is ignored, the
/// pause after a failure is then our own.
fn retry_after(response: &Response) -> Option<SignedDuration> {
    let text = text_of(response, RETRY_AFTER)?;
    text.trim()
        .parse::<u32>()
        .ok()
        .map(i64::from)
        .map(SignedDuration::from_secs)
}

async fn store(
    mut response: Response,
    request: Request<'_>,
    progress: &dyn Progress,
) -> Result<u64, FetchError> {
    let limit = request.max_bytes;
    let want: Option<u64> =
        text_of(&response, CONTENT_LENGTH).and_then(|text| text.parse().ok());
    if let Some(announced) = want.filter(|&bytes| bytes > limit) {
        let seen = Seen::Announced(announced);
        return Err(FetchError::TooLarge { limit, seen });
    }
    progress.begin(request.subject, want);
    let mut file = File::create(request.to).await?;
    let (mut head, mut got) = (Vec::new(), 0);
    while let Some(chunk) =
        response.chunk().await.map_err(|error| broken(error, got, want))?
    {
        got += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if got > limit {
            let seen = Seen::Received;
            return Err(FetchError::TooLarge { limit, seen });
        }
        let room = HEAD.saturating_sub(head.len()).min(chunk.len());
        head.extend_from_slice(&chunk[..room]);
        file.write_all(&chunk).await?;
        progress.advance(request.subject, chunk.len() as u64);
    }
    judge(&head, got, want)?;
    file.sync_all().await?;
    Ok(got)
}

/// Why a body ended early.
fn broken(error: reqwest::Error, got: u64, want: Option<u64>) -> FetchError {
    match want {
        _ if error.is_timeout() => FetchError::Http(error),
        Some(want) => FetchError::Cut { got, want },
        None => FetchError::Broken { got, cause: chain(&error) },
    }
}

fn judge(head: &[u8], got: u64, want: Option<u64>) -> Result<(), FetchError> {
    match want {
        Some(want) if want != got => Err(FetchError::Cut { got, want }),
        _ if got == 0 => Err(FetchError::Empty),
        _ if is_page(head) => Err(FetchError::Page),
        _ => Ok(()),
    }
}

/// Whether the first bytes are those of an HTML page: error pages, logins and
/// captchas come with status 200 and any content type.
fn is_page(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text =
        text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    text.starts_with("<!doctype html") || text.starts_with("<html")
}
