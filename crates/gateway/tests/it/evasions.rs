//! Requests that mean one thing to the rules and another to a backend: refused,
//! or judged by what they mean.

use crate::{
    backend::Backend,
    stage::{Stage, status, yaml},
};

/// Everybody is challenged, with the paths that are exempt by default.
const CHALLENGED: &str = "rules:\n\
    - {name: secret, action: DENY, path: /secret.html}\n\
    - {name: open, action: ALLOW, path_regex: '^/groups/'}\n\
    - {name: all, action: CHALLENGE, all: {}, \
    challenge: {kind: pow, difficulty: 1}}\n";

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_a_challenge_or_a_refusal() {
    let backend = Backend::start().await;
    let stage = Stage::of(&yaml(backend.address, CHALLENGED)).await;
    for path in [
        "/.well-known/..%2Fsecret.html",
        "/.well-known/..%2fsecret.html",
        "/.well-known/%2e%2e%2Fsecret.html",
        "/.well-known/x%2F../../secret.html",
        "/.well-known/..%5Csecret.html",
        "/.well-known/..\\secret.html",
        "/.well-known/..;/secret.html",
        "/.well-known/;/../secret.html",
        "/x%2F..%2Fsecret.html",
        "/x%2F..%2F%73ecret.html",
        "/groups/..%2Fsecret.html",
    ] {
        let answer = stage.get(path, "").await;
        assert_eq!(status(&answer), 400, "{path}: {answer}");
    }
    assert_eq!(backend.seen(), 0, "nothing reached the backend");
    // What has one meaning has it, encoded slash or not.
    for path in ["/groups/a%2Fb/x", "/.well-known/..a/x", "/groups/a;b/x"] {
        let answer = stage.get(path, "").await;
        assert!(answer.contains(&format!("GET {path} ")), "{path}: {answer}");
    }
    for path in ["/.well-known/../x", "/.well-known/%2e%2e/secret.html"] {
        let answer = stage.get(path, "").await;
        assert_eq!(status(&answer), 403, "{path}: {answer}");
    }
}

#[tokio::test]
async fn rules_know_a_host_by_each_of_its_spellings() {
    let backend = Backend::start().await;
    let rules = "rules:\n\
        - {name: a, action: DENY, expression: 'host == \"admin.example\"'}\n\
        - {name: b, action: DENY, expression: 'host == \"2001:db8::1\"'}\n";
    let stage = Stage::of(&yaml(backend.address, rules)).await;
    let with = async |host: &str| {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        status(&stage.raw(head.as_bytes()).await)
    };
    for host in [
        "admin.example",
        "admin.example.",
        "ADMIN.example.:80",
        "admin.example..",
        "[2001:db8::1]",
        "[2001:DB8:0::0:1]:80",
    ] {
        assert_eq!(with(host).await, 403, "{host}");
    }
    assert_eq!(with("shop.example.").await, 200);
}

#[tokio::test]
async fn a_rule_sees_the_whole_query() {
    let backend = Backend::start().await;
    let rules = "rules:\n\
        - {name: a, action: DENY, expression: '\"cmd\" in query'}\n\
        - {name: b, action: DENY, expression: 'query.file.contains(\"../\")'}\n";
    let stage = Stage::of(&yaml(backend.address, rules)).await;
    let many = "a&".repeat(1_000);
    for query in [
        "cmd=ls",
        &format!("{many}cmd=ls"),
        "file=../x",
        "file=a.txt&file=..%2Fx",
        "file=../x&file=a.txt",
    ] {
        let answer = stage.get(&format!("/?{query}"), "").await;
        assert_eq!(status(&answer), 403, "{query}");
    }
    let answer = stage.get(&format!("/?{many}file=a"), "").await;
    assert_eq!(status(&answer), 200);
}
