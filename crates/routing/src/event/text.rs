//! An event as a line of `bgpdump -m`: what scripts of operators read.
//!
//! The same columns in the same order, `0` for an absent preference or metric,
//! nothing for an absent next hop or origin. Where bgpdump says something
//! wrong, this does not; `docs/BGP.md` lists where the two differ.

use asgard_model::AsPath;

use super::{
    Attributes, Details, Envelope, Event, Nlri, State, What,
    written::{address, moment, number, prefix},
};

/// Appends one line with its end.
pub fn line(event: &Event<'_>, out: &mut Vec<u8>) {
    let route = match event.what {
        What::Rib { route, .. }
        | What::Announce { route, .. }
        | What::Withdraw { route } => Some(route),
        What::State { .. } => None,
    };
    out.extend_from_slice(match event.envelope {
        Envelope::TableDump => b"TABLE_DUMP",
        Envelope::TableDumpV2 => b"TABLE_DUMP2",
        Envelope::Bgp4mp { .. } => b"BGP4MP",
        Envelope::Bgp => b"BGP",
        Envelope::RisLive => b"RIS_LIVE",
    });
    let precise = matches!(event.envelope, Envelope::Bgp4mp { .. });
    if precise && event.at.micros.is_some() {
        out.extend_from_slice(b"_ET");
    }
    if route.is_some_and(|route| route.path_id.is_some()) {
        out.extend_from_slice(b"_AP");
    }
    out.push(b'|');
    moment(out, event.at);
    out.extend_from_slice(match event.what {
        What::Rib { .. } => b"|B|",
        What::Announce { .. } => b"|A|",
        What::Withdraw { .. } => b"|W|",
        What::State { .. } => b"|STATE|",
    });
    address(out, event.peer.address);
    out.push(b'|');
    number(out, event.peer.asn.0);
    out.push(b'|');
    match event.what {
        What::Rib { route, attributes, .. }
        | What::Announce { route, attributes } => {
            nlri(out, route);
            out.push(b'|');
            known(out, attributes);
        }
        What::Withdraw { route } => nlri(out, route),
        What::State { old, new } => {
            number(out, old.map_or(0, State::code).into());
            out.push(b'|');
            number(out, new.code().into());
        }
    }
    out.push(b'\n');
}

fn nlri(out: &mut Vec<u8>, route: Nlri) {
    prefix(out, route.prefix);
    if let Some(path_id) = route.path_id {
        out.push(b'|');
        number(out, path_id);
    }
}

fn known(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    if let Some(path) = attributes.path() {
        as_path(out, path);
    }
    let details = attributes.details();
    out.push(b'|');
    out.extend_from_slice(
        details.origin.map_or("", super::OriginCode::as_str).as_bytes(),
    );
    out.push(b'|');
    if let Some(hop) = details.next_hop {
        address(out, hop);
    }
    out.push(b'|');
    number(out, details.local_pref.unwrap_or(0));
    out.push(b'|');
    number(out, details.med.unwrap_or(0));
    out.push(b'|');
    communities(out, details);
    out.extend_from_slice(if details.atomic { b"|AG|" } else { b"|NAG|" });
    if let Some((asn, router)) = details.aggregator {
        number(out, asn.0);
        out.push(b' ');
        address(out, router.into());
    }
    out.push(b'|');
}

/// As [`AsPath`] displays itself.
fn as_path(out: &mut Vec<u8>, path: &AsPath) {
    for (index, segment) in path.segments().enumerate() {
        let (open, between, close) = segment.kind.brackets();
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(open.as_bytes());
        for (index, asn) in segment.asns.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(between.as_bytes());
            }
            number(out, asn.0);
        }
        out.extend_from_slice(close.as_bytes());
    }
}

fn communities(out: &mut Vec<u8>, details: &Details) {
    for (index, community) in details.communities.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        match community.0 {
            0xffff_ff01 => out.extend_from_slice(b"no-export"),
            0xffff_ff02 => out.extend_from_slice(b"no-advertise"),
            0xffff_ff03 => out.extend_from_slice(b"local-AS"),
            _ => {
                let (asn, value) = community.parts();
                number(out, asn.into());
                out.push(b':');
                number(out, value.into());
            }
        }
    }
}
