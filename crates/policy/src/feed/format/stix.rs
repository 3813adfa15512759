//! STIX 2.1 indicators, as a bundle and as the envelope of a TAXII 2.1 answer.
//!
//! Identifiers are UUIDs of version 5 from organisation and pattern: the same
//! block is the same object in every poll. (Namespaces of the standard are for
//! cyber-observable objects only, so ours is our own.)

use uuid::Uuid;

use super::{
    job::{Job, Written},
    text::{Text, is_host},
};
use crate::feed::entry::Listing;
use asgard_model::Prefix;

/// The namespace of our identifiers: made once, never changed.
const NAMESPACE: Uuid =
    Uuid::from_u128(0x6f0c_4d3e_92b7_4d1a_8f58_2a71_c9e0_b5d4);

/// Content type of a TAXII 2.1 answer.
pub const TAXII: &str = "application/taxii+json;version=2.1";

/// A bundle: the identity of the organisation, then the indicators.
pub(super) fn bundle(job: &Job<'_>) -> Written {
    let mut out = job.text(420);
    let listing = job.listing;
    let name = format!("bundle {} {}", listing.version, listing.serial);
    out.push("{\"type\":\"bundle\",\"id\":\"bundle--");
    out.push(&id(listing, &name)).push("\",\"objects\":[\n");
    Objects::new(listing).write(&mut out, 0, usize::MAX);
    out.push("\n]}\n");
    job.done(out)
}

/// How many objects [`envelope`] pages through.
pub fn object_count(listing: &Listing) -> usize {
    1 + listing.lines.len() + listing.asns.len()
}

/// One page of a TAXII collection: objects from `start`, at most `limit`, with
/// `next` when there are more. Lines that are ranges are left out.
/// Source: TAXII 2.1, section 3.7.
pub fn envelope(listing: &Listing, start: usize, limit: usize) -> Vec<u8> {
    let mut out = Text::default();
    let end = start.saturating_add(limit);
    let more = end < object_count(listing);
    out.push("{\"more\":").push(if more { "true" } else { "false" });
    if more {
        out.push(",\"next\":\"").number(end as u64).push("\"");
    }
    out.push(",\"objects\":[\n");
    Objects::new(listing).write(&mut out, start, limit);
    out.push("\n]}\n");
    out.into_bytes()
}

fn id(listing: &Listing, name: &str) -> String {
    let seed = format!("{}\n{name}", listing.org);
    Uuid::new_v5(&NAMESPACE, seed.as_bytes()).to_string()
}

struct Objects<'a> {
    listing: &'a Listing,
    identity: String,
    built: String,
}

impl<'a> Objects<'a> {
    fn new(listing: &'a Listing) -> Self {
        let mut built = Text::default();
        built.millis(listing.built_at);
        let built = String::from_utf8_lossy(&built.into_bytes()).into_owned();
        Self { listing, identity: id(listing, "identity"), built }
    }

    fn write(&self, out: &mut Text, start: usize, limit: usize) {
        let lines = self.listing.lines.len();
        let end = start.saturating_add(limit).min(object_count(self.listing));
        let mut first = true;
        let mut next = |out: &mut Text| {
            out.push(if first { "" } else { ",\n" });
            first = false;
        };
        for index in start..end {
            if index == 0 {
                next(out);
                self.identity(out);
            } else if let Some(line) = self.listing.lines.get(index - 1) {
                let super::super::entry::Span::Prefix(prefix) = line.span
                else {
                    continue;
                };
                next(out);
                self.indicator(out, &pattern(prefix), line.cause.expires_at);
            } else {
                let asn = self.listing.asns[index - 1 - lines];
                let pattern = format!("[autonomous-system:number = {}]", asn.0);
                next(out);
                self.indicator(out, &pattern, None);
            }
        }
    }

    fn identity(&self, out: &mut Text) {
        out.push("{\"type\":\"identity\",\"spec_version\":\"2.1\",\"id\":");
        out.push("\"identity--").push(&self.identity);
        out.push("\",\"created\":\"").push(&self.built);
        out.push("\",\"modified\":\"").push(&self.built);
        out.push("\",\"name\":\"asgard\",\"identity_class\":\"system\"}");
    }

    fn indicator(
        &self,
        out: &mut Text,
        pattern: &str,
        expires_at: Option<jiff::Timestamp>,
    ) {
        out.push("{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":");
        out.push("\"indicator--").push(&id(self.listing, pattern));
        out.push("\",\"created_by_ref\":\"identity--").push(&self.identity);
        out.push("\",\"created\":\"").push(&self.built);
        out.push("\",\"modified\":\"").push(&self.built);
        out.push("\",\"indicator_types\":[\"malicious-activity\"]");
        out.push(",\"pattern\":\"").push(pattern);
        out.push("\",\"pattern_type\":\"stix\",\"valid_from\":\"");
        out.push(&self.built).push("\"");
        // The standard wants an end after the beginning.
        if let Some(end) = expires_at.filter(|end| *end > self.listing.built_at)
        {
            out.push(",\"valid_until\":\"").millis(end).push("\"");
        }
        out.push("}");
    }
}

fn pattern(prefix: Prefix) -> String {
    let kind = if prefix.is_v4() { "ipv4-addr" } else { "ipv6-addr" };
    if is_host(prefix) {
        format!("[{kind}:value = '{}']", prefix.network())
    } else {
        format!("[{kind}:value ISSUBSET '{prefix}']")
    }
}
