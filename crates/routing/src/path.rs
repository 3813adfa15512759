//! AS paths, each kept once.
//!
//! A table of twenty million routes has a few million different paths, and
//! every detector asks the same of each of them. So paths are interned: a
//! [`PathId`] takes four bytes, and what follows from a path alone can be
//! remembered by [`PathId::index`]. The members of all paths lie in one array;
//! segments are kept only for the few paths that are not one sequence.
//!
//! Bounded by [`Room`]: a path that finds no room is refused, and the caller
//! counts it. Nothing is ever removed; who runs out of room starts anew.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
    num::NonZeroU32,
};

use asgard_model::{
    AsPath, Asn,
    as_path::{Segment, SegmentKind},
};
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

/// A path of a [`PathArena`]; an `Option` of it takes four bytes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(NonZeroU32);

impl PathId {
    /// The number of the path, from 0, dense: where to remember what follows
    /// from the path alone.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    fn at(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(Self)
    }
}

/// How much an arena may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Most paths.
    pub paths: usize,
    /// Most members of all paths together.
    pub members: usize,
}

impl Default for Room {
    /// Four times what two collectors with forty peers show in a week; less
    /// than 1 GB when full.
    fn default() -> Self {
        Self { paths: 16 << 20, members: 128 << 20 }
    }
}

/// All different paths that were seen.
#[derive(Clone, Debug)]
pub struct PathArena {
    members: Vec<Asn>,
    /// Where each path begins in `members`, and where the last one ends.
    starts: Vec<u32>,
    /// By path: who originates; AS0 for nobody.
    origins: Vec<Asn>,
    /// Segments of paths that are not one sequence: kind, end within the path.
    unusual: FxHashMap<u32, Box<[(SegmentKind, u32)]>>,
    /// Indexes of paths by their hash.
    index: HashTable<u32>,
    room: Room,
}

impl Default for PathArena {
    fn default() -> Self {
        Self::new(Room::default())
    }
}

impl PathArena {
    /// An arena without paths.
    pub fn new(room: Room) -> Self {
        Self {
            members: Vec::new(),
            starts: vec![0],
            origins: Vec::new(),
            unusual: FxHashMap::default(),
            index: HashTable::new(),
            room: Room {
                paths: room.paths.min(u32::MAX as usize - 1),
                members: room.members.min(u32::MAX as usize),
            },
        }
    }

    /// The number of a path, which is kept if it is new; `None` if there is no
    /// room for it.
    pub fn intern(&mut self, path: &AsPath) -> Option<PathId> {
        let hash = match path.as_sequence() {
            Some(asns) => hash(asns, None),
            None => hash(path.asns(), Some(&ends(path))),
        };
        let known = self.index.find(hash, |&at| self.is_same(at, path));
        if let Some(&at) = known {
            return PathId::at(at as usize);
        }
        self.keep(path, hash)
    }

    fn keep(&mut self, path: &AsPath, hash: u64) -> Option<PathId> {
        let end = self.members.len() + path.asns().len();
        if self.len() >= self.room.paths || end > self.room.members {
            return None;
        }
        let id = PathId::at(self.len())?;
        let at = u32::try_from(self.len()).ok()?;
        let end = u32::try_from(end).ok()?;
        self.members.extend_from_slice(path.asns());
        self.starts.push(end);
        self.origins.push(path.origin().unwrap_or(Asn(0)));
        if path.as_sequence().is_none() {
            self.unusual.insert(at, ends(path).into_boxed_slice());
        }
        let Self { index, members, starts, unusual, .. } = self;
        index.insert_unique(hash, at, |&at| {
            let range = starts[at as usize]..starts[at as usize + 1];
            let asns = &members[range.start as usize..range.end as usize];
            crate::path::hash(asns, unusual.get(&at).map(|s| &s[..]))
        });
        Some(id)
    }

    fn is_same(&self, at: u32, path: &AsPath) -> bool {
        let view = self.view(at);
        view.asns == path.asns()
            && match view.segments {
                None => path.as_sequence().is_some(),
                Some(segments) => *segments == ends(path)[..],
            }
    }

    fn view(&self, at: u32) -> PathView<'_> {
        let index = at as usize;
        let range =
            self.starts[index] as usize..self.starts[index + 1] as usize;
        PathView {
            asns: &self.members[range],
            origin: self.origins[index],
            segments: match self.unusual.is_empty() {
                true => None,
                false => self.unusual.get(&at).map(|s| &s[..]),
            },
        }
    }

    /// A path of this arena.
    ///
    /// # Panics
    /// If the path belongs to another arena that has more of them.
    pub fn get(&self, id: PathId) -> PathView<'_> {
        self.view(id.0.get() - 1)
    }

    /// Who originates a path of this arena: faster than by [`Self::get`].
    pub fn origin(&self, id: PathId) -> Option<Asn> {
        self.origins.get(id.index()).copied().filter(|&asn| asn != Asn(0))
    }

    /// All paths, in the order in which they were first seen.
    pub fn iter(&self) -> impl Iterator<Item = (PathId, PathView<'_>)> {
        (0..self.len()).filter_map(|index| {
            let id = PathId::at(index)?;
            Some((id, self.get(id)))
        })
    }

    /// Whether less than an eighth of its room is left.
    pub fn is_nearly_full(&self) -> bool {
        let nearly = |used: usize, room: usize| used >= room - room / 8;
        nearly(self.len(), self.room.paths)
            || nearly(self.members.len(), self.room.members)
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Whether there is no path.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        (self.members.capacity()
            + self.starts.capacity()
            + self.origins.capacity())
            * size_of::<u32>()
            + self.index.allocation_size()
            + self.unusual.len() * 64
    }
}

/// Kinds and ends of the segments of a path.
fn ends(path: &AsPath) -> Vec<(SegmentKind, u32)> {
    let mut end = 0_u32;
    path.segments()
        .map(|segment| {
            let members = u32::try_from(segment.asns.len());
            end = end.saturating_add(members.unwrap_or(u32::MAX));
            (segment.kind, end)
        })
        .collect()
}

fn hash(asns: &[Asn], segments: Option<&[(SegmentKind, u32)]>) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    // Pairs: half the rounds for what is hashed twenty million times.
    let mut pairs = asns.chunks_exact(2);
    for pair in &mut pairs {
        hasher.write_u64(u64::from(pair[0].0) << 32 | u64::from(pair[1].0));
    }
    if let [last] = pairs.remainder() {
        hasher.write_u32(last.0);
    }
    if let Some(segments) = segments {
        segments.hash(&mut hasher);
    }
    hasher.finish()
}

/// A path of an arena, from the peer to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathView<'p> {
    asns: &'p [Asn],
    origin: Asn,
    segments: Option<&'p [(SegmentKind, u32)]>,
}

impl<'p> PathView<'p> {
    /// All members in the order of the path, with repetitions.
    pub fn asns(self) -> &'p [Asn] {
        self.asns
    }

    /// The members, if the path is one sequence and nothing else.
    pub fn as_sequence(self) -> Option<&'p [Asn]> {
        self.segments.is_none().then_some(self.asns)
    }

    /// As [`AsPath::origin`].
    pub fn origin(self) -> Option<Asn> {
        (self.origin != Asn(0)).then_some(self.origin)
    }

    /// Whether nobody carried the route: it is the peer's own.
    pub fn is_empty(self) -> bool {
        self.asns.is_empty()
    }

    /// The segments, the nearest first.
    pub fn segments(self) -> impl Iterator<Item = Segment<'p>> {
        let whole = (SegmentKind::Sequence, self.asns.len());
        let count = match self.segments {
            Some(segments) => segments.len(),
            None => usize::from(!self.asns.is_empty()),
        };
        let mut begin = 0;
        (0..count).map(move |index| {
            let (kind, end) = match self.segments {
                Some(segments) => {
                    (segments[index].0, segments[index].1 as usize)
                }
                None => whole,
            };
            let asns = &self.asns[begin..end];
            begin = end;
            Segment { kind, asns }
        })
    }

    /// As [`AsPath::hops`].
    pub fn hops(self) -> usize {
        match self.segments {
            None => self.asns.len(),
            Some(_) => self.to_path().hops(),
        }
    }

    /// The same path on its own.
    pub fn to_path(self) -> AsPath {
        let mut path = AsPath::default();
        for Segment { kind, asns } in self.segments() {
            path.push(kind, asns.iter().copied());
        }
        path
    }
}

impl fmt::Display for PathView<'_> {
    /// As [`AsPath`] displays itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_path().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SegmentKind::{ConfedSequence, Sequence, Set};
    use proptest::prelude::*;

    fn unusual() -> AsPath {
        let mut path = AsPath::default();
        path.push(ConfedSequence, [Asn(9)]);
        path.push(Sequence, [Asn(1), Asn(2)]);
        path.push(Set, [Asn(3), Asn(4)]);
        path
    }

    #[test]
    fn equal_paths_have_one_number_and_others_have_others() {
        let mut arena = PathArena::default();
        let plain = arena.intern(&AsPath::sequence([9, 1, 2, 3, 4])).unwrap();
        let sets = arena.intern(&unusual()).unwrap();
        let empty = arena.intern(&AsPath::default()).unwrap();
        let again = arena.intern(&AsPath::sequence([9, 1, 2, 3, 4]));
        assert_eq!(again, Some(plain));
        assert_eq!(arena.intern(&unusual()), Some(sets));
        assert_eq!(arena.intern(&AsPath::default()), Some(empty));
        assert_eq!([plain, sets, empty].map(PathId::index), [0, 1, 2]);
        assert_eq!(arena.len(), 3);
    }

    #[test]
    fn a_kept_path_says_what_the_original_does() {
        let mut arena = PathArena::default();
        for path in [unusual(), AsPath::sequence([7, 7, 8]), AsPath::default()]
        {
            let id = arena.intern(&path).unwrap();
            let view = arena.get(id);
            assert_eq!(view.to_path(), path);
            assert_eq!(view.to_string(), path.to_string());
            assert_eq!(view.origin(), path.origin());
            assert_eq!(arena.origin(id), path.origin());
            assert_eq!(view.hops(), path.hops());
            assert_eq!(view.as_sequence(), path.as_sequence());
            assert_eq!(view.asns(), path.asns());
        }
    }

    #[test]
    fn a_full_arena_refuses_what_is_new_and_knows_what_is_old() {
        let mut arena = PathArena::new(Room { paths: 2, members: 5 });
        let first = arena.intern(&AsPath::sequence([1, 2])).unwrap();
        assert_eq!(arena.intern(&AsPath::sequence([1, 2, 3, 4])), None);
        assert!(arena.intern(&AsPath::sequence([1, 2, 3])).is_some());
        assert_eq!(arena.intern(&AsPath::sequence([5])), None);
        assert_eq!(arena.intern(&AsPath::sequence([1, 2])), Some(first));
    }

    fn paths() -> impl Strategy<Value = Vec<AsPath>> {
        let kind = prop_oneof![Just(Sequence), Just(Set), Just(ConfedSequence)];
        let segment = (kind, prop::collection::vec(0_u32..4, 0..4));
        let path = prop::collection::vec(segment, 0..4).prop_map(|segments| {
            let mut path = AsPath::default();
            for (kind, asns) in segments {
                path.push(kind, asns.into_iter().map(Asn));
            }
            path
        });
        prop::collection::vec(path, 0..80)
    }

    proptest! {
        #[test]
        fn numbers_are_equal_exactly_where_paths_are(paths in paths()) {
            let mut arena = PathArena::default();
            let ids: Vec<PathId> =
                paths.iter().map(|p| arena.intern(p).unwrap()).collect();
            for (a, first) in paths.iter().zip(&ids) {
                prop_assert_eq!(&arena.get(*first).to_path(), a);
                for (b, second) in paths.iter().zip(&ids) {
                    prop_assert_eq!(a == b, first == second);
                }
            }
        }
    }
}
