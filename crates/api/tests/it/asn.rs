//! `GET /asn/{asn}`

use serde_json::{Value, json};

use crate::{app::TestApp, world};

async fn profile(asn: u32) -> Value {
    let app = TestApp::start().await;
    app.get(&format!("/v1/asn/{asn}")).await.ok()
}

#[tokio::test]
async fn a_clean_profile_has_the_documented_fields_and_types() {
    let body = profile(world::GOOGLE).await;
    assert_eq!(body["asn"], 15_169);
    assert_eq!(body["name"], "GOOGLE");
    assert_eq!(body["country_code"], "US");
    assert_eq!(body["registry"], "ARIN");
    assert!(body["risk_score"].as_u64().unwrap() >= 90);
    assert_eq!(body["risk_level"], "LOW");
    assert!(body["rank_percentile"].is_f64());
    assert!(body["downstream_score"].is_u64());
    assert_eq!(body["last_updated"], "2026-03-29 10:00:00+00:00");
    assert_eq!(body["breakdown"]["threat"], 100);
    assert_eq!(body["breakdown"]["hygiene"], 100);
    assert!(body["breakdown"]["stability"].is_u64());
    assert!(body["details"].is_array());
}

#[tokio::test]
async fn signals_have_the_documented_names_and_round_to_two_decimals() {
    let signals = profile(world::GOOGLE).await["signals"].take();
    assert_eq!(
        signals,
        json!({
            "hygiene": {
                "rpki_invalid_percent": 0.0,
                "rpki_unknown_percent": 12.35,
                "has_route_leaks": false,
                "has_bogon_ads": false,
                "is_stub_but_transit": false,
                "prefix_granularity_score": 42
            },
            "threats": {
                "spamhaus_listed": false,
                "spam_emission_rate": 0.0,
                "botnet_c2_count": 0,
                "phishing_hosting_count": 0,
                "malware_distribution_count": 0
            },
            "metadata": {
                "has_peeringdb_profile": true,
                "upstream_tier1_count": 3,
                "is_whois_private": false
            },
            "forensics": {
                "ddos_blackhole_count": 0,
                "excessive_prepending_count": 0
            },
            "unknown": [
                "has_route_leaks",
                "is_stub_but_transit",
                "spam_emission_rate",
                "phishing_hosting_count",
                "malware_distribution_count",
                "ddos_blackhole_count",
                "excessive_prepending_count"
            ]
        })
    );
}

#[tokio::test]
async fn added_fields_say_how_sure_we_are() {
    let body = profile(world::DROPPED).await;
    let number = |name: &str| body[name].as_f64().unwrap();
    assert!((number("score_exact") - number("risk_score")).abs() <= 0.5);
    assert!(number("score_low") <= number("risk_score"));
    assert!(number("risk_score") <= number("score_high"));
    assert!((0.0..=1.0).contains(&number("confidence")));
    assert_eq!(body["assessment"], "ok");
    assert!(body["model_version"].as_str().unwrap().starts_with("m1-"));
    assert_eq!(body["peer_group"], "s1-hosting");
    assert!(body["peer_percentile"].is_f64());
    assert_eq!(body["whitelisted"], false);
    assert_eq!(
        body["evidence"],
        json!({
            "reports": 55,
            "distinct_ips": 40,
            "sources": 3,
            "families": 2,
            "first_seen": "2025-04-01",
            "last_seen": "2026-03-28"
        })
    );
}

#[tokio::test]
async fn the_points_of_all_reasons_add_up_to_100_less_the_score() {
    let app = TestApp::start().await;
    for asn in world::ALL {
        let body = app.get(&format!("/v1/asn/{asn}")).await.ok();
        let details = body["details"].as_array().unwrap();
        let points: i64 =
            details.iter().map(|d| d["points"].as_i64().unwrap()).sum();
        assert_eq!(points, 100 - body["risk_score"].as_i64().unwrap());
        for detail in details {
            for name in ["code", "severity", "description", "action"] {
                let text = detail[name].as_str().unwrap();
                assert!(!text.is_empty(), "{asn} {name}");
            }
            assert!(detail["evidence"].is_array());
        }
    }
}

#[tokio::test]
async fn reasons_carry_up_to_five_samples_of_their_own_evidence() {
    let body = profile(world::DROPPED).await;
    assert_eq!(body["risk_level"], "CRITICAL");
    let of = |code: &str| {
        let details = body["details"].as_array().unwrap().iter();
        let mut found = details.filter(|d| d["code"] == code);
        found.next().unwrap()["evidence"].clone()
    };
    assert_eq!(
        of("THREAT_SPAMHAUS"),
        json!([{
            "topic": "asn_drop",
            "prefix": null,
            "source": "asn_drop",
            "first_seen": null,
            "last_seen": "2026-03-28"
        }])
    );
    let c2 = of("THREAT_BOTNET");
    assert_eq!(c2.as_array().unwrap().len(), 5);
    assert_eq!(
        c2[0],
        json!({
            "topic": "c2",
            "prefix": "198.51.100.1/32",
            "source": "threatfox",
            "first_seen": "2026-01-02",
            "last_seen": "2026-03-28"
        })
    );
}

#[tokio::test]
async fn sentences_about_neighbours_have_the_neighbours_numbers() {
    let body = profile(world::SHADY).await;
    let details = body["details"].as_array().unwrap();
    let sibling =
        details.iter().find(|d| d["code"] == "THREAT_SIBLING").unwrap();
    let text = sibling["description"].as_str().unwrap();
    assert!(!text.contains(" 0 units"), "{text}");
}

#[tokio::test]
async fn what_nobody_knows_is_null_and_listed_as_unknown() {
    let body = profile(world::NAMELESS).await;
    for name in ["name", "country_code", "registry", "downstream_score"] {
        assert_eq!(body[name], Value::Null, "{name}");
    }
    let hygiene = &body["signals"]["hygiene"];
    assert_eq!(hygiene["prefix_granularity_score"], Value::Null);
    assert_eq!(hygiene["rpki_invalid_percent"], 0.0);
    assert_eq!(body["signals"]["unknown"].as_array().unwrap().len(), 14);
    assert_eq!(body["assessment"], "insufficient_data");
    assert_eq!(body["peer_percentile"], Value::Null);
    assert_eq!(body["evidence"]["first_seen"], Value::Null);
}

#[tokio::test]
async fn a_number_out_of_range_is_400_and_an_unknown_one_404() {
    let app = TestApp::start().await;
    for bad in ["0", "4294967296", "-1", "abc", "1.5", "AS15169", "%FF", "1%00"]
    {
        let message = app.get(&format!("/v1/asn/{bad}")).await.refused(400);
        assert!(message.starts_with("Invalid ASN"), "{bad}: {message}");
    }
    for unknown in ["1", "4294967295", "64500"] {
        let reply = app.get(&format!("/v1/asn/{unknown}")).await;
        assert_eq!(reply.refused(404), "ASN not found or not yet scored");
    }
}

#[tokio::test]
async fn before_the_first_snapshot_there_is_503_with_retry_after() {
    let app = TestApp::without_world(0).await;
    for path in [
        "/v1/asn/15169",
        "/v1/asn/15169/upstreams",
        "/v1/asn/15169/history",
        "/v1/tools/compare?asn_a=15169&asn_b=13335",
        "/feeds/edl",
    ] {
        let reply = app.get(path).await;
        reply.refused(503);
        assert_eq!(reply.header("retry-after"), "5", "{path}");
    }
}
