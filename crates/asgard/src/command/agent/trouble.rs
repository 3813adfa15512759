//! What can go wrong for an agent, and what follows.

use std::{fmt, time::Duration};

use crate::exit;

/// Why a round did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    text: String,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

/// What the operator can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The firewall or the disk refused.
    Machine,
    /// The command line, or a file that it names, must be changed.
    Usage,
    /// There is no such feed.
    NotFound,
    /// The key is bad, or of no organisation, or may not read feeds.
    Key,
    /// The server wants fewer polls.
    Limited,
    /// The server is away or out of order.
    Away,
    /// The list is not one that may be loaded.
    Refused,
}

impl Kind {
    fn exit_code(self) -> u8 {
        match self {
            Self::Machine => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Key => 4,
            Self::Limited => 5,
            Self::Away => 6,
            Self::Refused => 11,
        }
    }

    /// Its word, in logs and metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Key => "key",
            Self::Limited => "limited",
            Self::Away => "away",
            Self::Refused => "refused",
        }
    }

    /// All of them, for metrics that begin at 0.
    pub(super) const ALL: [Self; 7] = [
        Self::Machine,
        Self::Usage,
        Self::NotFound,
        Self::Key,
        Self::Limited,
        Self::Away,
        Self::Refused,
    ];
}

impl Trouble {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), retry_after: None }
    }

    pub(super) fn machine(text: impl Into<String>) -> Self {
        Self::new(Kind::Machine, text)
    }

    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    pub(super) fn away(text: impl Into<String>) -> Self {
        Self::new(Kind::Away, text)
    }

    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// The same, with the time that the server asked for.
    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// Whether the list is at fault.
    pub(super) fn is_refusal(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Whether the command line is.
    pub(super) fn is_usage(&self) -> bool {
        self.kind == Kind::Usage
    }

    /// The error of the process, with its exit code.
    pub(super) fn told(self) -> anyhow::Error {
        let code = self.kind.exit_code();
        exit::coded(code, anyhow::anyhow!("{self}"))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
