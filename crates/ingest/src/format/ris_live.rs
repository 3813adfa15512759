//! Messages of RIPE's RIS Live, recorded as JSON lines or fresh from the
//! stream, as events (<https://ris-live.ripe.net/manual/>).
//!
//! Each line is `{"type":"ris_message","data":{…}}`. Read are updates and the
//! states of peers; of an update the fields that RIS has decoded, not `raw`.
//! Ignored and counted: openings, keep-alives, notifications, and answers that
//! are no message (`ris_error`, `ris_rrc_list`, `pong`).
//!
//! A line that is no such JSON, or in which any number, address or prefix is
//! wrong, is bad: it gives no event at all, is counted, and the first is shown.
//! No line is fatal, however long; only a source that cannot be read is.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    io::{self, BufRead, Read as _},
    net::{IpAddr, Ipv4Addr},
    ops::ControlFlow,
};

use asgard_model::{AsPath, Asn, Prefix, SegmentKind};
use serde::Deserialize;

use super::report::{Reason, Report, Seen, Tally};
use asgard_routing::event::{
    Attributes, Community, Details, Envelope, Event, LargeCommunity, Moment,
    Nlri, OriginCode, Peer, Sink, State, What,
};

/// Longest message: an update of 64 KiB (RFC 8654) is written in hexadecimal
/// and decoded, and a prefix of one byte becomes ten characters.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Hands every event of a recording to the sink, in its order; within a
/// message first what it withdraws, then what it announces.
///
/// A row of the report is a message with events.
///
/// # Errors
/// When the source of bytes fails.
pub fn ris_live(input: &mut dyn BufRead, sink: Sink<'_>) -> io::Result<Report> {
    let mut reader = RisLive::default();
    let mut tally = Tally::default();
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let limit = MAX_MESSAGE_BYTES as u64 + 1;
        if input.take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(tally.report());
        }
        number += 1;
        if line.len() > MAX_MESSAGE_BYTES && !line.ends_with(b"\n") {
            skip_line(input)?;
            tally.see(number, &line, Err("longer than a megabyte"));
            continue;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match reader.message(text, sink) {
            Ok(Heard::Events(ControlFlow::Break(()))) => {
                tally.see(number, text, Ok(Seen::Row));
                return Ok(tally.report());
            }
            Ok(Heard::Events(ControlFlow::Continue(()))) => {
                tally.see(number, text, Ok(Seen::Row));
            }
            Ok(Heard::Nothing) => tally.see(number, text, Ok(Seen::Ignored)),
            Err(reason) => tally.see(number, text, Err(reason)),
        }
    }
}

fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It gave events; whether the sink wants more.
    Events(ControlFlow<()>),
    /// It says nothing about routes or sessions.
    Nothing,
}

/// A reader of messages, one by one.
#[derive(Debug, Default)]
pub struct RisLive {
    path: AsPath,
    lost: Vec<Prefix>,
    /// Announced prefixes, by their next hop.
    reached: Vec<(Option<IpAddr>, Vec<Prefix>)>,
}

impl RisLive {
    /// Hands the events of one message to the sink.
    ///
    /// # Errors
    /// When it is no message of RIS Live; the sink has then seen nothing.
    pub fn message(
        &mut self,
        text: &[u8],
        sink: Sink<'_>,
    ) -> Result<Heard, Reason> {
        const BROKEN: Reason = "no message of RIS Live";
        let kind: Kind<'_> =
            serde_json::from_slice(text).map_err(|_| BROKEN)?;
        if kind.kind != "ris_message" {
            return Ok(Heard::Nothing);
        }
        let message: Message<'_> =
            serde_json::from_slice(text).map_err(|_| BROKEN)?;
        let data = message.data;
        match &*data.kind {
            "UPDATE" => self.update(&data, sink),
            "RIS_PEER_STATE" => {
                let said =
                    Said { at: moment(data.timestamp)?, peer: peer(&data)? };
                Ok(Heard::Events(sink(&said.event(state(&data)?))))
            }
            _ => Ok(Heard::Nothing),
        }
    }

    fn update(
        &mut self,
        data: &Data<'_>,
        sink: Sink<'_>,
    ) -> Result<Heard, Reason> {
        let (at, peer) = (moment(data.timestamp)?, peer(data)?);
        let said = Said { at, peer };
        prefixes(&data.withdrawals, &mut self.lost)?;
        self.reached.truncate(data.announcements.len());
        self.reached.resize_with(data.announcements.len(), Default::default);
        for (announced, (hop, routes)) in
            data.announcements.iter().zip(&mut self.reached)
        {
            *hop = next_hop(&announced.next_hop)?;
            prefixes(&announced.prefixes, routes)?;
        }
        let path = data.path.as_deref().map(|hops| {
            fill(&mut self.path, hops);
            &self.path
        });
        let details = details(data)?;
        for &prefix in &self.lost {
            let route = Nlri { prefix, path_id: None };
            if sink(&said.event(What::Withdraw { route })).is_break() {
                return Ok(Heard::Events(ControlFlow::Break(())));
            }
        }
        for (hop, routes) in &self.reached {
            let details = Details { next_hop: *hop, ..details.clone() };
            let attributes = Attributes::new(path, details);
            for &prefix in routes {
                let route = Nlri { prefix, path_id: None };
                let what = What::Announce { route, attributes: &attributes };
                if sink(&said.event(what)).is_break() {
                    return Ok(Heard::Events(ControlFlow::Break(())));
                }
            }
        }
        Ok(Heard::Events(ControlFlow::Continue(())))
    }
}

/// Who said something, and when.
#[derive(Clone, Copy)]
struct Said {
    at: Moment,
    peer: Peer,
}

impl Said {
    fn event<'w>(&self, what: What<'w>) -> Event<'w> {
        let Self { at, peer } = *self;
        Event { at, envelope: Envelope::RisLive, peer, what }
    }
}

#[derive(Deserialize)]
struct Kind<'m> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'m, str>,
}

#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow)]
    data: Data<'m>,
}

#[derive(Deserialize)]
struct Data<'m> {
    timestamp: f64,
    #[serde(borrow)]
    peer: Cow<'m, str>,
    #[serde(borrow)]
    peer_asn: Number<'m>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'m, str>,
    path: Option<Vec<Hop>>,
    #[serde(borrow)]
    origin: Option<Cow<'m, str>>,
    med: Option<u32>,
    #[serde(default)]
    community: Vec<[u16; 2]>,
    #[serde(default)]
    large_community: Vec<[u32; 3]>,
    #[serde(borrow)]
    aggregator: Option<Cow<'m, str>>,
    #[serde(default)]
    atomic_aggregate: Option<bool>,
    #[serde(default, borrow)]
    announcements: Vec<Announced<'m>>,
    #[serde(default, borrow)]
    withdrawals: Vec<Cow<'m, str>>,
    #[serde(borrow)]
    state: Option<Cow<'m, str>>,
}

#[derive(Deserialize)]
struct Announced<'m> {
    #[serde(borrow)]
    next_hop: Cow<'m, str>,
    #[serde(borrow)]
    prefixes: Vec<Cow<'m, str>>,
}

/// RIS Live writes the AS number of a peer as text, and those of a path as
/// numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'m> {
    Number(u32),
    Text(#[serde(borrow)] Cow<'m, str>),
}

/// A member of a path; a set is a list inside the list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Hop {
    One(u32),
    Set(Vec<u32>),
}

fn fill(path: &mut AsPath, hops: &[Hop]) {
    path.clear();
    for hop in hops {
        match hop {
            Hop::One(asn) => path.push(SegmentKind::Sequence, [Asn(*asn)]),
            Hop::Set(asns) => {
                path.push(SegmentKind::Set, asns.iter().copied().map(Asn));
            }
        }
    }
}

/// Seconds with a fraction, rounded to microseconds.
fn moment(timestamp: f64) -> Result<Moment, Reason> {
    const MAX: f64 = 4_294_967_295.0;
    if !(0.0..MAX).contains(&timestamp) {
        return Err("timestamp out of range");
    }
    let micros = (timestamp * 1e6).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 2^32 seconds, as looked at above"
    )]
    let micros = micros as u64;
    let seconds = u32::try_from(micros / 1_000_000);
    let micros = u32::try_from(micros % 1_000_000);
    match (seconds, micros) {
        (Ok(seconds), Ok(micros)) => {
            Ok(Moment { seconds, micros: Some(micros) })
        }
        _ => Err("timestamp out of range"),
    }
}

fn peer(data: &Data<'_>) -> Result<Peer, Reason> {
    let asn = match &data.peer_asn {
        Number::Number(asn) => *asn,
        Number::Text(text) => text.parse().map_err(|_| "bad peer_asn")?,
    };
    let address = data.peer.parse().map_err(|_| "bad peer")?;
    Ok(Peer { address, asn: Asn(asn) })
}

fn state(data: &Data<'_>) -> Result<What<'static>, Reason> {
    let new = match data.state.as_deref() {
        Some("connected" | "up") => State::Established,
        Some("down") => State::Idle,
        _ => return Err("unknown state of a peer"),
    };
    Ok(What::State { old: None, new })
}

fn prefixes(
    from: &[Cow<'_, str>],
    into: &mut Vec<Prefix>,
) -> Result<(), Reason> {
    into.clear();
    for text in from {
        into.push(text.parse().map_err(|_| "bad prefix")?);
    }
    Ok(())
}

/// The global address, which comes first, and perhaps a link-local one.
fn next_hop(text: &str) -> Result<Option<IpAddr>, Reason> {
    let first = text.split(',').next().unwrap_or_default().trim();
    if first.is_empty() {
        return Ok(None);
    }
    first.parse().map(Some).map_err(|_| "bad next_hop")
}

fn details(data: &Data<'_>) -> Result<Details, Reason> {
    let origin = match data.origin.as_deref() {
        None => None,
        Some(text) if text.eq_ignore_ascii_case("igp") => Some(OriginCode::Igp),
        Some(text) if text.eq_ignore_ascii_case("egp") => Some(OriginCode::Egp),
        Some(text) if text.eq_ignore_ascii_case("incomplete") => {
            Some(OriginCode::Incomplete)
        }
        Some(_) => return Err("unknown origin"),
    };
    let community = |&[asn, value]: &[u16; 2]| {
        Community(u32::from(asn) << 16 | u32::from(value))
    };
    let large = |&[global, first, second]: &[u32; 3]| LargeCommunity {
        global,
        local: [first, second],
    };
    let aggregator = data.aggregator.as_deref().map(aggregator).transpose()?;
    Ok(Details {
        origin,
        next_hop: None,
        med: data.med,
        local_pref: None,
        communities: data.community.iter().map(community).collect(),
        large_communities: data.large_community.iter().map(large).collect(),
        aggregator,
        atomic: data.atomic_aggregate.unwrap_or(false),
        otc: None,
    })
}

/// `64496:192.0.2.1`.
fn aggregator(text: &str) -> Result<(Asn, Ipv4Addr), Reason> {
    const BAD: Reason = "bad aggregator";
    let (asn, router) = text.split_once(':').ok_or(BAD)?;
    let asn = asn.trim().parse().map_err(|_| BAD)?;
    Ok((Asn(asn), router.trim().parse().map_err(|_| BAD)?))
}

#[cfg(test)]
pub(super) use tests::fixture;
