//! `GET /config`: what the agent Synapse (`Gen0Sec`) polls.
//!
//! Its structures have no optional fields, so every key is always there, and it
//! takes one prefix for one group: the enforced set, without overlaps, within
//! what its kernel map holds.

use std::{collections::BTreeMap, sync::Arc};

use asgard_policy::feed::entry::{Line, Origin, Span};
use axum::{
    extract::{RawQuery, State},
    http::{HeaderName, HeaderValue},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    aside,
    query::{FeedQuery, misfit},
};
use crate::{
    App,
    auth::FeedReader,
    coding::Effort,
    error::ApiError,
    feeds::{Recipe, overflowed},
    representation::{self, Kept},
    view,
};

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
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(misfit("(unknown)", "there are no parameters", &[]));
    }
    let mut query = FeedQuery::parse("profile=synapse", &[], &app)?;
    query.params.overflow = asgard_policy::feed::select::Overflow::Truncate;
    let request = query.of(&member.org, None)?;
    let recipe = app.feeds.recipe(&app, &request).await?;
    let kept = match app.feeds.kept_config(&member.org, recipe.moment) {
        Some(kept) => kept,
        None => {
            let moment = recipe.moment;
            let made = aside(&app, move || make(&recipe)).await??;
            app.feeds.keep_config(&member.org, moment, made.clone());
            made
        }
    };
    let mut response = kept.0.json();
    if let Some(cut) = &kept.1 {
        response.headers_mut().insert(TRUNCATED, cut.clone());
    }
    Ok(response)
}

fn make(recipe: &Recipe) -> Result<(Kept, Option<HeaderValue>), ApiError> {
    let selected = recipe.select().map_err(|error| overflowed(&error))?;
    let at = view::zulu(recipe.rulebook.at);
    let shape = json!({
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
    });
    let body = representation::bytes(&shape);
    let cut = selected.truncated.map(|cut| {
        let text = format!("{};v4={}", cut.entries, cut.addresses_v4);
        HeaderValue::from_str(&text).expect("digits are header text")
    });
    Ok((Kept::new(body, Effort::Kept), cut))
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
