//! The API as clients see it: every endpoint through the whole stack, on a real
//! embedded store and a small hand-made World, without sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod asn;
mod at_once;
mod auth;
mod bulk;
mod compare;
mod compression;
mod cors;
mod docs;
mod domain_risk;
mod edl;
mod envelope;
mod fuzz;
mod gateway;
mod headers;
mod health;
mod history;
mod incidents;
mod logs;
mod metrics;
mod mounts;
mod peeringdb;
mod rate_limit;
mod route;
mod server;
mod status;
mod stream;
mod threat;
mod upstreams;
mod whitelist;
mod world;
