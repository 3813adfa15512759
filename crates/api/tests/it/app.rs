//! A whole API in one process: store in a temporary directory, a clock that
//! stands still, a publisher that can be told to fail.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering},
    },
};

use asgard_api::{
    ApiConfig, App, Dns, Feeds, Live, LookupConfig, Lookups, Republish,
    RepublishError, Signer,
};
use asgard_model::{Delta, Snapshot, World};
use asgard_store::{NewKey, Scope, Scopes, Store, StoreConfig};
use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode, request::Builder},
};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tower::ServiceExt;

use crate::world;

/// 2026-03-29T10:00:00Z, the moment of the documented examples.
pub(crate) const NOW: i64 = 1_774_778_400;
pub(crate) const PEER: &str = "192.0.2.10";

pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) app: App,
    pub(crate) live: Arc<Live>,
    pub(crate) store: Store,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) admin: String,
    pub(crate) read: String,
    dir: TempDir,
}

/// A DNS that never answers.
struct Silence;

#[async_trait]
impl Dns for Silence {
    async fn addresses(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    async fn texts(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What the binary does, in small.
pub(crate) struct Publisher {
    world: Mutex<Option<Arc<World>>>,
    store: Store,
    live: Arc<Live>,
    clock: Arc<AtomicI64>,
    serial: AtomicU64,
    fault: AtomicU8,
}

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    None,
    Error,
    Panic,
}

/// A server on a port.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listening {
    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with_limit(0).await
    }

    /// Serves the World of `world.rs` under a rate limit; 0: none.
    pub(crate) async fn with_limit(limit: u32) -> Self {
        let rate_limit_per_minute = limit;
        Self::with(ApiConfig { rate_limit_per_minute, ..ApiConfig::default() })
            .await
    }

    /// Serves the World of `world.rs` as configured.
    pub(crate) async fn with(config: ApiConfig) -> Self {
        let app = Self::with_config(config).await;
        app.publisher.set_world(world::world());
        app.publisher.republish().await.unwrap();
        app
    }

    /// As before the first Snapshot.
    pub(crate) async fn without_world(limit: u32) -> Self {
        Self::with_config(ApiConfig {
            rate_limit_per_minute: limit,
            ..ApiConfig::default()
        })
        .await
    }

    /// As before the first Snapshot, in an operator's configuration.
    pub(crate) async fn with_config(api: ApiConfig) -> Self {
        let lookups = Lookups::new(&LookupConfig::default());
        Self::build(api, lookups.with_dns(Arc::new(Silence))).await
    }

    /// Serves the World of `world.rs`, and asks these.
    pub(crate) async fn with_lookups(lookups: Lookups) -> Self {
        let rate_limit_per_minute = 0;
        let api = ApiConfig { rate_limit_per_minute, ..ApiConfig::default() };
        let app = Self::build(api, lookups).await;
        app.publisher.set_world(world::world());
        app.publisher.republish().await.unwrap();
        app
    }

    async fn build(api: ApiConfig, lookups: Lookups) -> Self {
        let dir = TempDir::new().unwrap();
        let config = StoreConfig { dir: dir.path().to_owned(), world: None };
        let store = asgard_store::open(&config).await.unwrap();
        let clock = Arc::new(AtomicI64::new(NOW * 1_000_000));
        let live = Arc::new(Live::default());
        let publisher = Arc::new(Publisher {
            world: Mutex::default(),
            store: store.clone(),
            live: live.clone(),
            clock: clock.clone(),
            serial: AtomicU64::new(1),
            fault: AtomicU8::new(Fault::None as u8),
        });
        let signer = Signer::new(store.signing_seed());
        let feeds = Arc::new(Feeds::new(api.feeds.clone(), signer));
        feeds.refresh(&store, now(&clock)).await.unwrap();
        let app = App {
            live: live.clone(),
            store: store.clone(),
            config: api,
            feeds,
            republish: publisher.clone(),
            lookups: Arc::new(lookups),
            clock: {
                let clock = clock.clone();
                Arc::new(move || now(&clock))
            },
            metrics: Arc::default(),
        };
        let mut app = Self {
            router: asgard_api::router(app.clone()),
            app,
            live,
            store,
            publisher,
            clock,
            admin: String::new(),
            read: String::new(),
            dir,
        };
        app.admin = app.new_key(Scope::Admin, None).await;
        app.read = app.new_key(Scope::Read, None).await;
        app
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) async fn new_key(
        &self,
        scopes: impl Into<Scopes>,
        expires_at: Option<Timestamp>,
    ) -> String {
        self.make(NewKey { expires_at, ..NewKey::with(scopes) }).await
    }

    /// Makes a key and takes it over, as a running server does.
    pub(crate) async fn make(&self, key: NewKey) -> String {
        let made = self.store.keys.create(key, "cli", now(&self.clock)).await;
        self.reload_keys().await;
        made.unwrap().1.reveal().to_owned()
    }

    pub(crate) async fn reload_keys(&self) {
        self.live.set_keys(self.store.keys.load().await.unwrap());
    }

    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        Reply::of(self.router.clone(), request).await
    }

    /// Serves on a port of its own until it is dropped or stopped.
    pub(crate) async fn listen(&self) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = async { drop(stopped.await) };
        let serving = asgard_api::serve(listener, self.app.clone(), ended);
        Listening { address, stop, task: tokio::spawn(serving) }
    }

    /// A GET with a key that may read.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(empty(keyed(Method::GET, path, &self.read))).await
    }

    /// A GET without a key.
    pub(crate) async fn get_open(&self, path: &str) -> Reply {
        self.send(empty(request(Method::GET, path))).await
    }

    /// A POST of JSON with a key that may do anything.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_text(path, body.to_string()).await
    }

    pub(crate) async fn post_text(
        &self,
        path: &str,
        body: impl Into<Body>,
    ) -> Reply {
        let builder = keyed(Method::POST, path, &self.admin)
            .header("content-type", "application/json");
        self.send(builder.body(body.into()).unwrap()).await
    }

    /// A DELETE with a key that may do anything.
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(empty(keyed(Method::DELETE, path, &self.admin))).await
    }
}

pub(crate) fn request(method: Method, path: &str) -> Builder {
    from_peer(method, path, PEER)
}

pub(crate) fn from_peer(method: Method, path: &str, peer: &str) -> Builder {
    let address = SocketAddr::new(peer.parse().unwrap(), 4711);
    Request::builder().method(method).uri(path).extension(ConnectInfo(address))
}

pub(crate) fn keyed(method: Method, path: &str, key: &str) -> Builder {
    request(method, path).header("x-api-key", key)
}

pub(crate) fn empty(builder: Builder) -> Request<Body> {
    builder.body(Body::empty()).unwrap()
}

fn now(clock: &AtomicI64) -> Timestamp {
    Timestamp::from_microsecond(clock.load(Ordering::SeqCst)).unwrap()
}

impl Publisher {
    pub(crate) fn set_world(&self, world: World) {
        *self.world.lock().unwrap() = Some(Arc::new(world));
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }
}

#[async_trait]
impl Republish for Publisher {
    async fn republish(&self) -> Result<(), RepublishError> {
        match self.fault.load(Ordering::SeqCst) {
            n if n == Fault::Error as u8 => return Err("told to fail".into()),
            n if n == Fault::Panic as u8 => panic!("told to panic"),
            _ => {}
        }
        let Some(world) = self.world.lock().unwrap().clone() else {
            return Ok(());
        };
        let entries = self.store.whitelist.list().await?;
        let whitelist =
            entries.into_iter().map(|e| (e.asn, e.reason)).collect();
        let snapshot = Arc::new(Snapshot::assess(
            world,
            Arc::new(whitelist),
            &world::judge(),
            self.serial.fetch_add(1, Ordering::SeqCst),
            now(&self.clock),
        ));
        let before: Vec<_> = self.live.snapshot().map_or(vec![], |old| {
            old.scores().iter().map(|(asn, a)| (*asn, a.score)).collect()
        });
        let events = Delta::between(&before, &snapshot).events(&snapshot);
        self.live.publish(snapshot, events);
        Ok(())
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) async fn of(router: Router, request: Request<Body>) -> Self {
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{} {}: {error}", self.status, self.text())
        })
    }

    /// The JSON of a 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no header {name}"));
        value.to_str().unwrap()
    }

    /// Asserts status and envelope, and gives the message.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let body = self.json();
        let fields = body.as_object().unwrap();
        assert_eq!(fields.len(), 3, "{body}");
        let code = match status {
            429 => "RATE_LIMITED".to_owned(),
            _ => format!("HTTP_{status}"),
        };
        assert_eq!(body["code"], code.as_str());
        assert_eq!(body["request_id"], self.header("x-trace-id"));
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        body["error"].as_str().unwrap().to_owned()
    }
}
