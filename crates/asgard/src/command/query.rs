//! `asgard lookup T` and `asgard why T`, answered from local data.

mod answer;
mod explain;
mod listed;

use std::time::Instant;

use anyhow::{Context, Result};
use asgard_api::view::ProfileView;
use asgard_model::{Asn, Profile, Route, Snapshot};
use serde_json::{Value, json};

use self::{answer::Answer, explain::explain};
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
            "listed",
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
            for line in answer.whereabouts(snapshot) {
                out.line(line)?;
            }
            for asn in &answer.asns {
                explain(snapshot, *asn, config.detail, out)?;
            }
        }
        Ok(())
    })
    .await
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
        .map(|(text, target)| Answer::new(&snapshot, text, target))
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
        let reason = match answer.is_special() {
            true => "special-purpose space, which nobody may announce",
            false => "not found, or not scored",
        };
        tracing::warn!("{}: {reason}", answer.text);
    }
    Ok(match found {
        0 => Exit::NotFound,
        n if n < answers.len() => Exit::Partial,
        _ => Exit::Ok,
    })
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
    let inside: Vec<Value> = answer
        .inside
        .iter()
        .map(|r| json!({"prefix": r.prefix.to_string(), "origins": r.origins}))
        .collect();
    Ok(json!({
        "target": answer.text,
        "target_type": answer.target.kind(),
        "status": if results.is_empty() { "not_found" } else { "ok" },
        "prefix": answer.route.map(|route| route.prefix.to_string()),
        "routes_inside": inside,
        "routes_inside_count": answer.inside_count,
        "country": answer.country(snapshot).map(|c| c.to_string()),
        "known": answer.known(snapshot),
        "special_purpose": answer.is_special(),
        "listed": answer.listed(snapshot).map(|l| l.json(snapshot)),
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

/// One line an origin; routes inside a prefix are lines of their own.
fn lines(snapshot: &Snapshot, answer: &Answer<'_>) -> Vec<Vec<String>> {
    let of_route = |route: &Route<'_>| {
        let origins = route.origins.iter();
        let prefix = route.prefix.to_string();
        origins.map(|&asn| (prefix.clone(), Some(asn))).collect::<Vec<_>>()
    };
    let routes = answer.route.iter().chain(&answer.inside);
    let mut found: Vec<(String, Option<Asn>)> =
        routes.flat_map(of_route).collect();
    if found.is_empty() {
        found.push((String::new(), answer.asns.first().copied()));
    }
    let known = match answer.is_special() {
        true => "special-purpose".to_owned(),
        false => answer.known(snapshot).join(","),
    };
    let listed = answer.listed(snapshot);
    let listed = listed.map(|l| l.cell(snapshot)).unwrap_or_default();
    let line = |(prefix, asn): (String, Option<Asn>)| {
        let profile = asn.and_then(|asn| snapshot.profile(asn));
        let [asn, name, country] = identity(asn, profile.as_ref());
        let judged = |tell: fn(&Profile<'_>) -> String| {
            profile.as_ref().map(tell).unwrap_or_default()
        };
        vec![
            answer.text.to_owned(),
            prefix,
            asn,
            name,
            country,
            judged(|p| p.assessment.score.to_string()),
            judged(|p| p.assessment.level.to_string()),
            known.clone(),
            listed.clone(),
        ]
    };
    found.into_iter().map(line).collect()
}

fn identity(asn: Option<Asn>, profile: Option<&Profile<'_>>) -> [String; 3] {
    let registration = profile.map(|p| p.registration);
    [
        asn.map(|asn| asn.to_string()),
        registration.and_then(|r| r.name.as_deref()).map(Into::into),
        registration.and_then(|r| r.country).map(|c| c.to_string()),
    ]
    .map(Option::unwrap_or_default)
}

/// The API's object of an AS.
fn view(snapshot: &Snapshot, profile: &Profile<'_>) -> Result<Value> {
    let view = ProfileView::new(snapshot, profile);
    serde_json::to_value(view).context("a profile is always JSON")
}
