//! Sizes and times.

use std::time::Duration;

use asgard_policy::yaml::Section;

use crate::{config::Limits, http1::head::MAX_FIELDS};

const KEYS: [&str; 12] = [
    "connections",
    "header_bytes",
    "headers",
    "uri_bytes",
    "body_bytes",
    "h2_streams",
    "header_timeout",
    "min_rate_bytes",
    "idle_timeout",
    "tunnel_idle",
    "drain_delay",
    "drain_timeout",
];

/// There is no room for more.
const MOST_HEADERS: u32 = 512;
const _: () = assert!(MOST_HEADERS as usize == MAX_FIELDS);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            header_bytes: 32_768,
            headers: 100,
            uri_bytes: 8_192,
            body_bytes: 0,
            h2_streams: 128,
            header_timeout: Duration::from_secs(10),
            min_rate_bytes: 500,
            idle_timeout: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(3600),
            drain_delay: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Reads `limits`.
pub(super) fn limits(section: &mut Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let Some(mut own) = section.child("limits", &KEYS) else { return default };
    Limits {
        connections: own.size("connections", 20_000, 1..=1_000_000),
        header_bytes: own.size("header_bytes", 32_768, 1_024..=1_048_576),
        headers: own.size("headers", 100, 10..=MOST_HEADERS),
        uri_bytes: own.size("uri_bytes", 8_192, 256..=65_536),
        body_bytes: own.integer("body_bytes", 0, 0..=u64::MAX >> 1),
        h2_streams: own.integer("h2_streams", 128, 1..=10_000),
        header_timeout: own.positive("header_timeout", default.header_timeout),
        min_rate_bytes: own.integer("min_rate_bytes", 500, 0..=1_u64 << 30),
        idle_timeout: own.positive("idle_timeout", default.idle_timeout),
        tunnel_idle: own.positive("tunnel_idle", default.tunnel_idle),
        drain_delay: own.duration("drain_delay", default.drain_delay),
        drain_timeout: own.duration("drain_timeout", default.drain_timeout),
    }
}
