//! Pages that ask for work, and decisions for proxies of others.

use std::time::Duration;

use asgard_policy::{
    diagnostic::Diagnostic,
    gate::PolicySource,
    yaml::{Node, Reading, Section, fields::short},
};

use crate::{
    answer::is_bodiless,
    config::{Binding, ChallengeConfig, Contract, OnFailure, Verdict},
};

/// Reads `challenge`.
pub(super) fn challenge(section: &mut Section<'_, '_>) -> ChallengeConfig {
    let default = ChallengeConfig {
        key_file: None,
        cookie: "asgard_pass".into(),
        ttl: Duration::from_secs(24 * 3600),
        bind: vec![Binding::Network, Binding::UserAgent],
        status: 403,
        exempt_paths: PolicySource::default().exempt_paths,
    };
    let keys = ["key_file", "cookie", "ttl", "bind", "status", "exempt_paths"];
    let Some(mut own) = section.child("challenge", &keys) else {
        return default;
    };
    let bindings =
        [("network", Binding::Network), ("user_agent", Binding::UserAgent)];
    let bind = match own.get("bind") {
        None => default.bind,
        Some(_) => own.items("bind", |reading, node, path| {
            reading.choice(node, path, &bindings)
        }),
    };
    let exempt_paths = match own.get("exempt_paths") {
        None => default.exempt_paths,
        Some(_) => own.items("exempt_paths", exempt_path),
    };
    ChallengeConfig {
        key_file: own.file("key_file"),
        cookie: cookie(&mut own).unwrap_or(default.cookie),
        ttl: own.positive("ttl", default.ttl),
        bind,
        status: status(&mut own),
        exempt_paths,
    }
}

/// The status of pages, which have a body.
fn status(own: &mut Section<'_, '_>) -> u16 {
    let status = own.integer("status", 403, 200..=599);
    if let (true, Some(node)) = (is_bodiless(status), own.get("status")) {
        let message = format!("a response of status {status} has no body");
        let hint = "a page needs one: 403, 429 or 503";
        own.reading.wrong(node, message, hint);
    }
    status
}

fn exempt_path(
    reading: &mut Reading,
    node: &Node,
    path: &str,
) -> Option<String> {
    let text = reading.text(node, path)?;
    let good = text.starts_with('/');
    if !good {
        let message = format!("`{}` is no path", short(text));
        reading.wrong(node, message, "for example /robots.txt or /assets/");
    }
    good.then(|| text.to_owned())
}

/// RFC 6265 section 4.1.1: a token.
fn cookie(own: &mut Section<'_, '_>) -> Option<String> {
    let name = own.text("cookie")?;
    let good = asgard_policy::gate::read::is_header_name(&name);
    if let (false, Some(node)) = (good, own.get("cookie")) {
        let message = format!("`{}` is no name of a cookie", short(&name));
        own.reading.wrong(node, message, "for example asgard_pass");
    }
    good.then_some(name)
}

/// Reads `verdict`.
pub(super) fn verdict(section: &mut Section<'_, '_>) -> Option<Verdict> {
    let keys = ["bind", "contract", "trusted_peers", "on_failure"];
    let over_grpc = section.get("server").is_some();
    let mut own = section.child("verdict", &keys)?;
    let path = own.path("bind");
    let bind = own.get("bind").map(|node| own.reading.socket(node, &path));
    if bind.is_none() && !over_grpc {
        own.missing("bind", "bind: \"127.0.0.1:9091\"");
    }
    let contracts = [
        ("forward", Contract::Forward),
        ("nginx", Contract::Nginx),
        ("envoy", Contract::Envoy),
    ];
    let contract = own.choice("contract", Contract::Forward, &contracts);
    let trusted_peers = own.items("trusted_peers", Reading::prefix);
    if own.get("trusted_peers").is_none() {
        let lint = Diagnostic::lint(
            "W215",
            "`verdict.trusted_peers` is empty: every call is denied",
        );
        let place = own.place();
        own.reading.note(lint.at(place).hint("name your proxies"));
    }
    let failures =
        [("allow", Some(OnFailure::Allow)), ("deny", Some(OnFailure::Deny))];
    let on_failure = own.choice("on_failure", None, &failures);
    if own.get("on_failure").is_none() {
        own.missing("on_failure", "on_failure: deny");
    }
    Some(Verdict {
        bind: match bind {
            Some(read) => Some(read?),
            None => None,
        },
        contract,
        trusted_peers,
        on_failure: on_failure?,
    })
}
