//! Holes in a stream, and how a later dump fills them.
//!
//! A stream that was cut says nothing about what it missed. A dump that was
//! made at a moment D and is read later, while the stream goes on, is older than
//! what the stream has said since, and newer than everything else. So for each
//! hole the table remembers which routes were heard of since. A dump puts right
//! those that were not, and leaves the others alone.
//!
//! At most [`MOST`] holes are told apart. The oldest stands, and later ones melt
//! into one.

use super::{Changes, PeerId, PrefixId, Table, dump::Dump, routes::Marks};

/// Holes that are told apart.
const MOST: usize = 2;
/// A dump fills a hole whole if it was made so many seconds after its end: what
/// peers say at one moment does not come at one moment.
const SLACK: u32 = 60;

/// Holes, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Holes {
    all: Vec<Hole>,
    /// The one that the dump at hand fills, and when that was made.
    filling: Option<(usize, u32)>,
}

#[derive(Clone, Debug)]
struct Hole {
    /// Since when routes may be known that are gone.
    stale: u32,
    /// The latest that was known when it began.
    from: u32,
    /// The first that was heard behind it.
    until: Option<u32>,
    heard: Heard,
}

/// Routes that were heard of since a hole.
#[derive(Clone, Debug, Default)]
struct Heard {
    /// By peer; all of a peer whose session was seen to end.
    peers: Vec<Routes>,
}

#[derive(Clone, Debug)]
enum Routes {
    Some(Marks),
    All,
}

impl Heard {
    fn of(&mut self, peer: PeerId) -> &mut Routes {
        if peer.index() >= self.peers.len() {
            let none = || Routes::Some(Marks::default());
            self.peers.resize_with(peer.index() + 1, none);
        }
        &mut self.peers[peer.index()]
    }

    fn has(&self, peer: PeerId, prefix: PrefixId) -> bool {
        match self.peers.get(peer.index()) {
            None => false,
            Some(Routes::All) => true,
            Some(Routes::Some(marks)) => marks.contains(prefix),
        }
    }
}

impl Holes {
    /// Whether anything must be remembered.
    pub(super) fn is_open(&self) -> bool {
        !self.all.is_empty()
    }

    fn begin(&mut self, now: u32) {
        let mut hole = Hole {
            stale: now,
            from: now,
            until: None,
            heard: Heard::default(),
        };
        let melts = self.all.len() == MOST
            || self.all.last().is_some_and(|last| last.until.is_none());
        if let Some(last) = self.all.pop_if(|_| melts) {
            hole.stale = last.stale;
        }
        self.all.push(hole);
    }

    /// A peer said something about a route.
    pub(super) fn hear(&mut self, peer: PeerId, prefix: PrefixId, at: u32) {
        for hole in &mut self.all {
            hole.until.get_or_insert(at);
            if let Routes::Some(marks) = hole.heard.of(peer) {
                marks.insert(prefix);
            }
        }
    }

    /// The session of a peer ended: all that it says now is heard.
    pub(super) fn hear_end(&mut self, peer: PeerId, at: u32) {
        for hole in &mut self.all {
            hole.until.get_or_insert(at);
            *hole.heard.of(peer) = Routes::All;
        }
    }

    /// When the events of a dump count that is read now: it must not put back
    /// the clock.
    pub(super) fn moment(&self, at: u32, now: u32) -> u32 {
        if self.filling.is_some() { at.max(now) } else { at }
    }

    /// Whether the dump that is read has nothing to say about a route.
    pub(super) fn knows_better(&self, peer: PeerId, prefix: PrefixId) -> bool {
        self.filling.is_some_and(|(hole, _)| {
            self.all.get(hole).is_some_and(|h| h.heard.has(peer, prefix))
        })
    }

    /// The dump was read to its end.
    fn filled(&mut self) {
        let Some((index, made)) = self.filling.take() else { return };
        let hole = &mut self.all[index];
        let whole = hole.until.is_some_and(|end| made >= end + SLACK);
        (hole.stale, hole.from) = (made, made);
        self.all.drain(..index + usize::from(whole));
    }
}

impl Table {
    /// Says that something may be missing from here on: until a dump of a
    /// later moment is read, routes may be known that are gone.
    pub fn begin_hole(&mut self) {
        self.holes.begin(self.now);
    }

    /// Since when routes may be known that are gone (seconds since 1970);
    /// `None` if there is no hole.
    pub fn stale_since(&self) -> Option<u32> {
        self.holes.all.first().map(|hole| hole.stale)
    }

    /// Says that a dump follows that was made at a moment (seconds since 1970)
    /// before the latest event: it fills what holes it can, and is ended as
    /// others are. Whether it can fill any; if not, it must not be read.
    pub fn begin_fill(&mut self, made: u32) -> bool {
        let useful = |hole: &Hole| hole.from <= made;
        let Some(index) = self.holes.all.iter().rposition(useful) else {
            return false;
        };
        self.holes.filling = Some((index, made));
        self.dump = Some(Dump::default());
        true
    }

    /// Ends the dump that was begun, by whichever of the two; `at` in seconds
    /// since 1970. A dump that was cut is ended by [`Self::abandon_dump`].
    pub fn end_dump(&mut self, at: u32, sink: Changes<'_>) {
        let Some(dump) = self.dump.take() else { return };
        let at = self.holes.moment(at, self.now);
        self.take_all_but(&dump, at, sink);
        self.holes.filled();
        self.judge(0);
        self.judge(1);
    }

    /// Ends a dump that was not read to its end: nothing is gone, and no hole
    /// is filled.
    pub fn abandon_dump(&mut self) {
        self.dump = None;
        self.holes.filling = None;
        self.judge(0);
        self.judge(1);
    }
}

#[cfg(test)]
mod tests {
    use asgard_model::{AsPath, Asn, Model};

    use super::*;
    use crate::{
        event::{
            Attributes, Details, Envelope, Event, Moment, Nlri, Peer, State,
            What,
        },
        table::Limits,
    };

    const A: &str = "20.0.0.0/8";
    const B: &str = "21.0.0.0/8";
    const C: &str = "22.0.0.0/8";

    struct Stage(Table);

    impl Stage {
        fn new() -> Self {
            let rule = Model::default_model().visibility();
            Self(Table::new(rule, Limits::default()))
        }

        fn event(&mut self, at: u32, what: What<'_>) {
            let address = [192, 0, 2, 1].into();
            let event = Event {
                at: Moment { seconds: at, micros: None },
                envelope: Envelope::Bgp4mp { local: false },
                peer: Peer { address, asn: Asn(64_500) },
                what,
            };
            self.0.apply(&event, &mut |_, _| {});
        }

        fn say(&mut self, at: u32, prefix: &str, origin: Option<u32>) {
            let prefix = prefix.parse().unwrap();
            let route = Nlri { prefix, path_id: None };
            let Some(origin) = origin else {
                return self.event(at, What::Withdraw { route });
            };
            let path = AsPath::sequence([64_500, origin]);
            let attributes = &Attributes::new(Some(&path), Details::default());
            self.event(at, What::Announce { route, attributes });
        }

        /// Reads a dump as it was at a moment.
        fn dump(&mut self, made: u32, routes: &[(&str, u32)]) -> bool {
            if !self.0.begin_fill(made) {
                return false;
            }
            for (prefix, origin) in routes {
                let prefix = prefix.parse().unwrap();
                let route = Nlri { prefix, path_id: None };
                let path = AsPath::sequence([64_500, *origin]);
                let attributes =
                    &Attributes::new(Some(&path), Details::default());
                let originated = 0;
                let what = What::Rib { route, originated, attributes };
                self.event(made, what);
            }
            self.0.end_dump(made, &mut |_, _| {});
            true
        }

        fn origin(&self, prefix: &str) -> Option<u32> {
            let table = &self.0;
            let id = table.find(prefix.parse().unwrap())?;
            let (_, path) = table.routes(id).next()?;
            table.paths().origin(path).map(|asn| asn.0)
        }

        fn origins(&self) -> [Option<u32>; 3] {
            [A, B, C].map(|prefix| self.origin(prefix))
        }
    }

    #[test]
    fn a_dump_puts_right_what_was_not_heard_of_since_the_hole() {
        let mut stage = Stage::new();
        stage.say(100, A, Some(1));
        stage.say(100, B, Some(2));
        stage.0.begin_hole();
        assert_eq!(stage.0.stale_since(), Some(100));
        // Meanwhile A changed hands, B went and C came; then C is heard of.
        stage.say(500, C, Some(33));
        assert!(stage.dump(1000, &[(A, 11), (C, 3)]));
        assert_eq!(stage.origins(), [Some(11), None, Some(33)]);
        assert_eq!(stage.0.stale_since(), None);
        assert!(!stage.dump(2000, &[]));
    }

    #[test]
    fn a_dump_does_not_bring_back_what_was_withdrawn_after_it() {
        let mut stage = Stage::new();
        stage.say(100, A, Some(1));
        stage.0.begin_hole();
        // C is not known here, and withdrawn all the same.
        stage.say(900, C, None);
        stage.say(1200, A, None);
        stage.say(1300, B, Some(2));
        assert!(stage.dump(1000, &[(A, 1), (C, 3)]));
        assert_eq!(stage.origins(), [None, Some(2), None]);
    }

    #[test]
    fn of_a_session_that_ended_the_stream_knows_all() {
        let mut stage = Stage::new();
        stage.say(100, A, Some(1));
        stage.0.begin_hole();
        let down = What::State { old: None, new: State::Idle };
        stage.event(500, down);
        stage.say(1100, B, Some(2));
        assert!(stage.dump(1000, &[(A, 1), (C, 3)]));
        assert_eq!(stage.origins(), [None, Some(2), None]);
    }

    #[test]
    fn a_dump_from_the_midst_of_a_hole_leaves_its_rest() {
        let mut stage = Stage::new();
        stage.say(100, A, Some(1));
        stage.0.begin_hole();
        assert!(!stage.dump(50, &[(A, 9)]));
        assert!(stage.dump(300, &[(A, 2)]));
        stage.say(500, B, Some(2));
        assert_eq!(stage.0.stale_since(), Some(300));
        assert!(stage.dump(400, &[(A, 3), (C, 3)]));
        assert_eq!(stage.origins(), [Some(3), Some(2), Some(3)]);
        assert_eq!(stage.0.stale_since(), Some(400));
        assert!(stage.dump(560, &[(A, 4)]));
        assert_eq!(stage.origins(), [Some(4), Some(2), None]);
        assert_eq!(stage.0.stale_since(), None);
    }

    #[test]
    fn later_holes_melt_into_one_and_no_dump_overwrites_what_is_newer() {
        let mut stage = Stage::new();
        stage.say(100, A, Some(1));
        for at in [200, 300, 400] {
            stage.0.begin_hole();
            stage.say(at, A, Some(at));
        }
        // Between the first hole and the last: A was heard of since.
        assert!(stage.dump(290, &[(A, 7), (B, 7)]));
        assert_eq!(stage.origins(), [Some(400), Some(7), None]);
        assert_eq!(stage.0.stale_since(), Some(200));
        assert!(stage.dump(600, &[(A, 8)]));
        assert_eq!(stage.origins(), [Some(400), None, None]);
        assert_eq!(stage.0.stale_since(), None);
    }

    #[test]
    fn a_dump_that_was_cut_fills_nothing() {
        let mut stage = Stage::new();
        stage.say(100, A, Some(1));
        stage.0.begin_hole();
        stage.say(500, B, Some(2));
        assert!(stage.0.begin_fill(1000));
        stage.0.abandon_dump();
        assert_eq!(stage.0.stale_since(), Some(100));
        assert_eq!(stage.origins(), [Some(1), Some(2), None]);
    }
}
