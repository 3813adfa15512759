//! `grpc.health.v1.Health/Check`, for Envoy's health checks and orchestrators.
//!
//! It says what `/readyz` says, to whoever asks: nothing about requests is in
//! it. `Watch` is not there.

use http::request::Parts;
use hyper::body::Incoming;
use prost::Message as _;

use super::{
    Unread, message,
    status::{Code, Status},
};
use crate::{drain::Phase, worker::Worker};

/// The method.
pub(super) const CHECK: &str = "/grpc.health.v1.Health/Check";
/// What is served besides health.
const SERVICE: &str = "envoy.service.auth.v3.Authorization";
/// Longest name of a service that is asked about.
const MAX_BYTES: usize = 1024;

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

pub(super) async fn check(
    parts: &Parts,
    body: Incoming,
    worker: &Worker,
) -> Result<Vec<u8>, Status> {
    let generation = worker.generations.load();
    let longest = generation.setup.config.limits.header_timeout;
    let message = match message(parts, body, MAX_BYTES, longest).await {
        Ok(message) => message,
        Err(Unread::Refused(status)) => return Err(status),
        Err(Unread::TooLong) => return Err(unknown()),
    };
    let request = HealthCheckRequest::decode(message).map_err(|error| {
        Status::new(Code::Internal, format!("no HealthCheckRequest: {error}"))
    })?;
    if !matches!(&*request.service, "" | SERVICE) {
        return Err(unknown());
    }
    let serves = *worker.phase.borrow() == Phase::Serving
        && generation.has_what_rules_need();
    let status = if serves { SERVING } else { NOT_SERVING };
    Ok(HealthCheckResponse { status }.encode_to_vec())
}

fn unknown() -> Status {
    Status::new(Code::NotFound, "no such service".into())
}
