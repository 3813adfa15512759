//! STIX 2.1 indicators, as a bundle and as pages of a TAXII 2.1 collection.
//!
//! Identifiers are UUIDs of version 5 from organisation and pattern: the same
//! block is the same object in every poll. (Namespaces of the standard are for
//! cyber-observable objects only, so ours is our own.)

use asgard_model::Prefix;
use uuid::Uuid;

use super::{
    job::{Job, Written},
    text::{Text, is_host},
};
use crate::feed::entry::{Listing, Span};

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
    Objects::new(listing).write_all(&mut out);
    out.push("\n]}\n");
    job.done(out)
}

/// Which objects of a collection a client wants (TAXII 2.1, section 3.4). An
/// empty list wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `indicator--…`, `identity--…`
    pub ids: Vec<String>,
    /// `indicator`, `identity`
    pub types: Vec<String>,
}

/// What a page says about each object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The object (TAXII 2.1, section 3.7).
    Object,
    /// When it was added, and its version (section 5.6).
    Manifest,
    /// Its version alone (section 5.8).
    Version,
}

/// One page of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// JSON: `{"more", "next"?, "objects" or "versions"}`.
    pub bytes: Vec<u8>,
    /// How many objects it has.
    pub count: usize,
}

/// One page of a collection: wanted objects from the `start`th of all on, at
/// most `limit`.
///
/// `token` makes the `next` of a following page from the number at which it
/// starts. Lines that are ranges are left out. Source: TAXII 2.1, sections 3.4
/// and 5.
pub fn page(
    listing: &Listing,
    wanted: &Wanted,
    detail: Detail,
    start: usize,
    limit: usize,
    token: impl Fn(usize) -> String,
) -> Page {
    let objects = Objects::new(listing);
    let mut body = Text::default();
    let (mut count, mut next) = (0, None);
    for index in start..objects.len() {
        let Some(object) = objects.at(index) else { continue };
        if !wanted.takes(&objects, &object) {
            continue;
        }
        if count == limit {
            next = Some(index);
            break;
        }
        body.push(if count == 0 { "" } else { ",\n" });
        objects.tell(&mut body, &object, detail);
        count += 1;
    }
    let mut out = Text::default();
    out.push("{\"more\":");
    match next {
        None => out.push("false"),
        Some(index) => {
            out.push("true,\"next\":\"").push(&token(index)).push("\"")
        }
    };
    let name = match detail {
        Detail::Object | Detail::Manifest => "objects",
        Detail::Version => "versions",
    };
    out.push(",\"").push(name).push("\":[\n");
    let mut bytes = out.into_bytes();
    bytes.extend(body.into_bytes());
    bytes.extend_from_slice(b"\n]}\n");
    Page { bytes, count }
}

impl Wanted {
    fn takes(&self, objects: &Objects<'_>, object: &Object) -> bool {
        let kind = object.kind();
        let of_type = self.types.is_empty()
            || self.types.iter().any(|wanted| wanted == kind);
        let named = || {
            let id = objects.id(object);
            self.ids.iter().any(|wanted| {
                wanted.strip_prefix(kind).and_then(|id| id.strip_prefix("--"))
                    == Some(&id)
            })
        };
        of_type && (self.ids.is_empty() || named())
    }
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

/// One object of a collection.
enum Object {
    Identity,
    Indicator(String, Option<jiff::Timestamp>),
}

impl Object {
    fn kind(&self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Indicator(..) => "indicator",
        }
    }
}

impl<'a> Objects<'a> {
    fn new(listing: &'a Listing) -> Self {
        let mut built = Text::default();
        built.millis(listing.built_at);
        let built = String::from_utf8_lossy(&built.into_bytes()).into_owned();
        Self { listing, identity: id(listing, "identity"), built }
    }

    /// One more than the number of the last object.
    fn len(&self) -> usize {
        1 + self.listing.lines.len() + self.listing.asns.len()
    }

    /// The object of a number; `None` for a line that is a range.
    fn at(&self, index: usize) -> Option<Object> {
        let Some(line) = index.checked_sub(1) else {
            return Some(Object::Identity);
        };
        let lines = &self.listing.lines;
        if let Some(line) = lines.get(line) {
            let Span::Prefix(prefix) = line.span else { return None };
            let end = line.cause.expires_at;
            return Some(Object::Indicator(pattern(prefix), end));
        }
        let asn = self.listing.asns.get(line - lines.len())?;
        let pattern = format!("[autonomous-system:number = {}]", asn.0);
        Some(Object::Indicator(pattern, None))
    }

    fn id(&self, object: &Object) -> String {
        match object {
            Object::Identity => self.identity.clone(),
            Object::Indicator(pattern, _) => id(self.listing, pattern),
        }
    }

    fn write_all(&self, out: &mut Text) {
        for (n, object) in
            (0..self.len()).filter_map(|n| self.at(n)).enumerate()
        {
            out.push(if n == 0 { "" } else { ",\n" });
            self.tell(out, &object, Detail::Object);
        }
    }

    fn tell(&self, out: &mut Text, object: &Object, detail: Detail) {
        match (detail, object) {
            (Detail::Object, Object::Identity) => self.identity(out),
            (Detail::Object, Object::Indicator(pattern, end)) => {
                self.indicator(out, pattern, *end);
            }
            (Detail::Manifest, object) => {
                out.push("{\"id\":\"").push(object.kind()).push("--");
                out.push(&self.id(object)).push("\",\"date_added\":\"");
                out.push(&self.built).push("\",\"version\":\"");
                out.push(&self.built).push("\",\"media_type\":");
                out.push("\"application/stix+json;version=2.1\"}");
            }
            (Detail::Version, _) => {
                out.push("\"").push(&self.built).push("\"");
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use asgard_model::Asn;

    use super::*;
    use crate::feed::entry::{Cause, Line, Origin};

    fn listing() -> Listing {
        let line = |text: &str| Line {
            span: Span::Prefix(text.parse().unwrap()),
            cause: Arc::new(Cause::new(Origin::Ip)),
        };
        Listing {
            lines: vec![line("1.0.0.0/24"), line("1.0.1.7/32")],
            asns: vec![Asn(174)],
            version: 3,
            serial: 9,
            built_at: jiff::Timestamp::from_second(1_774_778_400).unwrap(),
            org: "acme".into(),
        }
    }

    fn read(
        wanted: &Wanted,
        detail: Detail,
        start: usize,
        limit: usize,
    ) -> serde_json::Value {
        let page = page(&listing(), wanted, detail, start, limit, |n| {
            format!("3.9.{n}")
        });
        let json: serde_json::Value =
            serde_json::from_slice(&page.bytes).unwrap();
        let name = match detail {
            Detail::Version => "versions",
            _ => "objects",
        };
        assert_eq!(json[name].as_array().unwrap().len(), page.count);
        json
    }

    #[test]
    fn pages_follow_each_other_without_gap_and_end() {
        let wanted = Wanted::default();
        let first = read(&wanted, Detail::Object, 0, 3);
        assert_eq!(first["more"], true);
        assert_eq!(first["next"], "3.9.3");
        assert_eq!(first["objects"][0]["type"], "identity");
        assert_eq!(
            first["objects"][2]["pattern"],
            "[ipv4-addr:value = '1.0.1.7']"
        );
        let last = read(&wanted, Detail::Object, 3, 3);
        assert_eq!(last["more"], false);
        assert_eq!(last.get("next"), None);
        assert_eq!(
            last["objects"][0]["pattern"],
            "[autonomous-system:number = 174]"
        );
        let exact = read(&wanted, Detail::Object, 0, 4);
        assert_eq!(exact["more"], false, "nothing is left");
    }

    #[test]
    fn objects_are_found_by_type_and_by_id_and_no_others() {
        let types = vec!["indicator".to_owned()];
        let wanted = Wanted { types, ..Wanted::default() };
        let indicators = read(&wanted, Detail::Manifest, 0, 9);
        let objects = indicators["objects"].as_array().unwrap();
        assert_eq!(objects.len(), 3);
        let id = objects[1]["id"].as_str().unwrap().to_owned();
        let wanted = Wanted { ids: vec![id.clone()], ..Wanted::default() };
        let one = read(&wanted, Detail::Object, 0, 9);
        assert_eq!(one["objects"][0]["id"], id);
        assert_eq!(one["objects"].as_array().unwrap().len(), 1);
        let versions = read(&wanted, Detail::Version, 0, 9);
        assert_eq!(versions["versions"][0], objects[1]["version"]);
        let other = id.replace("indicator--", "identity--");
        let wanted = Wanted { ids: vec![other], ..Wanted::default() };
        let none = read(&wanted, Detail::Object, 0, 9);
        assert_eq!(none["objects"], serde_json::json!([]));
    }
}
