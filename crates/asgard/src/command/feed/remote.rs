//! A running asgard, asked about the feeds of an organisation.
//!
//! The key goes out in a header, to the one server that was named: no redirect
//! is followed. Errors are told in the server's words.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use serde_json::Value;

use crate::{
    cli::Remote,
    exit::{missing, usage},
};

/// A feed of a million lines over a slow line.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A server and the key for it.
pub(crate) struct Server {
    client: Client,
    url: String,
    key: String,
}

/// An answer of it.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<String>,
}

impl Server {
    /// The server that the options name.
    ///
    /// # Errors
    /// There is no key, or the URL is none.
    pub(crate) fn new(remote: &Remote) -> Result<Self> {
        let url = remote.url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let text = "--url: http:// or https:// is expected";
            return Err(usage(anyhow!(text)));
        }
        let key = remote.key.clone().ok_or_else(|| {
            usage(anyhow!("set ASGARD_API_KEY, or give --key"))
        })?;
        asgard_api::install_tls();
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { client, url, key })
    }

    /// What a path answers; `query` is already encoded.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub(crate) async fn get(&self, path: &str, query: &str) -> Result<Answer> {
        let path = match query.trim_start_matches('?') {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        self.send(self.request(Method::GET, &path)).await
    }

    /// Sends JSON, and gives the JSON of the answer.
    ///
    /// # Errors
    /// As above, and an answer that is no JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(body.to_string());
        json(&self.send(request).await?)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client.request(method, url).header("x-api-key", &self.key)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let reply = request.send().await.map_err(|error| {
            anyhow!("{} cannot be reached: {}", self.url, error.without_url())
        })?;
        let status = reply.status();
        let etag = reply.headers().get("etag");
        let etag = etag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = reply.bytes().await.context("the answer broke off")?;
        let body = body.to_vec();
        match status {
            status if status.is_success() => Ok(Answer { body, etag }),
            StatusCode::NOT_FOUND => Err(missing(anyhow!(said(&body)))),
            status => bail!("{}: {}", status.as_u16(), said(&body)),
        }
    }
}

/// The server's words, with its details.
fn said(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return "an answer that is not of asgard".to_owned();
    };
    let error = body["error"].as_str().unwrap_or("refused").to_owned();
    match body["details"].as_object() {
        Some(details) if !details.is_empty() => {
            format!("{error} {}", body["details"])
        }
        _ => error,
    }
}

/// The JSON of an answer.
///
/// # Errors
/// It is none.
pub(crate) fn json(answer: &Answer) -> Result<Value> {
    serde_json::from_slice(&answer.body).context("the answer is no JSON")
}
