//! One rule.

use std::collections::BTreeMap;

use asgard_model::{Asn, CountryCode};

use super::{
    super::rule::{
        DenyResponse, Effect, ExpressionSource, Mode, RuleSource, Written,
    },
    MODES, ON_ERRORS, WEIGHT, action, challenge,
};
use crate::{
    diagnostic::{Diagnostic, Edit},
    yaml::{Node, Reading, Section, Value, fields::short},
};

const KEYS: [&str; 21] = [
    "name",
    "action",
    "mode",
    "on_error",
    "all",
    "path",
    "path_regex",
    "user_agent",
    "user_agent_regex",
    "ip_list",
    "geoip",
    "network",
    "networks",
    "asns",
    "headers_regex",
    "expression",
    "weight",
    "challenge",
    "difficulty",
    "response",
    "description",
];

#[derive(Clone, Copy)]
enum Verb {
    Allow,
    Deny,
    Challenge,
    Weigh,
}

const VERBS: [(&str, Verb); 4] = [
    ("ALLOW", Verb::Allow),
    ("DENY", Verb::Deny),
    ("CHALLENGE", Verb::Challenge),
    ("WEIGH", Verb::Weigh),
];

/// Reads one rule; `None` if it has no name or no action.
pub(super) fn read(reading: &mut Reading, node: &Node) -> Option<RuleSource> {
    let first = reading.found.len();
    let mut rule = read_rule(reading, node);
    let faulty = reading.found.iter().skip(first).any(Diagnostic::is_error);
    if let Some(rule) = rule.as_mut().filter(|_| faulty) {
        // A matcher that could not be read is not a matcher that is missing.
        rule.all = true;
    }
    // Every fault of a rule says which rule it is.
    let name = match &node.value {
        Value::Map(entries) => entries
            .iter()
            .find(|(key, _)| key.value == "name")
            .and_then(|(_, node)| match &node.value {
                Value::Scalar { text, .. } => Some(short(text)),
                _ => None,
            }),
        _ => None,
    };
    if let Some(name) = name {
        for found in reading.found.iter_mut().skip(first) {
            if found.context.is_empty() {
                found.context = format!("rule {name:?}");
            }
        }
    }
    rule
}

fn read_rule(reading: &mut Reading, node: &Node) -> Option<RuleSource> {
    let mut section = Section::open(reading, node, "rule", &KEYS)?;
    let name = match section.get("name") {
        Some(node) => name_of(section.reading, node),
        None => {
            let (reading, place) = (&mut *section.reading, node.place);
            reading.missing(place, "rule.name", "name: block-something");
            None
        }
    };
    let effect = effect(&mut section);
    let mode = section.choice("mode", Mode::Enforce, &MODES);
    let on_error = section.choice(
        "on_error",
        None,
        &ON_ERRORS.map(|(name, value)| (name, Some(value))),
    );
    let all = match section.get("all") {
        Some(node) => empty_mapping(section.reading, node),
        None => section.fields.key("all").is_some(),
    };
    let text = |section: &mut Section<'_, '_>, key: &str| {
        let node = section.get(key)?;
        section.reading.written(node, &format!("rule.{key}"))
    };
    let path = text(&mut section, "path");
    let user_agent = text(&mut section, "user_agent");
    let path_regex = text(&mut section, "path_regex");
    let user_agent_regex = text(&mut section, "user_agent_regex");
    let ip_list = section.get("ip_list").map(|_| {
        section
            .items("ip_list", |reading, node, path| reading.written(node, path))
    });
    let (geoip, from_geoip) = geoip(&mut section);
    let network = networks(&mut section, from_geoip);
    let headers_regex = headers(&mut section);
    let expression = expression(&mut section);
    looks_like_a_pattern(section.reading, path.as_ref());
    Some(RuleSource {
        name: name?,
        effect: effect?,
        mode,
        on_error,
        all,
        path,
        path_regex,
        user_agent,
        user_agent_regex,
        ip_list,
        geoip,
        network,
        headers_regex,
        expression,
        place: node.place,
    })
}

fn name_of(reading: &mut Reading, node: &Node) -> Option<Written<String>> {
    let name = reading.written(node, "rule.name")?;
    let plain = |c: char| !c.is_control() && !"\"\\".contains(c);
    let count = name.value.chars().count();
    if (1..=100).contains(&count) && name.value.chars().all(plain) {
        return Some(name);
    }
    let message = "a rule's name has 1 to 100 characters, no quotes";
    reading.wrong(node, message, format!("this has {count}"));
    None
}

fn empty_mapping(reading: &mut Reading, node: &Node) -> bool {
    let empty = match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::Scalar { text, plain: true, .. } => text == "true",
        _ => false,
    };
    if !empty {
        reading.mismatch(node, "rule.all", "`{}`");
    }
    empty
}

fn effect(section: &mut Section<'_, '_>) -> Option<Effect> {
    let Some(node) = section.get("action") else {
        let place = section.place();
        section.reading.missing(place, "rule.action", "action: DENY");
        return None;
    };
    let verb = action(section.reading, node, "rule.action", &VERBS)?;
    let only = [
        ("weight", matches!(verb, Verb::Weigh), "WEIGH"),
        ("challenge", matches!(verb, Verb::Challenge), "CHALLENGE"),
        ("difficulty", matches!(verb, Verb::Challenge), "CHALLENGE"),
        ("response", matches!(verb, Verb::Deny), "DENY"),
    ];
    for (key, fits, of) in only {
        if let (false, Some(key)) = (fits, section.fields.key(key)) {
            let message = format!("`{}` belongs to {of}", key.value);
            let fault = Diagnostic::error("E153", message).at(key.place);
            section.reading.note(fault.hint("remove it, or change the action"));
        }
    }
    Some(match verb {
        Verb::Allow => Effect::Allow,
        Verb::Deny => Effect::Deny(response(section)),
        Verb::Challenge => Effect::Challenge(challenge::flat(section)?),
        Verb::Weigh => Effect::Weigh(weight(section)),
    })
}

/// 5 if nothing is said, as others do.
fn weight(section: &mut Section<'_, '_>) -> i64 {
    let Some(node) = section.get("weight") else { return 5 };
    let Value::Map(_) = &node.value else {
        return section.integer("weight", 5, -WEIGHT..=WEIGHT);
    };
    let Some(mut inner) = section.child("weight", &["adjust"]) else {
        return 5;
    };
    let weight = inner.integer("adjust", 5, -WEIGHT..=WEIGHT);
    let message = format!("this is written `weight: {weight}`");
    let lint = Diagnostic::lint("W204", message).at(node.place);
    let lint = unwrapped(lint, node, "adjust");
    section.reading.note(lint);
    weight
}

fn response(section: &mut Section<'_, '_>) -> Option<DenyResponse> {
    let mut inner =
        section.child("response", &["status", "body", "headers"])?;
    let status = inner.integer("status", 403, 400..=599);
    let body = inner.get("body").and_then(|node| {
        inner.reading.text(node, "response.body").map(str::to_owned)
    });
    let mut headers = BTreeMap::new();
    if let Some(node) = inner.get("headers") {
        let fields = inner.reading.mapping(node, "response.headers");
        for (key, node) in fields.map_or(&[][..], |f| f.entries()) {
            let reading = &mut *inner.reading;
            let Some(value) = reading.text(node, "response.headers") else {
                continue;
            };
            if !is_header_name(&key.value) {
                let message = format!("`{}` is no header", short(&key.value));
                reading.note(Diagnostic::error("E004", message).at(key.place));
            } else if is_of_connection(&key.value) {
                let message = format!("`{}` is not a rule's to set", key.value);
                let fault = Diagnostic::error("E004", message).at(key.place);
                let hint = "remove it: the gateway frames its answers itself";
                reading.note(fault.hint(hint));
            } else if value.chars().any(|c| c.is_control() && c != '\t') {
                let message = "a header's value cannot have line breaks";
                reading.wrong(node, message, "remove them");
            } else {
                headers.insert(key.value.clone(), value.to_owned());
            }
        }
    }
    Some(DenyResponse { status, body, headers })
}

/// Whether a text can name a header: a token (RFC 9110 section 5.1).
pub fn is_header_name(name: &str) -> bool {
    let token =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (1..=256).contains(&name.len()) && name.chars().all(token)
}

/// Whether a field frames a message or belongs to its connection.
///
/// With those that say whom it is for (RFC 9110, section 7.6.1; RFC 9112,
/// section 6): a second one beside that of the gateway would be read
/// differently by different readers. CGI and WSGI fold `_` into `-`.
#[must_use]
pub fn is_of_connection(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name.to_ascii_lowercase().replace('_', "-").as_str())
}

/// With the edit that puts the value of a key in the place of its mapping;
/// without, if `node` is no mapping.
fn unwrapped(lint: Diagnostic, node: &Node, key: &str) -> Diagnostic {
    let Value::Map(entries) = &node.value else { return lint };
    let Some((key, value)) = entries.iter().find(|(k, _)| k.value == key)
    else {
        return lint;
    };
    lint.edit(Edit::Unwrap {
        mapping: node.place,
        key: key.place,
        value: value.place,
    })
}

/// Countries; and integers, which others write here for networks.
fn geoip(
    section: &mut Section<'_, '_>,
) -> (Option<Vec<Written<CountryCode>>>, Vec<Written<Asn>>) {
    let Some(node) = section.get("geoip") else { return (None, Vec::new()) };
    let items = match &node.value {
        Value::Map(_) => {
            // `geoip: {countries: [..]}` is the spelling of others.
            let fields = section.reading.fields(node, "geoip", &["countries"]);
            let Some(inner) = fields.and_then(|f| f.get("countries")) else {
                return (None, Vec::new());
            };
            let lint = Diagnostic::lint(
                "W203",
                "`geoip: {countries: […]}` is written `geoip: […]`",
            );
            let lint = unwrapped(lint.at(node.place), node, "countries");
            section.reading.note(lint);
            Reading::one_or_many(inner)
        }
        _ => Reading::one_or_many(node),
    };
    let number = |item: &Node| match &item.value {
        Value::Scalar { text, plain: true, .. } => text.parse::<i128>().is_ok(),
        _ => false,
    };
    let numbers = items.iter().filter(|item| number(item)).count();
    if numbers == 0 {
        let codes = items
            .iter()
            .filter_map(|item| country(section.reading, item))
            .collect();
        return (Some(codes), Vec::new());
    }
    if numbers < items.len() {
        let odd = items.iter().find(|item| !number(item)).unwrap_or(node);
        section.reading.note(
            Diagnostic::error("E152", "countries and AS numbers in one list")
                .at(odd.place)
                .hint("write AS numbers under `network`"),
        );
        return (None, Vec::new());
    }
    let asns: Vec<Written<Asn>> = items
        .iter()
        .filter_map(|item| asn(section.reading, item, "rule.geoip"))
        .collect();
    let shown: Vec<String> =
        asns.iter().take(3).map(|asn| asn.value.0.to_string()).collect();
    let more = if asns.len() > 3 { ", …" } else { "" };
    let message = format!(
        "AS numbers under `geoip` are written `network: [{}{more}]`",
        shown.join(", ")
    );
    let key = section.fields.key("geoip").map(|key| key.place);
    let mut lint = Diagnostic::lint("W202", message).at_opt(key);
    if let Some(key) = key {
        lint = lint.replace(key, "network");
    }
    section.reading.note(lint.hint("`geoip` is for countries"));
    (None, asns)
}

fn country(reading: &mut Reading, node: &Node) -> Option<Written<CountryCode>> {
    let text = reading.text(node, "rule.geoip")?;
    match text.parse() {
        Ok(value) => Some(Written { value, place: node.place, map: None }),
        Err(_) => {
            let message = format!("`{}` is no country", short(text));
            reading.wrong(node, message, "two letters, for example NL");
            None
        }
    }
}

fn asn(reading: &mut Reading, node: &Node, path: &str) -> Option<Written<Asn>> {
    // `AS24940` is what people copy; 0 is "nobody announces it".
    let parsed = match &node.value {
        Value::Scalar { text, .. } if text != "0" => text.parse::<Asn>().ok(),
        _ => None,
    };
    let value = match parsed {
        Some(asn) => asn,
        None => Asn(reading.integer(node, path, 0..=u32::MAX)?),
    };
    Some(Written { value, place: node.place, map: None })
}

fn networks(
    section: &mut Section<'_, '_>,
    from_geoip: Vec<Written<Asn>>,
) -> Option<Vec<Written<Asn>>> {
    let mut asns = from_geoip;
    let mut written = !asns.is_empty();
    for key in ["network", "networks", "asns"] {
        let Some(node) = section.get(key) else { continue };
        if written {
            let place = section.fields.key(key).map(|key| key.place);
            let fault = Diagnostic::error("E151", "networks are written twice")
                .at_opt(place)
                .hint("put all of them under `network`");
            section.reading.note(fault);
        }
        written = true;
        let mut items = Reading::one_or_many(node);
        if key == "asns" && matches!(node.value, Value::Map(_)) {
            let fields = section.reading.fields(node, "asns", &["match"]);
            let inner = fields.and_then(|fields| fields.get("match"));
            items = inner.map_or(&[][..], Reading::one_or_many);
        }
        let path = format!("rule.{key}");
        let read: Vec<Written<Asn>> = items
            .iter()
            .filter_map(|item| asn(section.reading, item, &path))
            .collect();
        if key != "network" {
            let shown: Vec<String> =
                read.iter().take(3).map(|a| a.value.0.to_string()).collect();
            let message = format!(
                "`{key}` is written `network: [{}{}]`",
                shown.join(", "),
                if read.len() > 3 { ", …" } else { "" }
            );
            let place = section.fields.key(key).map(|key| key.place);
            let mut lint = Diagnostic::lint("W203", message).at_opt(place);
            if let Some(place) = place {
                lint = lint.replace(place, "network");
            }
            section.reading.note(unwrapped(lint, node, "match"));
        }
        asns.extend(read);
    }
    written.then_some(asns)
}

fn headers(
    section: &mut Section<'_, '_>,
) -> Option<Vec<(Written<String>, Written<String>)>> {
    let node = section.get("headers_regex")?;
    let fields = section.reading.mapping(node, "rule.headers_regex")?;
    let mut patterns = Vec::new();
    for (key, node) in fields.entries() {
        if !is_header_name(&key.value) {
            let message = format!("`{}` is no header", short(&key.value));
            let fault = Diagnostic::error("E004", message).at(key.place);
            section.reading.note(fault);
            continue;
        }
        let name = Written {
            value: key.value.to_ascii_lowercase(),
            place: key.place,
            map: None,
        };
        if let Some(p) = section.reading.written(node, "rule.headers_regex") {
            patterns.push((name, p));
        }
    }
    Some(patterns)
}

fn expression(section: &mut Section<'_, '_>) -> Option<ExpressionSource> {
    let node = section.get("expression")?;
    let Value::Map(_) = node.value else {
        let text = section.reading.written(node, "rule.expression")?;
        return Some(ExpressionSource::One(text));
    };
    let path = "rule.expression";
    let mut inner = section.child("expression", &["all", "any"])?;
    let (all, any) = (inner.get("all"), inner.get("any"));
    if let (Some(_), Some(any)) = (all, any) {
        let fault = Diagnostic::error("E150", "both `all` and `any`")
            .at(any.place)
            .hint("keep one of them, or write two rules");
        inner.reading.note(fault);
        return None;
    }
    let key = if all.is_some() { "all" } else { "any" };
    let texts =
        inner.items(key, |reading, node, _| reading.written(node, path));
    if texts.is_empty() {
        let fault = Diagnostic::error("E150", "an expression without parts")
            .at(node.place)
            .hint("write `all: ['…']` or `any: ['…']`");
        inner.reading.note(fault);
        return None;
    }
    Some(match key {
        "all" => ExpressionSource::All(texts),
        _ => ExpressionSource::Any(texts),
    })
}

/// A path that begins with `^` was meant as a pattern, but is compared exactly.
fn looks_like_a_pattern(reading: &mut Reading, path: Option<&Written<String>>) {
    if let Some(path) = path.filter(|path| path.value.starts_with('^')) {
        let message = "`path` is compared exactly; this looks like a pattern";
        let lint = Diagnostic::lint("W207", message).at(path.place);
        reading.note(lint.hint("write `path_regex`"));
    }
}
