//! The admin listener: for the operator, never for clients.
//!
//! `/livez`, `/readyz`, `/healthz`, `/metrics`, `/v1/explain`, and
//! `POST /-/reload`. It is
//! bound to loopback by default and knows no authentication.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use asgard_model::Asn;
use http::{Method, Request, Response, StatusCode};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    control::Gateway,
    drain::Phase,
    generation::Generation,
    listener::{self, closing},
    supply,
};

mod explain;
mod whole;

use whole::Whole;

/// Connections at a time; the next wait.
const CONNECTIONS: usize = 64;
/// For the head of a request.
const HEAD: Duration = Duration::from_secs(10);

/// Answers on `listener` until `stop` says so, and then for a moment to those
/// who have come already; a process that listens on the same address takes the
/// next. `clock` tells seconds since 1970.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    clock: fn() -> u64,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
    let mut is_deaf = false;
    let last_moment = sleep(closing::MOMENT);
    tokio::pin!(stopped, last_moment);
    loop {
        tokio::select! {
            () = &mut stopped, if !is_deaf => {
                is_deaf = true;
                if let Err(error) = closing::deafen(&listener) {
                    tracing::debug!(%error, "newcomers may be refused");
                }
                let end = Instant::now() + closing::MOMENT;
                last_moment.as_mut().reset(end);
            }
            () = &mut last_moment, if is_deaf => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS =>
            {
                let (stream, peer) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::error!(%error, "cannot accept the operator");
                        sleep(listener::BREATH).await;
                        continue;
                    }
                };
                let gateway = Arc::clone(&gateway);
                connections.spawn(drive(stream, peer, gateway, clock));
            }
        }
    }
    connections.shutdown().await;
}

async fn drive(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    gateway: Arc<Gateway>,
    clock: fn() -> u64,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(answer(&request, &gateway, clock).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%peer, %error, "admin connection ended early");
    }
}

async fn answer(
    request: &Request<Incoming>,
    gateway: &Arc<Gateway>,
    clock: fn() -> u64,
) -> Response<Whole> {
    let path = request.uri().path();
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    match path {
        "/livez" | "/healthz" | "/readyz" | "/metrics" | "/v1/explain"
            if !read =>
        {
            text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".into())
        }
        "/livez" => text(StatusCode::OK, "ok\n".into()),
        "/readyz" if gateway.is_ready() => text(StatusCode::OK, "ok\n".into()),
        "/readyz" => {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".into())
        }
        "/healthz" => json(StatusCode::OK, &health(gateway)),
        "/metrics" => metrics(gateway),
        "/v1/explain" => {
            let query = request.uri().query().unwrap_or("");
            let generation = gateway.generations.load();
            let recall = |id: &str| gateway.recall(id);
            match explain::explain(&generation, query, recall) {
                Ok(mut found) => {
                    found["evidence"] = evidence(&generation, &found).await;
                    json(StatusCode::OK, &found)
                }
                Err(wrong) => {
                    let body = serde_json::json!({ "error": wrong });
                    json(StatusCode::BAD_REQUEST, &body)
                }
            }
        }
        "/-/reload" if *request.method() == Method::POST => {
            match gateway.reload(clock()).await {
                Ok(()) => text(StatusCode::OK, "reloaded\n".into()),
                Err(error) => {
                    text(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n"))
                }
            }
        }
        "/-/reload" => {
            text(StatusCode::METHOD_NOT_ALLOWED, "use POST\n".into())
        }
        _ => text(StatusCode::NOT_FOUND, "not found\n".into()),
    }
}

/// Why the network has its score, in the words of the asgard that gave it.
async fn evidence(
    generation: &Generation,
    found: &serde_json::Value,
) -> serde_json::Value {
    let link = generation.setup.config.asgard.as_ref();
    let asn = found["asn"].as_u64().and_then(|asn| u32::try_from(asn).ok());
    let scored = !found["score"].is_null();
    let (Some(link), Some(asn), true) = (link, asn, scored) else {
        return serde_json::Value::Null;
    };
    match supply::evidence::of(link, Asn(asn)).await {
        Ok(evidence) => evidence,
        Err(error) => serde_json::json!({ "error": error }),
    }
}

/// Healthy, degraded or draining, and why. Always 200: a gateway with old data
/// is better than none.
fn health(gateway: &Gateway) -> serde_json::Value {
    let reload = gateway.last_reload();
    let faults = gateway.data_faults();
    let status = match gateway.phase() {
        Phase::Serving if reload.error.is_none() && faults.is_empty() => "ok",
        Phase::Serving => "degraded",
        _ => "draining",
    };
    let generation = gateway.generations.load();
    let networks = generation.data.networks.as_ref();
    serde_json::json!({
        "status": status,
        "ready": gateway.is_ready(),
        "rules": generation.setup.policy.rule_count(),
        "reload": {"error": reload.error, "at": reload.at},
        "data": faults,
        "networks": networks.map(|table| table.networks()),
        "process": {
            "id": std::process::id(),
            "configuration": gateway.path(),
            "listens": gateway.listens(),
        },
    })
}

fn metrics(gateway: &Gateway) -> Response<Whole> {
    match gateway.metrics_text() {
        Ok(body) => whole(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            body,
        ),
        Err(error) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Whole> {
    whole(status, "application/json", format!("{value}\n"))
}

fn text(status: StatusCode, body: String) -> Response<Whole> {
    whole(status, "text/plain; charset=utf-8", body)
}

fn whole(status: StatusCode, kind: &str, body: String) -> Response<Whole> {
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("cache-control", "no-store")
        .body(Whole::from(Bytes::from(body)))
        .expect("names and values are constants")
}
