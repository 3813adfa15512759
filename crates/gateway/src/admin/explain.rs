//! `GET /v1/explain`: what would happen to a request, and why.
//!
//! `ip` is wanted; `method`, `host`, `path` (with its query) and `ua` are as the
//! client would send them. It reads the generation in force, counts nothing, and
//! asks no name server: a crawler that is not in the cache is pending.

use std::net::IpAddr;

use asgard_policy::gate::{Mode, Visit};
use serde_json::{Value, json};

use crate::{
    generation::{Generation, Membership},
    request::path,
};

/// What is asked about.
#[derive(Debug, Default)]
struct Question {
    ip: Option<IpAddr>,
    method: String,
    host: String,
    path: String,
    user_agent: String,
}

/// The answer, or what is wrong with the question.
pub(super) fn explain(
    generation: &Generation,
    query: &str,
) -> Result<Value, String> {
    let question = read(query)?;
    let ip = question.ip.ok_or("which client? ip=192.0.2.1")?.to_canonical();
    let (raw, query) =
        question.path.split_once('?').unwrap_or((&question.path, ""));
    let normal = path::normal(raw).map_err(|refusal| refusal.reason)?;
    let (setup, data) = (&generation.setup, &generation.data);
    let network = data.networks.as_ref().and_then(|t| t.lookup(ip));
    let place = data.places.as_ref().and_then(|t| t.lookup(ip));
    let lists = Membership { data, address: ip };
    let risk = network.and_then(|network| network.risk);
    let visit = Visit {
        asn: network.map(|network| network.asn),
        asn_org: network.map_or("", |network| network.organisation),
        score: risk.map(|(score, _)| score),
        level: risk.map(|(_, level)| level),
        country: place.as_ref().and_then(|place| place.country),
        method: &question.method,
        host: &question.host,
        path: &normal,
        raw_path: raw,
        query,
        user_agent: &question.user_agent,
        lists: &lists,
        ..Visit::of(ip)
    };
    let trace = setup.policy.explain(&visit);
    let rules: Vec<Value> = trace
        .rules
        .iter()
        .map(|step| {
            let (line, column) = setup.sources.line_column(step.place);
            let file = setup.sources.name(step.place.file);
            json!({
                "name": step.name,
                "at": format!("{file}:{line}:{column}"),
                "action": step.effect,
                "shadow": step.mode == Mode::Shadow,
                "said": step.said.as_str(),
                "detail": step.said.detail(),
                "weight": step.weight,
            })
        })
        .collect();
    let rule = trace.decision.rule.map(|rule| setup.policy.rule_name(rule));
    let prefix = data.networks.as_ref().filter(|_| network.is_some());
    let build = data.networks.as_ref().map(|table| table.build_epoch());
    Ok(json!({
        "ip": ip,
        "action": trace.decision.action.as_str(),
        "intended": trace.decision.intended.as_str(),
        "rule": rule,
        "weight": trace.decision.weight,
        "asn": network.map(|network| network.asn.0),
        "org": network.map(|network| network.organisation),
        "score": risk.map(|(score, _)| score),
        "level": risk.map(|(_, level)| level.as_str()),
        "prefix": prefix.map(|table| table.prefix(ip).to_string()),
        "database_build": build,
        "rules": rules,
        "variables": trace
            .variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>(),
    }))
}

fn read(query: &str) -> Result<Question, String> {
    let mut question = Question {
        method: "GET".into(),
        path: "/".into(),
        ..Question::default()
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "ip" => {
                let address = value.parse();
                question.ip = Some(
                    address.map_err(|_| format!("`{value}` is no address"))?,
                );
            }
            "method" => question.method = value,
            "host" => question.host = value.to_ascii_lowercase(),
            "path" if value.starts_with('/') => question.path = value,
            "path" => return Err(format!("`{value}` does not begin with /")),
            "ua" => question.user_agent = value,
            other => {
                return Err(format!(
                    "unknown parameter `{other}`: ip, method, host, path, ua"
                ));
            }
        }
    }
    Ok(question)
}
