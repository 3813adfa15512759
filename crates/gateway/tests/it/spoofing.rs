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

#[tokio::test]
async fn a_file_of_trusted_proxies_is_read_like_a_list() {
    let backend = Backend::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trusted");
    std::fs::write(&file, "::ffff:127.0.0.1 ; the balancer\n# none\n").unwrap();
    let rest = format!("trusted_proxies: {{file: {}}}\n", file.display());
    let stage = Stage::of(&yaml(backend.address, &rest)).await;
    let answer = stage.get("/", "X-Forwarded-For: 192.0.2.9\r\n").await;
    assert!(answer.contains("\r\nX-Real-IP: 192.0.2.9\r\n"), "{answer}");
}

#[tokio::test]
async fn what_is_stripped_or_missing_is_counted_by_its_reason() {
    let backend = Backend::start().await;
    let rest = "features: {asn: {client_ip_header: cf-connecting-ip}}\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    let claims = "X-Forwarded-For: 192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\n\
                  X_Asgard_Action: ALLOW\r\n";
    let answer = stage.get("/", claims).await;
    assert!(!answer.contains("192.0.2.9"), "{answer}");
    let text = stage.gateway.metrics_text().unwrap();
    for line in [
        "headers_stripped_total{reason=\"claim\"} 2\n",
        "headers_stripped_total{reason=\"forged\"} 1\n",
        "client_ip_rejected_total{reason=\"missing\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let trusted = format!("{rest}trusted_proxies: [127.0.0.1/32]\n");
    let stage = Stage::of(&yaml(backend.address, &trusted)).await;
    stage.get("/", "X-Forwarded-For: 192.0.2.9\r\n").await;
    stage.get("/", "CF-Connecting-IP: 192.0.2.9\r\n").await;
    let text = stage.gateway.metrics_text().unwrap();
    let missing = "client_ip_rejected_total{reason=\"missing\"} 1\n";
    assert!(text.contains(missing), "{text}");
    let claims = "headers_stripped_total{reason=\"claim\"} 0\n";
    assert!(text.contains(claims), "a proxy may speak of clients: {text}");
}

#[tokio::test]
async fn what_a_question_gets_wrong_about_its_client_is_counted() {
    let backend = Backend::start().await;
    let rest = "verdict: {bind: '127.0.0.1:0', on_failure: deny, \
                trusted_peers: [127.0.0.1/32]}\n";
    let stage = Stage::of(&yaml(backend.address, rest)).await;
    let good = stage.verdict("192.0.2.9", "/", "").await;
    assert_eq!(status(&good), 204, "{good}");
    let count = |reason: &str| {
        let text = stage.gateway.metrics_text().unwrap();
        let name = format!("client_ip_rejected_total{{reason=\"{reason}\"}} ");
        let at = text.find(&name).unwrap() + name.len();
        text[at..].split('\n').next().unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(count("malformed"), 0);
    // The last good hop is the client; what is beyond it is not.
    let half = stage.verdict("garbage, 127.0.0.1", "/", "").await;
    assert_eq!(status(&half), 403, "{half}");
    assert_eq!(count("malformed"), 1);
    let none = stage.verdict(" , ", "/", "").await;
    assert_eq!(status(&none), 403, "{none}");
    assert_eq!(count("missing"), 1);
}
