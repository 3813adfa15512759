//! Sizes and times of connections with clients.

use std::time::Duration;

/// Sizes and times of connections with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait in the kernel.
    pub connections: usize,
    /// All headers together.
    pub header_bytes: usize,
    /// How many headers.
    pub headers: usize,
    /// Path and query.
    pub uri_bytes: usize,
    /// 0 is no limit.
    pub body_bytes: u64,
    /// Concurrent streams of HTTP/2.
    pub h2_streams: u32,
    /// For the head of a request.
    pub header_timeout: Duration,
    /// Slower bodies, over 10 s, are cut.
    pub min_rate_bytes: u64,
    /// Of a connection without a request.
    pub idle_timeout: Duration,
    /// Of an upgraded connection.
    pub tunnel_idle: Duration,
    /// Between `/readyz` 503 and the last accept.
    pub drain_delay: Duration,
    /// For what is under way.
    pub drain_timeout: Duration,
}
