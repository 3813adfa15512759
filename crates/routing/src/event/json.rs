//! An event as a line of JSON: everything that is known, nothing that is not.
//!
//! Absent attributes are absent keys. A path is a list of numbers, as RIS Live
//! writes it; a set is a list inside, and what belongs to a confederation an
//! object that says so. `time` keeps its six digits of microseconds.

use asgard_model::{AsPath, SegmentKind};

use super::{
    Details, Envelope, Event, Nlri, State, What,
    written::{address, moment, number, prefix},
};

/// Appends one line with its end.
pub fn line(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(match event.what {
        What::Rib { .. } => b"{\"type\":\"rib\"",
        What::Announce { .. } => b"{\"type\":\"announce\"",
        What::Withdraw { .. } => b"{\"type\":\"withdraw\"",
        What::State { .. } => b"{\"type\":\"state\"",
    });
    key(out, "time");
    moment(out, event.at);
    key(out, "peer");
    quoted(out, |out| address(out, event.peer.address));
    key(out, "peer_asn");
    number(out, event.peer.asn.0);
    if event.envelope == (Envelope::Bgp4mp { local: true }) {
        key(out, "local");
        out.extend_from_slice(b"true");
    }
    match event.what {
        What::Rib { route, originated, attributes } => {
            nlri(out, route);
            key(out, "originated");
            number(out, originated);
            path(out, attributes.path());
            details(out, attributes.details());
        }
        What::Announce { route, attributes } => {
            nlri(out, route);
            path(out, attributes.path());
            details(out, attributes.details());
        }
        What::Withdraw { route } => nlri(out, route),
        What::State { old, new } => {
            if let Some(old) = old {
                state(out, "old_state", old);
            }
            state(out, "new_state", new);
        }
    }
    out.extend_from_slice(b"}\n");
}

/// Every key but the first; names of ours need no escapes.
fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn quoted(out: &mut Vec<u8>, text: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    text(out);
    out.push(b'"');
}

fn list<T>(
    out: &mut Vec<u8>,
    all: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, one) in all.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(out, one);
    }
    out.push(b']');
}

fn nlri(out: &mut Vec<u8>, route: Nlri) {
    key(out, "prefix");
    quoted(out, |out| prefix(out, route.prefix));
    optional(out, "path_id", route.path_id);
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<u32>) {
    if let Some(value) = value {
        key(out, name);
        number(out, value);
    }
}

fn state(out: &mut Vec<u8>, name: &str, state: State) {
    key(out, name);
    quoted(out, |out| out.extend_from_slice(state.name().as_bytes()));
}

fn path(out: &mut Vec<u8>, path: Option<&AsPath>) {
    let Some(path) = path else {
        return;
    };
    key(out, "path");
    list(out, path.segments(), |out, segment| {
        let (before, after): (&[u8], &[u8]) = match segment.kind {
            SegmentKind::Sequence => (b"", b""),
            SegmentKind::Set => (b"[", b"]"),
            SegmentKind::ConfedSequence => (b"{\"confed_sequence\":[", b"]}"),
            SegmentKind::ConfedSet => (b"{\"confed_set\":[", b"]}"),
        };
        out.extend_from_slice(before);
        for (index, asn) in segment.asns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            number(out, asn.0);
        }
        out.extend_from_slice(after);
    });
}

fn details(out: &mut Vec<u8>, details: &Details) {
    if let Some(origin) = details.origin {
        key(out, "origin");
        quoted(out, |out| out.extend_from_slice(origin.as_str().as_bytes()));
    }
    if let Some(hop) = details.next_hop {
        key(out, "next_hop");
        quoted(out, |out| address(out, hop));
    }
    optional(out, "local_pref", details.local_pref);
    optional(out, "med", details.med);
    if !details.communities.is_empty() {
        key(out, "communities");
        list(out, &details.communities, |out, community| {
            let (asn, value) = community.parts();
            numbers(out, [asn.into(), value.into()]);
        });
    }
    if !details.large_communities.is_empty() {
        key(out, "large_communities");
        list(out, &details.large_communities, |out, community| {
            let [first, second] = community.local;
            numbers(out, [community.global, first, second]);
        });
    }
    if let Some((asn, router)) = details.aggregator {
        key(out, "aggregator");
        out.extend_from_slice(b"{\"asn\":");
        number(out, asn.0);
        key(out, "router");
        quoted(out, |out| address(out, router.into()));
        out.push(b'}');
    }
    if details.atomic {
        key(out, "atomic");
        out.extend_from_slice(b"true");
    }
    optional(out, "otc", details.otc.map(|asn| asn.0));
}

/// Joined by colons, in quotes.
fn numbers<const N: usize>(out: &mut Vec<u8>, all: [u32; N]) {
    quoted(out, |out| {
        for (index, one) in all.into_iter().enumerate() {
            if index > 0 {
                out.push(b':');
            }
            number(out, one);
        }
    });
}
