//! A published Snapshot and what was rendered from it.
//!
//! A feed is rendered once a Snapshot and selection, and compressed once a
//! coding, however many devices poll it; profiles that many ask for likewise.
//! Neither needs invalidation: it goes with its Snapshot. Both are bounded:
//! scores are integers, so there are 101 thresholds with 16 sets of levels each,
//! of which the newest stay within [`limits::EDL_BYTES`], and profiles have
//! [`PROFILES`] places.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use arc_swap::{ArcSwapOption, Guard};
use asgard_model::{
    Asn, Level, NetworkTable, Snapshot,
    mmdb::{DATABASE_TYPE, Field, WriteError, asn_database},
    network_table::TableVersion,
};
use asgard_policy::{
    Atlas, Selection,
    feed::{edl, format::asn_table},
};

use crate::{
    coding::Effort,
    limits,
    representation::{self, Kept},
    table_history::TableHistory,
    view::ProfileView,
};

const THRESHOLDS: usize = 101;
const LEVEL_SETS: usize = 1 << Level::VALUES.len();
const FEEDS: usize = THRESHOLDS * LEVEL_SETS;
/// Profiles that are kept, a power of two: at 5 kB each, at most 20 MB.
const PROFILES: usize = 4096;

/// A published Snapshot and what was rendered from it.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where everybody is.
    pub(crate) atlas: Arc<Atlas>,
    /// Networks at each level.
    pub(crate) networks: [u64; Level::VALUES.len()],
    feeds: Box<[ArcSwapOption<Feed>]>,
    /// Lists that are kept, the oldest first, with their bytes. A std lock, held
    /// while one is rendered, so that each is rendered once.
    rendered: Mutex<VecDeque<(FeedPlace, usize)>>,
    profiles: Box<[ArcSwapOption<KeptProfile>]>,
    /// The routing table for OPNsense; there once somebody asked.
    asn_table: OnceLock<Kept>,
    /// Networks for gateways elsewhere; there once somebody asked.
    table: OnceLock<Result<Whole, WriteError>>,
    /// The same as gateways have it in memory; likewise.
    networks_table: OnceLock<Arc<NetworkTable>>,
    /// What led there, from one Snapshot to the next.
    pub(crate) tables: Arc<TableHistory>,
}

/// A network and its profile as it is sent.
pub(crate) type KeptProfile = (Asn, Kept);

/// The whole table for gateways.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) file: Kept,
    /// What a reader of the file has then; `None` if that is not what is
    /// published, so that nothing may be built upon it.
    pub(crate) version: Option<TableVersion>,
}

/// Where a list is kept, in whatever is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeedPlace(usize);

/// A rendered feed.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) kept: Kept,
    pub(crate) entries: usize,
}

impl Published {
    /// What was published before lends its atlas if the World is the same.
    pub(crate) fn new(snapshot: Arc<Snapshot>, before: Option<&Self>) -> Self {
        let same = |b: &&Self| Arc::ptr_eq(&b.snapshot.world, &snapshot.world);
        let atlas = match before.filter(same) {
            Some(before) => Arc::clone(&before.atlas),
            None => Arc::new(Atlas::new(&snapshot.world)),
        };
        let mut networks = [0; Level::VALUES.len()];
        for profile in snapshot.profiles() {
            networks[profile.assessment.level as usize] += 1;
        }
        Self {
            snapshot,
            atlas,
            networks,
            feeds: (0..FEEDS).map(|_| ArcSwapOption::empty()).collect(),
            rendered: Mutex::default(),
            profiles: (0..PROFILES).map(|_| ArcSwapOption::empty()).collect(),
            asn_table: OnceLock::new(),
            table: OnceLock::new(),
            networks_table: OnceLock::new(),
            tables: before.map(|b| Arc::clone(&b.tables)).unwrap_or_default(),
        }
    }

    /// The External Dynamic List of a selection, and whether it was there.
    pub(crate) fn edl(&self, selection: &Selection) -> (Arc<Feed>, bool) {
        let place = FeedPlace::of(selection);
        let kept = &self.feeds[place.0];
        if let Some(feed) = kept.load_full() {
            return (feed, true);
        }
        let rendered = self.rendered.lock();
        let mut rendered = rendered.unwrap_or_else(PoisonError::into_inner);
        // Whoever had the lock before may have made it.
        if let Some(feed) = kept.load_full() {
            return (feed, true);
        }
        let feed = Arc::new(render(&self.snapshot, selection));
        kept.store(Some(Arc::clone(&feed)));
        rendered.push_back((place, feed.bytes()));
        for oldest in beyond(limits::EDL_BYTES, &mut rendered) {
            self.feeds[oldest.0].store(None);
        }
        (feed, false)
    }

    /// [`Self::edl`] if it is there: then the guard holds something.
    pub(crate) fn kept_edl(
        &self,
        place: FeedPlace,
    ) -> Option<Guard<Option<Arc<Feed>>>> {
        let kept = self.feeds[place.0].load();
        kept.is_some().then_some(kept)
    }

    /// The routing table for OPNsense. The first call works, others wait.
    pub(crate) fn asn_table(&self) -> Kept {
        let make = || {
            let routes = self.snapshot.world.table.iter();
            let pairs = routes.flat_map(|route| {
                route.origins.iter().map(move |&asn| (route.prefix, asn))
            });
            Kept::new(asn_table::render(pairs).into(), Effort::Once)
        };
        self.asn_table.get_or_init(make).clone()
    }

    /// The table for gateways as a MaxMind DB. The first call takes seconds for
    /// a whole Internet; others wait for it, and none does the work again.
    ///
    /// # Errors
    /// If the format cannot hold it.
    pub(crate) fn table(&self) -> Result<Whole, WriteError> {
        let make = || {
            let fields = Field::VALUES.map(|(field, _)| field);
            let bytes = asn_database(&self.snapshot, &fields, DATABASE_TYPE)?;
            let read = NetworkTable::from_mmdb(&bytes).ok();
            let version = self.networks_table().version();
            let same = read.is_some_and(|read| read.version() == version);
            if !same {
                tracing::error!("the table and its file differ");
            }
            let file = Kept::new(bytes.into(), Effort::Once);
            Ok(Whole { file, version: same.then_some(version) })
        };
        self.table.get_or_init(make).clone()
    }

    /// The table for gateways as they have it in memory. The first call takes
    /// a second for a whole Internet; others wait for it.
    pub(crate) fn networks_table(&self) -> Arc<NetworkTable> {
        let make = || {
            let table = Arc::new(NetworkTable::from_snapshot(&self.snapshot));
            self.tables.add(&table);
            table
        };
        Arc::clone(self.networks_table.get_or_init(make))
    }

    /// The profile of a network as it is sent, and whether it was there;
    /// `None` if it is not scored.
    pub(crate) fn profile(&self, asn: Asn) -> Option<(Kept, bool)> {
        if let Some(found) = self.kept_profile(asn).as_deref() {
            let kept = found.as_ref().map(|found| found.1.clone());
            return kept.map(|kept| (kept, true));
        }
        let profile = self.snapshot.profile(asn)?;
        let view = ProfileView::new(&self.snapshot, &profile);
        let kept = Kept::new(representation::bytes(&view), Effort::Once);
        let place = &self.profiles[place(asn)];
        place.store(Some(Arc::new((asn, kept.clone()))));
        Some((kept, false))
    }

    /// [`Self::profile`] if it is there: then the guard holds something.
    pub(crate) fn kept_profile(
        &self,
        asn: Asn,
    ) -> Option<Guard<Option<Arc<KeptProfile>>>> {
        let kept = self.profiles[place(asn)].load();
        let same = kept.as_ref().is_some_and(|found| found.0 == asn);
        same.then_some(kept)
    }
}

impl Feed {
    /// With its coded forms, which come later and are a third each.
    fn bytes(&self) -> usize {
        2 * self.kept.body().plain().len() + 1024
    }
}

impl FeedPlace {
    pub(crate) fn of(selection: &Selection) -> Self {
        let (max, levels) = (selection.max_score, &selection.levels);
        Self(threshold(max) * LEVEL_SETS + level_set(levels))
    }
}

/// Takes the oldest lists out that have no room in so many bytes; the newest
/// stays.
fn beyond(
    most: usize,
    rendered: &mut VecDeque<(FeedPlace, usize)>,
) -> Vec<FeedPlace> {
    let mut bytes: usize = rendered.iter().map(|(_, bytes)| bytes).sum();
    let mut gone = Vec::new();
    while bytes > most && rendered.len() > 1 {
        let Some((oldest, freed)) = rendered.pop_front() else { break };
        bytes -= freed;
        gone.push(oldest);
    }
    gone
}

/// Fibonacci hashing: neighbouring numbers have places far apart.
fn place(asn: Asn) -> usize {
    let hash = asn.0.wrapping_mul(0x9E37_79B9);
    (hash >> (u32::BITS - PROFILES.ilog2())) as usize
}

/// Published scores are whole, so 50.7 selects what 50 selects.
fn threshold(max: f64) -> usize {
    let mut scores = (0..=100u8).rev();
    scores.find(|score| f64::from(*score) <= max).map_or(0, usize::from)
}

fn level_set(levels: &[Level]) -> usize {
    levels.iter().fold(0, |set, &level| set | 1 << level as usize)
}

fn render(snapshot: &Snapshot, selection: &Selection) -> Feed {
    let asns = selection.of(snapshot);
    let kept = Kept::new(edl::render(&asns).into(), Effort::Kept);
    Feed { kept, entries: asns.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_shares_a_place_with_its_whole_score_only() {
        for (max, place) in
            [(0.0, 0), (0.9, 0), (1.0, 1), (49.99, 49), (100.0, 100)]
        {
            assert_eq!(threshold(max), place, "{max}");
        }
    }

    #[test]
    fn the_oldest_lists_go_when_there_is_no_room_and_the_newest_stays() {
        let all = || VecDeque::from([1, 2, 3].map(|n| (FeedPlace(n), 5)));
        let gone = |most| {
            let gone = beyond(most, &mut all());
            gone.into_iter().map(|place| place.0).collect::<Vec<_>>()
        };
        assert_eq!(gone(15), [0; 0]);
        assert_eq!(gone(14), [1]);
        assert_eq!(gone(0), [1, 2]);
    }

    #[test]
    fn sets_of_levels_have_distinct_places() {
        assert_eq!(level_set(&[]), 0);
        let all = Level::VALUES.map(|(level, _)| level);
        assert_eq!(level_set(&all), LEVEL_SETS - 1);
        let twice = [Level::High, Level::High];
        assert_eq!(level_set(&twice), level_set(&[Level::High]));
        assert_ne!(level_set(&twice), level_set(&[Level::Critical]));
    }

    #[test]
    fn every_number_has_a_place() {
        for asn in [0, 1, 15_169, 65_535, u32::MAX] {
            assert!(place(Asn(asn)) < PROFILES, "{asn}");
        }
        assert_ne!(place(Asn(64_496)), place(Asn(64_497)));
    }
}
