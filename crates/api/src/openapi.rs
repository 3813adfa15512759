//! The OpenAPI 3.1 document, made from handlers and views.
//!
//! What every operation shares (headers, errors, tags, links) is added here
//! once, so that no handler can forget it. Not in it are the live stream, which
//! is no request with an answer, and TAXII collections, which have a standard of
//! their own (the text describes both); a file for OPNsense, of which generators
//! of clients know no type; and the pages that show the document.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::{
    coding::Effort,
    representation::Kept,
    resource::{
        asn, bulk, compare, domain_risk, edl, gateway, health, history,
        incidents, ip, metrics, peeringdb, prefix, prefixes, status, threat,
        upstreams, whitelist,
    },
    router::{self, Family},
    view,
};

const ABOUT: &str = include_str!("openapi/about.md");

#[derive(OpenApi)]
#[openapi(
    info(title = "asgard", license(name = "Apache-2.0 OR MIT")),
    paths(
        asn::show_profile,
        upstreams::show_upstreams,
        prefixes::show_prefixes,
        incidents::show_incidents,
        history::show_history,
        peeringdb::show_peeringdb,
        ip::show_ip,
        prefix::show_prefix,
        bulk::check_many,
        compare::compare,
        domain_risk::judge_domain,
        edl::show_edl,
        gateway::show_table,
        gateway::show_changes,
        threat::feed::show_feed,
        threat::feed::show_feed_as,
        threat::manifest::show_manifest,
        threat::manifest::show_minisig,
        threat::manifest::show_sig,
        threat::manifest::show_key,
        threat::diff::show_diff,
        threat::versions::list_versions,
        threat::preview::show_preview,
        threat::versions::roll_back,
        threat::versions::publish,
        threat::versions::release,
        threat::lookup::show_threat,
        threat::explain::show_explanation,
        threat::config::show_config,
        threat::decisions::stream_decisions,
        threat::decisions::show_decisions,
        threat::signal::send_signal,
        threat::access_rules::list_rules,
        threat::access_rules::show_rule,
        threat::access_rules::create_rule,
        threat::access_rules::replace_rule,
        threat::access_rules::change_rule,
        threat::access_rules::remove_rule,
        threat::protected::list_protected,
        threat::protected::protect,
        threat::protected::unprotect,
        whitelist::list_whitelist,
        whitelist::add_to_whitelist,
        whitelist::remove_from_whitelist,
        status::show_status,
        health::show_health,
        health::show_liveness,
        health::show_readiness,
        metrics::show_metrics,
    ),
    components(schemas(
        view::ErrorView<'_>,
        view::FeedErrorView<'_>,
        view::EventView,
    )),
    tags(
        (name = "network", description = "One network"),
        (name = "tools", description = "Several networks, or a domain"),
        (name = "feeds", description = "Lists that devices poll"),
        (name = "threat", description = "What an organisation blocks"),
        (name = "whitelist", description = "Whom the operator trusts"),
        (name = "service", description = "This process"),
    )
)]
struct Document;

/// Properties that are not in every answer, with their schema; all others are.
const SOMETIMES: [(&str, &str); 3] = [
    ("DomainRisk", "infrastructure_risk"),
    ("DomainRisk", "error"),
    ("FeedError", "message"),
];

/// The document as it is served.
pub(crate) fn kept() -> &'static Kept {
    static KEPT: LazyLock<Kept> = LazyLock::new(|| {
        let text = serde_json::to_vec(&document());
        let text = text.expect("a JSON value is JSON");
        Kept::new(text.into(), Effort::Kept)
    });
    &KEPT
}

fn document() -> Value {
    let document = serde_json::to_string(&Document::openapi());
    // Inside, a public shape is a view; outside, nobody cares.
    let text = document.expect("a document is JSON").replace("View\"", "\"");
    let mut document: Value =
        serde_json::from_str(&text).expect("it was JSON before");
    document["info"]["description"] = ABOUT.into();
    document["info"]["version"] = view::VERSION.into();
    document["servers"] = json!([{"url": "/", "description": "This server"}]);
    document["components"]["headers"] = headers();
    document["components"]["securitySchemes"] = security_schemes();
    require_all(&mut document["components"]["schemas"]);
    bound("", &mut document);
    let operations = object(&mut document["paths"]);
    let mut mounted = Map::new();
    for (path, mut methods) in std::mem::take(operations) {
        for (method, operation) in object(&mut methods) {
            complete(&path, method, operation);
        }
        mounted.insert(format!("{}{path}", router::DOCUMENTED), methods);
    }
    *operations = mounted;
    document
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// Every field of an answer is always there; null says that it is not known.
fn require_all(schemas: &mut Value) {
    for (name, schema) in object(schemas) {
        // What a client sends has fields that may be missing.
        if name.ends_with("Body") {
            continue;
        }
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        let here = |property: &&String| {
            !SOMETIMES.contains(&(name.as_str(), property.as_str()))
        };
        let required: Vec<&String> = properties.keys().filter(here).collect();
        schema["required"] = json!(required);
    }
}

/// Says what numbers can be, which types in the code say too loosely: an AS
/// number has 32 bits without a sign, a score ends at 100.
fn bound(name: &str, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| bound(name, v)),
        Value::Object(map) => {
            if map.get("format").is_some_and(|format| format == "int32") {
                map.insert("format".into(), "int64".into());
                let most = match name {
                    _ if name.starts_with("asn") => Some(u32::MAX),
                    _ if name.ends_with("score") => Some(100),
                    _ => None,
                };
                if let Some(most) = most {
                    map.insert("maximum".into(), most.into());
                }
            }
            let parameter =
                map.get("name").and_then(Value::as_str).map(str::to_owned);
            for (key, inner) in map {
                let name = match key.as_str() {
                    "schema" => parameter.as_deref().unwrap_or_default(),
                    key => key,
                };
                bound(name, inner);
            }
        }
        _ => {}
    }
}

fn headers() -> Value {
    let header = |description: &str, kind: &str| json!({"description": description, "schema": {"type": kind}});
    json!({
        "X-Trace-ID": header("Names the request: `<unix seconds>-<8 hex>`", "string"),
        "X-RateLimit-Limit": header("Requests a window", "integer"),
        "X-RateLimit-Remaining": header("Requests left in it", "integer"),
        "X-RateLimit-Reset": header("Its end, in Unix seconds", "integer"),
        "X-Response-Time": header("`12.34ms`", "string"),
        "ETag": header("Weak, from SHA-256 of the plain body", "string"),
        "Retry-After": header("Seconds", "integer"),
    })
}

fn security_schemes() -> Value {
    json!({
        "key": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "Also as `Authorization: Bearer KEY`, or Basic \
                with user `api`.",
        }
    })
}

/// What the operation need not say itself.
fn complete(path: &str, method: &str, operation: &mut Value) {
    let keyed = operation.get("security").is_some();
    let takes = Takes {
        asn: path.contains("{asn}") || path.ends_with("/compare"),
        query: has_query(operation),
        body: operation.get("requestBody").is_some(),
    };
    let limited = !router::UNLIMITED.contains(&path);
    let tagged = method == "get" && is_tagged(path);
    let responses = object(&mut operation["responses"]);
    for response in responses.values_mut() {
        response["headers"] = common_headers(tagged);
    }
    let family = Family::of(path);
    let threat = matches!(family, Family::Threat | Family::Bouncers);
    let mut add = |status: &str, description: &str| {
        let missing = !responses.contains_key(status);
        if missing {
            responses.insert(status.into(), error(description, threat));
        }
    };
    if tagged {
        add("304", "What you have is current");
    }
    if takes.asn || path.ends_with("/domain-risk") {
        add(
            "400",
            "Not an AS number, or not a domain that resolves to a \
             public address",
        );
    }
    if is_of_space(path) {
        add("400", "Not an address, or not a prefix");
    }
    if threat {
        add("400", "A key of no organisation, no address, or no JSON");
        add("401", "No key, or a bad one");
        add("404", "There is no such entry, version or format");
        add("409", "Protected, or too large a share without confirmation");
        add("410", "The base is not known any more");
        add("422", "A parameter or the body does not fit");
        add("500", "A fault of ours");
    }
    if keyed || path == "/feeds/edl" {
        add("403", "No key, a bad one, or not its scope");
    }
    if path.contains("{asn}") || path.ends_with("/compare") {
        add("404", "Not known, or not scored");
    }
    if takes.body {
        add("408", "The body came too slowly");
        add("413", "The body is too large");
        add("415", "The body is not JSON");
    }
    if takes.query || takes.body {
        add("422", "A parameter or the body does not fit");
    }
    if limited {
        add("429", "The limit is used up");
    }
    if path.ends_with("/peeringdb") {
        add("502", "PeeringDB answered strangely");
    }
    if !["/livez", "/metrics"].contains(&path) {
        add("503", "Not now, by no fault of yours");
    }
    add("default", "Any other error");
    if let Some(response) = responses.get_mut("304") {
        *response = json!({
            "description": "What you have is current",
            "headers": common_headers(true),
        });
    }
    let links = links(path, method);
    if let Some(response) = responses.get_mut("200")
        && links != json!({})
    {
        response["links"] = links;
    }
}

struct Takes {
    asn: bool,
    query: bool,
    body: bool,
}

fn has_query(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.is_some_and(|all| all.iter().any(|p| p["in"] == "query"))
}

/// Answers that a client may keep and ask about again.
fn is_tagged(path: &str) -> bool {
    path.starts_with("/asn/")
        || is_of_space(path)
        || ["/tools/compare", "/feeds/edl"].contains(&path)
}

/// Answers about an address or a prefix.
fn is_of_space(path: &str) -> bool {
    path.starts_with("/ip/") || path.starts_with("/prefix/")
}

fn common_headers(tagged: bool) -> Value {
    let names = [
        "X-Trace-ID",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "X-Response-Time",
    ];
    let names = names.into_iter().chain(tagged.then_some("ETag"));
    names
        .map(|name| {
            let header =
                json!({"$ref": format!("#/components/headers/{name}")});
            (name.to_owned(), header)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn error(description: &str, threat: bool) -> Value {
    let name = if threat { "FeedError" } else { "Error" };
    json!({
        "description": description,
        "headers": common_headers(false),
        "content": {"application/json": {
            "schema": {"$ref": format!("#/components/schemas/{name}")},
        }},
    })
}

/// Where one answer leads.
fn links(path: &str, method: &str) -> Value {
    let to = |operation: &str, asn: &str| json!({"operationId": operation, "parameters": {"asn": asn}});
    match (method, path) {
        ("get", "/asn/{asn}") => json!({
            "history": to("show_history", "$response.body#/asn"),
            "upstreams": to("show_upstreams", "$response.body#/asn"),
            "prefixes": to("show_prefixes", "$response.body#/asn"),
            "incidents": to("show_incidents", "$response.body#/asn"),
            "peeringdb": to("show_peeringdb", "$response.body#/asn"),
        }),
        ("get", "/asn/{asn}/upstreams") => json!({
            "provider": to("show_profile", "$response.body#/upstreams/0/asn"),
        }),
        ("get", "/ip/{address}") => json!({
            "origin": to("show_profile", "$response.body#/origins/0"),
        }),
        ("get", "/prefix/{prefix}") => json!({
            "origin": to("show_profile", "$response.body#/origins/0/asn"),
        }),
        ("post", "/tools/bulk-risk-check") => json!({
            "first": to("show_profile", "$response.body#/results/0/asn"),
        }),
        ("post", "/whitelist") => json!({
            "list": {"operationId": "list_whitelist"},
        }),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Described by a standard of its own.
    const TAXII: &str = "/taxii2/";
    /// Served, and on purpose not in the document.
    const EXEMPT: [&str; 7] = [
        "/alias/asn.gz",
        "/stream",
        "/stream/sse",
        "/openapi.json",
        "/docs",
        "/docs/{file}",
        "/redoc",
    ];

    #[test]
    fn the_document_and_the_router_name_the_same_endpoints() {
        let served: BTreeSet<String> = router::endpoints()
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| !EXEMPT.contains(path))
            .filter(|path| !path.starts_with(TAXII))
            // The router takes the rest of the path, the document a word.
            .map(|path| format!("/v1{}", path.replace("{*", "{")))
            .collect();
        let document = document();
        let named = document["paths"].as_object().unwrap();
        let named: BTreeSet<String> = named.keys().cloned().collect();
        assert_eq!(served, named);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        for rest in text.split("\"$ref\":\"#").skip(1) {
            let pointer = rest.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    fn operations(document: &Value) -> Vec<&Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|p| p.as_object().unwrap().values()).collect()
    }

    #[test]
    fn every_link_leads_to_an_operation_and_its_parameter() {
        let document = document();
        let operations = operations(&document);
        let mut links = 0;
        for operation in &operations {
            let found = operation["responses"]["200"]["links"].as_object();
            for link in found.into_iter().flat_map(Map::values) {
                let mut all = operations.iter();
                let target =
                    all.find(|o| o["operationId"] == link["operationId"]);
                let parameters = target.unwrap()["parameters"].as_array();
                let mut names = parameters.into_iter().flatten();
                let takes_asn =
                    names.any(|parameter| parameter["name"] == "asn");
                assert_eq!(takes_asn, link["parameters"]["asn"] != Value::Null);
                links += 1;
            }
        }
        assert!(links > 5);
    }

    #[test]
    fn every_operation_tells_how_it_fails() {
        let document = document();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let default = &operation["responses"]["default"];
                let schema = &default["content"]["application/json"]["schema"];
                let wanted = match Family::of(path) {
                    Family::Asn | Family::Taxii => "#/components/schemas/Error",
                    Family::Threat | Family::Bouncers => {
                        "#/components/schemas/FeedError"
                    }
                };
                assert_eq!(schema["$ref"], wanted, "{method} {path}");
            }
        }
    }
}
