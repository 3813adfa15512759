//! What can go wrong between client and backend, and what it means.
//!
//! One table gives the status, one the label of the metric.

use std::io;

use crate::http1::{
    body::MalformedBody, head::Refusal, response::MalformedResponse,
};

/// Why an exchange did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No connection to a server.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The server did not accept the connection in time.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The server closed before a byte of its response.
    #[error("closed before the response")]
    ClosedBefore,
    /// The server broke off inside its response, or the connection failed.
    #[error("broke off: {0}")]
    Broken(io::Error),
    /// The response is no HTTP.
    #[error(transparent)]
    Malformed(#[from] MalformedResponse),
    /// The body of the response is not what its head says.
    #[error("response: {0}")]
    MalformedBody(MalformedBody),
    /// No response in time.
    #[error("no response in time")]
    FirstByte,
    /// The server went silent inside its response.
    #[error("silent inside the response")]
    Idle,
    /// The client has gone.
    #[error("the client has gone: {0}")]
    ClientGone(io::Error),
    /// The client sends or reads too slowly.
    #[error("the client is too slow")]
    ClientSlow,
    /// The client's body is not what its head says, or too large.
    #[error("request: {}", .0.reason)]
    Client(Refusal),
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client's.
    Client,
    /// The backend's.
    Backend,
}

impl Fault {
    /// The status that tells the client, as long as none was sent.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Connect(_)
            | Self::ClosedBefore
            | Self::Broken(_)
            | Self::Malformed(_)
            | Self::MalformedBody(_) => 502,
            Self::ConnectTimeout | Self::FirstByte | Self::Idle => 504,
            Self::ClientSlow => 408,
            Self::ClientGone(_) => 499,
            Self::Client(refusal) => refusal.status,
        }
    }

    pub(crate) fn side(&self) -> Side {
        match self {
            Self::ClientGone(_) | Self::ClientSlow | Self::Client(_) => {
                Side::Client
            }
            _ => Side::Backend,
        }
    }

    /// Label of the metric.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::ClosedBefore => "closed",
            Self::Broken(_) => "broken",
            Self::Malformed(_) | Self::MalformedBody(_) => "malformed",
            Self::FirstByte => "first_byte_timeout",
            Self::Idle => "idle_timeout",
            Self::ClientGone(_) => "client_gone",
            Self::ClientSlow => "client_slow",
            Self::Client(_) => "client_malformed",
        }
    }

    /// Whether a request without side effects may be tried once more: the
    /// server had closed a connection that was idle, and has said nothing.
    pub(crate) fn is_stale_connection(&self) -> bool {
        matches!(self, Self::ClosedBefore)
    }
}
