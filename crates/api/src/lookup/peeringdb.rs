//! PeeringDB, asked for one network at a time (<https://www.peeringdb.com/apidocs/>).
//!
//! Answers are kept for a day, "no profile" too; failures are not kept, but all
//! who wait for the same network share one question and its outcome. Refused:
//! redirects, proxies of the environment, answers beyond 1 MiB.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex},
};

use asgard_model::{Asn, PeeringdbNet};
use axum::http::StatusCode;
use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use reqwest::{Client, ClientBuilder, Response, redirect};
use serde::Deserialize;

mod memory;

use self::memory::{Memory, lock};
use crate::limits;

/// A profile, or that there is none.
type Found = Option<Arc<PeeringdbNet>>;
type Answer = Result<Found, Fault>;
type Flight = BoxFuture<'static, Answer>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody answered in time.
    Unreachable,
    /// Neither 200 nor 404.
    Status,
    /// The body is not that of the API.
    Body,
    /// Too many other networks are being asked for.
    Busy,
}

/// Where the API of PeeringDB is, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringdbUrl(Arc<str>);

/// Text that is not the address of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringdbUrlError(String);

impl fmt::Display for PeeringdbUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            f,
            "`{text}` is not an http or https address without query, such as \
             {}",
            PeeringdbUrl::PUBLIC
        )
    }
}

impl std::error::Error for PeeringdbUrlError {}

impl PeeringdbUrl {
    /// The publisher's own.
    pub const PUBLIC: &'static str = "https://www.peeringdb.com/api";
}

impl FromStr for PeeringdbUrl {
    type Err = PeeringdbUrlError;

    fn from_str(text: &str) -> Result<Self, PeeringdbUrlError> {
        let wrong = || PeeringdbUrlError(text.to_owned());
        let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
        let web = matches!(url.scheme(), "http" | "https");
        let plain = url.query().is_none() && url.fragment().is_none();
        if !(web && plain && url.has_host()) {
            return Err(wrong());
        }
        Ok(Self(text.trim_end_matches('/').into()))
    }
}

/// The client with its memory.
pub(crate) struct Peeringdb {
    /// `None` if nobody is to be asked.
    source: Option<Source>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Clone)]
struct Source {
    url: PeeringdbUrl,
    /// `None` if this machine cannot make one.
    client: Option<Client>,
}

impl Peeringdb {
    pub(super) fn new(url: Option<&PeeringdbUrl>) -> Self {
        let source =
            url.map(|url| Source { url: url.clone(), client: client() });
        Self { source, memory: Arc::default() }
    }

    /// The profile of a network, from memory or from PeeringDB. Without
    /// somebody to ask there is none.
    pub(crate) async fn profile(&self, asn: Asn, now: Timestamp) -> Answer {
        let Some(source) = &self.source else { return Ok(None) };
        let flight = {
            let mut memory = lock(&self.memory);
            if let Some(found) = memory.recall(asn, now) {
                return Ok(found);
            }
            memory.join(asn, || self.take_off(source, asn, now))
        };
        flight.ok_or(Fault::Busy)?.await
    }

    /// Asks, and remembers; runs as long as anybody waits for it.
    fn take_off(&self, source: &Source, asn: Asn, now: Timestamp) -> Flight {
        let (source, memory) = (source.clone(), Arc::clone(&self.memory));
        let flight = async move {
            let answer = source.ask(asn).await;
            lock(&memory).land(asn, now, &answer);
            answer
        };
        flight.boxed()
    }
}

impl Source {
    async fn ask(&self, asn: Asn) -> Answer {
        let client = self.client.as_ref().ok_or(Fault::Unreachable)?;
        let url = format!("{}/net?asn={}", self.url.0, asn.0);
        let answer = client.get(url).send().await.map_err(unreachable)?;
        match answer.status() {
            StatusCode::OK => read(&body(answer).await?),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                tracing::warn!(%status, "PeeringDB refused");
                Err(Fault::Status)
            }
        }
    }
}

fn unreachable(error: reqwest::Error) -> Fault {
    tracing::warn!(error = %error.without_url(), "PeeringDB not reached");
    Fault::Unreachable
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limits::PEERINGDB_BYTES {
            return Err(Fault::Body);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The answer of `/net`, as far as it is used.
#[derive(Deserialize)]
struct Page {
    data: Vec<Net>,
}

#[derive(Deserialize)]
struct Net {
    name: Option<Box<str>>,
    info_type: Option<Box<str>>,
    website: Option<Box<str>>,
    ix_count: Option<u32>,
    fac_count: Option<u32>,
    policy_general: Option<Box<str>>,
}

impl From<Net> for PeeringdbNet {
    /// Empty text is what PeeringDB writes where nothing is known.
    fn from(net: Net) -> Self {
        let filled = |text: Option<Box<str>>| text.filter(|t| !t.is_empty());
        Self {
            name: filled(net.name),
            info_type: filled(net.info_type),
            website: filled(net.website),
            ix_count: net.ix_count,
            fac_count: net.fac_count,
            policy: filled(net.policy_general),
        }
    }
}

fn read(body: &[u8]) -> Answer {
    let page: Page = serde_json::from_slice(body).map_err(|error| {
        tracing::warn!(%error, "PeeringDB answered something else");
        Fault::Body
    })?;
    Ok(page.data.into_iter().next().map(|net| Arc::new(net.into())))
}

/// A client; a system without certificates can still ask a mirror by http.
fn client() -> Option<Client> {
    crate::install_tls();
    let client = builder().build().or_else(|error| {
        tracing::warn!(%error, "PeeringDB cannot be asked by https");
        builder().tls_certs_only([]).build()
    });
    client.ok()
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("asgard/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits::PEERINGDB_CONNECT_TIMEOUT)
        .timeout(limits::PEERINGDB_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_an_api_has_no_query_and_no_slash_at_its_end() {
        for text in ["http://127.0.0.1:8/", "https://x.example/api/"] {
            let url: PeeringdbUrl = text.parse().unwrap();
            assert_eq!(&*url.0, &text[..text.len() - 1]);
        }
        assert!(PeeringdbUrl::PUBLIC.parse::<PeeringdbUrl>().is_ok());
        for text in
            ["", "x", "ftp://x.example", "http://", "http://x/?a", "//x"]
        {
            let error = text.parse::<PeeringdbUrl>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
