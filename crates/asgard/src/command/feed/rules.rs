//! `asgard feed list|preview|diff|publish|rollback|release`: versions of the
//! rules, and what a change does.

use std::{fs, io::Read};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use super::remote::{self, Server};
use crate::{
    cli::{Difference, Form, Judge, Remote, Rollback, Versions},
    exit::{Exit, usage},
    output::Out,
};

const FEEDS: &str = "/v1/threat/feeds";

pub(crate) async fn list(options: &Versions, out: &mut Out) -> Result<Exit> {
    let server = Server::new(&options.remote)?;
    let answer = server.get(&format!("{FEEDS}/versions"), "").await?;
    let answer = remote::json(&answer)?;
    let versions = answer["data"].as_array().cloned().unwrap_or_default();
    match options.output.output {
        Form::Json => out.json(&versions)?,
        Form::Table => {
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let row = |version: &Value| {
                ["version", "at", "actor", "action"]
                    .map(|name| text(&version[name]))
                    .to_vec()
            };
            let rows = versions.iter().map(row).collect();
            out.table(&["version", "written", "by", "action"], rows)?;
        }
    }
    Ok(Exit::Ok)
}

pub(crate) async fn preview(options: &Judge, out: &mut Out) -> Result<Exit> {
    let mut text = String::new();
    match options.rules.to_str() {
        Some("-") => {
            std::io::stdin().read_to_string(&mut text)?;
        }
        _ => {
            text = fs::read_to_string(&options.rules).map_err(|error| {
                usage(anyhow!("`{}`: {error}", options.rules.display()))
            })?;
        }
    }
    let rules: Value = serde_json::from_str(&text)
        .context("the rules are no JSON")
        .map_err(usage)?;
    let server = Server::new(&options.remote)?;
    let body = json!({"rules": rules});
    out.json(&server.post(&format!("{FEEDS}/preview"), &body).await?)?;
    Ok(Exit::Ok)
}

pub(crate) async fn diff(options: &Difference, out: &mut Out) -> Result<Exit> {
    let server = Server::new(&options.remote)?;
    let mut query = vec![format!("since={}", encoded(&options.since))];
    query.extend(options.params.iter().cloned());
    let path = format!("{FEEDS}/diff");
    let diff = remote::json(&server.get(&path, &query.join("&")).await?)?;
    if options.output.output == Form::Json {
        out.json(&diff)?;
        return Ok(Exit::Ok);
    }
    for (name, sign) in [("removed", '-'), ("added", '+')] {
        for line in diff[name].as_array().into_iter().flatten() {
            let line = line.as_str().unwrap_or_default();
            out.line(format!("{sign}{line}"))?;
        }
    }
    Ok(Exit::Ok)
}

/// A tag has quotes.
fn encoded(text: &str) -> String {
    text.replace('"', "%22")
}

pub(crate) async fn publish(options: &Remote, out: &mut Out) -> Result<Exit> {
    change(options, "publish", &json!({}), out).await
}

pub(crate) async fn release(options: &Remote, out: &mut Out) -> Result<Exit> {
    change(options, "release", &json!({}), out).await
}

pub(crate) async fn rollback(
    options: &Rollback,
    out: &mut Out,
) -> Result<Exit> {
    let body = json!({"version": options.to});
    change(&options.remote, "rollback", &body, out).await
}

async fn change(
    options: &Remote,
    what: &str,
    body: &Value,
    out: &mut Out,
) -> Result<Exit> {
    let server = Server::new(options)?;
    let done = server.post(&format!("{FEEDS}/{what}"), body).await?;
    out.line(format!("version {}", done["data"]["version"]))?;
    Ok(Exit::Ok)
}
