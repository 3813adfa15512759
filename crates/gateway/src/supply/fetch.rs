//! One conditional GET into memory, within limits of size and time.
//!
//! Redirects are followed by hand, each looked at anew: never from https to
//! http, never with a key, and never from a public host to an address that is
//! not public. A host that the operator wrote down may be anywhere.

use std::{net::SocketAddr, path::Path, time::Duration};

use asgard_model::{pages::Pages, special_purpose::is_global_unicast};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{
        AUTHORIZATION, ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        LAST_MODIFIED, LOCATION,
    },
    redirect::Policy,
};

use super::DataError;

/// Without data for so long, a transfer is given up.
const STALL: Duration = Duration::from_secs(30);
/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// For all of a transfer.
const WHOLE: Duration = Duration::from_secs(900);
/// Most redirects.
const REDIRECTS: usize = 5;

/// Asks publishers.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    pub(super) url: String,
    pub(super) key: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) max_bytes: u64,
}

/// What was answered.
#[derive(Debug)]
pub(super) enum Reply {
    NotModified,
    Body {
        bytes: Pages<u8>,
        etag: Option<String>,
        last_modified: Option<String>,
        label: Label,
    },
}

/// What a running asgard says about the body of its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    /// The version of a table, `X-Asgard-Table`.
    pub(super) table: Option<String>,
    /// The lines of a feed, `X-Feed-Entries`.
    pub(super) entries: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Neither http nor https, or no address at all.
    #[error("`{0}` is no http or https address")]
    Url(String),
    /// The key file cannot be read.
    #[error("asgard.key_file `{path}`: {cause}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// The transport.
    #[error("{0}")]
    Http(String),
    /// Not 200 or 304.
    #[error("HTTP {0}")]
    Status(StatusCode),
    /// A redirect that is not followed.
    #[error("redirect to `{to}` refused: {why}")]
    Redirect {
        /// Where it leads.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// More than was agreed.
    #[error("larger than max_bytes, {0}")]
    TooLarge(u64),
    /// It took too long as a whole.
    #[error("not complete within {} s", WHOLE.as_secs())]
    TooSlow,
    /// Nothing came.
    #[error("an empty answer")]
    Empty,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut deepest: &dyn std::error::Error = &error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        Self::Http(if error.is_timeout() {
            "no data for too long".into()
        } else if error.is_connect() {
            format!("no connection: {deepest}")
        } else {
            deepest.to_string()
        })
    }
}

fn client() -> reqwest::ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(STALL)
        .no_proxy()
        .user_agent(concat!("asgard-gateway/", env!("CARGO_PKG_VERSION")))
}

impl Fetcher {
    pub(super) fn new() -> Result<Self, DataError> {
        // Somebody else may have installed the same provider before.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = client()
            .build()
            .map_err(|error| DataError::Client(error.to_string()))?;
        Ok(Self { client })
    }

    /// Asks, within a total time.
    pub(super) async fn ask(
        &self,
        question: &Question,
    ) -> Result<Reply, FetchError> {
        tokio::time::timeout(WHOLE, self.follow(question))
            .await
            .map_err(|_| FetchError::TooSlow)?
    }

    async fn follow(&self, question: &Question) -> Result<Reply, FetchError> {
        let mut url = parse(&question.url)?;
        let trusted = url.host_str().unwrap_or_default().to_owned();
        let mut pinned = None;
        for _ in 0..=REDIRECTS {
            let client = pinned.as_ref().unwrap_or(&self.client);
            let response = send(client, &url, question).await?;
            if !response.status().is_redirection()
                || response.status() == StatusCode::NOT_MODIFIED
            {
                return read(response, question).await;
            }
            let next = next(&url, &response, question.key.is_some())?;
            pinned = match next.host_str() {
                Some(host) if host != trusted => Some(elsewhere(&next).await?),
                _ => None,
            };
            url = next;
        }
        let why = "too many redirects";
        Err(FetchError::Redirect { to: url.to_string(), why })
    }
}

async fn send(
    client: &Client,
    url: &Url,
    question: &Question,
) -> Result<Response, FetchError> {
    let mut request = client.get(url.clone());
    if let Some(etag) = &question.etag {
        request = request.header(IF_NONE_MATCH, etag);
    } else if let Some(date) = &question.last_modified {
        request = request.header(IF_MODIFIED_SINCE, date);
    }
    if let Some(key) = &question.key {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| FetchError::Http("the key is no text".into()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    Ok(request.send().await?)
}

/// Where a redirect leads, if it may be followed.
fn next(
    from: &Url,
    response: &Response,
    has_key: bool,
) -> Result<Url, FetchError> {
    let location = response.headers().get(LOCATION);
    let to = location
        .and_then(|value| value.to_str().ok())
        .and_then(|to| from.join(to).ok())
        .ok_or_else(|| FetchError::Status(response.status()))?;
    let refused = |why| Err(FetchError::Redirect { to: to.to_string(), why });
    if has_key {
        return refused("the key would go along");
    }
    if !matches!(to.scheme(), "http" | "https") {
        return refused("neither http nor https");
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return refused("it gives up encryption");
    }
    Ok(to)
}

/// A client for a host that the operator did not write down: it connects to
/// the public addresses that were looked at, and no others.
async fn elsewhere(url: &Url) -> Result<Client, FetchError> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|error| FetchError::Http(format!("`{host}`: {error}")))?
        .collect();
    if found.is_empty() || !found.iter().all(|at| is_global_unicast(at.ip())) {
        let why = "its address is not public";
        return Err(FetchError::Redirect { to: url.to_string(), why });
    }
    Ok(client().resolve_to_addrs(host, &found).build()?)
}

async fn read(
    mut response: Response,
    question: &Question,
) -> Result<Reply, FetchError> {
    let asked = question.etag.is_some() || question.last_modified.is_some();
    match response.status() {
        StatusCode::NOT_MODIFIED if asked => return Ok(Reply::NotModified),
        StatusCode::OK => {}
        status => return Err(FetchError::Status(status)),
    }
    let text = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (etag, last_modified) =
        (text(ETAG.as_str()), text(LAST_MODIFIED.as_str()));
    let label = Label {
        table: text("x-asgard-table"),
        entries: text("x-feed-entries").and_then(|n| n.parse().ok()),
    };
    let limit = question.max_bytes;
    let announced = response.content_length();
    if announced.is_some_and(|length| length > limit) {
        return Err(FetchError::TooLarge(limit));
    }
    let mut bytes = Pages::default();
    while let Some(chunk) = response.chunk().await? {
        let length = bytes.len() + chunk.len();
        if u64::try_from(length).unwrap_or(u64::MAX) > limit {
            return Err(FetchError::TooLarge(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.is_empty() && question.key.is_none() {
        return Err(FetchError::Empty);
    }
    Ok(Reply::Body { bytes, etag, last_modified, label })
}

fn parse(url: &str) -> Result<Url, FetchError> {
    Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| FetchError::Url(url.chars().take(200).collect()))
}

/// The key in a file, read each time, so that it can be changed.
pub(super) async fn key(
    file: Option<&Path>,
) -> Result<Option<String>, FetchError> {
    let Some(file) = file else { return Ok(None) };
    let failed = |cause: String| FetchError::Key {
        path: file.display().to_string(),
        cause,
    };
    let text = tokio::fs::read_to_string(file)
        .await
        .map_err(|error| failed(error.to_string()))?;
    match text.trim() {
        "" => Err(failed("it is empty".into())),
        key => Ok(Some(key.to_owned())),
    }
}
