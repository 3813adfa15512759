//! From a YAML tree to a [`Config`]: one file a part of the configuration.
//!
//! A reader never stops at a fault; it notes it and goes on with the default.

use asgard_policy::{
    diagnostic::Diagnostic,
    gate,
    yaml::{Node, Reading, Section, Value},
};

use super::{
    Config, DatabaseSource, FeedSource, GrpcServer, HostPort, IpList,
    ListSource, Log, LogFormat, LogLevel, TrustedProxies,
};

mod backends;
mod challenge;
mod features;
mod limits;
mod listeners;
mod lists;

const KEYS: [&str; 16] = [
    "log",
    "health",
    "server",
    "listeners",
    "tls",
    "trusted_proxies",
    "backends",
    "limits",
    "features",
    "ip_lists",
    "feeds",
    "asgard",
    "crawlers",
    "resolver",
    "challenge",
    "verdict",
];

/// Reads everything but the rule files.
pub(super) fn config(reading: &mut Reading, root: &Node) -> Option<Config> {
    let known: Vec<&str> =
        KEYS.iter().chain(&gate::read::KEYS).copied().collect();
    let mut section = Section::open(reading, root, "", &known)?;
    let log = log(&mut section);
    let ip_lists = lists::ip_lists(&mut section);
    let tls = listeners::tls(&mut section);
    let listeners = listeners::listeners(&mut section, &tls);
    let mut policy = gate::read::policy(&mut section);
    let challenge = challenge::challenge(&mut section);
    policy.exempt_paths.clone_from(&challenge.exempt_paths);
    let config = Config {
        log,
        health: health(&mut section),
        server: server(&mut section),
        trusted_proxies: trusted_proxies(&mut section, &ip_lists),
        backends: backends::backends(&mut section),
        limits: limits::limits(&mut section),
        features: features::features(&mut section),
        feeds: lists::feeds(&mut section),
        asgard: lists::asgard(&mut section),
        crawlers: lists::crawlers(&mut section, &ip_lists),
        resolver: lists::resolver(&mut section),
        verdict: challenge::verdict(&mut section),
        listeners,
        tls,
        ip_lists,
        challenge,
        policy,
        files: Vec::new(),
        rule_patterns: Vec::new(),
    };
    whole(&mut section, &config);
    Some(config)
}

const LOCAL: std::net::IpAddr =
    std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn log(section: &mut Section<'_, '_>) -> Log {
    let default = Log { level: LogLevel::Info, format: LogFormat::Json };
    let Some(mut log) = section.child("log", &["level", "format"]) else {
        return default;
    };
    let levels = [
        ("debug", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
    ];
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    Log {
        level: log.choice("level", default.level, &levels),
        format: log.choice("format", default.format, &formats),
    }
}

fn health(section: &mut Section<'_, '_>) -> HostPort {
    let Some(mut own) = section.child("health", &["host", "port"]) else {
        return HostPort { host: LOCAL, port: 8081 };
    };
    host_port(&mut own, 8081)
}

fn server(section: &mut Section<'_, '_>) -> Option<GrpcServer> {
    let keys = ["host", "port", "max_message_bytes"];
    let has_verdict = section.get("verdict").is_some();
    let mut own = section.child("server", &keys)?;
    if !has_verdict {
        let lint = Diagnostic::lint(
            "W217",
            "`server` has no `verdict`: every question is denied",
        );
        let place = own.place();
        own.reading.note(lint.at(place).hint(
            "verdict: {trusted_peers: [127.0.0.1/32], on_failure: deny}",
        ));
    }
    Some(GrpcServer {
        address: host_port(&mut own, 50_051),
        max_message_bytes: own.size(
            "max_message_bytes",
            262_144,
            4_096..=16_777_216,
        ),
    })
}

fn host_port(own: &mut Section<'_, '_>, port: u16) -> HostPort {
    let port = own.integer("port", port, 0..=u16::MAX);
    let path = own.path("host");
    let node = own.get("host");
    let text = node.and_then(|node| own.reading.text(node, &path));
    let host = match text {
        None | Some("localhost") => Some(LOCAL),
        Some(text) => text.parse().ok(),
    };
    if let (None, Some(node)) = (host, node) {
        let message = format!("`{path}` must be an address");
        own.reading.wrong(node, message, "for example 127.0.0.1 or ::");
    }
    HostPort { host: host.unwrap_or(LOCAL), port }
}

fn trusted_proxies(
    section: &mut Section<'_, '_>,
    lists: &[IpList],
) -> TrustedProxies {
    let none = TrustedProxies::Blocks(Vec::new());
    let Some(node) = section.get("trusted_proxies") else { return none };
    if !matches!(node.value, Value::Map(_)) {
        let blocks = section.items("trusted_proxies", Reading::prefix);
        return TrustedProxies::Blocks(blocks);
    }
    let keys = ["file", "ip_list"];
    let Some(mut inner) = section.child("trusted_proxies", &keys) else {
        return none;
    };
    if let (Some(_), Some(list)) = (inner.get("file"), inner.get("ip_list")) {
        let fault = Diagnostic::error("E004", "both `file` and `ip_list`");
        let fault = fault.at(list.place).hint("keep one of them");
        inner.reading.note(fault);
    }
    if let Some(path) = inner.file("file") {
        return TrustedProxies::File(path);
    }
    let found = lists::reference(&mut inner, "ip_list", lists);
    found.map_or(none, TrustedProxies::IpList)
}

/// What only shows when everything is read.
fn whole(section: &mut Section<'_, '_>, config: &Config) {
    let place = section.place();
    of_asgard(section, config);
    if config.listeners.is_empty()
        && config.verdict.is_none()
        && config.server.is_none()
    {
        // A file of rules alone is checked as such; the binary refuses to
        // start without a way in.
        return;
    }
    let proxies = !config.listeners.is_empty();
    if proxies && config.backends.is_empty() {
        section.reading.missing(
            place,
            "backends",
            "backends: [{name: app, servers: [\"http://127.0.0.1:3000\"]}]",
        );
    }
    for list in &config.ip_lists {
        if let (ListSource::Inline(entries), true) =
            (&list.source, list.refresh_interval.is_some())
        {
            let message = format!(
                "ip list `{}` is inline ({} entries) and never changes",
                list.name,
                entries.len()
            );
            let node = section.get("ip_lists");
            section.reading.note(
                Diagnostic::lint("W214", message)
                    .at_opt(node.map(|node| node.place)),
            );
        }
    }
}

/// What comes from an asgard needs to know where it is.
fn of_asgard(section: &mut Section<'_, '_>, config: &Config) {
    // One that is written but faulty has been reported.
    if section.get("asgard").is_some() {
        return;
    }
    let features = &config.features;
    let databases = [
        ("asn", features.asn.enabled, &features.asn.database),
        ("geoip", features.geoip.enabled, &features.geoip.database),
    ];
    let databases = databases.into_iter().filter_map(|(name, on, database)| {
        let asked = on && database.source == DatabaseSource::Asgard;
        asked.then(|| vec!["features", name, "database"])
    });
    let feeds = config.feeds.iter().filter_map(|feed| {
        let asked = feed.source == FeedSource::Asgard;
        asked.then(|| vec!["feeds", feed.name.as_str()])
    });
    for path in databases.chain(feeds) {
        let node =
            path[1..].iter().fold(section.get(path[0]), |node, key| match node
                .map(|node| &node.value)
            {
                Some(Value::Map(entries)) => entries
                    .iter()
                    .find(|(name, _)| name.value == *key)
                    .map(|(_, node)| node),
                _ => node,
            });
        let path = path.join(".");
        let message =
            format!("`asgard.url` is missing, and `{path}` comes from there");
        section.reading.note(
            Diagnostic::error("E005", message)
                .at_opt(node.map(|node| node.place))
                .fix("write `asgard: {url: \"https://asgard.internal\"}`"),
        );
    }
}
