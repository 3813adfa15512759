//! What the operator is told: why a request was refused, and what is known.

use std::{net::SocketAddr, sync::Arc};

use asgard_gateway::{Data, admin};
use asgard_model::{
    NetworkTable,
    mmdb::{Value as Field, Writer},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    backend::Backend,
    stage::{Stage, status, yaml},
};

const RULES: &str = "\
ip_lists: {office: {source: inline, entries: [192.0.2.0/24]}}
resolver: {servers: ['127.0.0.1:9']}
crawlers: {robot: {user_agent_regex: robot, fcrdns: [robots.example]}}
trusted_proxies: [127.0.0.1/32]
rules:
  - {name: robots, action: ALLOW, expression: \"verifiedCrawler != ''\"}
  - {name: watched, action: DENY, mode: shadow, path: /admin}
  - {name: admin, action: DENY, path: /admin}
  - {name: accept, action: DENY, expression: 'headers[\"accept\"] == \"a, b\"'}
  - {name: never, action: DENY, expression: '\"host\" in headers || \"x-real-ip\" in headers'}
";

/// A gateway with its admin listener.
struct Scene {
    stage: Stage,
    admin: SocketAddr,
    _backend: Backend,
    _stop: watch::Sender<bool>,
}

impl Scene {
    async fn of(rules: &str) -> Self {
        let backend = Backend::start().await;
        let stage = Stage::of(&yaml(backend.address, rules)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let gateway = Arc::clone(&stage.gateway);
        tokio::spawn(admin::serve(listener, gateway, || 0, stopped));
        Self { stage, admin, _backend: backend, _stop: stop }
    }
}

async fn explained(admin: SocketAddr, query: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = format!(
        "GET /v1/explain?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    (status(&answer), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_refused_request_is_explained_by_its_id() {
    let Scene { stage, admin, .. } = &Scene::of(RULES).await;
    let fields = "X-Forwarded-For: 192.0.2.7\r\nUser-Agent: curl/8\r\n\
                  Cookie: secret=1\r\n";
    let refused = stage.get("/x/../%61dmin?key=secret", fields).await;
    assert_eq!(status(&refused), 403);
    let id = refused.split('(').nth(1).unwrap().split(')').next().unwrap();
    let (status, found) = explained(*admin, &format!("id={id}")).await;
    assert_eq!(status, 200, "{found}");
    let then = &found["request"];
    assert_eq!(then["id"], id);
    assert_eq!(then["client"], "192.0.2.7");
    assert_eq!(then["action"], "DENY");
    assert_eq!(then["rule"], "admin");
    assert_eq!(then["status"], 403);
    assert_eq!(then["path"], "/admin");
    assert_eq!(then["user_agent"], "curl/8");
    assert!(then["at"].as_u64().unwrap() > 1_700_000_000, "{then}");
    assert!(!found.to_string().contains("secret"), "{found}");
    assert_eq!(
        (&found["action"], &found["rule"]),
        (&"DENY".into(), &"admin".into())
    );
    assert_eq!(found["lists"]["named"][0], "office");
    let (status, wrong) = explained(*admin, "id=0123456789abcdef").await;
    assert_eq!(status, 400);
    let error = wrong["error"].as_str().unwrap();
    assert!(error.contains("`0123456789abcdef`"), "{error}");
    // What passed is not remembered.
    let passed = stage.get("/", "X-Request-Id: mine\r\n").await;
    assert!(passed.starts_with("HTTP/1.1 200"));
    assert_eq!(explained(*admin, "id=mine").await.0, 400);
}

#[tokio::test]
async fn lists_and_feeds_are_shown_with_the_entry_that_holds_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed.txt");
    std::fs::write(&feed, "192.0.2.7\n198.51.100.0/24\n").unwrap();
    let rules = format!(
        "{RULES}feeds:\n  bad: {{source: file, path: '{}'}}\n  \
         later: {{source: url, url: 'http://127.0.0.1:9/'}}\n",
        feed.display()
    );
    let Scene { stage, admin, .. } = &Scene::of(&rules).await;
    stage.gateway.load_data(None).await.unwrap();
    let (_, found) = explained(*admin, "ip=192.0.2.7").await;
    let lists = &found["lists"];
    let entries = serde_json::json!([
        {"list": "office", "entry": "192.0.2.0/24"},
        {"feed": "bad", "entry": "192.0.2.7/32"},
    ]);
    assert_eq!(lists["entries"], entries);
    assert_eq!(lists["named"], serde_json::json!(["office", "bad"]));
    assert_eq!(lists["unknown"], serde_json::json!(["later"]));
    let (_, found) = explained(*admin, "ip=203.0.113.1").await;
    assert_eq!(found["lists"]["entries"], serde_json::json!([]));
}

#[tokio::test]
async fn the_proof_of_a_crawler_is_shown_and_not_asked_for() {
    let Scene { stage, admin, .. } = &Scene::of(RULES).await;
    let query = "ip=192.0.2.9&ua=robot/1";
    for _ in 0..2 {
        let (_, found) = explained(*admin, query).await;
        let crawler = &found["crawler"];
        assert_eq!(crawler["claims"][0], "robot");
        assert_eq!(crawler["proof"], "pending");
        assert_eq!(crawler["dns"]["state"], "unknown");
    }
    let fields = "X-Forwarded-For: 192.0.2.9\r\nUser-Agent: robot/1\r\n";
    stage.get("/", fields).await;
    let (_, found) = explained(*admin, query).await;
    assert_eq!(found["crawler"]["dns"]["state"], "asked");
    let (_, other) = explained(*admin, "ip=192.0.2.9&ua=curl").await;
    assert_eq!(other["crawler"]["proof"], "none");
    assert_eq!(other["crawler"]["claims"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn headers_may_be_given_as_a_client_sends_them() {
    let Scene { admin, .. } = &Scene::of(RULES).await;
    let query = "ip=192.0.2.9&host=Shop.Example:8080&header=Accept:%20a\
                 &header=accept:b";
    let (_, found) = explained(*admin, query).await;
    assert_eq!(found["rule"], "accept");
    assert_eq!(found["variables"]["host"], "\"shop.example\"");
    assert_eq!(found["variables"]["contentLength"], "0");
    // As a request that came would be seen.
    let query = "ip=192.0.2.9&header=Host:%20Shop.Example:81\
                 &header=content-length:7&header=X-Real-IP:192.0.2.1";
    let (_, found) = explained(*admin, query).await;
    assert_eq!(found["variables"]["host"], "\"shop.example\"");
    assert_eq!(found["variables"]["contentLength"], "7");
    assert_eq!(found["rule"], Value::Null, "{found}");
    for (query, wrong) in [
        ("ip=me", "`me` is no address"),
        ("", "which client?"),
        ("ip=192.0.2.1&path=a", "does not begin with /"),
        ("ip=192.0.2.1&path=/%25zz", "two hex digits"),
        ("ip=192.0.2.1&header=accept", "no header"),
        ("ip=192.0.2.1&adress=1", "unknown parameter `adress`"),
    ] {
        let (status, found) = explained(*admin, query).await;
        let error = found["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(wrong), "{query}: {error}");
    }
}

#[tokio::test]
async fn the_policy_in_force_has_a_name_that_changes_with_its_files() {
    let Scene { stage, admin, .. } = &Scene::of(RULES).await;
    let name = || async {
        let (_, found) = explained(*admin, "ip=192.0.2.1").await;
        let name = found["policy"].as_str().unwrap().to_owned();
        let text = stage.gateway.metrics_text().unwrap();
        let shown: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("asgard_gateway_policy_info{"))
            .collect();
        let info = format!("asgard_gateway_policy_info{{hash=\"{name}\"}} 1");
        assert_eq!(shown, [info]);
        name
    };
    let first = name().await;
    let text = std::fs::read_to_string(&stage.file).unwrap();
    std::fs::write(&stage.file, text.replace("admin, action", "a, action"))
        .unwrap();
    stage.gateway.reload(1).await.unwrap();
    assert_ne!(name().await, first);
    std::fs::write(&stage.file, &text).unwrap();
    stage.gateway.reload(2).await.unwrap();
    assert_eq!(name().await, first);
}

#[tokio::test]
async fn rules_are_counted_with_their_mode_and_crawlers_with_their_proofs() {
    let Scene { stage, .. } = &Scene::of(RULES).await;
    stage.get("/admin", "").await;
    let text = stage.gateway.metrics_text().unwrap();
    for line in [
        "rule_hits_total{mode=\"enforce\",rule=\"admin\"} 1",
        "rule_hits_total{mode=\"shadow\",rule=\"watched\"} 1",
        "rule_would_change_total{mode=\"shadow\",rule=\"watched\"} 0",
        "crawler_checks_total{result=\"confirmed\"} 0",
        "crawler_checks_total{result=\"dropped\"} 0",
        "crawler_cache_entries 0",
    ] {
        let line = format!("asgard_gateway_{line}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
}

/// Answers every request with this body, and tells what it was asked.
async fn asgard(body: &'static str) -> (SocketAddr, watch::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, told) = watch::channel(String::new());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 4096];
            let length = stream.read(&mut bytes).await.unwrap_or(0);
            asked.send_replace(
                String::from_utf8_lossy(&bytes[..length]).to_ascii_lowercase(),
            );
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, told)
}

fn scored() -> NetworkTable {
    let mut writer = Writer::new("T", "t", 1);
    let value = Field::Map(vec![
        ("autonomous_system_number", Field::Unsigned(64_500)),
        ("score", Field::Unsigned(12)),
        ("level", Field::Text("CRITICAL")),
    ]);
    let record = writer.record(&value).unwrap();
    writer.insert("203.0.113.0/24".parse().unwrap(), record);
    NetworkTable::from_mmdb(&writer.finish().unwrap()).unwrap()
}

#[tokio::test]
async fn a_score_comes_with_the_evidence_of_the_asgard_that_gave_it() {
    let (address, told) = asgard("{\"asn\":64500,\"reasons\":[\"R1\"]}").await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "k1\n").unwrap();
    let link = format!(
        "{RULES}asgard: {{url: 'http://{address}', key_file: {}}}\n",
        key.display()
    );
    let Scene { stage, admin, .. } = &Scene::of(&link).await;
    let table = Arc::new(scored());
    stage.gateway.generations.update_data(|old| Data {
        networks: Some(Arc::clone(&table)),
        ..(*old.data).clone()
    });
    let (_, found) = explained(*admin, "ip=203.0.113.9").await;
    assert_eq!(found["score"], 12);
    assert_eq!(found["evidence"]["reasons"][0], "R1");
    let question = told.borrow().clone();
    assert!(question.starts_with("get /v1/asn/64500 "), "{question}");
    assert!(question.contains("authorization: bearer k1\r\n"), "{question}");
    // Nothing is asked about networks without a score.
    let (_, other) = explained(*admin, "ip=192.0.2.9").await;
    assert_eq!(other["evidence"], Value::Null);
    std::fs::remove_file(&key).unwrap();
    let (status, found) = explained(*admin, "ip=203.0.113.9").await;
    let error = found["evidence"]["error"].as_str().unwrap();
    assert!(status == 200 && error.contains("key_file"), "{error}");
}
