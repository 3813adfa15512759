//! An API with the Internet of `internet.rs`, and an organisation that blocks.

use asgard_api::{ApiConfig, FeedConfig};
use asgard_store::{NewKey, Scope, Scopes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::internet;
use crate::app::{Reply, TestApp, empty, keyed};

pub(crate) const FEED: &str = "/v1/threat/feeds";

/// An organisation with a key for each side.
pub(crate) struct Office {
    pub(crate) app: TestApp,
    /// Of `acme`, for devices.
    pub(crate) device: String,
    /// Of `acme`, for operators.
    pub(crate) operator: String,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let feeds =
            FeedConfig { rate_limit_per_minute: 0, ..FeedConfig::default() };
        Self::with(feeds).await
    }

    pub(crate) async fn with(feeds: FeedConfig) -> Self {
        let config = ApiConfig {
            rate_limit_per_minute: 0,
            feeds,
            ..ApiConfig::default()
        };
        let app = TestApp::with(config).await;
        app.publisher.set_world(internet::world());
        let device = key_of(&app, "acme", Scope::FeedRead).await;
        let operator = key_of(&app, "acme", Scope::RulesWrite).await;
        let office = Self { app, device, operator };
        office.republish().await;
        office
    }

    /// A cycle with the present World.
    pub(crate) async fn republish(&self) {
        use asgard_api::Republish;
        self.app.publisher.republish().await.unwrap();
    }

    pub(crate) async fn key(&self, org: &str, scope: Scope) -> String {
        key_of(&self.app, org, scope).await
    }

    /// A key for devices of `acme` in one network.
    pub(crate) async fn bound(&self, network: &str) -> String {
        self.app
            .make(NewKey {
                org: Some("acme".into()),
                client_cidrs: vec![network.parse().unwrap()],
                ..NewKey::with(Scope::FeedRead)
            })
            .await
    }

    /// A poll of a device.
    pub(crate) async fn poll(&self, path: &str) -> Reply {
        self.app.send(empty(keyed(Method::GET, path, &self.device))).await
    }

    /// The lines of the feed.
    pub(crate) async fn feed(&self, query: &str) -> String {
        let reply = self.poll(&format!("{FEED}{query}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        reply.text().to_owned()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Reply {
        let builder =
            keyed(method, path, key).header("content-type", "application/json");
        let request: Request<_> =
            builder.body(body.to_string().into()).unwrap();
        self.app.send(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, &self.operator, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.app.send(empty(keyed(Method::GET, path, &self.operator))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.app.send(empty(keyed(Method::DELETE, path, &self.operator))).await
    }

    /// The value of a counter, named with its labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.app.get_open("/metrics").await.text().to_owned();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let line = lines.find(|(found, _)| *found == name);
        line.expect("the metric is there").1.parse().unwrap()
    }

    /// Makes a rule that blocks, and gives its id.
    pub(crate) async fn block(&self, block: Value) -> String {
        let rule = json!({"block": block});
        let reply = self.post("/v1/access-rules", &rule).await;
        let body = done(&reply, 201);
        body["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends events, and gives what became of them.
    pub(crate) async fn signal(&self, events: &Value) -> Value {
        let reply = self.post("/v1/signal", events).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        reply.json()
    }
}

async fn key_of(app: &TestApp, org: &str, scope: Scope) -> String {
    let org = Some(org.to_owned()).filter(|name| !name.is_empty());
    app.make(NewKey { org, ..NewKey::with(Scopes::from(scope)) }).await
}

/// The body of a good answer in the envelope.
#[track_caller]
pub(crate) fn done(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["success"], true, "{body}");
    body
}

/// Asserts status and envelope of an error, and gives its details.
#[track_caller]
pub(crate) fn refused(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    assert_eq!(body["success"], false);
    assert!(body["error"].is_string());
    assert!(body["details"].is_object());
    assert_eq!(reply.header("content-type"), "application/json");
    body
}
