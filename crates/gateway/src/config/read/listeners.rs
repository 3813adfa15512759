//! Where clients come in, and certificates.

use std::collections::{BTreeMap, HashSet};

use asgard_policy::{
    diagnostic::{Diagnostic, did_you_mean},
    yaml::{Node, Reading, Section},
};

use crate::config::{
    CertificateFiles, Listener, ProxyProtocol, Tls, TlsVersion,
};

/// Reads `tls`.
pub(super) fn tls(section: &mut Section<'_, '_>) -> BTreeMap<String, Tls> {
    let Some(node) = section.get("tls") else { return BTreeMap::new() };
    let Some(fields) = section.reading.mapping(node, "tls") else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for (name, node) in fields.entries() {
        let path = format!("tls.{}", name.value);
        let keys = ["certs", "min_version"];
        let Some(mut one) = Section::open(section.reading, node, &path, &keys)
        else {
            continue;
        };
        let certs = one.items("certs", certificate);
        let versions = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
        let min_version =
            one.choice("min_version", TlsVersion::V1_2, &versions);
        if certs.is_empty() {
            one.missing("certs", "certs: [{cert: chain.pem, key: key.pem}]");
        }
        all.insert(name.value.clone(), Tls { certs, min_version });
    }
    all
}

fn certificate(
    reading: &mut Reading,
    node: &Node,
    path: &str,
) -> Option<CertificateFiles> {
    let mut one = Section::open(reading, node, path, &["cert", "key"])?;
    let (cert, key) = (one.file("cert"), one.file("key"));
    if cert.is_none() {
        one.missing("cert", "cert: chain.pem");
    }
    if key.is_none() {
        one.missing("key", "key: key.pem");
    }
    Some(CertificateFiles { cert: cert?, key: key? })
}

/// Reads `listeners`.
pub(super) fn listeners(
    section: &mut Section<'_, '_>,
    tls: &BTreeMap<String, Tls>,
) -> Vec<Listener> {
    let mut seen = HashSet::new();
    section.items("listeners", |reading, node, path| {
        let listener = listener(reading, node, path, tls)?;
        if listener.bind.port() != 0 && !seen.insert(listener.bind) {
            let message = format!("two listeners on {}", listener.bind);
            reading.wrong(node, message, "keep one of them");
        }
        Some(listener)
    })
}

fn listener(
    reading: &mut Reading,
    node: &Node,
    path: &str,
    tls: &BTreeMap<String, Tls>,
) -> Option<Listener> {
    let keys = ["bind", "tls", "http2", "proxy_protocol"];
    let mut one = Section::open(reading, node, path, &keys)?;
    let bind_path = one.path("bind");
    let bind = match one.get("bind") {
        Some(node) => one.reading.socket(node, &bind_path),
        None => {
            one.missing("bind", "bind: \"0.0.0.0:8080\"");
            None
        }
    };
    let name = one.text("tls");
    if let (Some(name), Some(node)) = (&name, one.get("tls"))
        && !tls.contains_key(name)
    {
        let message = format!("there is no `tls.{name}`");
        let near = did_you_mean(name, tls.keys().map(String::as_str));
        let hint = near.map_or_else(
            || "write its certificates under `tls`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        one.reading
            .note(Diagnostic::error("E103", message).at(node.place).hint(hint));
    }
    let versions = [
        ("off", ProxyProtocol::Off),
        ("v1", ProxyProtocol::V1),
        ("v2", ProxyProtocol::V2),
        ("any", ProxyProtocol::Any),
    ];
    let proxy_protocol =
        one.choice("proxy_protocol", ProxyProtocol::Off, &versions);
    let http2 = one.boolean("http2", true);
    Some(Listener { bind: bind?, tls: name, http2, proxy_protocol })
}
