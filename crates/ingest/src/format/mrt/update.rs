//! Messages and states: `BGP4MP`, `BGP4MP_ET` and type 5, decoded by
//! bgpkit-parser.

use std::{net::IpAddr, ops::ControlFlow};

use asgard_model::{AsPath, Asn, Prefix};
use bgpkit_parser::{
    RawMrtRecord,
    error::BgpValidationWarning,
    models::{
        self, Afi, AttributeValue, Bgp4MpEnum, BgpMessage, BgpState,
        BgpUpdateMessage, LegacyBgp, MrtMessage, NetworkPrefix, Safi,
    },
    utils::ReadUtils,
};
use bytes::Bytes;

use super::attributes::Message;
use super::{Reader, path, plain};
use asgard_routing::event::{
    Attributes, Envelope, Event, Moment, Nlri, Peer, State, What,
};

/// Who said something, and when.
#[derive(Clone, Copy)]
struct Said {
    at: Moment,
    envelope: Envelope,
    peer: Peer,
}

impl Said {
    fn event<'w>(&self, what: What<'w>) -> Event<'w> {
        let Self { at, envelope, peer } = *self;
        Event { at, envelope, peer, what }
    }
}

fn peer(address: IpAddr, asn: models::Asn) -> Peer {
    Peer { address, asn: Asn(asn.to_u32()) }
}

impl Reader<'_> {
    pub(super) fn message(
        &mut self,
        at: Moment,
        record: RawMrtRecord,
    ) -> ControlFlow<()> {
        let message = match record.parse() {
            Ok(record) => record.message,
            Err(error) => {
                self.unreadable(&error.to_string());
                return ControlFlow::Continue(());
            }
        };
        match message {
            MrtMessage::Bgp4Mp(Bgp4MpEnum::StateChange(change)) => {
                let envelope = Envelope::Bgp4mp { local: false };
                let peer = peer(change.peer_ip, change.peer_asn);
                let what = states(change.old_state, change.new_state);
                self.hand_on(&Said { at, envelope, peer }.event(what))
            }
            MrtMessage::Bgp4Mp(Bgp4MpEnum::Message(message)) => {
                let envelope = Envelope::Bgp4mp { local: message.is_local() };
                let peer = peer(message.peer_ip, message.peer_asn);
                self.bgp(Said { at, envelope, peer }, &message.bgp_message)
            }
            MrtMessage::LegacyBgp(LegacyBgp::StateChange(change)) => {
                let envelope = Envelope::Bgp;
                let peer = peer(change.peer_ip, change.peer_asn);
                let what = states(change.old_state, change.new_state);
                self.hand_on(&Said { at, envelope, peer }.event(what))
            }
            MrtMessage::LegacyBgp(LegacyBgp::Message(message)) => {
                let envelope = Envelope::Bgp;
                let peer = peer(message.peer_ip, message.peer_asn);
                self.bgp(Said { at, envelope, peer }, &message.bgp_message)
            }
            _ => self.unsupported(),
        }
    }

    /// Messages other than updates say nothing of routes.
    fn bgp(&mut self, said: Said, message: &BgpMessage) -> ControlFlow<()> {
        match message {
            BgpMessage::Update(update) => self.update(said, update),
            _ => ControlFlow::Continue(()),
        }
    }

    fn hand_on(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        self.summary.events += 1;
        (self.sink)(event)
    }

    /// What it withdraws comes first: a prefix in both lists is announced
    /// (RFC 4271, 4.3).
    fn update(
        &mut self,
        said: Said,
        update: &BgpUpdateMessage,
    ) -> ControlFlow<()> {
        let all = &update.attributes;
        if let Some(why) = unreadable_routes(all) {
            self.unreadable(why);
        }
        let mut rescued = [Vec::new(), Vec::new()];
        for warning in all.validation_warnings() {
            if let BgpValidationWarning::MalformedNlri {
                nlri_type,
                reason,
                raw_bytes,
            } = warning
            {
                let why = plain(reason);
                self.unreadable(&format!("{nlri_type} routes: {why}"));
                let announced = usize::from(*nlri_type == "announced");
                rescued[announced] = rescue(raw_bytes);
            }
        }
        let withdrawn = update.withdrawn_prefixes.iter().chain(&rescued[0]);
        let lost = unicast(all.get_unreachable_nlri());
        for route in withdrawn.chain(lost).filter_map(nlri) {
            self.hand_on(&said.event(What::Withdraw { route }))?;
        }
        let classic = if rescued[1].is_empty() {
            &update.announced_prefixes
        } else {
            &rescued[1]
        };
        let reached = unicast(all.get_reachable_nlri());
        if classic.is_empty() && reached.is_empty() {
            return ControlFlow::Continue(());
        }
        // The path moves out, so that `self` can count meanwhile.
        let mut own = std::mem::take(&mut self.path);
        let path = path::of_message(all, &mut own).then_some(&own);
        let flow = self.announce(said, all, path, [classic, reached]);
        self.path = own;
        flow
    }

    fn announce(
        &mut self,
        said: Said,
        all: &models::Attributes,
        path: Option<&AsPath>,
        routes: [&[NetworkPrefix]; 2],
    ) -> ControlFlow<()> {
        for (routes, multiprotocol) in routes.into_iter().zip([false, true]) {
            let message = Message { all, multiprotocol };
            let attributes = Attributes::lazy(path, &message);
            for route in routes.iter().filter_map(nlri) {
                let attributes = &attributes;
                let what = What::Announce { route, attributes };
                self.hand_on(&said.event(what))?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn unicast(nlri: Option<&models::Nlri>) -> &[NetworkPrefix] {
    let nlri = nlri.filter(|nlri| nlri.safi == Safi::Unicast);
    nlri.map_or(&[], |nlri| &nlri.prefixes)
}

/// Unicast routes of IPv4 or IPv6 in an attribute that cannot be read; those of
/// other families are nobody's loss.
fn unreadable_routes(all: &models::Attributes) -> Option<&'static str> {
    all.into_iter().find_map(|attribute| match attribute {
        AttributeValue::Raw(raw) => match (raw.code, &raw.bytes[..]) {
            (14, [0, 1 | 2, 1, ..]) => Some("MP_REACH_NLRI is malformed"),
            (15, [0, 1 | 2, 1, ..]) => Some("MP_UNREACH_NLRI is malformed"),
            _ => None,
        },
        _ => None,
    })
}

/// The routes before the first that is malformed; of such a list bgpkit-parser
/// gives nothing.
///
/// A list that begins with 0 may be one with path ids, whether its record says
/// so or not, and read without them it would be full of default routes: it is
/// lost.
fn rescue(list: &[u8]) -> Vec<NetworkPrefix> {
    if list.first() == Some(&0) {
        return Vec::new();
    }
    let mut rest = Bytes::copy_from_slice(list);
    std::iter::from_fn(|| rest.read_nlri_prefix(&Afi::Ipv4, false).ok())
        .collect()
}

fn nlri(from: &NetworkPrefix) -> Option<Nlri> {
    let net = from.prefix;
    // None is longer than its family allows: bgpkit-parser has looked.
    let prefix = Prefix::new(net.addr(), net.prefix_len())?;
    Some(Nlri { prefix, path_id: from.path_id })
}

fn states(old: BgpState, new: BgpState) -> What<'static> {
    What::State { old: Some(state(old)), new: state(new) }
}

fn state(state: BgpState) -> State {
    match state {
        BgpState::Idle => State::Idle,
        BgpState::Connect => State::Connect,
        BgpState::Active => State::Active,
        BgpState::OpenSent => State::OpenSent,
        BgpState::OpenConfirm => State::OpenConfirm,
        BgpState::Established => State::Established,
        BgpState::Clearing => State::Clearing,
        BgpState::Deleted => State::Deleted,
    }
}
