//! What BGP says, one route at a time: the events that every reader gives and
//! every detector takes.
//!
//! An [`Event`] borrows from its reader and allocates nothing. The AS path is
//! at hand; all other attributes are decoded when somebody asks for them, once
//! for all prefixes of a message ([`Attributes`]). `text` and `json` write
//! events down.
//!
//! Not here: other families than unicast IPv4 and IPv6 (multicast, labels, VPN,
//! EVPN, link state), extended communities, and everything that is between
//! routers alone (open, keep-alive, notification, route refresh).

mod attributes;
pub mod json;
pub mod text;
mod written;

use std::{net::IpAddr, ops::ControlFlow};

use asgard_model::{Asn, Prefix};

pub use attributes::{
    Attributes, Community, Details, LargeCommunity, OriginCode, Undecoded,
};

/// Receives events; `Break` ends the reading.
pub type Sink<'s> = &'s mut dyn FnMut(&Event<'_>) -> ControlFlow<()>;

/// One thing that one peer said at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// When it was recorded.
    pub at: Moment,
    /// In what it was recorded.
    pub envelope: Envelope,
    /// Who said it.
    pub peer: Peer,
    /// What was said.
    pub what: What<'e>,
}

/// A moment of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: u32,
    /// Microseconds, 0 to 999,999, where the record has them.
    pub micros: Option<u32>,
}

/// In what an event was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `TABLE_DUMP` (RFC 6396, 4.2).
    TableDump,
    /// `TABLE_DUMP_V2` (RFC 6396, 4.3; RFC 8050).
    TableDumpV2,
    /// `BGP4MP` and `BGP4MP_ET` (RFC 6396, 4.4 and 4.5; RFC 8050).
    Bgp4mp {
        /// The collector itself sent the message, to this peer.
        local: bool,
    },
    /// Type 5 of MRT, of before 2001 (RFC 6396, B.2.1).
    Bgp,
    /// A JSON message of RIPE's RIS Live.
    RisLive,
}

/// A neighbour of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The address of its end of the session.
    pub address: IpAddr,
    /// Its AS number.
    pub asn: Asn,
}

/// What a peer said.
#[derive(Clone, Copy, Debug)]
pub enum What<'e> {
    /// A route that the peer had when the table was dumped.
    Rib {
        /// Where the route leads.
        route: Nlri,
        /// When the collector learnt it, in seconds since 1970.
        originated: u32,
        /// What is known about it.
        attributes: &'e Attributes<'e>,
    },
    /// From now on the route is this one.
    Announce {
        /// Where the route leads.
        route: Nlri,
        /// What is known about it, shared by all routes of the message.
        attributes: &'e Attributes<'e>,
    },
    /// From now on the peer has no such route.
    Withdraw {
        /// Where the route led.
        route: Nlri,
    },
    /// The session with the peer changed; unless it stays established, all its
    /// routes are gone.
    State {
        /// What it was; RIS Live does not say.
        old: Option<State>,
        /// What it is.
        new: State,
    },
}

/// Where a route leads (RFC 4271, 4.3), and which of several it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nlri {
    /// The prefix; bits behind its length are dropped.
    pub prefix: Prefix,
    /// Which of several routes of one peer (RFC 7911).
    pub path_id: Option<u32>,
}

/// A state of a session (RFC 4271, 8.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No session, none is tried.
    Idle = 1,
    /// Waits for its own TCP connection.
    Connect = 2,
    /// Waits for that of the peer.
    Active = 3,
    /// Has introduced itself.
    OpenSent = 4,
    /// Was introduced to the peer.
    OpenConfirm = 5,
    /// Routes are exchanged.
    Established = 6,
    /// Of Quagga: the end of a session.
    Clearing = 7,
    /// Of Quagga: the peer is removed.
    Deleted = 8,
}

impl State {
    /// The number of the state in MRT (RFC 6396, 4.4.1).
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name of the state, as in RFC 4271.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connect => "connect",
            Self::Active => "active",
            Self::OpenSent => "open_sent",
            Self::OpenConfirm => "open_confirm",
            Self::Established => "established",
            Self::Clearing => "clearing",
            Self::Deleted => "deleted",
        }
    }
}
