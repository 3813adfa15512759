//! Which peers show the whole Internet, and how many of them make a route
//! believable.

use asgard_model::{Prefix, scoring::VisibilityRule};

/// A peer with less than this part of the largest table shows its customers,
/// not the Internet. At exchange points most peers do, and the median of all
/// would be the size of a customer cone.
const PARTIAL: u32 = 3;

/// The full feeds of one address family.
#[derive(Clone, Debug)]
pub(super) struct Feeds {
    /// By peer: whether it is one.
    full: Vec<bool>,
    /// How many are.
    pub(super) count: u32,
    /// Full feeds that must carry a route before it counts.
    pub(super) threshold: u32,
    /// Changes until the sizes are compared again.
    left: u32,
}

impl Default for Feeds {
    fn default() -> Self {
        Self { full: Vec::new(), count: 0, threshold: 1, left: 0 }
    }
}

impl Feeds {
    pub(super) fn is_full(&self, peer: usize) -> bool {
        self.full.get(peer).copied().unwrap_or(false)
    }

    /// Whether so many changes were seen that peers may have grown or shrunk.
    pub(super) fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }

    /// Judges the peers by the sizes of their tables.
    pub(super) fn judge(&mut self, sizes: &[u32], rule: VisibilityRule) {
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let part = largest.div_ceil(PARTIAL).max(1);
        let mut tables: Vec<u32> =
            sizes.iter().copied().filter(|&size| size >= part).collect();
        tables.sort_unstable();
        let least = median(&tables) * rule.full_feed_share;
        self.full.clear();
        let full = |&size: &u32| size >= part && f64::from(size) >= least;
        self.full.extend(sizes.iter().map(full));
        let count = self.full.iter().filter(|&&full| full).count();
        self.count = u32::try_from(count).unwrap_or(u32::MAX);
        self.threshold = rule.min_peers(self.count).max(1);
        self.left = largest / 64 + 1;
    }
}

fn median(sorted: &[u32]) -> f64 {
    let upper = sorted.get(sorted.len() / 2);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
    upper.zip(lower).map_or(0.0, |(&a, &b)| f64::midpoint(a.into(), b.into()))
}

/// Whether a prefix is neither the default route nor too long to be accepted
/// everywhere.
pub(super) fn is_counted(prefix: Prefix) -> bool {
    let longest = if prefix.is_v4() { 24 } else { 48 };
    (1..=longest).contains(&prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use asgard_model::Model;

    #[test]
    fn few_large_tables_are_full_feeds_and_many_small_ones_are_not() {
        let mut feeds = Feeds::default();
        let mut sizes = vec![1_000; 40];
        sizes.extend([900_000, 880_000, 700_000, 1_000_000]);
        feeds.judge(&sizes, Model::default_model().visibility());
        assert_eq!((feeds.count, feeds.threshold), (3, 3));
        assert!(feeds.is_full(40) && !feeds.is_full(42) && !feeds.is_full(0));
        assert!(!feeds.is_full(99));
    }

    #[test]
    fn one_peer_is_enough_where_there_are_not_three() {
        let mut feeds = Feeds::default();
        feeds.judge(&[500, 500], Model::default_model().visibility());
        assert_eq!((feeds.count, feeds.threshold), (2, 1));
        feeds.judge(&[], Model::default_model().visibility());
        assert_eq!((feeds.count, feeds.threshold), (0, 1));
    }

    #[test]
    fn default_routes_and_long_prefixes_are_not_counted() {
        for (prefix, counted) in [
            ("0.0.0.0/0", false),
            ("10.0.0.0/24", true),
            ("10.0.0.0/25", false),
            ("2001:db8::/48", true),
            ("2001:db8::/49", false),
        ] {
            assert_eq!(is_counted(prefix.parse().unwrap()), counted);
        }
    }
}
