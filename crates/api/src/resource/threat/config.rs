//! `GET /config`: what the agent Synapse (`Gen0Sec`) polls.
//!
//! Its structures have no optional fields, so every key is always there, and it
//! takes one prefix for one group: the enforced set, without overlaps, within
//! what its kernel map holds.

use std::{collections::BTreeMap, sync::Arc};

use asgard_policy::feed::{
    entry::{Line, Origin, Span},
    select::{Overflow, Selected},
};
use axum::{
    Extension,
    body::Bytes,
    extract::{RawQuery, State},
    http::HeaderName,
    response::Response,
};
use serde_json::{Value, json};

use super::query::{FeedQuery, misfit};
use crate::{
    App, auth::FeedReader, client_address::ClientAt, error::ApiError,
    feeds::Recipe, representation, view,
};

const STALE: HeaderName = HeaderName::from_static("x-feed-stale");
const TRUNCATED: HeaderName = HeaderName::from_static("x-feed-truncated");

/// The enforced set, in the shape that Synapse reads.
#[utoipa::path(
    get,
    path = "/config",
    summary = "Configuration of a Synapse agent",
    tag = "threat",
    responses((
        status = 200, description = "The enforced set",
        body = view::ConfigSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_config(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(misfit("(unknown)", "there are no parameters", &[]));
    }
    let mut query = FeedQuery::parse("profile=synapse", &[], &app)?;
    query.params.overflow = Overflow::Truncate;
    let request = query.of(&member.org, None)?;
    // Without its profile: what has no room is cut here and refuses no write.
    app.feeds.note_poll(&member, client, None, app.now()).await;
    let served = app.feeds.config(&app, &request, shape).await?;
    let mut response = served.config.kept.json();
    let headers = response.headers_mut();
    if let Some(cut) = served.config.cut() {
        headers.insert(TRUNCATED, cut);
    }
    if let Some(seconds) = served.stale {
        headers.insert(STALE, seconds.into());
    }
    Ok(response)
}

fn shape(recipe: &Recipe, selected: &Selected) -> Bytes {
    let at = view::zulu(recipe.rulebook.at);
    representation::bytes(&json!({
        "success": true,
        "config": {
            "access_rules": {
                "id": recipe.request.org,
                "name": "asgard",
                "description": "enforced set",
                "allow": {"asn": [], "country": [], "ips": []},
                "block": groups(&selected.lines),
            },
            "waf_rules": {"rules": []},
            "created_at": at,
            "updated_at": at,
            "last_modified": at,
        },
    }))
}

/// Prefixes by network and by country; everything else is an address.
fn groups(lines: &[Line]) -> Value {
    let mut asns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut countries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut ips: Vec<String> = Vec::new();
    for line in lines {
        let Span::Prefix(prefix) = line.span else { continue };
        let text = prefix.to_string();
        let cause = &line.cause;
        match (cause.origin, cause.asn, cause.country) {
            (Origin::Asn, Some(asn), _) => {
                asns.entry(asn.to_string()).or_default().push(text);
            }
            (Origin::Country, _, Some(code)) => {
                countries.entry(code.to_string()).or_default().push(text);
            }
            _ => ips.push(text),
        }
    }
    let pairs = |groups: BTreeMap<String, Vec<String>>| -> Vec<Value> {
        groups.into_iter().map(|(name, list)| json!({name: list})).collect()
    };
    json!({"asn": pairs(asns), "country": pairs(countries), "ips": ips})
}
