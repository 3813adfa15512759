//! Where requests go.

use std::{collections::HashSet, time::Duration};

use asgard_policy::{
    gate::told::rule_host,
    yaml::{Node, Reading, Section, fields::short},
};

use crate::config::{
    Backend, BackendTimeouts, BackendTls, Balance, Pool, Server,
};

const KEYS: [&str; 8] =
    ["name", "hosts", "servers", "balance", "tls", "http2", "timeouts", "pool"];

/// Reads `backends`.
pub(super) fn backends(section: &mut Section<'_, '_>) -> Vec<Backend> {
    let mut names = HashSet::new();
    let mut hosts = HashSet::new();
    section.items("backends", |reading, node, path| {
        let backend = backend(reading, node, path)?;
        if !names.insert(backend.name.clone()) {
            let message = format!("two backends `{}`", backend.name);
            reading.wrong(node, message, "names are unique");
        }
        let of: Vec<String> = match backend.hosts.is_empty() {
            true => vec!["(every other host)".into()],
            false => backend.hosts.clone(),
        };
        for host in of {
            if !hosts.insert(host.clone()) {
                let message = format!("two backends for {host}");
                reading.wrong(node, message, "a host has one backend");
            }
        }
        Some(backend)
    })
}

fn backend(reading: &mut Reading, node: &Node, path: &str) -> Option<Backend> {
    let mut one = Section::open(reading, node, path, &KEYS)?;
    let name = one.text("name");
    if name.is_none() {
        one.missing("name", "name: app");
    }
    let hosts = one.items("hosts", host);
    let servers = one.items("servers", server);
    if one.get("servers").is_none() {
        one.missing("servers", "servers: [\"http://127.0.0.1:3000\"]");
    }
    let balances = [
        ("least_conn", Balance::LeastConn),
        ("round_robin", Balance::RoundRobin),
    ];
    let balance = one.choice("balance", Balance::LeastConn, &balances);
    let http2 = one.boolean("http2", false);
    let tls = match one.child("tls", &["verify", "ca", "server_name"]) {
        Some(mut tls) => BackendTls {
            verify: tls.boolean("verify", true),
            ca: tls.file("ca"),
            server_name: tls.text("server_name"),
        },
        None => BackendTls { verify: true, ca: None, server_name: None },
    };
    let mut timeouts = BackendTimeouts {
        connect: Duration::from_secs(2),
        first_byte: Duration::from_secs(60),
        idle: Duration::from_secs(60),
    };
    let keys = ["connect", "first_byte", "idle"];
    if let Some(mut inner) = one.child("timeouts", &keys) {
        timeouts.connect = inner.positive("connect", timeouts.connect);
        timeouts.first_byte = inner.positive("first_byte", timeouts.first_byte);
        timeouts.idle = inner.positive("idle", timeouts.idle);
    }
    let mut pool =
        Pool { max_idle_per_server: 64, idle_timeout: Duration::from_secs(30) };
    let keys = ["max_idle_per_server", "idle_timeout"];
    if let Some(mut inner) = one.child("pool", &keys) {
        pool.max_idle_per_server =
            inner.size("max_idle_per_server", 64, 0..=65_536);
        pool.idle_timeout = inner.positive("idle_timeout", pool.idle_timeout);
    }
    Some(Backend {
        name: name?,
        hosts,
        servers,
        balance,
        tls,
        http2,
        timeouts,
        pool,
    })
}

/// A host, or `*.` and a domain, as requests are looked up by it.
fn host(reading: &mut Reading, node: &Node, path: &str) -> Option<String> {
    let text = reading.text(node, path)?;
    let name = text.strip_prefix("*.");
    let is_domain = name.is_some();
    let name = name.unwrap_or(text);
    let host = rule_host(name);
    if has_port(name) {
        let message = format!("`{}` has a port", short(text));
        let star = if is_domain { "*." } else { "" };
        let hint = format!("hosts are told apart by name alone: {star}{host}");
        reading.wrong(node, message, hint);
        return None;
    }
    let good = if name.contains([':', '[', ']']) {
        !is_domain && host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        !host.is_empty()
            && text.len() <= 253
            && host.chars().all(plain)
            && !name.contains("..")
            && !host.starts_with('.')
    };
    if good {
        let star = if is_domain { "*." } else { "" };
        return Some(format!("{star}{host}"));
    }
    let message = format!("`{}` is no host", short(text));
    reading.wrong(node, message, "for example shop.example or *.shop.example");
    None
}

/// Whether a host is followed by what a URL would have for a port.
fn has_port(host: &str) -> bool {
    let Some((name, port)) = host.rsplit_once(':') else { return false };
    let is_whole = !name.contains(':') || name.ends_with(']');
    is_whole && !name.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

/// `http://host:port` or `https://host:port`, nothing behind it.
fn server(reading: &mut Reading, node: &Node, path: &str) -> Option<Server> {
    let text = reading.text(node, path)?;
    let parsed = parse_server(text);
    if parsed.is_none() {
        let message = format!("`{}` is no server", short(text));
        let hint = "such as http://10.0.0.5:3000, without a path";
        reading.wrong(node, message, hint);
    }
    parsed
}

fn parse_server(text: &str) -> Option<Server> {
    let (tls, rest) = match text.split_once("://")? {
        ("http", rest) => (false, rest),
        ("https", rest) => (true, rest),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let default = if tls { 443 } else { 80 };
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            match after.strip_prefix(':') {
                Some(port) => (host, port.parse().ok()?),
                None if after.is_empty() => (host, default),
                None => return None,
            }
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (rest, default),
        },
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    let good = !host.is_empty() && host.chars().all(plain) && port != 0;
    good.then(|| Server { tls, host: host.to_ascii_lowercase(), port })
}
