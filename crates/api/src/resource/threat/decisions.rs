//! `GET /decisions/stream` and `GET /decisions?ip=`: what CrowdSec's bouncers
//! ask of their local API.
//!
//! Source: <https://crowdsecurity.github.io/api_doc/lapi/>. A bouncer begins with
//! `startup=true`, which gets everything, and then asks for what is new since
//! its last poll. Decisions end by themselves at the bouncer, so everything is
//! sent anew before that; a server that is away opens no firewall for
//! [`LASTS`]. What a bouncer was sent is known until a restart: after one it
//! gets everything, and what was taken out meanwhile ends when it ends.
//!
//! Some bouncers keep the first address of a range alone. They cannot send
//! parameters of ours, but name the origins that they want: the origin
//! [`AS_HOSTS`] is the same as `ranges=expand`.
//!
//! A bad key is 403 here, as bouncers expect.

use std::{net::IpAddr, sync::Arc};

use asgard_model::Prefix;
use asgard_policy::{
    AddressSet,
    feed::entry::{Cause, Line, Listing, Span},
};
use axum::{
    Extension,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{aside, query::misfit};
use crate::{
    App,
    auth::Bouncer,
    client_address::ClientAt,
    error::ApiError,
    feeds::{Bouncing, Sent},
    representation, view,
};

/// How long a decision holds at a bouncer, unless its rule ends before.
const LASTS: SignedDuration = SignedDuration::from_hours(24);
/// Age of the last full answer from which everything is sent anew.
const AGAIN: SignedDuration = SignedDuration::from_hours(12);
/// The origin of all our decisions.
const ORIGIN: &str = "asgard";
/// The same, for bouncers that want hosts instead of ranges.
const AS_HOSTS: &str = "asgard-hosts";
/// Hosts that `ranges=expand` sends at most; further ranges stay ranges.
const HOSTS: usize = 65_536;
/// Shortest prefixes of IPv4 and IPv6 that are expanded: 4,096 hosts.
const EXPANDED: [u8; 2] = [20, 116];

/// What a bouncer asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    startup: bool,
    expand: bool,
    ip: Option<IpAddr>,
    /// Filters that only decisions of others could pass.
    foreign: bool,
}

/// Decisions that are new, and that are gone, since the last poll.
#[utoipa::path(
    get,
    path = "/decisions/stream",
    summary = "Decisions for a CrowdSec bouncer",
    tag = "threat",
    params(
        ("startup" = Option<bool>, Query, description = "Send everything"),
        (
            "ranges" = Option<String>, Query,
            description = "`expand`: hosts instead of ranges, up to a budget",
        ),
    ),
    responses((
        status = 200, description = "New and deleted decisions",
        body = view::DecisionsSchema,
    )),
    security(("key" = [])),
)]
pub(crate) async fn stream_decisions(
    Bouncer(member): Bouncer,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref(), STREAM)?;
    app.feeds.note_poll(&member, client, None, app.now()).await;
    if asked.foreign {
        let nothing = json!({"new": [], "deleted": []});
        return Ok(representation::json(StatusCode::OK, &nothing));
    }
    let listing = app.feeds.listing(&app, &member.org).await?.listing;
    let now = app.now();
    let key = member.facts.id;
    let bouncer = Bouncing { key, address: Some(client) };
    let any = Bouncing { key, address: None };
    let known = app.feeds.sent_to(&bouncer).filter(|_| !asked.startup);
    let before = known.clone().filter(|sent| {
        sent.expanded == asked.expand
            && now.duration_since(sent.full_at) < AGAIN
    });
    // One that comes from elsewhere than before may have what the last had.
    let gone = known.or_else(|| app.feeds.sent_to(&any));
    let gone = gone.filter(|_| !asked.startup);
    let full_at = before.as_ref().map_or(now, |sent| sent.full_at);
    let sent =
        Sent { listing: Arc::clone(&listing), full_at, expanded: asked.expand };
    let body = aside(&app, move || {
        let known = before.as_ref().map(|sent| &*sent.listing);
        let new = fresh(known, &listing);
        let deleted = gone.map_or_else(Vec::new, |sent| {
            let gone = absent(&sent.listing, &listing);
            let gone = decisions(gone, sent.expanded, now);
            if sent.expanded { still_open(gone, &listing) } else { gone }
        });
        let new = decisions(new, asked.expand, now);
        representation::bytes(&json!({"new": new, "deleted": deleted}))
    })
    .await?;
    app.feeds.note_sent(bouncer, sent.clone());
    app.feeds.note_sent(any, sent);
    Ok(representation::json_bytes(body))
}

/// The decisions about one address; `null` if there is none, as bouncers
/// expect.
#[utoipa::path(
    get,
    path = "/decisions",
    summary = "Decisions about an address, for a CrowdSec bouncer",
    tag = "threat",
    params(("ip" = String, Query, description = "IPv4 or IPv6 address")),
    responses((
        status = 200, description = "Decisions, or null",
        body = Option<Vec<view::DecisionSchema>>,
    )),
    security(("key" = [])),
)]
pub(crate) async fn show_decisions(
    Bouncer(member): Bouncer,
    RawQuery(query): RawQuery,
    Extension(ClientAt(client)): Extension<ClientAt>,
    State(app): State<Arc<App>>,
) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref(), LOOKUP)?;
    let Some(ip) = asked.ip else {
        return Err(misfit("ip", "an IPv4 or IPv6 address", &[]));
    };
    app.feeds.note_poll(&member, client, None, app.now()).await;
    let listing = app.feeds.listing(&app, &member.org).await?.listing;
    let now = app.now();
    let around = listing
        .lines
        .iter()
        .filter(|line| prefix(line).is_some_and(|prefix| prefix.contains(ip)));
    let found = match asked.foreign {
        true => Vec::new(),
        false => decisions(around.collect(), false, now),
    };
    let answer = (!found.is_empty()).then_some(found);
    Ok(representation::json(StatusCode::OK, &answer))
}

/// Parameters of bouncers that select among decisions of many origins: ours
/// have one.
const STREAM: &[&str] = &["startup", "ranges", "scopes", "origins"];
const LOOKUP: &[&str] = &["ip", "scopes", "origins", "scope", "value", "type"];
const SCENARIOS: [&str; 2] =
    ["scenarios_containing", "scenarios_not_containing"];

impl Asked {
    fn read(query: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let mut asked = Self::default();
        let query = query.unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let name = &*name;
            if !known.contains(&name) && !SCENARIOS.contains(&name) {
                let what = "there is no such parameter";
                return Err(misfit("(unknown)", what, known));
            }
            let any = |ours: &[&str]| {
                value.split(',').any(|one| {
                    ours.iter()
                        .any(|ours| one.trim().eq_ignore_ascii_case(ours))
                })
            };
            match name {
                "startup" => asked.startup = flag(&value)?,
                "ranges" if value == "expand" => asked.expand = true,
                "ranges" => {
                    let what = "the value is unknown";
                    return Err(misfit("ranges", what, &["expand"]));
                }
                "scope" | "scopes" => {
                    asked.foreign |= !any(&["ip", "range"]);
                }
                "origins" => {
                    asked.expand |= any(&[AS_HOSTS]);
                    asked.foreign |= !any(&[ORIGIN, AS_HOSTS]);
                }
                "type" => asked.foreign |= !any(&["ban"]),
                "ip" | "value" => {
                    let ip: Option<IpAddr> = value.trim().parse().ok();
                    let what = "an IPv4 or IPv6 address";
                    let ip = ip.ok_or_else(|| misfit("ip", what, &[]))?;
                    asked.ip = Some(ip.to_canonical());
                }
                // Our scenarios are networks and rules, not behaviour.
                _ => {}
            }
        }
        Ok(asked)
    }
}

fn flag(value: &str) -> Result<bool, ApiError> {
    match value {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => {
            let what = "the value is unknown";
            Err(misfit("startup", what, &["true", "false"]))
        }
    }
}

fn prefix(line: &Line) -> Option<Prefix> {
    match line.span {
        Span::Prefix(prefix) => Some(prefix),
        Span::Range(_) => None,
    }
}

/// Lines that are new, or end at another moment.
fn fresh<'a>(known: Option<&Listing>, present: &'a Listing) -> Vec<&'a Line> {
    let Some(known) = known else { return present.lines.iter().collect() };
    let changed = |line: &&Line| {
        find(known, line)
            .is_none_or(|old| old.cause.expires_at != line.cause.expires_at)
    };
    present.lines.iter().filter(changed).collect()
}

/// Lines of before that are no more.
fn absent<'a>(before: &'a Listing, present: &Listing) -> Vec<&'a Line> {
    let lines = before.lines.iter();
    lines.filter(|line| find(present, line).is_none()).collect()
}

/// Hosts that nothing blocks any more: a range that was sent as hosts has left
/// nothing at the bouncer that would still block one of them.
fn still_open(gone: Vec<Value>, present: &Listing) -> Vec<Value> {
    if gone.is_empty() {
        return gone;
    }
    let blocked =
        AddressSet::from_prefixes(present.lines.iter().filter_map(prefix));
    let open = |decision: &Value| {
        let host = decision["value"].as_str().and_then(|v| v.parse().ok());
        host.is_none_or(|host| !blocked.contains(host))
    };
    gone.into_iter().filter(open).collect()
}

/// Lines are in the order of prefixes.
fn find<'a>(listing: &'a Listing, line: &Line) -> Option<&'a Line> {
    let wanted = prefix(line);
    let order = |known: &Line| prefix(known).cmp(&wanted);
    let at = listing.lines.binary_search_by(order).ok()?;
    listing.lines.get(at)
}

fn decisions(lines: Vec<&Line>, expand: bool, now: Timestamp) -> Vec<Value> {
    let mut hosts = HOSTS;
    let mut all = Vec::with_capacity(lines.len());
    for line in lines {
        let Some(prefix) = prefix(line) else { continue };
        let room = match expand {
            true => size(prefix).filter(|&size| size > 1 && size <= hosts),
            false => None,
        };
        match room {
            None => all.push(decision(prefix, &line.cause, now)),
            Some(size) => {
                hosts -= size;
                let each = |at| decision(host(prefix, at), &line.cause, now);
                all.extend((0..size).map(each));
            }
        }
    }
    all
}

/// How many hosts a prefix has that may be expanded.
fn size(prefix: Prefix) -> Option<usize> {
    let (bits, shortest) = match prefix {
        Prefix::V4(..) => (32, EXPANDED[0]),
        Prefix::V6(..) => (128, EXPANDED[1]),
    };
    (prefix.len() >= shortest).then(|| 1 << (bits - prefix.len()))
}

fn host(prefix: Prefix, at: usize) -> Prefix {
    match prefix {
        Prefix::V4(bits, _) => {
            Prefix::V4(bits | u32::try_from(at).unwrap_or(0), 32)
        }
        Prefix::V6(bits, _) => Prefix::V6(bits | at as u128, 128),
    }
}

fn decision(prefix: Prefix, cause: &Cause, now: Timestamp) -> Value {
    let host = prefix.len() == if prefix.is_v4() { 32 } else { 128 };
    let value = match host {
        true => prefix.network().to_string(),
        false => prefix.to_string(),
    };
    let lasts = cause.expires_at.map_or(LASTS, |end| {
        end.duration_since(now).clamp(SignedDuration::ZERO, LASTS)
    });
    json!({
        "id": id(&value),
        "origin": ORIGIN,
        "type": "ban",
        "scope": if host { "Ip" } else { "Range" },
        "value": value,
        "duration": duration(lasts),
        "scenario": scenario(cause),
    })
}

/// A number that is always that of the value, and exact in JavaScript.
fn id(value: &str) -> u64 {
    let digest = Sha256::digest(value.as_bytes());
    let [a, b, c, d, e, f, g, ..] = digest.0;
    u64::from_be_bytes([0, a, b, c, d, e, f, g]) >> 3
}

/// As Go writes it.
fn duration(lasts: SignedDuration) -> String {
    let seconds = lasts.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours}h{minutes}m{}s", seconds % 60)
}

fn scenario(cause: &Cause) -> String {
    match (cause.asn, cause.country, &cause.list) {
        (Some(asn), ..) => asn.to_string(),
        (None, Some(country), _) => format!("country:{country}"),
        (None, None, Some(list)) => format!("list:{list}"),
        (None, None, None) => "asgard".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use asgard_policy::feed::entry::Origin;

    use super::*;

    fn listing(lines: &[(&str, Option<i64>)]) -> Listing {
        let line = |&(text, end): &(&str, Option<i64>)| {
            let mut cause = Cause::new(Origin::Ip);
            cause.expires_at = end.map(|s| Timestamp::from_second(s).unwrap());
            let span = Span::Prefix(text.parse().unwrap());
            Line { span, cause: Arc::new(cause) }
        };
        Listing {
            lines: lines.iter().map(line).collect(),
            asns: Vec::new(),
            version: 1,
            serial: 1,
            built_at: Timestamp::UNIX_EPOCH,
            org: "acme".into(),
        }
    }

    fn values(lines: Vec<&Line>, expand: bool) -> Vec<String> {
        let all = decisions(lines, expand, Timestamp::UNIX_EPOCH);
        let value = |v: &Value| v["value"].as_str().unwrap().to_owned();
        all.iter().map(value).collect()
    }

    #[test]
    fn a_poll_gets_what_came_and_what_went_and_what_ends_otherwise() {
        let before = listing(&[
            ("1.0.0.0/24", None),
            ("1.0.1.7/32", Some(60)),
            ("1.0.2.0/24", None),
        ]);
        let after = listing(&[
            ("1.0.0.0/24", None),
            ("1.0.1.7/32", Some(90)),
            ("2600::/32", None),
        ]);
        let new = values(fresh(Some(&before), &after), false);
        assert_eq!(new, ["1.0.1.7", "2600::/32"]);
        assert_eq!(values(absent(&before, &after), false), ["1.0.2.0/24"]);
        assert_eq!(fresh(None, &after).len(), 3);
        assert!(fresh(Some(&after), &after).is_empty());
    }

    #[test]
    fn ranges_become_hosts_within_the_budget_and_stay_ranges_beyond() {
        let few = listing(&[("1.0.0.8/30", None), ("2600::/126", None)]);
        let hosts = values(few.lines.iter().collect(), true);
        assert_eq!(
            hosts,
            [
                "1.0.0.8", "1.0.0.9", "1.0.0.10", "1.0.0.11", "2600::",
                "2600::1", "2600::2", "2600::3",
            ]
        );
        let wide = listing(&[("1.0.0.0/8", None), ("1.0.0.0/20", None)]);
        let sent = values(wide.lines.iter().collect(), true);
        assert_eq!(sent[0], "1.0.0.0/8");
        assert_eq!(sent.len(), 1 + 4096);
        let many: Vec<(String, Option<i64>)> =
            (0..20).map(|n| (format!("1.{n}.0.0/20"), None)).collect();
        let many: Vec<(&str, _)> =
            many.iter().map(|(text, end)| (text.as_str(), *end)).collect();
        let many = listing(&many);
        let sent = values(many.lines.iter().collect(), true);
        assert_eq!(sent.len(), HOSTS + 4, "four have no room");
    }

    #[test]
    fn a_host_inside_a_range_that_was_sent_as_hosts_stays_blocked() {
        let before = listing(&[("1.0.0.8/30", None), ("1.0.0.9/32", None)]);
        let after = listing(&[("1.0.0.8/30", None)]);
        let epoch = Timestamp::UNIX_EPOCH;
        let gone = decisions(absent(&before, &after), true, epoch);
        assert_eq!(gone.len(), 1);
        assert!(still_open(gone, &after).is_empty());
        let gone = decisions(absent(&before, &listing(&[])), true, epoch);
        assert_eq!(still_open(gone, &listing(&[])).len(), 5);
    }

    #[test]
    fn a_bouncer_asks_for_hosts_by_the_origin_that_it_wants() {
        let read = |query| Asked::read(Some(query), STREAM).unwrap();
        let hosts = read("origins=asgard-hosts&startup=true");
        assert!(hosts.expand && hosts.startup && !hosts.foreign);
        let ranges = read("origins=crowdsec,asgard");
        assert!(!ranges.expand && !ranges.foreign);
        assert!(read("origins=crowdsec,cscli").foreign);
    }

    #[test]
    fn a_decision_ends_with_its_rule_and_at_latest_in_a_day() {
        let ends = |end| {
            let list = listing(&[("1.0.0.1/32", end)]);
            let all = decisions(
                list.lines.iter().collect(),
                false,
                Timestamp::UNIX_EPOCH,
            );
            all[0]["duration"].as_str().unwrap().to_owned()
        };
        assert_eq!(ends(None), "24h0m0s");
        assert_eq!(ends(Some(3 * 3600 + 59 * 60 + 5)), "3h59m5s");
        assert_eq!(ends(Some(400_000)), "24h0m0s");
    }

    #[test]
    fn ids_are_stable_and_exact_in_every_client() {
        assert_eq!(id("1.0.0.1"), id("1.0.0.1"));
        assert_ne!(id("1.0.0.1"), id("1.0.0.2"));
        assert!(id("1.0.0.1") < 1 << 53);
    }
}
