//! Where requests go.

use std::{path::PathBuf, time::Duration};

/// Servers for some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// For metrics.
    pub name: String,
    /// Lower case; `*.` stands for one or more labels. Empty: the default.
    pub hosts: Vec<String>,
    /// At least one.
    pub servers: Vec<Server>,
    /// Who is next.
    pub balance: Balance,
    /// For servers with https.
    pub tls: BackendTls,
    /// Speaks HTTP/2 to the servers.
    pub http2: bool,
    /// How long to wait.
    pub timeouts: BackendTimeouts,
    /// Idle connections.
    pub pool: Pool,
}

/// One server of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `https://`.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// 80 or 443 by default.
    pub port: u16,
}

/// How a server is picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest requests under way.
    #[default]
    LeastConn,
    /// One after the other.
    RoundRobin,
}

/// How a server with https is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendTls {
    /// Whether its certificate must be valid.
    pub verify: bool,
    /// Authorities as a PEM file; `None`: those of the web.
    pub ca: Option<PathBuf>,
    /// Name in the certificate; `None`: the host of the server.
    pub server_name: Option<String>,
}

/// How long to wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendTimeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the head of the response.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
}

/// Idle connections to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// At most.
    pub max_idle_per_server: usize,
    /// For so long.
    pub idle_timeout: Duration,
}
