//! The real binary and the checkout around it, tested from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "seeds, moments, sizes")]

mod cli;
mod crash;
mod feeds;
mod gateway;
mod hostile;
mod house;
mod http;
mod mirror;
mod network;
mod program;
mod rules;
mod seeds;
mod serve;
mod server;
mod ssrf;
mod stream;
mod truth;
mod world;
