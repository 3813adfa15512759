//! `asgard source list|status|refresh`.

use anyhow::{Result, bail};
use asgard_ingest::{catalogue::Source, supply::Pace};
use asgard_model::SourceStatus;
use jiff::Timestamp;
use serde_json::json;

use super::keys::open_data;
use crate::{
    cli::{Form, SourceAction},
    clock::now,
    config::{Config, Origin},
    engine,
    exit::{Exit, usage},
    output::Out,
    telemetry,
};

pub(crate) async fn run(
    config: &Config,
    action: SourceAction,
    out: &mut Out,
) -> Result<Exit> {
    match action {
        SourceAction::List { output } => list(config, output.output, out),
        SourceAction::Status { output } => {
            status(config, output.output, out).await
        }
        SourceAction::Refresh { names } => refresh(config, &names, out).await,
    }
}

fn list(config: &Config, form: Form, out: &mut Out) -> Result<Exit> {
    let sources = &config.catalogue.sources;
    match form {
        Form::Json => {
            out.json(&sources.iter().map(entry).collect::<Vec<_>>())?;
        }
        Form::Table => {
            let header = [
                "name",
                "enabled",
                "format",
                "family",
                "weight",
                "licence",
                "description",
            ];
            let rows = sources
                .iter()
                .map(|source| {
                    vec![
                        source.name.clone(),
                        yes_no(source.enabled),
                        source.kind.to_string(),
                        source.family.clone(),
                        source.weight.to_string(),
                        source.licence.clone(),
                        source.description.clone(),
                    ]
                })
                .collect();
            out.table(&header, rows)?;
        }
    }
    Ok(Exit::Ok)
}

fn entry(source: &Source) -> serde_json::Value {
    let urls: Vec<&String> =
        source.parts.iter().flat_map(|part| &part.urls).collect();
    json!({
        "name": source.name,
        "description": source.description,
        "enabled": source.enabled,
        "format": source.kind,
        "family": source.family,
        "contains": source.contains,
        "weight": source.weight,
        "urls": urls,
        "cadence_seconds": source.cadence.as_secs(),
        "max_stale_seconds": source.max_stale.as_secs(),
        "max_bytes": source.max_bytes,
        "timeout_seconds": source.timeout.as_secs(),
        "licence": source.licence,
        "redistribute": source.redistribute,
        "attribution": source.attribution,
    })
}

async fn status(config: &Config, form: Form, out: &mut Out) -> Result<Exit> {
    let store = open_data(config).await?;
    let states = store.sources.list().await;
    store.close().await?;
    let mut learner = engine::learner(config)?;
    learner.recall_all(&states?, now());
    let statuses = learner.statuses();
    match form {
        Form::Json => out.json(&statuses)?,
        Form::Table => {
            let header = [
                "name",
                "role",
                "enabled",
                "data",
                "age",
                "rows",
                "last success",
                "last error",
            ];
            let now = now();
            let rows = statuses.iter().map(|s| line(s, now)).collect();
            out.table(&header, rows)?;
        }
    }
    Ok(Exit::Ok)
}

fn line(status: &SourceStatus, now: Timestamp) -> Vec<String> {
    let day = |t: Option<Timestamp>| {
        t.map(|t| asgard_model::Day::of(t).to_string()).unwrap_or_default()
    };
    vec![
        status.name.clone(),
        status.role.clone(),
        yes_no(status.enabled),
        day(status.data_date),
        status.last_success.map(|t| age(t, now)).unwrap_or_default(),
        status.rows.map(|rows| rows.to_string()).unwrap_or_default(),
        status.last_success.map(|t| t.to_string()).unwrap_or_default(),
        status.last_error.clone().unwrap_or_default(),
    ]
}

/// How long ago a source was last read well: `40 min`, `3 h`, `12 d`.
fn age(success: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(success).as_secs().max(0) / 60;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// Asks the publishers now, whatever their cadence, and keeps what is good. A
/// running server takes it up in its next cycle.
async fn refresh(
    config: &Config,
    names: &[String],
    out: &mut Out,
) -> Result<Exit> {
    if config.origin != Origin::Network {
        return Err(usage(anyhow::anyhow!(
            "source refresh asks the publishers; a mirror or demo has none"
        )));
    }
    for name in names {
        if config.catalogue.get(name).is_none() {
            return Err(usage(anyhow::anyhow!("`{name}` is not a source")));
        }
    }
    let store = open_data(config).await?;
    let mut learner = engine::learner(config)?;
    learner.recall(&store.sources.list().await?, now());
    let progress = telemetry::progress(config.log);
    learner.refresh(names, Pace::Forced, now(), &*progress, &|_| {}).await?;
    for state in learner.states() {
        store.sources.put(&state).await?;
    }
    store.close().await?;
    let asked: Vec<SourceStatus> = learner
        .statuses()
        .into_iter()
        .filter(|s| s.enabled && (names.is_empty() || names.contains(&s.name)))
        .collect();
    let failed = asked.iter().filter(|s| s.last_error.is_some()).count();
    for status in &asked {
        let verdict = status.last_error.as_deref().unwrap_or("ok");
        out.line(format!("{}\t{verdict}", status.name))?;
    }
    match failed {
        0 => Ok(Exit::Ok),
        n if n < asked.len() => Ok(Exit::Partial),
        _ => bail!("no source could be refreshed: check the network"),
    }
}
