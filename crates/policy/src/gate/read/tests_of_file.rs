//! Unit tests in the file: a request with pinned facts, and what is expected.

use std::collections::BTreeMap;

use asgard_model::Level;

use super::{
    super::{
        path::parts,
        rule::{Action, Strings, TestCase, Written},
    },
    action,
};
use crate::{
    diagnostic::Diagnostic,
    yaml::{Node, Reading, Section, fields::short},
};

const REQUEST: [&str; 15] = [
    "ip",
    "method",
    "host",
    "path",
    "user_agent",
    "headers",
    "content_length",
    "asn",
    "org",
    "score",
    "level",
    "country",
    "in_lists",
    "in_feeds",
    "crawler",
];

/// Reads the value of `tests:`.
pub(super) fn read(reading: &mut Reading, node: &Node) -> Vec<TestCase> {
    let items = reading.list(node, "tests");
    items.iter().filter_map(|item| test(reading, item)).collect()
}

fn test(reading: &mut Reading, node: &Node) -> Option<TestCase> {
    let keys = ["name", "request", "expect"];
    let mut section = Section::open(reading, node, "test", &keys)?;
    let name = match section.get("name") {
        Some(node) => section.reading.written(node, "test.name")?,
        None => {
            section.missing("name", "name: a reader passes");
            return None;
        }
    };
    let (Some(_), Some(expect)) =
        (section.get("request"), section.get("expect"))
    else {
        section.missing("request", "request: {ip: 192.0.2.1}");
        section.missing("expect", "expect: {action: ALLOW}");
        return None;
    };
    let mut case = request(&mut section, name, node)?;
    let keys = ["action", "rule", "weight"];
    let mut wanted = section.child("expect", &keys)?;
    case.action = wanted.get("action").and_then(|node| {
        action(wanted.reading, node, "expect.action", Action::VALUES)
    });
    case.rule = match (wanted.get("rule"), wanted.fields.key("rule")) {
        (Some(node), _) => {
            wanted.reading.written(node, "expect.rule").map(Some)
        }
        (None, Some(_)) => Some(None),
        (None, None) => None,
    };
    case.weight = wanted.get("weight").map(|_| {
        wanted.integer(
            "weight",
            0,
            -super::WEIGHT * 1000..=super::WEIGHT * 1000,
        )
    });
    if case.action.is_none() && case.rule.is_none() && case.weight.is_none() {
        wanted.reading.note(
            Diagnostic::error("E005", "a test that expects nothing")
                .at(expect.place)
                .hint("write `action`, `rule` or `weight`"),
        );
    }
    Some(case)
}

fn request(
    section: &mut Section<'_, '_>,
    name: Written<String>,
    node: &Node,
) -> Option<TestCase> {
    let mut asked = section.child("request", &REQUEST)?;
    let ip = match asked.get("ip") {
        Some(node) => {
            let text = asked.reading.text(node, "request.ip")?;
            match text.parse::<std::net::IpAddr>() {
                Ok(ip) => ip.to_canonical(),
                Err(_) => {
                    let message = format!("`{}` is no address", short(text));
                    asked.reading.wrong(node, message, "such as 192.0.2.1");
                    return None;
                }
            }
        }
        None => {
            asked.missing("ip", "ip: 192.0.2.1");
            return None;
        }
    };
    let headers = headers(&mut asked);
    let user_agent = asked
        .text("user_agent")
        .or_else(|| headers.get("user-agent").cloned())
        .unwrap_or_default();
    let names = |asked: &mut Section<'_, '_>, key: &str| -> Option<Strings> {
        asked.get(key)?;
        Some(asked.items(key, |r, node, path| r.written(node, path)))
    };
    let host = asked.text("host").or_else(|| headers.get("host").cloned());
    Some(TestCase {
        name,
        ip,
        method: asked.text("method").unwrap_or_else(|| "GET".into()),
        host: host.unwrap_or_default().to_ascii_lowercase(),
        path: target(&mut asked).unwrap_or_else(|| "/".into()),
        user_agent,
        content_length: number(&mut asked, "content_length", u64::MAX >> 1),
        asn: number(&mut asked, "asn", u32::MAX),
        org: asked.text("org"),
        score: number(&mut asked, "score", 100_u8),
        level: parsed::<Level>(&mut asked, "level", "LOW"),
        country: parsed(&mut asked, "country", "NL"),
        in_lists: names(&mut asked, "in_lists"),
        in_feeds: names(&mut asked, "in_feeds"),
        crawler: asked
            .get("crawler")
            .and_then(|node| asked.reading.written(node, "request.crawler")),
        headers,
        action: None,
        rule: None,
        weight: None,
        place: node.place,
    })
}

/// A path with its query, of a request that would come before the rules.
fn target(asked: &mut Section<'_, '_>) -> Option<String> {
    let told = asked.text("path")?;
    if let (Err(error), Some(node)) = (parts(&told), asked.get("path")) {
        let message = format!("no rule sees `{}`: {error}", short(&told));
        asked.reading.wrong(node, message, "a gateway answers it with 400");
    }
    Some(told)
}

fn headers(asked: &mut Section<'_, '_>) -> BTreeMap<String, String> {
    let Some(node) = asked.get("headers") else { return BTreeMap::new() };
    let fields = asked.reading.mapping(node, "request.headers");
    let entries = fields.map_or(&[][..], |fields| fields.entries());
    entries
        .iter()
        .filter_map(|(key, node)| {
            let value = asked.reading.text(node, "request.headers")?;
            Some((key.value.to_ascii_lowercase(), value.to_owned()))
        })
        .collect()
}

fn number<T>(asked: &mut Section<'_, '_>, key: &str, max: T) -> Option<T>
where
    T: TryFrom<i128> + Into<i128> + Copy + std::fmt::Display + Default,
{
    let node = asked.get(key)?;
    let path = asked.path(key);
    asked.reading.integer(node, &path, T::default()..=max)
}

fn parsed<T: std::str::FromStr>(
    asked: &mut Section<'_, '_>,
    key: &str,
    example: &str,
) -> Option<T> {
    let node = asked.get(key)?;
    let path = asked.path(key);
    let text = asked.reading.text(node, &path)?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let message = format!("`{path}` cannot be `{}`", short(text));
        asked.reading.wrong(node, message, format!("for example {example}"));
    }
    parsed
}
