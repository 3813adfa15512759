//! The list with the decisions of the policy, and as addresses in every form
//! that devices load: `guard=on`, `expand=prefixes`, and all parameters of
//! feeds. No list of addresses is made elsewhere, so that none goes without the
//! guards.
//!
//! It is the feed of one rule that blocks by risk, of no organisation: the same
//! selector in a rule gives the same lines.

use std::sync::Arc;

use asgard_policy::{
    access::{RiskSelector, Threshold},
    feed::{decision::DecisionParams, edl, format::Format},
};
use axum::{
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, VARY},
    },
    response::Response,
};

use super::{levels, limits};
use crate::{
    App,
    coding::Effort,
    error::ApiError,
    metrics::Tier,
    representation::Kept,
    resource::threat::{FeedQuery, format, respond},
};

/// Parameters of the list itself.
const OWN: [&str; 10] = [
    "max_score",
    "level",
    "expand",
    "format",
    "guard",
    "min_confidence",
    "min_sources",
    "protected",
    "hysteresis",
    "max_space_share",
];

/// Whether a query asks for anything but the plain list; then its unknown
/// parameters are refused here.
pub(super) fn is_asked(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| match &*name {
        "max_score" | "level" => false,
        "expand" => value == "prefixes",
        name => OWN.contains(&name),
    })
}

/// The list as it is asked for.
pub(super) async fn show(app: &App, query: &str) -> Result<Response, ApiError> {
    let query = FeedQuery::parse(query, &OWN, app).map_err(plainly)?;
    let own = Own::read(&query.rest, app).map_err(plainly)?;
    if !own.prefixes {
        return numbers(app, &own).await;
    }
    let nobody = Arc::from("");
    let request = query.of(&nobody, own.format).map_err(plainly)?;
    let served = app.feeds.serve_risk(app, request, own.risk, own.decision);
    let served = served.await.map_err(plainly)?;
    if served.hit {
        app.metrics.cache_hit(Tier::L1);
    }
    let mut response = respond(&served);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.remove(VARY);
    Ok(response)
}

/// `AS…` lines of the networks that the guards leave.
async fn numbers(app: &App, own: &Own) -> Result<Response, ApiError> {
    let risk = own.risk.clone();
    let decision = app.feeds.decide_risk(app, risk, own.decision).await?;
    let asns: Vec<_> = decision.listed.iter().map(|l| l.asn).collect();
    let kept = Kept::new(edl::render(&asns).into(), Effort::Once);
    let mut response = kept.text();
    let entries = HeaderValue::from(asns.len());
    response.headers_mut().insert(super::X_FEED_ENTRIES, entries);
    Ok(response)
}

/// Parameters of the list itself, read.
struct Own {
    risk: RiskSelector,
    decision: DecisionParams,
    prefixes: bool,
    format: Option<Format>,
}

impl Own {
    fn read(pairs: &[(String, String)], app: &App) -> Result<Self, ApiError> {
        let value = |name: &str| {
            let found = pairs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let refuse = |name: &str, what: &str| misfit(name, what);
        let guard = match value("guard") {
            None => false,
            Some(text) => {
                on(text).ok_or_else(|| refuse("guard", "on or off"))?
            }
        };
        let mut decision = match guard {
            true => app.config.feeds.settings.decision,
            false => DecisionParams::plain(),
        };
        let share = |name: &str| -> Result<Option<f64>, ApiError> {
            let Some(text) = value(name) else { return Ok(None) };
            let number = text.parse().ok().filter(|n| (0.0..=1.0).contains(n));
            let wrong = || refuse(name, "a number from 0 to 1");
            number.map(Some).ok_or_else(wrong)
        };
        let flag = |name: &str| -> Result<Option<bool>, ApiError> {
            let Some(text) = value(name) else { return Ok(None) };
            let wrong = || refuse(name, "on or off");
            on(text).map(Some).ok_or_else(wrong)
        };
        if let Some(least) = share("min_confidence")? {
            decision.min_confidence = least;
        }
        if let Some(text) = value("min_sources") {
            let wrong = || refuse("min_sources", "a number from 0 to 255");
            decision.min_sources = text.parse().map_err(|_| wrong())?;
        }
        if let Some(protected) = flag("protected")? {
            decision.protected = protected;
        }
        if let Some(hysteresis) = flag("hysteresis")? {
            decision.hysteresis = hysteresis;
        }
        if let Some(most) = share("max_space_share")? {
            decision.max_space_share = Some(most);
        }
        let prefixes = match value("expand") {
            None => false,
            Some("prefixes") => true,
            Some(_) => return Err(refuse("expand", "prefixes")),
        };
        let form = value("format").map(format).transpose()?;
        if form.is_some() && !prefixes {
            return Err(refuse("format", "it needs expand=prefixes"));
        }
        let risk = risk(value("max_score"), value("level"))?;
        Ok(Self { risk, decision, prefixes, format: form })
    }
}

fn on(text: &str) -> Option<bool> {
    match text {
        "" | "1" | "on" | "true" => Some(true),
        "0" | "off" | "false" => Some(false),
        _ => None,
    }
}

/// As the plain list: 50 unless given, by level, or by both.
fn risk(
    max: Option<&str>,
    level: Option<&str>,
) -> Result<RiskSelector, ApiError> {
    let levels = match level {
        None => Vec::new(),
        Some(text) => levels(text).map_err(|_| {
            misfit("level", "LOW, MEDIUM, HIGH, CRITICAL, with commas")
        })?,
    };
    let wrong = || misfit("max_score", "a number from 0 to 100");
    let max = match max {
        Some(text) => Some(text.parse().map_err(|_| wrong())?),
        None if levels.is_empty() => Some(limits::EDL_MAX_SCORE_DEFAULT),
        None => None,
    };
    let threshold = match max {
        None => None,
        Some(max) => Some(Threshold::new(max).ok_or_else(wrong)?),
    };
    RiskSelector::new(threshold, levels).ok_or_else(wrong)
}

fn misfit(name: &str, what: &str) -> ApiError {
    ApiError::validation("A parameter does not fit")
        .with_detail("parameter", name)
        .with_detail("message", what)
}

/// The envelope of this list has no details: they go into the message.
fn plainly(error: ApiError) -> ApiError {
    let word = |name: &str| error.details.get(name).map(ToString::to_string);
    let words: Vec<String> = ["parameter", "message", "allowed"]
        .into_iter()
        .filter_map(word)
        .collect();
    match words.is_empty() {
        true => error,
        false => {
            let message = format!("{}: {}", error.message, words.join(", "));
            error.with_message(message)
        }
    }
}
