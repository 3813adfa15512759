//! What the operator sees of data that are old, or that lack what rules ask for.

use std::{path::Path, sync::Arc, time::Duration};

use asgard_gateway::admin;
use asgard_model::mmdb::{Value as Field, Writer};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    backend::Backend,
    log_lines::LogLines,
    stage::{DEADLINE, Stage, yaml},
};

/// With a score, if there is one.
fn database(path: &Path, built: u64, score: Option<u64>) {
    let mut writer = Writer::new("T", "t", built);
    let mut fields = vec![("autonomous_system_number", Field::Unsigned(1))];
    if let Some(score) = score {
        fields.push(("score", Field::Unsigned(score.into())));
        fields.push(("level", Field::Text("CRITICAL")));
    }
    let record = writer.record(&Field::Map(fields)).unwrap();
    writer.insert("203.0.113.0/24".parse().unwrap(), record);
    let bytes = writer.finish().unwrap();
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// A gateway that keeps its data fresh, and is asked about it.
struct Scene {
    stage: Stage,
    _backend: Backend,
    _stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
    admin: std::net::SocketAddr,
}

impl Scene {
    async fn of(database: &Path, max_age: &str, rules: &str) -> Self {
        let backend = Backend::start().await;
        let features = format!(
            "features: {{asn: {{enabled: true, policy_usage: {{enabled: true}}, \
             database: {{source: file, path: '{}', refresh_interval: '0', \
             max_age: {max_age}}}}}}}\n{rules}",
            database.display()
        );
        let stage = Stage::of(&yaml(backend.address, &features)).await;
        stage.gateway.load_data(None).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let gateway = Arc::clone(&stage.gateway);
        let until = stopped.clone();
        tasks.spawn(async move { gateway.keep_fresh(until).await });
        let gateway = Arc::clone(&stage.gateway);
        tasks.spawn(admin::serve(listener, gateway, || 0, stopped));
        Self { stage, admin, _backend: backend, _stop: stop, _tasks: tasks }
    }

    async fn health(&self) -> Value {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        let request =
            "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn is_shown(&self, line: &str) -> bool {
        let text = self.stage.gateway.metrics_text().unwrap();
        text.contains(&format!("asgard_gateway_{line}\n"))
    }
}

#[tokio::test]
async fn an_old_database_is_degraded_and_still_ready() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    database(&path, 1_000_000_000, None);
    let (lines, _guard) = LogLines::caught(tracing::Level::WARN);
    let scene = Scene::of(&path, "336h", "").await;
    let health = scene.health().await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["ready"], true);
    let says = "features.asn.database: older than max_age";
    assert_eq!(health["data"][0], says);
    assert!(scene.is_shown("db_stale{db=\"asn\"} 1"));
    let begun = std::time::Instant::now();
    while lines.with("older than max_age").is_empty() {
        assert!(begun.elapsed() < DEADLINE, "nothing is told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A reload finds the same old database and says nothing new.
    scene.stage.gateway.reload(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lines.with("older than max_age").len(), 1);
    database(&path, 4_000_000_000, None);
    scene.stage.gateway.reload(2).await.unwrap();
    assert_eq!(scene.health().await["status"], "ok");
    assert!(scene.is_shown("db_stale{db=\"asn\"} 0"));
}

#[tokio::test]
async fn rules_about_scores_that_no_table_has_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    database(&path, 1_000_000_000, None);
    let (lines, _guard) = LogLines::caught(tracing::Level::WARN);
    let rules =
        "rules: [{name: worst, action: DENY, expression: 'asnScore <= 20'}]\n";
    let scene = Scene::of(&path, "'0'", rules).await;
    let health = scene.health().await;
    assert_eq!(health["status"], "degraded");
    let data = health["data"][0].as_str().unwrap();
    assert!(data.contains("this database has no scores"), "{data}");
    assert_eq!(lines.with("has no scores").len(), 1);
    database(&path, 1_000_000_001, Some(12));
    scene.stage.gateway.reload(1).await.unwrap();
    let health = scene.health().await;
    assert_eq!(health["status"], "ok", "{health}");
    database(&path, 1_000_000_002, None);
    scene.stage.gateway.reload(2).await.unwrap();
    assert_eq!(scene.health().await["status"], "degraded");
    assert_eq!(lines.with("has no scores").len(), 2);
}

#[tokio::test]
async fn a_table_without_scores_is_enough_for_rules_about_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    database(&path, 1_000_000_000, None);
    let rules = "rules: [{name: one, action: DENY, network: 1}]\n";
    let scene = Scene::of(&path, "'0'", rules).await;
    assert_eq!(scene.health().await["status"], "ok");
}
