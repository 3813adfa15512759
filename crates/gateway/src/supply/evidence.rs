//! What a running asgard says about one network: why it has its score.
//!
//! For the operator who asks `/v1/explain`, never for a request: it is fetched
//! when it is asked for, within a few seconds, and not kept.

use std::time::Duration;

use asgard_model::Asn;
use serde_json::Value;
use tokio::time::timeout;

use super::fetch::{self, FetchError, Fetcher, Question, Reply};
use crate::config::AsgardLink;

/// Longest that an operator waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest answer.
const MAX_BYTES: u64 = 1024 * 1024;

/// Its answer to `/v1/asn/{asn}`, or why there is none.
pub(crate) async fn of(link: &AsgardLink, asn: Asn) -> Result<Value, String> {
    let asked = timeout(PATIENCE, ask(link, asn)).await;
    asked.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?
}

async fn ask(link: &AsgardLink, asn: Asn) -> Result<Value, String> {
    let words = |error: FetchError| error.to_string();
    let question = Question {
        url: format!("{}/v1/asn/{}", link.url.trim_end_matches('/'), asn.0),
        key: fetch::key(link.key_file.as_deref()).await.map_err(words)?,
        max_bytes: MAX_BYTES,
        ..Question::default()
    };
    let fetcher = Fetcher::new().map_err(|error| error.to_string())?;
    match fetcher.ask(&question).await.map_err(words)? {
        Reply::Body { bytes, .. } => serde_json::from_slice(&bytes)
            .map_err(|error| format!("the answer is no JSON: {error}")),
        Reply::NotModified => Err("the answer has no body".into()),
    }
}
