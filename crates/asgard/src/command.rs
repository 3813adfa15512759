//! One command a file. Each returns its exit code; failures are errors.

pub(crate) mod access;
pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod feed;
pub(crate) mod gateway;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod mmdb;
pub(crate) mod mrt;
pub(crate) mod query;
pub(crate) mod rules;
pub(crate) mod serve;
pub(crate) mod source;
pub(crate) mod synth;
pub(crate) mod target;
pub(crate) mod top;
pub(crate) mod whitelist;
