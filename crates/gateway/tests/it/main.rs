//! The gateway from outside: configuration files as people write them, real
//! sockets, real protocols, a backend that repeats what it was sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backend;
mod bodies;
mod clients;
mod configuration;
mod crowds;
mod decisions;
mod evasions;
mod explain;
mod ext_authz;
mod floods;
mod frames;
mod http2;
mod http2_backend;
mod http2_client;
mod lifecycle;
mod log_lines;
mod old_data;
mod patience;
mod places;
mod proxy_header;
mod refused_reloads;
mod reloads;
mod rule_errors;
mod slow_tls;
mod smuggling;
mod spoofing;
mod stage;
mod strict_http2;
mod tls;
mod uploads;
mod watched;
mod websocket;
