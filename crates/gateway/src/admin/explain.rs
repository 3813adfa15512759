//! `GET /v1/explain`: what would happen to a request, and why.
//!
//! Asked by `ip`, with `method`, `host`, `path` (with its query), `ua` and
//! `header` (`name: value`, may be repeated) as the client would send them; or by
//! `id`, which a refused visitor can quote: then it also says what was decided.
//! It reads the generation in force, counts nothing, and asks no name server: a
//! crawler that is not in the cache is pending.

use std::{borrow::Cow, net::IpAddr};

use asgard_policy::gate::{
    FeedIndex, HeaderMap, ListIndex, Mode, Told, Trace, Visit, path,
};
use serde_json::{Value, json};

use crate::{
    crawler::reverse::Peek,
    generation::{Generation, Membership},
    log::{kind_name, recent::Remembered},
};

/// What is asked about.
#[derive(Debug, Default)]
struct Question {
    ip: Option<IpAddr>,
    id: Option<String>,
    method: String,
    host: String,
    path: String,
    headers: HeaderMap,
    remembered: Option<Remembered>,
}

/// The answer, or what is wrong with the question. `recall` finds a request by
/// its id.
pub(super) fn explain(
    generation: &Generation,
    query: &str,
    recall: impl Fn(&str) -> Option<Remembered>,
) -> Result<Value, String> {
    let question = read(query)?.with_memory(recall)?;
    let ip = question.ip.ok_or("which client? ip=192.0.2.1")?.to_canonical();
    let target = match question.remembered {
        Some(_) => kept(&question.path),
        None => path::parts(&question.path).map_err(|error| {
            format!("`{}` is no path: {error}", question.path)
        })?,
    };
    let (setup, data) = (&generation.setup, &generation.data);
    let network = data.networks.as_ref().and_then(|t| t.lookup(ip));
    let place = data.places.as_ref().and_then(|t| t.lookup(ip));
    let lists = Membership { data, address: ip };
    let names = setup.crawlers.names().peek(ip);
    let risk = network.and_then(|network| network.risk);
    let headers = question.headers;
    let told = Told::new(&question.host, "", headers, setup.policy.hidden());
    let agent = &*told.user_agent;
    let visit = Visit {
        asn: network.map(|network| network.asn),
        asn_org: network.map_or("", |network| network.organisation),
        score: risk.map(|(score, _)| score),
        level: risk.map(|(_, level)| level),
        country: place.as_ref().and_then(|place| place.country),
        method: &question.method,
        host: &told.host,
        path: &target.path,
        raw_path: target.raw_path,
        query: target.query,
        user_agent: agent,
        headers: &told.headers,
        content_length: told.content_length,
        crawler: setup.crawlers.recall(agent, ip, &lists),
        lists: &lists,
        reverse: &names,
        ..Visit::of(ip)
    };
    let trace = setup.policy.explain(&visit);
    let decision = &trace.decision;
    let rule = decision.rule.map(|rule| setup.policy.rule_name(rule));
    let threshold = decision.threshold.map(|t| setup.policy.threshold_name(t));
    let prefix = data.networks.as_ref().filter(|_| network.is_some());
    let build = data.networks.as_ref().map(|table| table.build_epoch());
    Ok(json!({
        "request": question.remembered.as_ref().map(remembered),
        "ip": ip,
        "action": decision.action.as_str(),
        "intended": decision.intended.as_str(),
        "rule": rule,
        "threshold": threshold,
        "weight": decision.weight,
        "asn": network.map(|network| network.asn.0),
        "org": network.map(|network| network.organisation),
        "score": risk.map(|(score, _)| score),
        "level": risk.map(|(_, level)| level.as_str()),
        "prefix": prefix.map(|table| table.prefix(ip).to_string()),
        "policy": setup.policy_hash,
        "database_build": build,
        "lists": named(generation, &lists),
        "crawler": crawler(generation, &visit, &names),
        "rules": rules(generation, &trace),
        "variables": trace
            .variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>(),
    }))
}

/// A path that was kept as rules saw it.
fn kept(path: &str) -> path::Parts<'_> {
    path::Parts { path: Cow::Borrowed(path), raw_path: path, query: "" }
}

/// What was decided then.
fn remembered(then: &Remembered) -> Value {
    let (record, line) = (&then.record, &then.line);
    json!({
        "id": record.id.as_str(),
        "at": then.at,
        "client": record.client,
        "asn": record.asn.map(|asn| asn.0),
        "action": kind_name(record.kind),
        "intended": line.intended.as_str(),
        "rule": then.rule,
        "weight": line.weight,
        "status": then.status,
        "method": line.method,
        "host": line.host,
        "path": line.path,
        "user_agent": line.user_agent,
    })
}

/// Lists and feeds that hold the address, by which entry, and those of which
/// nobody knows yet. Neighbours are one entry: what a list says is kept as a
/// set of addresses.
fn named(generation: &Generation, lists: &Membership<'_>) -> Value {
    let config = &generation.setup.config;
    let in_lists = config
        .ip_lists
        .iter()
        .enumerate()
        .map(|(at, list)| ("list", &list.name, lists.list(ListIndex(at))));
    let in_feeds = config
        .feeds
        .iter()
        .enumerate()
        .map(|(at, feed)| ("feed", &feed.name, lists.feed(FeedIndex(at))));
    let (mut named, mut entries) = (Vec::new(), Vec::new());
    let mut unknown = Vec::new();
    for (kind, name, set) in in_lists.chain(in_feeds) {
        let Some(set) = set else {
            unknown.push(name);
            continue;
        };
        if let Some(entry) = set.prefix_of(lists.address) {
            named.push(name);
            entries.push(json!({ kind: name, "entry": entry.to_string() }));
        }
    }
    json!({ "named": named, "entries": entries, "unknown": unknown })
}

/// Which crawler it claims to be, and what the proof says.
fn crawler(generation: &Generation, visit: &Visit<'_>, names: &Peek) -> Value {
    use asgard_policy::gate::Crawler;
    let crawlers = &generation.setup.crawlers;
    let (proof, name) = match visit.crawler {
        Crawler::None => ("none", None),
        Crawler::Pending { name, .. } => ("pending", Some(name)),
        Crawler::Verified(name) => ("verified", Some(name)),
    };
    json!({
        "claims": crawlers.claimed(visit.user_agent),
        "proof": proof,
        "name": name,
        "dns": {
            "state": names.state,
            "names": names.names.as_deref(),
            "seconds": names.seconds,
        },
    })
}

fn rules(generation: &Generation, trace: &Trace<'_>) -> Vec<Value> {
    let sources = &generation.setup.sources;
    let shown = trace.rules.iter().map(|step| {
        let (line, column) = sources.line_column(step.place);
        let file = sources.name(step.place.file);
        json!({
            "name": step.name,
            "at": format!("{file}:{line}:{column}"),
            "action": step.effect,
            "shadow": step.mode == Mode::Shadow,
            "said": step.said.as_str(),
            "detail": step.said.detail(),
            "weight": step.weight,
        })
    });
    shown.collect()
}

impl Question {
    /// With what is remembered of the request that was asked for by its id.
    fn with_memory(
        mut self,
        recall: impl Fn(&str) -> Option<Remembered>,
    ) -> Result<Self, String> {
        let Some(id) = &self.id else { return Ok(self) };
        let then = recall(id).ok_or_else(|| {
            format!(
                "no request `{id}`: only the latest that were refused or \
                 challenged are remembered"
            )
        })?;
        self.ip = Some(then.record.client);
        self.method.clone_from(&then.line.method);
        self.host.clone_from(&then.line.host);
        self.path.clone_from(&then.line.path);
        if !then.line.user_agent.is_empty() {
            let agent = then.line.user_agent.clone();
            self.headers.0.insert("user-agent".into(), agent);
        }
        self.remembered = Some(then);
        Ok(self)
    }
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
            "id" => question.id = Some(value),
            "method" => question.method = value,
            "host" => question.host = value,
            "path" if value.starts_with('/') => question.path = value,
            "path" => return Err(format!("`{value}` does not begin with /")),
            "ua" => question.headers.add("user-agent", &value),
            "header" => {
                let (name, value) = value.split_once(':').ok_or_else(|| {
                    format!("`{value}` is no header: `name: value`")
                })?;
                question.headers.add(name, value);
            }
            other => {
                return Err(format!(
                    "unknown parameter `{other}`: ip, id, method, host, path, \
                     ua, header"
                ));
            }
        }
    }
    Ok(question)
}
