//! What the log says about a request, and what it never says.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::http::Method;
use tracing_subscriber::fmt::MakeWriter;

use crate::app::{Fault, TestApp, empty, keyed, request};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_request_has_one_line_with_its_name_and_never_with_its_key() {
    let app = TestApp::start().await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let reply = app.get("/v1/asn/15169?api_key=secret-in-query").await;
    let bearer = request(Method::GET, "/v1/status")
        .header("authorization", format!("Bearer {}", app.admin));
    app.send(empty(bearer)).await.ok();
    app.send(empty(keyed(Method::GET, "/v1/status", "bad-key"))).await;
    app.publisher.fail(Fault::Error);
    app.delete("/v1/whitelist/1").await;
    drop(guard);
    let text = log.text();
    let name = reply.header("x-trace-id");
    let own: Vec<_> = text.lines().filter(|l| l.contains(name)).collect();
    assert_eq!(own.len(), 1, "{text}");
    let key_id = app.read.split('_').nth(2).unwrap();
    for part in ["/v1/asn/{asn}", "192.0.2.10", "\"status\":200", key_id] {
        assert!(own[0].contains(part), "{part}: {}", own[0]);
    }
    let secret = |key: &str| key.split('_').nth(3).unwrap().to_owned();
    for hidden in [secret(&app.read), secret(&app.admin), "bad-key".into()] {
        assert!(!text.contains(&hidden), "{text}");
    }
    assert!(!text.contains("secret-in-query"), "{text}");
}
