//! How the sessions are doing over which things are told as they happen: part
//! of `/v1/status`, read again for each question.

/// All sessions that the process keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Validators, the preferred one first.
    pub rtr: Vec<ValidatorStatus>,
    /// The stream of BGP messages; `None` if there is none.
    pub ris_live: Option<StreamStatus>,
}

/// Where things stand with a validator (RFC 8210).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidatorState {
    /// It has said nothing yet, or what it said has run out.
    #[default]
    Down,
    /// It is away, and its last word is still good.
    Lost,
    /// What is known is what it knows.
    Synced,
}

impl ValidatorState {
    /// `down`, `lost`, `synced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Lost => "lost",
            Self::Synced => "synced",
        }
    }
}

/// A validator, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidatorStatus {
    /// `HOST:PORT`.
    pub address: String,
    /// Where things stand.
    pub state: ValidatorState,
    /// Whether validation follows it: the first of several that is good.
    pub in_use: bool,
    /// Session and serial of the last answer (RFC 8210, section 5.1).
    pub serial: Option<(u16, u32)>,
    /// VRPs that are known and good.
    pub vrps: u64,
    /// Customers with ASPAs.
    pub aspas: u64,
    /// Seconds since the last answer.
    pub age_seconds: Option<u64>,
    /// Seconds until the last answer runs out.
    pub expires_in_seconds: Option<u64>,
    /// Answers that were taken over.
    pub updates: u64,
    /// Records that were left out.
    pub ignored: u64,
    /// Connections that ended, or were not made.
    pub failures: u64,
    /// Why the last of them did.
    pub last_error: Option<String>,
}

/// The stream of BGP messages, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamStatus {
    /// Where it comes from.
    pub url: String,
    /// Whether there is a connection.
    pub connected: bool,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that were not made, or that ended.
    pub failures: u64,
    /// Messages that were received. Each is applied, bad, or lost, or waits, or
    /// says nothing about routes.
    pub messages: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages for which there was no room.
    pub lost: u64,
    /// Messages that could not be read.
    pub bad: u64,
    /// Routes and states that were applied to the table.
    pub events: u64,
    /// Of them, those that were left out: from the future, or from before the
    /// table.
    pub misdated: u64,
    /// Holes: lost connections, and times without room.
    pub gaps: u64,
    /// Since when routes may be known that are gone, in seconds since 1970:
    /// until a table of a later moment is read.
    pub stale_since: Option<u32>,
    /// Tables that have filled holes.
    pub resyncs: u64,
    /// The latest event, in seconds since 1970.
    pub newest: Option<u32>,
    /// Peers of which the table knows routes.
    pub peers: u64,
    /// Why the last connection ended, or was not made.
    pub last_error: Option<String>,
}
