//! `GET /threat?ip=`: what is known about one address.
//!
//! The shape is what public clients read: every key is always there, and only
//! the two dates may be null. `intel.score` is a *threat* score, 100 is worst:
//! the one place where a score points that way.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use asgard_model::{Profile, named::Mention};
use asgard_policy::feed::explain::Explanation;
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::explain::{address, explained};
use crate::{
    App,
    auth::FeedReader,
    error::ApiError,
    published::Published,
    representation,
    view::{Advice, Intel, ThreatView},
};

/// Longest time for which a client may keep an answer, in seconds.
const TTL: i64 = 300;

/// Always 200 for an address; without data its score is 0.
#[utoipa::path(
    get,
    path = "/threat",
    summary = "What is known about an address",
    tag = "threat",
    params(("ip" = String, Query, description = "IPv4 or IPv6 address")),
    responses((
        status = 200, description = "Score, reasons, advice",
        body = ThreatView,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_threat(
    FeedReader(member): FeedReader,
    RawQuery(query): RawQuery,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let ip = address(query.as_deref())?;
    let book = app.rulebook(&member.org)?;
    let published = app.published()?;
    let now = app.now();
    let rest = book.next_expiry(now);
    let rest = rest.map(|end| end.duration_since(now).as_secs());
    let ttl = rest.unwrap_or(TTL).clamp(1, TTL);
    let org = &member.org;
    let why = explained(&app, org, ip, &book, &published).await?;
    let intel = judge(ip, &published, &why);
    let view = ThreatView::new(org, ip, &published.snapshot, intel, ttl, now);
    Ok(representation::json(StatusCode::OK, &view))
}

/// The rules of the organisation come first, then lists that name the address,
/// then the score of its network.
fn judge(ip: IpAddr, published: &Published, why: &Explanation) -> Intel {
    let snapshot = &published.snapshot;
    let world = &snapshot.world;
    let origin = world.table.origin(ip);
    let profile = origin.and_then(|asn| snapshot.profile(asn));
    let named = world.named.mentions(ip);
    let namers = || named.iter().flat_map(|m| m.said).map(|said| said.namer);
    let sources: BTreeSet<&str> =
        namers().map(|namer| world.source_name(namer.source)).collect();
    let categories: BTreeSet<&'static str> =
        namers().map(|namer| namer.category.as_str()).collect();
    let last = named.iter().map(Mention::last_seen).max();
    let first = named.iter().map(|mention| mention.first_seen).min();
    let of_network = profile.as_ref().map_or(0, threat_of);
    let whitelisted =
        profile.as_ref().is_some_and(|p| p.assessment.whitelisted);
    let rule = why.reasons.first();
    // A list that names the address itself weighs as a bad network does.
    let listed = !sources.is_empty() && !whitelisted;
    let score = match (why.in_feed, listed) {
        (true, _) => of_network.max(90),
        (false, true) => of_network.max(70),
        (false, false) => of_network,
    };
    let protected = !why.protected_by.is_empty();
    let (code, advice) = match (why.in_feed, protected, listed, score) {
        (true, ..) => ("RULE_BLOCK", Advice::Block),
        (_, true, ..) => ("PROTECTED", Advice::Allow),
        (_, _, true, _) => ("LISTED", Advice::Challenge),
        (.., 51..) => ("NETWORK_RISK", Advice::Challenge),
        (.., 26..) => ("NETWORK_RISK", Advice::Captcha),
        _ if profile.is_some() => ("NETWORK_OK", Advice::Allow),
        _ => ("NO_DATA", Advice::Allow),
    };
    let confidence = profile.as_ref().map_or(0.0, |p| p.assessment.confidence);
    Intel {
        score,
        confidence: if why.in_feed { confidence.max(0.9) } else { confidence },
        categories: categories.into_iter().map(ToOwned::to_owned).collect(),
        first_seen: first,
        last_seen: last,
        source_count: sources.len(),
        reason_code: code,
        reason_summary: summary(code, why, &sources),
        rule_id: rule.map(|rule| rule.rule_id.to_string()).unwrap_or_default(),
        advice,
        asn: origin,
    }
}

/// 100 less the score of the network.
fn threat_of(profile: &Profile<'_>) -> u8 {
    100 - profile.assessment.score.min(100)
}

fn summary(code: &str, why: &Explanation, sources: &BTreeSet<&str>) -> String {
    let sources: Vec<&str> = sources.iter().copied().collect();
    match code {
        "RULE_BLOCK" if why.last_good => {
            "blocked by the last good list: a guard stops the present one"
                .to_owned()
        }
        "RULE_BLOCK" => {
            let selectors: Vec<&str> =
                why.reasons.iter().map(|r| r.selector.as_str()).collect();
            format!("blocked by {}", selectors.join(", "))
        }
        "PROTECTED" => {
            let by: Vec<&str> =
                why.protected_by.iter().map(|p| p.reason.as_str()).collect();
            format!("protected: {}", by.join("; "))
        }
        "LISTED" => format!("named by {}", sources.join(", ")),
        "NETWORK_RISK" => "its network is risky".to_owned(),
        "NETWORK_OK" => "nothing speaks against it".to_owned(),
        _ => "nothing is known about it".to_owned(),
    }
}
