//! What is found out about an address, and what backends are told.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use asgard_model::Asn;
use asgard_policy::{
    diagnostic::Diagnostic,
    yaml::{Node, Section, Value, fields::short},
};

use super::lists::url;
use crate::config::{
    AsnFeature, AsnHeaders, Database, DatabaseSource, Features, GeoipFeature,
    OnMissing, OrgEncoding, WhenUnknown,
};

const FEATURE: [&str; 6] = [
    "enabled",
    "client_ip_header",
    "database",
    "downstream_headers",
    "upstream_headers",
    "policy_usage",
];
const DATABASE: [&str; 10] = [
    "source",
    "path",
    "url",
    "refresh_interval",
    "sha256",
    "max_bytes",
    "max_age",
    "max_shrink_percent",
    "probe",
    "on_missing",
];
const HEADERS: [&str; 7] = [
    "enabled",
    "number",
    "org",
    "score",
    "level",
    "when_unknown",
    "org_encoding",
];
/// What every request to a backend says about its client.
const WRITTEN: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];
const DEFAULT_HEADER: &str = "x-forwarded-for";

/// Reads `features`.
pub(super) fn features(section: &mut Section<'_, '_>) -> Features {
    let mut headers: Vec<(String, Option<&Node>)> = Vec::new();
    let node = section.get("features");
    let mut features = section.child("features", &["asn", "geoip"]);
    let (mut asn, mut geoip) = (None, None);
    if let Some(features) = &mut features {
        if let Some(mut own) = features.child("asn", &FEATURE) {
            let node = own.get("client_ip_header");
            headers.extend(client_header(&mut own).map(|name| (name, node)));
            asn = Some(asn_feature(&mut own));
        }
        if let Some(mut own) = features.child("geoip", &FEATURE) {
            let node = own.get("client_ip_header");
            headers.extend(client_header(&mut own).map(|name| (name, node)));
            geoip = Some(geoip_feature(&mut own));
        }
    }
    if let [(first, _), (second, place)] = headers.as_slice()
        && first != second
    {
        let fault = Diagnostic::error(
            "E004",
            format!("`{first}` for asn and `{second}` for geoip"),
        )
        .at_opt(place.or(node).map(|node| node.place));
        let hint = "a request has one client: write the same header";
        section.reading.note(fault.hint(hint));
    }
    let header = headers.into_iter().next().map(|(name, _)| name);
    Features {
        asn: asn.unwrap_or_else(|| AsnFeature {
            enabled: false,
            database: database_default(),
            downstream_headers: headers_default(false),
            policy_usage: false,
        }),
        geoip: geoip.unwrap_or_else(|| GeoipFeature {
            enabled: false,
            database: database_default(),
            downstream_headers: false,
            policy_usage: false,
        }),
        client_ip_header: header.unwrap_or_else(|| DEFAULT_HEADER.into()),
    }
}

fn client_header(own: &mut Section<'_, '_>) -> Option<String> {
    let name = own.text("client_ip_header")?.to_ascii_lowercase();
    header_name(own, "client_ip_header", &name).then_some(name)
}

fn header_name(own: &mut Section<'_, '_>, key: &str, name: &str) -> bool {
    let good = asgard_policy::gate::read::is_header_name(name);
    if let (false, Some(node)) = (good, own.get(key)) {
        let message = format!("`{}` is no name of a header", short(name));
        own.reading.wrong(node, message, "for example cf-connecting-ip");
    }
    good
}

/// Whether a backend would find a name once: it frames no message, and says
/// nothing that is said to it anyway.
fn is_free(own: &mut Section<'_, '_>, key: &str, name: &str) -> bool {
    let folded = name.to_ascii_lowercase().replace('_', "-");
    let taken = asgard_policy::gate::read::is_of_connection(name)
        || WRITTEN.contains(&folded.as_str());
    if let (true, Some(node)) = (taken, own.get(key)) {
        let message = format!("`{name}` already means something else");
        own.reading.wrong(node, message, "for example X-Rescaled-ASN-Number");
    }
    !taken
}

fn asn_feature(own: &mut Section<'_, '_>) -> AsnFeature {
    let enabled = own.boolean("enabled", false);
    let database = database(own, enabled);
    AsnFeature {
        enabled,
        database,
        downstream_headers: asn_headers(own),
        policy_usage: usage(own),
    }
}

fn geoip_feature(own: &mut Section<'_, '_>) -> GeoipFeature {
    let enabled = own.boolean("enabled", false);
    let database = database(own, enabled);
    let key = headers_key(own);
    let headers = key.and_then(|key| {
        Some(own.child(key, &["enabled"])?.boolean("enabled", true))
    });
    GeoipFeature {
        enabled,
        database,
        downstream_headers: headers.unwrap_or(false),
        policy_usage: usage(own),
    }
}

fn usage(own: &mut Section<'_, '_>) -> bool {
    own.child("policy_usage", &["enabled"])
        .is_some_and(|mut usage| usage.boolean("enabled", true))
}

/// `upstream_headers` is an alias; both with different values are a fault.
fn headers_key(own: &mut Section<'_, '_>) -> Option<&'static str> {
    let (down, up) =
        (own.get("downstream_headers"), own.get("upstream_headers"));
    if let Some(alias) = own.fields.key("upstream_headers") {
        let message = "`upstream_headers` is written `downstream_headers`";
        let lint = Diagnostic::lint("W201", message).at(alias.place);
        let lint = match down {
            Some(_) => lint,
            None => lint.replace(alias.place, "downstream_headers"),
        };
        own.reading.note(lint);
    }
    match (down, up) {
        (Some(down), Some(up)) if !same(down, up) => {
            let fault = Diagnostic::error(
                "E004",
                "`downstream_headers` and `upstream_headers` differ",
            );
            let fault = fault.at(up.place).hint("keep `downstream_headers`");
            own.reading.note(fault);
            Some("downstream_headers")
        }
        (Some(_), _) => Some("downstream_headers"),
        (None, Some(_)) => Some("upstream_headers"),
        (None, None) => None,
    }
}

/// Equal but for places.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar { text: a, .. }, Value::Scalar { text: b, .. }) => {
            a == b
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| {
                    b.iter().any(|(k, b)| k.value == key.value && same(a, b))
                })
        }
        _ => false,
    }
}

fn headers_default(enabled: bool) -> AsnHeaders {
    AsnHeaders {
        enabled,
        number: "X-Rescaled-ASN-Number".into(),
        org: "X-Rescaled-ASN-Org".into(),
        score: String::new(),
        level: String::new(),
        when_unknown: WhenUnknown::Empty,
        org_encoding: OrgEncoding::Utf8,
    }
}

fn asn_headers(own: &mut Section<'_, '_>) -> AsnHeaders {
    let default = headers_default(false);
    let Some(key) = headers_key(own) else { return default };
    let Some(mut inner) = own.child(key, &HEADERS) else { return default };
    let mut name = |key: &str, default: String| match inner.get(key) {
        None => default,
        // An empty name means that nothing is sent.
        Some(_) => match inner.text(key) {
            None => String::new(),
            Some(name) => {
                if header_name(&mut inner, key, &name)
                    && is_free(&mut inner, key, &name)
                {
                    name
                } else {
                    default
                }
            }
        },
    };
    let number = name("number", default.number);
    let org = name("org", default.org);
    let score = name("score", default.score);
    let level = name("level", default.level);
    let unknown = [("empty", WhenUnknown::Empty), ("omit", WhenUnknown::Omit)];
    let encodings =
        [("utf8", OrgEncoding::Utf8), ("ascii", OrgEncoding::Ascii)];
    AsnHeaders {
        enabled: inner.boolean("enabled", true),
        number,
        org,
        score,
        level,
        when_unknown: inner.choice(
            "when_unknown",
            WhenUnknown::Empty,
            &unknown,
        ),
        org_encoding: inner.choice(
            "org_encoding",
            OrgEncoding::Utf8,
            &encodings,
        ),
    }
}

fn database_default() -> Database {
    Database {
        source: DatabaseSource::File(PathBuf::new()),
        refresh_interval: None,
        sha256: None,
        max_bytes: 268_435_456,
        max_age: Some(Duration::from_secs(336 * 3600)),
        max_shrink_percent: 20,
        probe: Vec::new(),
        on_missing: OnMissing::Fail,
    }
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Url,
    Asgard,
}

fn database(own: &mut Section<'_, '_>, enabled: bool) -> Database {
    let default = database_default();
    let Some(mut db) = own.child("database", &DATABASE) else {
        if enabled {
            own.missing(
                "database",
                "database: {source: file, path: /var/lib/asgard/asn.mmdb}",
            );
        }
        return default;
    };
    let kinds =
        [("file", Kind::File), ("url", Kind::Url), ("asgard", Kind::Asgard)];
    let kind = db.choice("source", Kind::File, &kinds);
    let path = db.file("path");
    let source = match kind {
        Kind::File => {
            if path.is_none() && enabled {
                db.missing("path", "path: /var/lib/asgard/asn.mmdb");
            }
            DatabaseSource::File(path.unwrap_or_default())
        }
        Kind::Url => DatabaseSource::Url {
            url: url(&mut db, "url", enabled).unwrap_or_default(),
            path,
        },
        Kind::Asgard => DatabaseSource::Asgard,
    };
    let missing = [("fail", OnMissing::Fail), ("start", OnMissing::Start)];
    Database {
        source,
        refresh_interval: db.interval("refresh_interval", None),
        sha256: sha256(&mut db),
        max_bytes: db.integer("max_bytes", 268_435_456, 1_024..=1_u64 << 33),
        max_age: db.interval("max_age", default.max_age),
        max_shrink_percent: db.integer("max_shrink_percent", 20, 0..=100),
        probe: probe(&mut db),
        on_missing: db.choice("on_missing", OnMissing::Fail, &missing),
    }
}

fn sha256(db: &mut Section<'_, '_>) -> Option<String> {
    let text = db.text("sha256")?.to_ascii_lowercase();
    let good = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    if let (false, Some(node)) = (good, db.get("sha256")) {
        let message = "`sha256` must be 64 hex digits";
        db.reading.wrong(node, message, "as `sha256sum FILE` prints them");
    }
    good.then_some(text)
}

fn probe(db: &mut Section<'_, '_>) -> Vec<(IpAddr, Asn)> {
    let Some(node) = db.get("probe") else { return Vec::new() };
    let path = db.path("probe");
    let fields = db.reading.mapping(node, &path);
    let entries = fields.map_or(&[][..], |fields| fields.entries());
    let mut probes = Vec::new();
    for (key, node) in entries {
        let Ok(address) = key.value.parse::<IpAddr>() else {
            let message = format!("`{}` is no address", short(&key.value));
            db.reading.note(Diagnostic::error("E004", message).at(key.place));
            continue;
        };
        let asn = db.reading.integer(node, &path, 1..=u32::MAX);
        probes.extend(asn.map(|asn| (address.to_canonical(), Asn(asn))));
    }
    probes
}
