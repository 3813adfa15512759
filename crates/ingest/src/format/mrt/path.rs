//! AS paths from the bytes of attributes.
//!
//! A path is in every route and has one simple form; to read it alone costs a
//! tenth of reading all attributes. Whatever is not simple (a second path, the
//! numbers of RFC 6793 in an attribute of their own, a broken segment) is left
//! to bgpkit-parser, and a test compares the two on random attributes.

use asgard_model::{AsPath, Asn, SegmentKind};
use bgpkit_parser::models::{self, AsPathSegment};

use super::attributes::{AS_TRANS, Section, Width};

/// Types of attributes (RFC 4271, 4.3; RFC 6793, 3).
const AS_PATH: u8 = 2;
const AS4_PATH: u8 = 17;
/// The length of the attribute has two bytes.
const EXTENDED: u8 = 0x10;

/// Fills `path`; whether the entry has one that can be read.
///
/// # Errors
/// When the attributes have no readable form.
pub(super) fn of_section(
    section: &Section<'_>,
    path: &mut AsPath,
) -> Result<bool, String> {
    let bytes = &section.body[section.range.0..section.range.1];
    match plain(bytes, section.width, path) {
        Found::Path => Ok(true),
        Found::Nothing => Ok(false),
        Found::Unclear => {
            let all = section.decode().map_err(|error| error.to_string())?;
            Ok(of_message(&all, path))
        }
    }
}

/// Fills `path` from attributes that bgpkit-parser has decoded; whether there
/// is one.
pub(super) fn of_message(all: &models::Attributes, path: &mut AsPath) -> bool {
    path.clear();
    match (all.as_path(), all.as4_path()) {
        (None, None) => return false,
        (Some(only), None) | (None, Some(only)) => copy(only, path),
        (Some(old), Some(_)) if aggregated_by_new(all) => copy(old, path),
        (Some(old), Some(new)) => {
            copy(&models::AsPath::merge_aspath_as4path(old, new), path);
        }
    }
    true
}

/// Whether the aggregator understands numbers of four bytes and yet both of
/// its attributes are there: then what is meant for those who do not
/// understand them is stale (RFC 6793, 4.2.3).
fn aggregated_by_new(all: &models::Attributes) -> bool {
    use models::AttributeValue::{Aggregator, As4Aggregator};
    let (mut new, mut both) = (false, false);
    for attribute in all {
        match attribute {
            Aggregator { asn, .. } => new = Asn(asn.to_u32()) != AS_TRANS,
            As4Aggregator { .. } => both = true,
            _ => {}
        }
    }
    new && both
}

fn copy(from: &models::AsPath, path: &mut AsPath) {
    for segment in &from.segments {
        let (kind, asns) = match segment {
            AsPathSegment::AsSequence(asns) => (SegmentKind::Sequence, asns),
            AsPathSegment::AsSet(asns) => (SegmentKind::Set, asns),
            AsPathSegment::ConfedSequence(asns) => {
                (SegmentKind::ConfedSequence, asns)
            }
            AsPathSegment::ConfedSet(asns) => (SegmentKind::ConfedSet, asns),
        };
        path.push(kind, asns.iter().map(|asn| Asn(asn.to_u32())));
    }
}

/// What a look at the bytes has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Path,
    Nothing,
    /// Ask bgpkit-parser.
    Unclear,
}

fn plain(mut bytes: &[u8], width: Width, path: &mut AsPath) -> Found {
    path.clear();
    let mut found = Found::Nothing;
    while let [flags, kind, length @ ..] = bytes {
        let Some((value, rest)) = value(*flags, length) else {
            return Found::Unclear;
        };
        bytes = rest;
        match *kind {
            AS_PATH => {
                let again = found == Found::Path;
                if again || !segments(value, width, path) {
                    return Found::Unclear;
                }
                found = Found::Path;
            }
            AS4_PATH => return Found::Unclear,
            _ => {}
        }
    }
    if bytes.is_empty() { found } else { Found::Unclear }
}

/// Takes the value of an attribute, which begins with its length.
fn value(flags: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = if flags & EXTENDED == 0 {
        let (&length, rest) = bytes.split_first()?;
        (length.into(), rest)
    } else {
        let (length, rest) = bytes.split_first_chunk()?;
        (u16::from_be_bytes(*length), rest)
    };
    rest.split_at_checked(length.into())
}

/// Appends the segments of a value; `false` if it is malformed.
fn segments(mut value: &[u8], width: Width, path: &mut AsPath) -> bool {
    while let [kind, count, rest @ ..] = value {
        let kind = match kind {
            1 => SegmentKind::Set,
            2 => SegmentKind::Sequence,
            3 => SegmentKind::ConfedSequence,
            4 => SegmentKind::ConfedSet,
            _ => return false,
        };
        let size = usize::from(*count) * width as usize;
        let Some((asns, rest)) = rest.split_at_checked(size) else {
            return false;
        };
        value = rest;
        match width {
            Width::Two => {
                let (asns, _) = asns.as_chunks();
                path.push(
                    kind,
                    asns.iter().map(|&b| Asn(u16::from_be_bytes(b).into())),
                );
            }
            Width::Four => {
                let (asns, _) = asns.as_chunks();
                path.push(
                    kind,
                    asns.iter().map(|&b| Asn(u32::from_be_bytes(b))),
                );
            }
        }
    }
    value.is_empty()
}

#[cfg(test)]
mod tests {
    use asgard_model::Prefix;
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::format::mrt::fixture::{attribute, path};

    /// Attributes that may be wrong in any way, paths above all.
    fn section(width: usize) -> impl Strategy<Value = Vec<u8>> {
        let asns = prop::collection::vec(any::<u32>(), 0..5);
        let segment = (0_u8..6, asns);
        let segments = prop::collection::vec(segment, 0..4);
        let kind = prop_oneof![6 => Just(2_u8), 1 => Just(17_u8)];
        let paths = (kind, segments).prop_map(move |(kind, segments)| {
            let segments: Vec<(u8, &[u32])> = segments
                .iter()
                .map(|(kind, asns)| (*kind, &asns[..]))
                .collect();
            path(kind, width, &segments)
        });
        let bytes = prop::collection::vec(any::<u8>(), 0..9);
        let others = (any::<u8>(), any::<u8>(), bytes)
            .prop_map(|(flags, kind, value)| attribute(flags, kind, &value));
        let wrong = (any::<prop::sample::Index>(), any::<u8>());
        let damage = prop::option::weighted(0.3, wrong);
        let parts = prop::collection::vec(prop_oneof![paths, others], 0..5);
        (parts, damage).prop_map(|(parts, damage)| {
            let mut bytes = parts.concat();
            if let Some((at, byte)) = damage
                && !bytes.is_empty()
            {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
    }

    fn check(bytes: Vec<u8>, width: Width) {
        let body = Bytes::from(bytes);
        let prefix = Prefix::V4(20 << 24, 8);
        let range = (0, body.len());
        let section =
            Section { body: &body, range, prefix, width, add_path: false };
        let (mut ours, mut theirs) = (AsPath::default(), AsPath::default());
        // What an earlier route left behind must not show.
        ours.push(SegmentKind::Set, [Asn(1)]);
        match (of_section(&section, &mut ours), section.decode()) {
            (Ok(found), Ok(all)) => {
                assert_eq!(found, of_message(&all, &mut theirs));
                if found {
                    assert_eq!(ours, theirs);
                }
            }
            (ours, theirs) => {
                assert_eq!(ours.is_err(), theirs.is_err());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn paths_of_two_bytes_equal_those_of_bgpkit(bytes in section(2)) {
            check(bytes, Width::Two);
        }

        #[test]
        fn paths_of_four_bytes_equal_those_of_bgpkit(bytes in section(4)) {
            check(bytes, Width::Four);
        }
    }
}
