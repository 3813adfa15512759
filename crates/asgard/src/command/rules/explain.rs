//! `asgard rules explain`: one request, rule by rule.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use asgard_gateway::{Data, Membership, config::Loaded};
use asgard_model::{Asn, Bands};
use asgard_policy::gate::{
    Crawler, Databases, HeaderMap, Mode, NetworkFacts, Told, Trace, Visit, path,
};
use serde::Serialize;

use super::{Explain, Form, facts, load};
use crate::{
    exit::{Exit, usage},
    output::Out,
};

#[derive(Serialize)]
struct Shown<'t> {
    action: &'static str,
    intended: &'static str,
    rule: Option<&'t str>,
    weight: i64,
    threshold: Option<&'t str>,
    rules: Vec<Step<'t>>,
    variables: BTreeMap<&'static str, Option<&'t str>>,
    database_build: Option<u64>,
}

#[derive(Serialize)]
struct Step<'t> {
    name: &'t str,
    place: String,
    effect: &'static str,
    shadow: bool,
    said: &'static str,
    detail: &'t str,
    weight: Option<i64>,
}

pub(super) fn run(options: &Explain, out: &mut Out) -> anyhow::Result<Exit> {
    let common = &options.common;
    let loaded = load(&common.file, common.output, out)?;
    let (file, mmdb) = (&common.file, common.mmdb.as_deref());
    let shown_as = (common.output, &mut *out);
    let data = facts::load(&loaded, file, mmdb, shown_as)?;
    let network = network(options, &data);
    let headers = headers(options).map_err(usage)?;
    let hidden = loaded.policy.hidden();
    let told = Told::new(&options.host, &options.ua, headers, hidden);
    let target = path::parts(&options.path)
        .with_context(|| format!("--path `{}`", options.path))
        .map_err(usage)?;
    let address = options.ip.to_canonical();
    let lists = Membership { data: &data, address };
    let visit = Visit {
        asn: network.asn,
        asn_org: &network.org,
        score: network.score,
        level: network.level,
        country: network.country,
        method: &options.method,
        host: &told.host,
        path: &target.path,
        raw_path: target.raw_path,
        query: target.query,
        user_agent: &told.user_agent,
        headers: &told.headers,
        content_length: told.content_length,
        crawler: match &options.crawler {
            Some(name) => Crawler::Verified(name),
            None => Crawler::None,
        },
        lists: &lists,
        ..Visit::of(address)
    };
    let trace = loaded.policy.explain(&visit);
    let shown = shown(&loaded, &trace, facts::build_epoch(&data));
    match common.output {
        Form::Json => out.json(&shown)?,
        Form::Jsonl => out.line(serde_json::to_string(&shown)?)?,
        Form::Table => table(&shown, out)?,
    }
    Ok(Exit::Ok)
}

fn network(options: &Explain, data: &Data) -> NetworkFacts {
    let mut network = data.facts(options.ip.to_canonical());
    if let Some(asn) = options.asn {
        network = NetworkFacts {
            asn: (asn != 0).then_some(Asn(asn)),
            country: network.country,
            ..NetworkFacts::default()
        };
    }
    if let Some(score) = options.score {
        network.score = Some(score);
        network.level = Some(Bands::default().level(score));
    }
    network.country = options.country.or(network.country);
    network
}

fn headers(options: &Explain) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::default();
    for header in &options.header {
        let pair = header.split_once('=');
        let (name, value) =
            pair.ok_or_else(|| anyhow!("--header `{header}` lacks a `=`"))?;
        headers.add(name, value);
    }
    Ok(headers)
}

fn shown<'t>(
    loaded: &'t Loaded,
    trace: &'t Trace<'t>,
    database_build: Option<u64>,
) -> Shown<'t> {
    let decision = &trace.decision;
    let policy = &loaded.policy;
    Shown {
        action: decision.action.as_str(),
        intended: decision.intended.as_str(),
        rule: decision.rule.map(|rule| policy.rule_name(rule)),
        weight: decision.weight,
        threshold: decision.threshold.map(|t| policy.threshold_name(t)),
        rules: trace
            .rules
            .iter()
            .map(|step| Step {
                name: step.name,
                place: format!(
                    "{}:{}",
                    loaded.sources.name(step.place.file),
                    loaded.sources.line_column(step.place).0
                ),
                effect: step.effect,
                shadow: step.mode == Mode::Shadow,
                said: step.said.as_str(),
                detail: step.said.detail(),
                weight: step.weight,
            })
            .collect(),
        variables: trace
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_deref()))
            .collect(),
        database_build,
    }
}

fn table(shown: &Shown<'_>, out: &mut Out) -> anyhow::Result<()> {
    let by = match (shown.rule, shown.threshold) {
        (Some(rule), _) => format!("rule {rule:?}"),
        (None, Some(name)) => format!("threshold {name:?}"),
        (None, None) => "the default".to_owned(),
    };
    out.line(format!("{} by {by}, weight {}", shown.action, shown.weight))?;
    if shown.action != shown.intended {
        out.line(format!(
            "the policy is in shadow: in force it would be {}",
            shown.intended
        ))?;
    }
    out.line("")?;
    let rows = shown
        .rules
        .iter()
        .map(|step| {
            let said = match (step.said, step.detail) {
                (said, "") => said.to_owned(),
                (said, detail) => format!("{said}: {detail}"),
            };
            let shadow = if step.shadow { " (shadow)" } else { "" };
            vec![
                step.name.to_owned(),
                format!("{}{shadow}", step.effect),
                said,
                step.weight.map_or(String::new(), |w| format!("{w:+}")),
                step.place.clone(),
            ]
        })
        .collect();
    out.table(&["rule", "action", "said", "weight", "place"], rows)?;
    out.line("")?;
    let rows = shown
        .variables
        .iter()
        .map(|(name, value)| {
            vec![(*name).to_owned(), value.unwrap_or("(unknown)").to_owned()]
        })
        .collect();
    out.table(&["variable", "value"], rows)?;
    let build = match shown.database_build {
        Some(epoch) => format!("database built at {epoch} (seconds of 1970)"),
        None => "no database: the network is unknown".to_owned(),
    };
    out.line(format!("\n{build}"))?;
    Ok(())
}
