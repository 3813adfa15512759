//! The AS path of a route: who carried it, as text, and who originates it.
//!
//! Made to be filled again and again: a reader of two million routes keeps one
//! and allocates nothing for the next. Kept as they came are sequences, sets
//! and the segments of confederations (RFC 4271, 4.3; RFC 5065, 3), AS0 and
//! reserved numbers too: they are what detectors look for.

use std::fmt;

use crate::Asn;

/// What a segment says about its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// In this order, the nearest first.
    Sequence,
    /// In no order, by aggregation (deprecated by RFC 9774).
    Set,
    /// A sequence inside a confederation.
    ConfedSequence,
    /// A set inside a confederation.
    ConfedSet,
}

/// One segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'p> {
    /// What it says about its members.
    pub kind: SegmentKind,
    /// Its members.
    pub asns: &'p [Asn],
}

/// An AS path, from the peer to the origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsPath {
    asns: Vec<Asn>,
    /// Each with the place in `asns` at which it ends.
    segments: Vec<(SegmentKind, u32)>,
}

impl AsPath {
    /// A path of one sequence; without members, an empty path.
    pub fn sequence(asns: impl IntoIterator<Item = u32>) -> Self {
        let mut path = Self::default();
        path.push(SegmentKind::Sequence, asns.into_iter().map(Asn));
        path
    }

    /// Forgets everything but the memory that it holds.
    pub fn clear(&mut self) {
        self.asns.clear();
        self.segments.clear();
    }

    /// Adds a segment at the end. One without members says nothing and is left
    /// out; a sequence after one of its kind goes on with it, because a segment
    /// holds 255 members and a path may be longer.
    pub fn push(
        &mut self,
        kind: SegmentKind,
        asns: impl IntoIterator<Item = Asn>,
    ) {
        let before = self.asns.len();
        self.asns.extend(asns);
        if self.asns.len() == before {
            return;
        }
        // A path of more than four billion members fits no message.
        let end = u32::try_from(self.asns.len()).unwrap_or(u32::MAX);
        let ordered =
            matches!(kind, SegmentKind::Sequence | SegmentKind::ConfedSequence);
        match self.segments.last_mut() {
            Some(last) if ordered && last.0 == kind => last.1 = end,
            _ => self.segments.push((kind, end)),
        }
    }

    /// Whether nobody carried the route: it is the peer's own.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The segments, the nearest first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_>> {
        (0..self.segments.len()).map(|index| {
            let (kind, end) = self.segments[index];
            let begin = index.checked_sub(1).map_or(0, |i| self.segments[i].1);
            let asns = &self.asns[begin as usize..end as usize];
            Segment { kind, asns }
        })
    }

    /// All members in the order of the path, with repetitions.
    pub fn asns(&self) -> &[Asn] {
        &self.asns
    }

    /// The members, if the path is one sequence and nothing else.
    pub fn as_sequence(&self) -> Option<&[Asn]> {
        match self.segments[..] {
            [] | [(SegmentKind::Sequence, _)] => Some(&self.asns),
            _ => None,
        }
    }

    /// Who originates the route: the last of the path, unless it ends in a set
    /// or inside a confederation, or in AS0 (RFC 6811, 2; RFC 7607).
    pub fn origin(&self) -> Option<Asn> {
        let &(kind, _) = self.segments.last()?;
        let origin = *self.asns.last()?;
        (kind == SegmentKind::Sequence && origin != Asn(0)).then_some(origin)
    }

    /// The length that BGP compares: a set counts as one, a confederation not
    /// at all (RFC 4271, 9.1.2.2; RFC 5065, 5.3).
    pub fn hops(&self) -> usize {
        let count = |segment: Segment<'_>| match segment.kind {
            SegmentKind::Sequence => segment.asns.len(),
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        };
        self.segments().map(count).sum()
    }
}

impl fmt::Display for AsPath {
    /// `1 2 {3,4} (5 6) [7,8]`: the form of bgpdump.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().enumerate() {
            let (open, between, close) = segment.kind.brackets();
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(open)?;
            for (index, asn) in segment.asns.iter().enumerate() {
                if index > 0 {
                    f.write_str(between)?;
                }
                write!(f, "{}", asn.0)?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

impl SegmentKind {
    /// What stands before, between and after the members in text.
    pub fn brackets(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Sequence => ("", " ", ""),
            Self::Set => ("{", ",", "}"),
            Self::ConfedSequence => ("(", " ", ")"),
            Self::ConfedSet => ("[", ",", "]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SegmentKind::{ConfedSequence, ConfedSet, Sequence, Set};

    fn path(segments: &[(SegmentKind, &[u32])]) -> AsPath {
        let mut path = AsPath::default();
        for (kind, asns) in segments {
            path.push(*kind, asns.iter().copied().map(Asn));
        }
        path
    }

    #[test]
    fn is_written_as_bgpdump_does() {
        let all = path(&[
            (ConfedSequence, &[5, 6]),
            (ConfedSet, &[7, 8]),
            (Sequence, &[1, 4_200_000_000]),
            (Set, &[3, 4]),
        ]);
        assert_eq!(all.to_string(), "(5 6) [7,8] 1 4200000000 {3,4}");
        assert_eq!(AsPath::default().to_string(), "");
    }

    #[test]
    fn only_the_end_of_a_sequence_is_an_origin() {
        assert_eq!(AsPath::sequence([1, 2]).origin(), Some(Asn(2)));
        assert_eq!(AsPath::sequence([1, 0]).origin(), None);
        assert_eq!(AsPath::default().origin(), None);
        for kind in [Set, ConfedSequence, ConfedSet] {
            let ended = path(&[(Sequence, &[1]), (kind, &[2])]);
            assert_eq!(ended.origin(), None, "{kind:?}");
        }
    }

    #[test]
    fn sets_count_once_and_confederations_not() {
        let all = path(&[
            (ConfedSequence, &[5, 6]),
            (Sequence, &[1, 1, 2]),
            (Set, &[3, 4]),
        ]);
        assert_eq!((all.hops(), all.asns().len()), (4, 7));
    }

    #[test]
    fn sequences_go_on_and_sets_stay_apart() {
        let long = path(&[(Sequence, &[1]), (Sequence, &[2])]);
        assert_eq!(long, AsPath::sequence([1, 2]));
        let sets = path(&[(Set, &[1]), (Set, &[2])]);
        assert_eq!((sets.hops(), sets.to_string().as_str()), (2, "{1} {2}"));
    }

    #[test]
    fn a_path_that_is_filled_again_equals_a_new_one() {
        let mut reused = path(&[(Sequence, &[9, 9, 9]), (Set, &[1])]);
        reused.clear();
        reused.push(Sequence, [Asn(1), Asn(2)]);
        reused.push(Set, []);
        assert_eq!(reused, AsPath::sequence([1, 2]));
        assert_eq!(reused.as_sequence(), Some(&[Asn(1), Asn(2)][..]));
        let both = path(&[(Sequence, &[1]), (Set, &[2])]);
        assert_eq!(both.as_sequence(), None);
        let kinds: Vec<_> = both.segments().map(|s| s.kind).collect();
        assert_eq!(kinds, [Sequence, Set]);
    }
}
