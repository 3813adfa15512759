//! `GET /threat/feeds`: the contract, one row a test.

use std::net::{IpAddr, Ipv6Addr};

use asgard_api::FeedConfig;
use asgard_store::Scope;
use axum::http::{Method, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::office::{FEED, Office, done, refused};
use crate::app::{NOW, Reply, empty, keyed, request};

/// Everything that a rule can select by, with overlaps and odd spellings.
async fn busy() -> Office {
    let office = Office::open().await;
    office
        .block(json!({
            "ips": [
                "192.168.1.100", "192.168.1.0/24", "10.0.0.0/8",
                "2001:db8::/32", "2001:db8::1", "5.188.10.7",
            ],
            "asn": ["AS64497"],
            "country": ["nl"],
        }))
        .await;
    office
}

fn sort_key(line: &str) -> (bool, u128, u8) {
    let (address, length) = line.split_once('/').unwrap();
    let length: u8 = length.parse().unwrap();
    match address.parse().unwrap() {
        IpAddr::V4(v4) => (false, v4.to_bits().into(), length),
        IpAddr::V6(v6) => (true, v6.to_bits(), length),
    }
}

#[tokio::test]
async fn the_body_is_one_canonical_prefix_a_line_and_nothing_else() {
    let office = busy().await;
    let reply = office.poll(FEED).await;
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    let text = reply.text();
    assert!(text.is_ascii() && text.ends_with('\n') && !text.contains('\r'));
    assert!(!text.contains("\n\n") && !text.contains('#'));
    for line in text.lines() {
        let (address, length) = line.split_once('/').unwrap();
        let parsed: IpAddr = address.parse().unwrap();
        assert_eq!(parsed.to_string(), address, "not canonical");
        let bits: u32 = length.parse().unwrap();
        let host = match parsed {
            IpAddr::V4(v4) => v4.to_bits().checked_shl(bits).unwrap_or(0) == 0,
            IpAddr::V6(v6) => v6.to_bits().checked_shl(bits).unwrap_or(0) == 0,
        };
        assert!(host, "{line} has host bits");
    }
    assert_eq!(
        reply.header("x-feed-entries"),
        text.lines().count().to_string()
    );
}

#[tokio::test]
async fn every_spelling_of_an_entry_has_one_form() {
    for (written, shown) in [
        ("10.1.2.3/16", "10.1.0.0/16"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.3/32", "10.1.2.3/32"),
        ("10.255.255.255/9", "10.128.0.0/9"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1/128"),
        ("2001:db8:0:1:0:0:0:1/64", "2001:db8:0:1::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.1.2.3/112", "10.1.0.0/16"),
        ("2001:db8:1:1:1:0:1:1", "2001:db8:1:1:1:0:1:1/128"),
    ] {
        let office = Office::open().await;
        office.block(json!({"ips": [written]})).await;
        assert_eq!(office.feed("").await, format!("{shown}\n"), "{written}");
    }
}

#[tokio::test]
async fn ipv4_comes_first_then_address_then_length() {
    let office = busy().await;
    let text = office.feed("").await;
    let lines: Vec<&str> = text.lines().collect();
    let mut sorted = lines.clone();
    sorted.sort_by_key(|line| sort_key(line));
    assert_eq!(lines, sorted);
    assert!(lines.len() > 8);
}

#[tokio::test]
async fn duplicates_appear_once_and_contained_entries_stay() {
    let office = Office::open().await;
    office
        .block(json!({"ips": [
            "192.168.1.0/24", "192.168.1.100", "10.0.0.0/8",
            "2001:db8::/32", "2001:db8::1",
        ]}))
        .await;
    office.block(json!({"ips": ["192.168.1.100/32", "10.9.9.9/8"]})).await;
    let expected = "10.0.0.0/8\n192.168.1.0/24\n192.168.1.100/32\n\
         2001:db8::/32\n2001:db8::1/128\n";
    assert_eq!(office.feed("").await, expected);
}

#[tokio::test]
async fn a_network_is_what_reaches_it() {
    let office = Office::open().await;
    office.block(json!({"asn": ["AS64498"]})).await;
    let hole = "45.9.0.0/22\n45.9.5.0/24\n45.9.6.0/23\n45.9.8.0/21\n";
    assert_eq!(office.feed("").await, hole);
    assert_eq!(office.feed("?expand=announced").await, "45.9.0.0/20\n");
}

#[tokio::test]
async fn a_country_and_a_network_resolve_in_both_families() {
    let office = Office::open().await;
    office.block(json!({"country": ["NL"]})).await;
    assert_eq!(office.feed("").await, "5.188.0.0/16\n2a0b:64c0::/29\n");
    let other = Office::open().await;
    other.block(json!({"asn": [64496]})).await;
    assert_eq!(other.feed("").await, "5.188.10.0/23\n2a0b:64c0::/32\n");
}

#[tokio::test]
async fn an_organisation_without_rules_gets_zero_bytes() {
    let office = Office::open().await;
    let reply = office.poll(FEED).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.text(), "");
    assert_eq!(reply.header("x-feed-entries"), "0");
    assert_eq!(reply.header("content-length"), "0");
    office.block(json!({"ips": ["10.0.0.0/8"]})).await;
    assert_eq!(office.feed("?ipv6only").await, "");
}

#[tokio::test]
async fn a_key_comes_as_bearer_basic_or_header_in_any_case() {
    let office = busy().await;
    let basic = STANDARD.encode(format!("api:{}", office.device));
    let device = &office.device;
    for (name, value) in [
        ("authorization", format!("Bearer {device}")),
        ("authorization", format!("bearer {device}")),
        ("authorization", format!("Basic {basic}")),
        ("authorization", format!("BASIC {basic}")),
        ("x-api-key", device.clone()),
    ] {
        let builder = request(Method::GET, FEED).header(name, value);
        let reply = office.app.send(empty(builder)).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn without_a_good_key_it_is_401_with_the_words_of_the_contract() {
    let office = Office::open().await;
    let root = STANDARD.encode(format!("root:{}", office.device));
    for (name, value) in [
        ("x-nothing", String::new()),
        ("authorization", "Bearer nope".into()),
        ("authorization", format!("Basic {root}")),
        ("x-api-key", String::new()),
    ] {
        let builder = request(Method::GET, FEED).header(name, value);
        unauthorized(&office.app.send(empty(builder)).await);
    }
    // A key in the query would end up in logs of proxies: it is not read.
    let path = format!("{FEED}?api_key={}", office.device);
    unauthorized(&office.app.send(empty(request(Method::GET, &path))).await);
}

#[track_caller]
fn unauthorized(reply: &Reply) {
    let body = refused(reply, 401);
    let words = json!({
        "success": false,
        "error": "Unauthorized - invalid or missing API key",
        "details": {},
    });
    assert_eq!(body, words);
    let challenge = "Basic realm=\"asgard\", Bearer";
    assert_eq!(reply.header("www-authenticate"), challenge);
}

#[tokio::test]
async fn a_key_of_no_organisation_is_400_and_one_without_scope_403() {
    let office = Office::open().await;
    let nobody = office.key("", Scope::FeedRead).await;
    let reply = office.app.send(empty(keyed(Method::GET, FEED, &nobody))).await;
    let words = json!({
        "success": false,
        "error": "Missing org_id in context",
        "details": {},
    });
    assert_eq!(refused(&reply, 400), words);
    let tools = office.key("acme", Scope::Tools).await;
    let reply = office.app.send(empty(keyed(Method::GET, FEED, &tools))).await;
    refused(&reply, 403);
}

#[tokio::test]
async fn head_says_what_get_says() {
    let office = busy().await;
    for path in [
        FEED.to_owned(),
        format!("{FEED}?ipv4only"),
        format!("{FEED}/juniper.txt"),
        format!("{FEED}/nft"),
        format!("{FEED}/json"),
        format!("{FEED}/csv"),
        format!("{FEED}/manifest"),
        format!("{FEED}/key"),
        "/threat/feeds".to_owned(),
        "/api/threat/feeds".to_owned(),
        "/v1/access-rules".to_owned(),
        "/v1/protected".to_owned(),
    ] {
        let ask = async |method| {
            let builder = keyed(method, &path, &office.operator);
            office.app.send(empty(builder)).await
        };
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!(head.status, StatusCode::OK, "{path}");
        assert!(head.body.is_empty(), "{path}");
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), length, "{path}");
        let steady = |reply: &Reply| {
            let mut headers = reply.headers.clone();
            for name in ["x-trace-id", "x-response-time", "content-length"] {
                headers.remove(name);
            }
            headers
        };
        assert_eq!(steady(&get), steady(&head), "{path}");
    }
}

#[tokio::test]
async fn a_client_may_keep_it_until_the_next_rule_ends_and_30_s_at_most() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.0/8"]})).await;
    let reply = office.poll(FEED).await;
    assert_eq!(reply.header("cache-control"), "private, max-age=30");
    let vary = "Authorization, X-API-Key, Accept-Encoding";
    assert_eq!(reply.header("vary"), vary);
    office
        .signal(&json!([{
            "type": "access_rules", "action": "block",
            "ip": "203.0.113.9", "expiration": 42,
        }]))
        .await;
    office.app.pass_seconds(30);
    let reply = office.poll(FEED).await;
    assert_eq!(reply.header("cache-control"), "private, max-age=12");
    assert!(reply.text().contains("203.0.113.9/32"));
    office.app.pass_seconds(11);
    let reply = office.poll(FEED).await;
    assert_eq!(reply.header("cache-control"), "private, max-age=1");
    assert!(reply.text().contains("203.0.113.9/32"));
    office.app.pass_seconds(1);
    assert_eq!(office.feed("").await, "10.0.0.0/8\n", "gone on the second");
}

#[tokio::test]
async fn last_modified_is_when_the_bytes_changed_and_not_when_they_were_asked()
{
    let office = Office::open().await;
    office.app.pass_seconds(100);
    office.block(json!({"ips": ["10.0.0.0/8"]})).await;
    office.app.pass_seconds(1000);
    let first = office.poll(FEED).await;
    // 2026-03-29T10:00:00Z and 100 seconds.
    let written = "Sun, 29 Mar 2026 10:01:40 GMT";
    assert_eq!(first.header("last-modified"), written);
    // Another rule that changes no byte.
    office.block(json!({"ips": ["10.1.1.1/8"]})).await;
    let second = office.poll(FEED).await;
    assert_eq!(second.header("last-modified"), written);
    assert_ne!(second.header("x-feed-version"), first.header("x-feed-version"));
}

/// Polls with the date of an answer.
async fn since(office: &Office, key: &str, reply: &Reply) -> Reply {
    let date = reply.header("last-modified").to_owned();
    let poll = keyed(Method::GET, FEED, key).header("if-modified-since", date);
    office.app.send(empty(poll)).await
}

#[tokio::test]
async fn a_date_is_told_once_its_second_is_over() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.1"]})).await;
    let first = office.poll(FEED).await;
    assert!(!first.headers.contains_key("last-modified"), "it may change yet");
    office.block(json!({"ips": ["10.0.0.2"]})).await;
    office.poll(FEED).await;
    office.app.pass_seconds(1);
    let second = office.poll(FEED).await;
    assert_eq!(second.header("last-modified"), "Sun, 29 Mar 2026 10:00:00 GMT");
    let again = since(&office, &office.device, &second).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_removal_that_never_waits_has_a_date_of_its_own() {
    let feeds = FeedConfig {
        rate_limit_per_minute: 0,
        stage_delay: std::time::Duration::from_mins(10),
        ..FeedConfig::default()
    };
    let office = Office::with(feeds).await;
    let id = office.block(json!({"ips": ["10.0.0.1"]})).await;
    office.block(json!({"ips": ["10.0.0.2"]})).await;
    office.app.pass_seconds(700);
    let first = office.poll(FEED).await;
    assert_eq!(first.text(), "10.0.0.1/32\n10.0.0.2/32\n");
    office.app.pass_seconds(60);
    office.delete(&format!("/v1/access-rules/{id}")).await;
    office.block(json!({"ips": ["10.0.0.3"]})).await;
    let second = since(&office, &office.device, &first).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(second.text(), "10.0.0.2/32\n");
    office.app.pass_seconds(10);
    let second = office.poll(FEED).await;
    office.app.pass_seconds(600);
    let ripe = since(&office, &office.device, &second).await;
    assert_eq!(ripe.status, StatusCode::OK, "the last one is ripe");
    assert_eq!(ripe.text(), "10.0.0.2/32\n10.0.0.3/32\n");
}

#[tokio::test]
async fn a_poller_that_is_taken_out_gives_the_list_a_new_date() {
    let office = Office::open().await;
    office.block(json!({"ips": ["192.0.2.0/24"]})).await;
    office.app.pass_seconds(60);
    let first = office.poll(FEED).await;
    let key = office.bound("192.0.2.0/28").await;
    office.app.pass_seconds(60);
    let second = since(&office, &key, &first).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(second.text().lines().count(), 8, "{}", second.text());
}

#[tokio::test]
async fn the_tag_is_weak_of_the_bytes_and_the_same_in_every_process() {
    let (here, there) = (busy().await, busy().await);
    let tag = here.poll(FEED).await.header("etag").to_owned();
    assert_eq!(there.poll(FEED).await.header("etag"), tag);
    let hex = tag.strip_prefix("W/\"").and_then(|t| t.strip_suffix('"'));
    let hex = hex.unwrap();
    assert!(hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let other = here.poll(&format!("{FEED}/squid")).await;
    assert_ne!(other.header("etag"), tag, "another format");
}

async fn renders(office: &Office) -> u64 {
    office.metric("asgard_feeds_rendered_total").await
}

#[tokio::test]
async fn who_has_it_gets_304_and_nothing_is_rendered() {
    let office = busy().await;
    office.app.pass_seconds(1);
    let first = office.poll(FEED).await;
    let tag = first.header("etag").to_owned();
    let date = first.header("last-modified").to_owned();
    let before = renders(&office).await;
    let ask = async |conditions: &[(&str, &str)]| {
        let mut builder = keyed(Method::GET, FEED, &office.device);
        for (name, value) in conditions {
            builder = builder.header(*name, *value);
        }
        office.app.send(empty(builder)).await
    };
    let strong = tag.trim_start_matches("W/").to_owned();
    let list = format!("\"x\", {tag}");
    for conditions in [
        &[("if-none-match", tag.as_str())][..],
        &[("if-none-match", &strong)],
        &[("if-none-match", &list)],
        &[("if-none-match", "*")],
        &[("if-modified-since", &date)],
        &[("if-none-match", &tag), ("if-modified-since", "x")],
    ] {
        let reply = ask(conditions).await;
        assert_eq!(reply.status, StatusCode::NOT_MODIFIED, "{conditions:?}");
        assert!(reply.body.is_empty());
        for name in ["etag", "cache-control", "last-modified", "vary"] {
            assert_eq!(reply.header(name), first.header(name), "{name}");
        }
    }
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    for conditions in [
        &[("if-none-match", "\"x\"")][..],
        &[("if-modified-since", old)],
        // The tag decides (RFC 9110, section 13.1.3).
        &[("if-none-match", "\"x\""), ("if-modified-since", &date)],
        &[("if-modified-since", "yesterday")],
    ] {
        let reply = ask(conditions).await;
        assert_eq!(reply.status, StatusCode::OK, "{conditions:?}");
    }
    assert_eq!(renders(&office).await, before);
}

#[tokio::test]
async fn a_write_is_seen_by_the_next_poll_a_thousand_times() {
    let office = Office::open().await;
    for round in 0..1_000u32 {
        let host = std::net::Ipv4Addr::from_bits(0xcb00_7100 + round % 200);
        let action = if round % 400 < 200 { "block" } else { "unblock" };
        let answer = office
            .signal(&json!([{
                "type": "access_rules", "action": action,
                "ip": host.to_string(),
            }]))
            .await;
        assert_eq!(answer["success"], true, "{answer}");
        let listed = office.feed("").await.contains(&format!("{host}/32\n"));
        assert_eq!(listed, action == "block", "round {round}: {host}");
    }
}

#[tokio::test]
async fn compressed_forms_are_the_same_list() {
    let office = Office::open().await;
    let ips: Vec<String> = (0..2_000u32)
        .map(|n| std::net::Ipv4Addr::from_bits(0x0a00_0000 + n * 7).to_string())
        .collect();
    office.block(json!({"ips": ips})).await;
    let plain = office.poll(FEED).await;
    assert_eq!(plain.text().lines().count(), 2_000);
    let ask = async |accepted: &str| {
        let builder = keyed(Method::GET, FEED, &office.device)
            .header("accept-encoding", accepted);
        office.app.send(empty(builder)).await
    };
    for (accepted, coding) in
        [("gzip", "gzip"), ("br", "br"), ("zstd, gzip", "zstd")]
    {
        let reply = ask(accepted).await;
        assert_eq!(reply.header("content-encoding"), coding);
        assert_eq!(reply.header("etag"), plain.header("etag"));
        assert!(reply.body.len() < plain.body.len());
        let text = match coding {
            "gzip" => {
                let mut text = Vec::new();
                let mut reader = flate2::read::GzDecoder::new(&*reply.body);
                std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
                text
            }
            "zstd" => zstd::decode_all(&*reply.body).unwrap(),
            _ => {
                let mut text = Vec::new();
                brotli::BrotliDecompress(&mut &*reply.body, &mut text).unwrap();
                text
            }
        };
        assert_eq!(text, plain.body, "{coding}");
    }
    let refused = ask("gzip;q=0, identity").await;
    assert!(!refused.headers.contains_key("content-encoding"));
    assert_eq!(refused.body, plain.body);
}

#[tokio::test]
async fn headers_say_what_the_manifest_says() {
    use sha2::{Digest, Sha256};
    let office = busy().await;
    let reply = office.poll(FEED).await;
    let manifest = office.poll(&format!("{FEED}/manifest")).await.ok();
    for (name, field) in [
        ("x-feed-entries", "entries"),
        ("x-feed-version", "version"),
        ("x-feed-serial", "serial"),
    ] {
        assert_eq!(reply.header(name), manifest[field].to_string(), "{name}");
    }
    let digest = Sha256::digest(&reply.body);
    let wanted = format!("sha-256=:{}:", STANDARD.encode(digest));
    assert_eq!(reply.header("repr-digest"), wanted);
    assert!(!reply.headers.contains_key("x-feed-stale"));
    assert!(!reply.headers.contains_key("x-feed-truncated"));
}

#[tokio::test]
async fn polls_have_a_limit_of_their_own_and_304_counts_half() {
    let feeds =
        FeedConfig { rate_limit_per_minute: 4, ..FeedConfig::default() };
    let office = Office::with(feeds).await;
    let first = office.poll(FEED).await;
    assert_eq!(first.header("x-ratelimit-limit"), "4");
    assert_eq!(first.header("x-ratelimit-remaining"), "3");
    let tag = first.header("etag").to_owned();
    let again = async || {
        let builder = keyed(Method::GET, FEED, &office.device)
            .header("if-none-match", &tag);
        office.app.send(empty(builder)).await
    };
    for _ in 0..4 {
        assert_eq!(again().await.status, StatusCode::NOT_MODIFIED);
    }
    let whole = office.poll(FEED).await;
    assert_eq!(whole.status, StatusCode::OK, "half of four is two");
    let refusal = office.poll(FEED).await;
    refused(&refusal, 429);
    assert_eq!(refusal.header("retry-after"), "60");
    // Reading rules is another matter.
    done(&office.get("/v1/access-rules").await, 200);
}

#[tokio::test]
async fn the_feed_is_under_all_four_mounts() {
    let office = busy().await;
    let expected = office.feed("").await;
    for mount in ["/api/v1", "/v1", "/api", ""] {
        let reply = office.poll(&format!("{mount}/threat/feeds")).await;
        assert_eq!(reply.text(), expected, "{mount}");
    }
}

#[tokio::test]
async fn parameters_restrict_and_never_add() {
    let office = busy().await;
    let all: Vec<String> =
        office.feed("").await.lines().map(ToOwned::to_owned).collect();
    for query in [
        "?ipv4only",
        "?ipv6only=1",
        "?asn=64497",
        "?country=NL",
        "?origin=ip",
        "?exclude_private=true",
        "?n=3&s=2",
        "?mc=24",
    ] {
        let text = office.feed(query).await;
        assert!(text.lines().count() < all.len(), "{query}");
        assert!(text.lines().all(|line| all.contains(&line.into())), "{query}");
    }
    let merged = office.feed("?aggregate=true").await;
    assert!(!merged.contains("192.168.1.100/32"), "contained: {merged}");
    let hosts = office.feed("?host_suffix=0").await;
    assert!(hosts.lines().any(|line| line == "192.168.1.100"), "{hosts}");
}

#[tokio::test]
async fn a_budget_cuts_the_least_bad_and_says_so() {
    let office = busy().await;
    let path = format!("{FEED}?max_entries=3");
    let details = &refused(&office.poll(&path).await, 422)["details"];
    assert_eq!(details["max_entries"], 3);
    let reply = office.poll(&format!("{path}&overflow=truncate")).await;
    assert_eq!(reply.text().lines().count(), 3);
    let cut = reply.header("x-feed-truncated");
    assert!(cut.contains(";v4="), "{cut}");
}

#[tokio::test]
async fn an_address_range_survives_the_whole_way() {
    let office = Office::open().await;
    office.block(json!({"ips": ["2001:db8:ffff::/48"]})).await;
    let text = office.feed("").await;
    let prefix = text.trim_end().split_once('/').unwrap().0;
    let address: Ipv6Addr = prefix.parse().unwrap();
    assert_eq!(address.segments()[2], 0xffff);
    assert_eq!(NOW, 1_774_778_400, "the clock stands still");
}
