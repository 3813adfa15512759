//! What lists say of single addresses and blocks, for questions about one.
//!
//! An address is named here for as long as it is in the counts that are shown
//! (90 days): those who see "12 C2 servers" find the twelve.

use asgard_model::{
    Day, Named,
    named::{Block, Namer, Seen},
};

use crate::{evidence::ThreatList, listing::ListingSource};

/// Collects the addresses of `lists` that were named within `window_days`, and
/// the blocks that stand in the newest version of a list of blocks.
pub fn named(
    lists: &[ThreatList<'_>],
    blocks: &[ListingSource<'_>],
    as_of: Day,
    window_days: u16,
) -> Named {
    let recent = |first: Day, last: Day| {
        first <= as_of && as_of.days_since(last) <= window_days
    };
    let mut words = Vec::new();
    for list in lists {
        let namer = Namer { source: list.source, category: list.category };
        let lines = list.ledger.lines();
        let lines = lines.filter(|l| recent(l.seen.first, l.seen.last));
        words.extend(lines.map(|l| {
            let (first, last) = (l.seen.first, l.seen.last);
            (l.prefix, namer, Seen { first, last })
        }));
    }
    let standing = blocks.iter().flat_map(|list| {
        let newest = list.ledger.newest();
        list.ledger
            .lines()
            .filter(move |line| newest.is_some_and(|n| line.seen.last >= n))
            .map(|line| Block {
                prefix: line.prefix,
                source: list.source,
                since: line.seen.first,
            })
    });
    let versions = lists.iter().filter_map(|list| {
        let newest = list.ledger.newest()?;
        Some((list.source, newest))
    });
    Named::new(standing.collect(), words)
        .of_versions(versions)
        .weighed(lists.iter().map(|list| (list.source, list.weight)))
}
