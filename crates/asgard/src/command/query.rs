//! `asgard lookup T` and `asgard why T`, answered from local data.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result};
use asgard_api::view::ProfileView;
use asgard_model::{Asn, Profile, Route, Snapshot};
use serde_json::{Value, json};

use super::target::Target;
use crate::{
    cli::{Form, Query},
    config::Config,
    exit::{Exit, usage},
    local,
    output::Out,
};

pub(crate) async fn lookup(
    config: &Config,
    query: &Query,
    out: &mut Out,
) -> Result<Exit> {
    run(config, query, out, |snapshot, answers, out| {
        let rows = answers.iter().flat_map(|a| lines(snapshot, a)).collect();
        let header = [
            "target", "prefix", "asn", "name", "cc", "score", "level", "known",
        ];
        out.table(&header, rows)?;
        Ok(())
    })
    .await
}

pub(crate) async fn why(
    config: &Config,
    query: &Query,
    out: &mut Out,
) -> Result<Exit> {
    run(config, query, out, |snapshot, answers, out| {
        for answer in answers {
            if let Some(line) = whereabouts(snapshot, answer) {
                out.line(line)?;
            }
            for asn in &answer.asns {
                explain(snapshot, *asn, out)?;
            }
        }
        Ok(())
    })
    .await
}

/// A target with the ASes that answer for it.
struct Answer<'a> {
    text: &'a str,
    target: Target,
    route: Option<Route<'a>>,
    asns: Vec<Asn>,
}

impl Answer<'_> {
    fn is_found(&self, snapshot: &Snapshot) -> bool {
        self.asns.iter().any(|&asn| snapshot.profile(asn).is_some())
    }
}

async fn run(
    config: &Config,
    query: &Query,
    out: &mut Out,
    print: impl Fn(&Snapshot, &[Answer<'_>], &mut Out) -> Result<()>,
) -> Result<Exit> {
    let begun = Instant::now();
    let mut targets = Vec::new();
    for text in &query.targets {
        let target: Target =
            text.parse().map_err(|e| usage(anyhow::Error::new(e)))?;
        targets.push((text.as_str(), target));
    }
    let snapshot = local::snapshot(config).await?;
    let answers: Vec<Answer<'_>> = targets
        .into_iter()
        .map(|(text, target)| answer(&snapshot, text, target))
        .collect();
    match query.output.output {
        Form::Table => print(&snapshot, &answers, out)?,
        Form::Json => {
            for answer in &answers {
                out.json(&envelope(&snapshot, answer, begun)?)?;
            }
        }
    }
    let found = answers.iter().filter(|a| a.is_found(&snapshot)).count();
    for answer in answers.iter().filter(|a| !a.is_found(&snapshot)) {
        tracing::warn!("{}: not found, or not scored", answer.text);
    }
    Ok(match found {
        0 => Exit::NotFound,
        n if n < answers.len() => Exit::Partial,
        _ => Exit::Ok,
    })
}

fn answer<'a>(
    snapshot: &'a Arc<Snapshot>,
    text: &'a str,
    target: Target,
) -> Answer<'a> {
    let route = target
        .address()
        .and_then(|address| snapshot.world.table.lookup(address));
    let asns = match target {
        Target::Asn(asn) => vec![asn],
        _ => route.map_or_else(Vec::new, |route| route.origins.to_vec()),
    };
    Answer { text, target, route, asns }
}

/// `{target, target_type, status, result_count, results, snapshot, …}`; each
/// result is the API's object, unchanged.
fn envelope(
    snapshot: &Snapshot,
    answer: &Answer<'_>,
    begun: Instant,
) -> Result<Value> {
    let results = answer
        .asns
        .iter()
        .filter_map(|&asn| snapshot.profile(asn))
        .map(|profile| view(snapshot, &profile))
        .collect::<Result<Vec<_>>>()?;
    let known: Vec<&str> = classes(snapshot, answer);
    Ok(json!({
        "target": answer.text,
        "target_type": answer.target.kind(),
        "status": if results.is_empty() { "not_found" } else { "ok" },
        "prefix": answer.route.map(|route| route.prefix.to_string()),
        "known": known,
        "result_count": results.len(),
        "results": results,
        "snapshot": {
            "serial": snapshot.serial,
            "created": snapshot.created,
            "as_of": snapshot.world.as_of,
            "demo": snapshot.world.demo,
        },
        "took_ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(0),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

fn classes(snapshot: &Snapshot, answer: &Answer<'_>) -> Vec<&'static str> {
    let Some(address) = answer.target.address() else { return Vec::new() };
    let classes = snapshot.world.landmarks.classes(address);
    classes.iter().map(|class| class.as_str()).collect()
}

fn lines(snapshot: &Snapshot, answer: &Answer<'_>) -> Vec<Vec<String>> {
    let prefix = answer.route.map(|r| r.prefix.to_string());
    let known = classes(snapshot, answer).join(",");
    let line = |asn: Option<Asn>| {
        let profile = asn.and_then(|asn| snapshot.profile(asn));
        let registration = profile.as_ref().map(|p| p.registration);
        let text = |value: Option<String>| value.unwrap_or_default();
        vec![
            answer.text.to_owned(),
            text(prefix.clone()),
            text(asn.map(|asn| asn.to_string())),
            text(registration.and_then(|r| r.name.as_deref()).map(Into::into)),
            text(registration.and_then(|r| r.country).map(|c| c.to_string())),
            text(profile.as_ref().map(|p| p.assessment.score.to_string())),
            text(profile.as_ref().map(|p| p.assessment.level.to_string())),
            known.clone(),
        ]
    };
    match answer.asns.is_empty() {
        true => vec![line(None)],
        false => answer.asns.iter().map(|&asn| line(Some(asn))).collect(),
    }
}

/// `8.8.8.8 is in 8.8.8.0/24, known as resolver`.
fn whereabouts(snapshot: &Snapshot, answer: &Answer<'_>) -> Option<String> {
    answer.target.address()?;
    let place = match answer.route {
        Some(route) => format!("is in {}", route.prefix),
        None => "is announced by nobody".to_owned(),
    };
    let known = classes(snapshot, answer);
    let known = match known.is_empty() {
        true => String::new(),
        false => format!(", known as {}", known.join(", ")),
    };
    Some(format!("{} {place}{known}", answer.text))
}

/// Score, sub-scores, certainty; then each reason with its evidence.
fn explain(snapshot: &Snapshot, asn: Asn, out: &mut Out) -> Result<()> {
    let Some(profile) = snapshot.profile(asn) else { return Ok(()) };
    out.line(headline(&profile))?;
    let a = profile.assessment;
    out.line(format!(
        "  score {} {}, plausible {} to {}, confidence {:.2} ({})",
        a.score,
        a.level,
        a.score_low,
        a.score_high,
        a.confidence,
        a.state.as_str()
    ))?;
    out.line(format!(
        "  hygiene {}  threat {}  stability {}  as of {}",
        a.hygiene, a.threat, a.stability, snapshot.world.as_of
    ))?;
    let view = view(snapshot, &profile)?;
    let details = view["details"].as_array().map_or(&[] as &[_], |d| d);
    if details.is_empty() {
        out.line("  nothing speaks against it")?;
    }
    for detail in details {
        reason(detail, out)?;
    }
    Ok(())
}

/// The API's object of an AS.
fn view(snapshot: &Snapshot, profile: &Profile<'_>) -> Result<Value> {
    let view = ProfileView::new(snapshot, profile);
    serde_json::to_value(view).context("a profile is always JSON")
}

fn reason(detail: &Value, out: &mut Out) -> Result<()> {
    let text = |key: &str| detail[key].as_str().unwrap_or_default();
    let points = -detail["points"].as_i64().unwrap_or(0);
    out.line(format!(
        "  {points:>+4}  {:<9} {}",
        text("severity"),
        text("code")
    ))?;
    out.line(format!("        {}", text("description")))?;
    for evidence in detail["evidence"].as_array().into_iter().flatten() {
        out.line(format!("        · {}", sentence(evidence)))?;
    }
    Ok(())
}

/// One piece of evidence in a line:
/// `192.0.2.1/32, threatfox, 2026-04-25 to 2026-06-20`.
fn sentence(evidence: &Value) -> String {
    let text = |key: &str| evidence[key].as_str();
    let what = text("prefix").or_else(|| text("topic"));
    let when = match (text("first_seen"), text("last_seen")) {
        (Some(first), Some(last)) => Some(format!("{first} to {last}")),
        _ => None,
    };
    let parts = [what, text("source"), when.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn headline(profile: &Profile<'_>) -> String {
    let registration = profile.registration;
    let unknown = "unknown";
    format!(
        "{} {} ({}, {}, {})",
        profile.asn,
        registration.name.as_deref().unwrap_or(unknown),
        registration.organisation.as_deref().unwrap_or(unknown),
        registration.country.as_ref().map_or(unknown, |c| c.as_str()),
        registration.rir.map_or(unknown, |r| r.as_str()),
    )
}
