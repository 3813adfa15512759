//! What a client claims about itself never reaches the backend.

use crate::{
    backend::Backend,
    stage::{Stage, status, yaml},
};

const TRUSTED: &str = "trusted_proxies: [127.0.0.0/8]\n";

#[tokio::test]
async fn forged_headers_do_not_survive_in_any_spelling() {
    let backend = Backend::start().await;
    let stage = Stage::plain(backend.address).await;
    let mut forms = 0;
    for name in [
        "X-Rescaled-ASN-Number",
        "X-Rescaled-ASN-Org",
        "X-Rescaled-Geo-Country",
        "X-Asgard-Action",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Real-IP",
        "Forwarded",
        "CF-Connecting-IP",
        "True-Client-IP",
    ] {
        let lower = name.to_ascii_lowercase();
        let folded = name.replace('-', "_");
        let half = name.replacen('-', "_", 1);
        for spelling in [name.to_owned(), lower, folded, half] {
            for fields in [
                format!("{spelling}: forged\r\n"),
                format!("{spelling}:forged\r\n{spelling}: forged\r\n"),
                format!("Connection: {spelling}\r\n{spelling}: forged\r\n"),
                format!("A: b\r\n{spelling}: \t forged \t\r\nC: d\r\n"),
                format!(
                    "Connection: X-Real-IP, X-Forwarded-For\r\n{spelling}: forged\r\n"
                ),
            ] {
                let answer = stage.get("/", &fields).await;
                assert_eq!(status(&answer), 200, "{answer}");
                assert!(!answer.contains("forged"), "{fields:?}: {answer}");
                assert!(answer.contains("\r\nX-Real-IP: 127.0.0.1\r\n"));
                assert!(answer.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n"));
                forms += 1;
            }
        }
    }
    assert!(forms >= 200, "{forms} forms");
    let text = stage.gateway.metrics_text().unwrap();
    let rejected = "client_ip_rejected_total{reason=\"untrusted_peer\"} ";
    assert!(
        text.contains(rejected) && !text.contains(&format!("{rejected}0\n"))
    );
}

#[tokio::test]
async fn a_trusted_peer_names_the_client_and_the_chain_is_rebuilt() {
    let backend = Backend::start().await;
    let stage = Stage::of(&yaml(backend.address, TRUSTED)).await;
    for (claimed, seen) in [
        ("192.0.2.9", "192.0.2.9, 127.0.0.1"),
        ("8.8.8.8, 192.0.2.9", "192.0.2.9, 127.0.0.1"),
        ("8.8.8.8, 192.0.2.9, 127.0.0.7", "192.0.2.9, 127.0.0.7, 127.0.0.1"),
        ("garbage, 127.0.0.7", "127.0.0.7, 127.0.0.1"),
        ("garbage", "127.0.0.1"),
        ("[2001:db8::9]:443", "2001:db8::9, 127.0.0.1"),
        ("::ffff:192.0.2.9", "192.0.2.9, 127.0.0.1"),
    ] {
        let fields = format!("X-Forwarded-For: {claimed}\r\n");
        let answer = stage.get("/", &fields).await;
        let line = format!("\r\nX-Forwarded-For: {seen}\r\n");
        assert!(answer.contains(&line), "{claimed}: {answer}");
    }
    let id = stage.get("/", "X-Request-Id: abc-123\r\n").await;
    assert!(id.contains("\r\nX-Request-Id: abc-123\r\n"), "{id}");
    let bad = stage.get("/", "X-Request-Id: a b\r\n").await;
    assert!(!bad.contains("X-Request-Id: a b"), "{bad}");
}
