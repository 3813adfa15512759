//! Lists, feeds, crawlers, and whom they are asked of.

use std::time::Duration;

use asgard_policy::{
    diagnostic::{Diagnostic, did_you_mean},
    gate::Written,
    yaml::{Node, Reading, Section, fields::short},
};

use crate::config::{
    AsgardLink, CrawlerConfig, Feed, FeedSource, IpList, ListSource, OnPending,
    Resolver,
};

const SOURCE: [&str; 5] =
    ["source", "url", "path", "entries", "refresh_interval"];

#[derive(Clone, Copy)]
enum Kind {
    Inline,
    File,
    Url,
    Asgard,
}

/// Entries of a mapping from names.
fn named<'n>(
    section: &mut Section<'_, 'n>,
    key: &str,
) -> &'n [(Written<String>, Node)] {
    let Some(node) = section.get(key) else { return &[] };
    let fields = section.reading.mapping(node, key);
    let entries = fields.map_or(&[][..], |fields| fields.entries());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for (name, _) in entries {
        let count = name.value.len();
        if !(1..=64).contains(&count) || !name.value.chars().all(plain) {
            let message = format!("`{}` is no name", short(&name.value));
            section.reading.note(
                Diagnostic::error("E004", message)
                    .at(name.place)
                    .hint("1 to 64 letters, digits, `-`, `_`, `.`"),
            );
        }
    }
    entries
}

/// Reads `ip_lists`.
pub(super) fn ip_lists(section: &mut Section<'_, '_>) -> Vec<IpList> {
    let kinds =
        [("inline", Kind::Inline), ("file", Kind::File), ("url", Kind::Url)];
    let mut lists = Vec::new();
    for (name, node) in named(section, "ip_lists") {
        let path = format!("ip_lists.{}", name.value);
        let Some(mut one) =
            Section::open(section.reading, node, &path, &SOURCE)
        else {
            continue;
        };
        let guess = if one.get("entries").is_some() {
            Kind::Inline
        } else if one.get("url").is_some() {
            Kind::Url
        } else {
            Kind::File
        };
        let source = match one.choice("source", guess, &kinds) {
            Kind::Inline => {
                ListSource::Inline(one.items("entries", Reading::prefix))
            }
            Kind::Url => {
                ListSource::Url(url(&mut one, "url", true).unwrap_or_default())
            }
            Kind::File | Kind::Asgard => ListSource::File(file(&mut one)),
        };
        let refresh_interval = one.interval("refresh_interval", None);
        let name = name.value.clone();
        lists.push(IpList { name, source, refresh_interval });
    }
    lists
}

fn file(one: &mut Section<'_, '_>) -> std::path::PathBuf {
    let path = one.file("path");
    if path.is_none() {
        one.missing("path", "path: /etc/asgard/list.txt");
    }
    path.unwrap_or_default()
}

/// Reads `feeds`.
pub(super) fn feeds(section: &mut Section<'_, '_>) -> Vec<Feed> {
    let kinds =
        [("asgard", Kind::Asgard), ("file", Kind::File), ("url", Kind::Url)];
    let keys = ["source", "url", "path", "refresh_interval"];
    let mut feeds = Vec::new();
    for (name, node) in named(section, "feeds") {
        let path = format!("feeds.{}", name.value);
        let Some(mut one) = Section::open(section.reading, node, &path, &keys)
        else {
            continue;
        };
        let source = match one.choice("source", Kind::Asgard, &kinds) {
            Kind::Url => {
                FeedSource::Url(url(&mut one, "url", true).unwrap_or_default())
            }
            Kind::File => FeedSource::File(file(&mut one)),
            Kind::Asgard | Kind::Inline => FeedSource::Asgard,
        };
        let refresh_interval = one.interval("refresh_interval", None);
        let name = name.value.clone();
        feeds.push(Feed { name, source, refresh_interval });
    }
    feeds
}

/// Reads `asgard`.
pub(super) fn asgard(section: &mut Section<'_, '_>) -> Option<AsgardLink> {
    let mut own = section.child("asgard", &["url", "key_file", "poll"])?;
    let url = url(&mut own, "url", true)?;
    let key_file = own.file("key_file");
    let poll = own.positive("poll", Duration::from_secs(10));
    Some(AsgardLink { url, key_file, poll })
}

/// An address of HTTP; `wanted`: it must be there.
pub(super) fn url(
    own: &mut Section<'_, '_>,
    key: &str,
    wanted: bool,
) -> Option<String> {
    let Some(text) = own.text(key) else {
        if wanted {
            own.missing(key, &format!("{key}: \"https://…\""));
        }
        return None;
    };
    let rest =
        text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let good = host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && !text.chars().any(|c| c.is_control() || c == ' ');
    if let (false, Some(node)) = (good, own.get(key)) {
        let message = format!("`{}` is no address of HTTP", short(&text));
        let hint = "https://host/path, without a password";
        own.reading.wrong(node, message, hint);
    }
    good.then_some(text)
}

/// The place of the ip list that a key names.
pub(super) fn reference(
    own: &mut Section<'_, '_>,
    key: &str,
    lists: &[IpList],
) -> Option<usize> {
    let name = own.text(key)?;
    let found = lists.iter().position(|list| list.name == name);
    if let (None, Some(node)) = (found, own.get(key)) {
        let message = format!("there is no ip list `{}`", short(&name));
        let near = did_you_mean(&name, lists.iter().map(|l| l.name.as_str()));
        let hint = near.map_or_else(
            || "write it under `ip_lists`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        own.reading
            .note(Diagnostic::error("E102", message).at(node.place).hint(hint));
    }
    found
}

/// Reads `crawlers`.
pub(super) fn crawlers(
    section: &mut Section<'_, '_>,
    lists: &[IpList],
) -> Vec<CrawlerConfig> {
    let keys = ["user_agent_regex", "ip_list", "fcrdns", "on_pending"];
    let pending = [("skip", OnPending::Skip), ("retry", OnPending::Retry)];
    let mut crawlers = Vec::new();
    for (name, node) in named(section, "crawlers") {
        let path = format!("crawlers.{}", name.value);
        let Some(mut one) = Section::open(section.reading, node, &path, &keys)
        else {
            continue;
        };
        let user_agent_regex = pattern(&mut one);
        let ip_list = reference(&mut one, "ip_list", lists);
        let fcrdns = one.items("fcrdns", domain);
        if one.get("ip_list").is_none() && one.get("fcrdns").is_none() {
            one.missing("ip_list", "fcrdns: [googlebot.com]");
        }
        let on_pending = one.choice("on_pending", OnPending::Skip, &pending);
        let name = name.value.clone();
        let user_agent_regex = user_agent_regex.unwrap_or_default();
        crawlers.push(CrawlerConfig {
            name,
            user_agent_regex,
            ip_list,
            fcrdns,
            on_pending,
        });
    }
    crawlers
}

fn pattern(one: &mut Section<'_, '_>) -> Option<String> {
    let Some(node) = one.get("user_agent_regex") else {
        one.missing("user_agent_regex", "user_agent_regex: Googlebot");
        return None;
    };
    let path = one.path("user_agent_regex");
    let written = one.reading.written(node, &path)?;
    match asgard_policy::gate::pattern::check(&written) {
        Ok(()) => Some(written.value),
        Err(fault) => {
            one.reading.note(fault);
            None
        }
    }
}

fn domain(reading: &mut Reading, node: &Node, path: &str) -> Option<String> {
    let text = reading.text(node, path)?;
    let domain = text.trim_matches('.').to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let good = domain.contains('.') && domain.chars().all(plain);
    if !good {
        let message = format!("`{}` is no domain", short(text));
        reading.wrong(node, message, "for example googlebot.com");
    }
    good.then_some(domain)
}

/// Reads `resolver`.
pub(super) fn resolver(section: &mut Section<'_, '_>) -> Resolver {
    let default = Resolver {
        servers: Vec::new(),
        timeout: Duration::from_secs(1),
        in_flight: 64,
        cache: 65_536,
        ttl: Duration::from_secs(3600),
        negative_ttl: Duration::from_secs(300),
    };
    let keys =
        ["servers", "timeout", "in_flight", "cache", "ttl", "negative_ttl"];
    let Some(mut own) = section.child("resolver", &keys) else {
        return default;
    };
    Resolver {
        servers: own.items("servers", Reading::socket),
        timeout: own.positive("timeout", default.timeout),
        in_flight: own.size("in_flight", 64, 1..=4_096),
        cache: own.size("cache", 65_536, 16..=1_048_576),
        ttl: own.positive("ttl", default.ttl),
        negative_ttl: own.positive("negative_ttl", default.negative_ttl),
    }
}
