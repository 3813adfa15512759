//! How validators and the stream of BGP messages are doing.

use asgard_model::{StreamStatus, ValidatorStatus};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment;

/// A validator that is asked over RTR (RFC 8210).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ValidatorView<'a> {
    address: &'a str,
    /// `synced`: what is known is what it knows; `lost`: it is away, and its
    /// last word is still good; `down`: it has said nothing, or its word has
    /// run out.
    #[schema(value_type = String)]
    state: &'static str,
    /// Whether validation follows it: the first of several that is good.
    in_use: bool,
    session: Option<u16>,
    serial: Option<u32>,
    vrps: u64,
    aspas: u64,
    age_seconds: Option<u64>,
    expires_in_seconds: Option<u64>,
    updates: u64,
    ignored: u64,
    failures: u64,
    last_error: Option<&'a str>,
}

impl<'a> ValidatorView<'a> {
    pub(super) fn new(status: &'a ValidatorStatus) -> Self {
        Self {
            address: &status.address,
            state: status.state.as_str(),
            in_use: status.in_use,
            session: status.serial.map(|(session, _)| session),
            serial: status.serial.map(|(_, serial)| serial),
            vrps: status.vrps,
            aspas: status.aspas,
            age_seconds: status.age_seconds,
            expires_in_seconds: status.expires_in_seconds,
            updates: status.updates,
            ignored: status.ignored,
            failures: status.failures,
            last_error: status.last_error.as_deref(),
        }
    }
}

/// The stream of BGP messages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamView<'a> {
    url: &'a str,
    connected: bool,
    connections: u64,
    failures: u64,
    messages: u64,
    waiting: u64,
    lost: u64,
    bad: u64,
    events: u64,
    misdated: u64,
    gaps: u64,
    /// Since when routes may be known that are gone, until a table of a later
    /// moment is read; null if there is no hole.
    stale_since: Option<String>,
    resyncs: u64,
    newest: Option<String>,
    peers: u64,
    last_error: Option<&'a str>,
}

impl<'a> StreamView<'a> {
    pub(super) fn new(status: &'a StreamStatus) -> Self {
        let shown = |seconds: u32| {
            Timestamp::from_second(seconds.into()).ok().map(moment::zulu)
        };
        Self {
            url: &status.url,
            connected: status.connected,
            connections: status.connections,
            failures: status.failures,
            messages: status.messages,
            waiting: status.waiting,
            lost: status.lost,
            bad: status.bad,
            events: status.events,
            misdated: status.misdated,
            gaps: status.gaps,
            stale_since: status.stale_since.and_then(shown),
            resyncs: status.resyncs,
            newest: status.newest.and_then(shown),
            peers: status.peers,
            last_error: status.last_error.as_deref(),
        }
    }
}
