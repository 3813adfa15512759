//! Entries → lines: restricted, merged, as prefixes or ranges.

use std::sync::Arc;

use asgard_model::{
    Prefix,
    prefix::{mask4, mask6},
};

use super::{Family, FeedParams, Translation};
use crate::{
    AddressSet,
    feed::{
        entry::{Cause, Entry, Line, Range, Span},
        guard::shield::special,
    },
    space::split_prefix,
};

/// Drops what the parameters do not want.
pub(super) fn restrict(entries: &mut Vec<Entry>, params: &FeedParams) {
    let family = |prefix: Prefix| match params.family {
        Family::Both => true,
        Family::V4 => prefix.is_v4(),
        Family::V6 => !prefix.is_v4(),
    };
    let long_enough = |prefix: Prefix| {
        let shortest = match prefix.is_v4() {
            true => params.min_prefix4,
            false => params.min_prefix6,
        };
        shortest.is_none_or(|shortest| prefix.len() >= shortest)
    };
    entries.retain(|e| family(e.prefix) && long_enough(e.prefix));
    if params.exclude_private {
        let special = special();
        let whole = std::mem::take(entries);
        entries.extend(whole.into_iter().flat_map(|entry| {
            let rest: Vec<Prefix> =
                split_prefix(entry.prefix, special.view()).collect();
            rest.into_iter().map(move |prefix| Entry {
                prefix,
                cause: Arc::clone(&entry.cause),
            })
        }));
        // Pieces of overlapping entries may be equal, or out of order.
        entries.sort_by_key(|e| (e.prefix, e.cause.rank()));
        entries.dedup_by_key(|entry| entry.prefix);
    }
}

/// Entries as they are.
pub(super) fn plain(entries: &[Entry]) -> Vec<Line> {
    entries.iter().cloned().map(Line::from).collect()
}

/// Entries merged without loss: neighbours joined, contained ones dropped.
/// No prefix becomes shorter than allowed.
pub(super) fn merged(
    entries: &[Entry],
    tr: Translation,
    shortest: [u8; 2],
) -> Vec<Line> {
    let set = AddressSet::from_prefixes(entries.iter().map(|e| e.prefix));
    let spans = match tr {
        Translation::Ranges => ranges(&set),
        Translation::None | Translation::Prefixes => prefixes(&set, shortest),
    };
    with_causes(spans, entries)
}

/// The spans of a set that holds all entries, each with the worst of the causes
/// in it. Spans are ascending and disjoint, entries ascending.
pub(super) fn with_causes(spans: Vec<Span>, entries: &[Entry]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(spans.len());
    let mut rest = entries.iter().peekable();
    // An entry that is cut into several spans gives its cause to each.
    let mut open: Option<&Entry> = None;
    for span in spans {
        let (_, last) = bounds(span);
        let mut cause: Option<&Arc<Cause>> = open
            .filter(|entry| overlaps(entry.prefix, span))
            .map(|entry| &entry.cause);
        while let Some(entry) =
            rest.next_if(|entry| first_of(entry.prefix) <= last)
        {
            if !overlaps(entry.prefix, span) {
                continue;
            }
            let worse = cause.is_none_or(|c| entry.cause.rank() < c.rank());
            if worse {
                cause = Some(&entry.cause);
            }
            if open.is_none_or(|o| last_of(entry.prefix) > last_of(o.prefix)) {
                open = Some(entry);
            }
        }
        if let Some(cause) = cause {
            lines.push(Line { span, cause: Arc::clone(cause) });
        }
    }
    lines
}

/// A place in the order of the feeds: family, then address.
type Place = (bool, u128);

fn first_of(prefix: Prefix) -> Place {
    match prefix {
        Prefix::V4(bits, _) => (false, u128::from(bits)),
        Prefix::V6(bits, _) => (true, bits),
    }
}

fn last_of(prefix: Prefix) -> Place {
    match prefix {
        Prefix::V4(bits, len) => (false, u128::from(bits | !mask4(len))),
        Prefix::V6(bits, len) => (true, bits | !mask6(len)),
    }
}

pub(super) fn bounds(span: Span) -> (Place, Place) {
    match span.range() {
        Range::V4(a, b) => ((false, u128::from(a)), (false, u128::from(b))),
        Range::V6(a, b) => ((true, a), (true, b)),
    }
}

fn overlaps(prefix: Prefix, span: Span) -> bool {
    let (first, last) = bounds(span);
    first_of(prefix) <= last && first <= last_of(prefix)
}

/// A set as ranges; a single address stays a prefix.
pub(super) fn ranges(set: &AddressSet) -> Vec<Span> {
    let v4 = set.v4().iter().map(|&(a, b)| match a == b {
        true => Span::Prefix(Prefix::V4(a, 32)),
        false => Span::Range(Range::V4(a, b)),
    });
    let v6 = set.v6().iter().map(|&(a, b)| match a == b {
        true => Span::Prefix(Prefix::V6(a, 128)),
        false => Span::Range(Range::V6(a, b)),
    });
    v4.chain(v6).collect()
}

/// A set as prefixes that are not too short.
pub(super) fn prefixes(set: &AddressSet, shortest: [u8; 2]) -> Vec<Span> {
    let [least4, least6] = shortest;
    set.view().prefixes_from(least4, least6).map(Span::Prefix).collect()
}

/// All addresses of lines.
pub(super) fn space(lines: &[Line]) -> AddressSet {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for line in lines {
        match line.span.range() {
            Range::V4(a, b) => v4.push((a, b)),
            Range::V6(a, b) => v6.push((a, b)),
        }
    }
    AddressSet::from_ranges(v4, v6)
}
