//! `GET /tools/domain-risk`

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use asgard_api::{Dns, LookupConfig, Lookups};
use asgard_model::{Asn, TableBuilder, rpki::VrpSet, world::Announced};
use async_trait::async_trait;
use axum::http::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    app::{TestApp, empty, keyed},
    world,
};

/// Answers from a table, and counts what it is asked.
struct Table {
    addresses: HashMap<String, Vec<IpAddr>>,
    texts: HashMap<String, Vec<String>>,
    asked: AtomicUsize,
    /// Closed: answers at once. Else each answer waits for a permit.
    gate: Semaphore,
    /// Texts never come.
    mute: bool,
}

impl Table {
    fn new(addresses: &[(&str, &[&str])], texts: &[(&str, &[&str])]) -> Self {
        let parse = |list: &[&str]| -> Vec<IpAddr> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        let own =
            |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let gate = Semaphore::new(0);
        gate.close();
        Self {
            addresses: addresses
                .iter()
                .map(|(name, list)| ((*name).to_owned(), parse(list)))
                .collect(),
            texts: texts
                .iter()
                .map(|(name, list)| ((*name).to_owned(), own(list)))
                .collect(),
            asked: AtomicUsize::new(0),
            gate,
            mute: false,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Dns for Table {
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.acquire().await;
        self.addresses.get(name).cloned().unwrap_or_default()
    }

    async fn texts(&self, name: &str) -> Vec<String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.mute {
            std::future::pending::<()>().await;
        }
        let _open = self.gate.acquire().await;
        self.texts.get(name).cloned().unwrap_or_default()
    }
}

/// An API with this DNS. The table of the World has 8.8.8.0/24 and 1.1.1.0/24.
async fn with(dns: Table) -> (TestApp, Arc<Table>) {
    let dns = Arc::new(dns);
    let lookups = Lookups::new(&LookupConfig::default());
    let app = TestApp::with_lookups(lookups.with_dns(dns.clone())).await;
    (app, dns)
}

async fn with_addresses(names: &[(&str, &[&str])]) -> (TestApp, Arc<Table>) {
    with(Table::new(names, &[])).await
}

fn path(domain: &str) -> String {
    let mut path = "/v1/tools/domain-risk?domain=".to_owned();
    for byte in domain.bytes() {
        path += &format!("%{byte:02x}");
    }
    path
}

async fn risk(app: &TestApp, domain: &str) -> Value {
    let reply = app.get(&path(domain)).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(!reply.headers.contains_key("etag"));
    reply.ok()
}

/// What `/tools/compare` says about a network.
async fn summary(app: &TestApp, asn: u32) -> Value {
    let path = format!("/v1/tools/compare?asn_a={asn}&asn_b={asn}");
    app.get(&path).await.ok()["asn_a"].clone()
}

#[tokio::test]
async fn a_domain_of_a_scored_network_has_the_summary_of_compare() {
    let (app, _) = with_addresses(&[("shop.example", &["8.8.8.8"])]).await;
    let body = risk(&app, "shop.example").await;
    assert_eq!(
        body,
        json!({
            "domain": "shop.example",
            "resolved_ip": "8.8.8.8",
            "asn": world::GOOGLE,
            "infrastructure_risk": summary(&app, world::GOOGLE).await,
            "asn_source": "routing_table"
        })
    );
    let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 5, "{fields:?}");
}

#[tokio::test]
async fn the_fields_stand_in_the_documented_order() {
    let (app, _) = with_addresses(&[("shop.example", &["8.8.8.8"])]).await;
    let reply = app.get(&path("shop.example")).await;
    let text = reply.text();
    let order = [
        "\"domain\"",
        "\"resolved_ip\"",
        "\"asn\"",
        "\"infrastructure_risk\"",
        "\"total_score\"",
        "\"stability_score\"",
        "\"asn_source\"",
    ];
    let places: Vec<_> = order.iter().map(|name| text.find(name)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
}

#[tokio::test]
async fn team_cymru_is_asked_where_the_table_says_nothing() {
    let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.2.\
              origin6.asn.cymru.com";
    let (app, dns) = with(Table::new(
        &[("a.example", &["9.9.9.9"]), ("b.example", &["2600::1"])],
        &[
            (
                "9.9.9.9.origin.asn.cymru.com",
                &["64500 1 | 9.9.9.0/24 | US | arin | 2017-09-13"],
            ),
            (v6, &["13335 | 2600::/32 | US | arin | 2011-11-01"]),
        ],
    ))
    .await;
    assert_eq!(
        risk(&app, "a.example").await,
        json!({
            "domain": "a.example",
            "resolved_ip": "9.9.9.9",
            "asn": world::ABSENT,
            "infrastructure_risk": {
                "asn": world::ABSENT,
                "status": "Not scored yet"
            },
            "asn_source": "team_cymru"
        })
    );
    let body = risk(&app, "b.example").await;
    assert_eq!(body["resolved_ip"], "2600::1");
    let cloudflare = summary(&app, world::CLOUDFLARE).await;
    assert_eq!(body["infrastructure_risk"], cloudflare);
    assert_eq!(body["asn_source"], "team_cymru");
    assert_eq!(dns.asked(), 4);
}

#[tokio::test]
async fn an_address_of_nobody_is_not_mapped() {
    let (app, _) = with(Table::new(
        &[("a.example", &["9.9.9.9"]), ("b.example", &["9.9.9.10"])],
        &[("9.9.9.9.origin.asn.cymru.com", &["NA | | | |", "garbage"])],
    ))
    .await;
    for (domain, address) in
        [("a.example", "9.9.9.9"), ("b.example", "9.9.9.10")]
    {
        assert_eq!(
            risk(&app, domain).await,
            json!({
                "domain": domain,
                "resolved_ip": address,
                "asn": null,
                "error": "Could not map IP to an ASN",
                "asn_source": null
            })
        );
    }
}

#[tokio::test]
async fn a_network_known_to_the_table_is_asked_for_once_and_nowhere_else() {
    let (app, dns) = with_addresses(&[("a.example", &["1.1.1.1"])]).await;
    risk(&app, "a.example").await;
    assert_eq!(dns.asked(), 1);
}

#[tokio::test]
async fn of_several_origins_the_worst_is_shown() {
    let (app, _) = with_addresses(&[("a.example", &["9.9.9.9"])]).await;
    let mut builder = TableBuilder::default();
    for asn in [world::GOOGLE, world::CRIMINAL, world::ABSENT, 0] {
        builder.announce("9.9.9.0/24".parse().unwrap(), Asn(asn), None);
    }
    let table = Arc::new(builder.build(&VrpSet::default()));
    let world = world::world();
    app.publisher.set_world(asgard_model::World {
        announced: Announced::new(&world.asns, &table),
        table,
        ..world
    });
    use asgard_api::Republish;
    app.publisher.republish().await.unwrap();
    assert_eq!(risk(&app, "a.example").await["asn"], world::CRIMINAL);
}

#[tokio::test]
async fn the_first_ipv4_address_counts_else_the_first_of_ipv6() {
    let (app, _) = with_addresses(&[
        ("both.example", &["1.1.1.9", "1.1.1.1", "2600::1"]),
        ("turned.example", &["2600::1", "1.1.1.9"]),
        ("six.example", &["2600::2", "2600::1"]),
    ])
    .await;
    for (domain, address) in [
        ("both.example", "1.1.1.9"),
        ("turned.example", "1.1.1.9"),
        ("six.example", "2600::2"),
    ] {
        assert_eq!(
            risk(&app, domain).await["resolved_ip"],
            address,
            "{domain}"
        );
    }
}

#[tokio::test]
async fn names_are_asked_for_in_ascii_and_shown_as_they_came() {
    let (app, _) =
        with_addresses(&[("xn--bcher-kva.example", &["1.1.1.1"])]).await;
    for domain in [
        "bücher.example",
        "BÜCHER.example",
        "xn--bcher-kva.example",
        "bücher.example.",
    ] {
        assert_eq!(risk(&app, domain).await["domain"], domain);
    }
}

#[tokio::test]
async fn a_global_address_is_judged_without_dns() {
    let (app, dns) = with_addresses(&[]).await;
    let body = risk(&app, "8.8.8.8").await;
    assert_eq!(body["asn"], world::GOOGLE);
    assert_eq!(body["resolved_ip"], "8.8.8.8");
    assert_eq!(dns.asked(), 0);
}

#[tokio::test]
async fn one_address_that_is_not_global_condemns_the_domain_and_is_not_told() {
    let (app, dns) = with_addresses(&[
        ("a.example", &["8.8.8.8", "10.1.2.3"]),
        ("b.example", &["10.1.2.3"]),
        ("c.example", &["8.8.8.8", "fd00::1"]),
        ("d.example", &["::ffff:8.8.8.8"]),
    ])
    .await;
    for domain in ["a.example", "b.example", "c.example", "d.example"] {
        let message = app.get(&path(domain)).await.refused(400);
        assert!(message.contains("SSRF"), "{domain}: {message}");
        assert!(!message.contains("10."), "{domain}: {message}");
    }
    for domain in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:8.8.8.8"] {
        let message = app.get(&path(domain)).await.refused(400);
        assert!(message.contains("SSRF"), "{domain}: {message}");
    }
    assert_eq!(dns.asked(), 4);
}

#[tokio::test]
async fn a_name_without_address_is_400() {
    let (app, _) = with_addresses(&[]).await;
    let message = app.get(&path("gone.example")).await.refused(400);
    assert!(message.starts_with("Cannot resolve domain"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_a_name_is_400_and_dns_is_not_asked() {
    let (app, dns) = with_addresses(&[]).await;
    for domain in [
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "user@example.com",
        "http://example.com/",
        "example.com:80",
        "[::1]",
        "a b.example",
        "\u{fffd}.example",
    ] {
        let message = app.get(&path(domain)).await.refused(400);
        assert!(message.starts_with("Cannot resolve domain"), "{domain}");
        assert!(!message.contains(domain), "{message}");
    }
    // Bytes that are no text.
    app.get("/v1/tools/domain-risk?domain=%ff.example").await.refused(400);
    assert_eq!(dns.asked(), 0);
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_422() {
    let (app, dns) = with_addresses(&[]).await;
    let long = format!("domain={}", "a.".repeat(127));
    for query in [
        "",
        "domain=",
        "domain",
        "domains=a.example",
        "domain=a.example&domain=b.example",
        "domain=a.example&x=1",
        &long,
    ] {
        let path = format!("/v1/tools/domain-risk?{query}");
        let message = app.get(&path).await.refused(422);
        assert!(message.contains("253"), "{query}: {message}");
    }
    let longest = format!("{}.example", "a.".repeat(122) + "a");
    assert_eq!(longest.len(), 253);
    app.get(&path(&longest)).await.refused(400);
    assert_eq!(dns.asked(), 1);
}

#[tokio::test]
async fn the_key_is_asked_for_before_the_domain_is_read() {
    let (app, dns) = with_addresses(&[("a.example", &["8.8.8.8"])]).await;
    for query in ["", "domain=", "domain=127.0.0.1", "domain=a.example"] {
        let path = format!("/v1/tools/domain-risk?{query}");
        app.get_open(&path).await.refused(403);
    }
    assert_eq!(dns.asked(), 0);
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let (app, _) = with_addresses(&[("a.example", &["8.8.8.8"])]).await;
    let request = empty(keyed(Method::HEAD, &path("a.example"), &app.read));
    let reply = app.send(request).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.is_empty());
}

#[tokio::test]
async fn before_the_first_snapshot_it_is_503() {
    let app = TestApp::without_world(0).await;
    app.get(&path("8.8.8.8")).await.refused(503);
}

#[tokio::test]
async fn more_than_64_at_the_same_time_are_503_and_the_others_are_answered() {
    let table = Table {
        gate: Semaphore::new(0),
        ..Table::new(&[("a.example", &["8.8.8.8"])], &[])
    };
    let (app, dns) = with(table).await;
    let app = Arc::new(app);
    let waiting: Vec<_> = (0..64)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(
                async move { app.get(&path("a.example")).await.status },
            )
        })
        .collect();
    while dns.asked() < 64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let reply = app.get(&path("a.example")).await;
    let message = reply.refused(503);
    assert!(message.starts_with("Too many"), "{message}");
    assert!(reply.headers.contains_key("retry-after"));
    // Whoever needs no DNS is not held up.
    assert_eq!(app.get(&path("8.8.8.8")).await.status, 200);
    dns.gate.close();
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(app.get(&path("a.example")).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let table = Table {
        gate: Semaphore::new(0),
        ..Table::new(&[("a.example", &["8.8.8.8"])], &[])
    };
    let (app, dns) = with(table).await;
    for _ in 0..70 {
        let path = path("a.example");
        let request = app.get(&path);
        let left = tokio::time::timeout(Duration::from_millis(2), request);
        assert!(left.await.is_err());
    }
    dns.gate.close();
    assert_eq!(app.get(&path("a.example")).await.status, 200);
}

#[tokio::test]
async fn team_cymru_is_not_waited_for_longer_than_two_seconds() {
    let table = Table::new(&[("a.example", &["9.9.9.9"])], &[]);
    let (app, _) = with(Table { mute: true, ..table }).await;
    let begun = std::time::Instant::now();
    let body = risk(&app, "a.example").await;
    assert_eq!(body["error"], "Could not map IP to an ASN");
    let waited = begun.elapsed().as_secs();
    assert!((2..5).contains(&waited), "{waited} s");
}
