//! What all peers carry now, route by route, and how it came to be.
//!
//! A [`Table`] takes [`Event`]s in the order of time and hands on what changed
//! as [`Transition`]s; whoever comes later gets the present state by
//! [`Table::replay`]. A route takes four bytes: prefixes and paths are kept
//! once. Nobody's noise is blamed on others: what a session says again after it
//! was lost has the cause [`Cause::Reset`].
//!
//! Messages that the collector itself sent, and routes without a readable path
//! (treated as withdrawn, RFC 7606, 7.2), change nothing or take away. What
//! finds no room ([`Limits`]) is refused and counted ([`Refused`]); the routes
//! that are there stay true.

use asgard_model::scoring::VisibilityRule;

use crate::{
    event::{Attributes, Envelope, Event, Nlri, State, What},
    path::{PathArena, PathId, Room},
};

mod additional;
mod dump;
mod feeds;
mod holes;
mod origins;
mod peers;
mod prefixes;
mod present;
mod routes;
mod session;
#[cfg(test)]
mod tests;

use self::{
    additional::{Additional, Shown},
    dump::Dump,
    feeds::{Feeds, is_counted},
    holes::Holes,
    origins::Origins,
    peers::Peers,
    prefixes::Prefixes,
    session::Doing,
};
pub use self::{
    origins::Span,
    peers::{PeerId, Reset},
    prefixes::PrefixId,
};

/// Receives what changed, with the table as it is after the change.
pub type Changes<'s> = &'s mut dyn FnMut(&Table, &Transition<'_>);

/// A route of one peer that changed, or was said again.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'t> {
    /// When it was recorded, in seconds since 1970.
    pub at: u32,
    /// Since when the new state holds: before `at` where a dump says how old
    /// the route is.
    pub since: u32,
    /// Whose route it is.
    pub peer: PeerId,
    /// Where it leads.
    pub prefix: PrefixId,
    /// What it was; equal to `after` when it was said again.
    pub before: Option<PathId>,
    /// What it is.
    pub after: Option<PathId>,
    /// Why it changed.
    pub cause: Cause,
    /// What else is known of it; `None` when it is withdrawn or replayed.
    pub attributes: Option<&'t Attributes<'t>>,
}

/// Why a route changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A dump of the table shows it.
    Table,
    /// The peer said so.
    Update,
    /// The session was lost, comes back, or changes as a whole.
    Reset,
}

/// How much a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most peers.
    pub peers: usize,
    /// Most prefixes.
    pub prefixes: usize,
    /// Most paths.
    pub paths: Room,
}

impl Default for Limits {
    /// A thousand peers, three times the Internet of 2026.
    fn default() -> Self {
        Self { peers: 1024, prefixes: 4_000_000, paths: Room::default() }
    }
}

/// What was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Events of peers beyond the limit.
    pub peers: u64,
    /// Routes to prefixes beyond the limit.
    pub prefixes: u64,
    /// Routes whose path found no room: taken as withdrawn.
    pub paths: u64,
    /// Routes without a readable path: taken as withdrawn.
    pub pathless: u64,
    /// Routes with path ids that found no room.
    pub additional: u64,
}

/// What all peers carry.
#[derive(Clone, Debug)]
pub struct Table {
    paths: PathArena,
    prefixes: Prefixes,
    peers: Peers,
    origins: Origins,
    additional: Additional,
    /// Of IPv4 and IPv6.
    feeds: [Feeds; 2],
    rule: VisibilityRule,
    limits: Limits,
    refused: Refused,
    /// The dump that is being read.
    dump: Option<Dump>,
    /// What was missed of a stream.
    holes: Holes,
    now: u32,
}

/// When something was said, and what it is based on.
#[derive(Clone, Copy)]
struct Said<'t> {
    at: u32,
    since: u32,
    from_dump: bool,
    attributes: Option<&'t Attributes<'t>>,
}

impl Table {
    /// A table without routes.
    pub fn new(rule: VisibilityRule, limits: Limits) -> Self {
        Self {
            paths: PathArena::new(limits.paths),
            prefixes: Prefixes::default(),
            peers: Peers::default(),
            origins: Origins::default(),
            additional: Additional::default(),
            feeds: [Feeds::default(), Feeds::default()],
            rule,
            limits,
            refused: Refused::default(),
            dump: None,
            holes: Holes::default(),
            now: 0,
        }
    }

    /// Takes one event. Events of one peer come in the order of time.
    pub fn apply(&mut self, event: &Event<'_>, sink: Changes<'_>) {
        if event.envelope == (Envelope::Bgp4mp { local: true }) {
            return;
        }
        let at = self.holes.moment(event.at.seconds, self.now);
        self.now = self.now.max(at);
        let most = self.limits.peers;
        let Some(peer) = self.peers.intern(event.peer, most) else {
            self.refused.peers += 1;
            return;
        };
        match event.what {
            What::Rib { route, originated, attributes } => {
                let known = (1..=at).contains(&originated);
                let since = if known { originated } else { at };
                let attributes = Some(attributes);
                let said = Said { at, since, from_dump: true, attributes };
                self.announce(peer, route, said, sink);
            }
            What::Announce { route, attributes } => {
                let attributes = Some(attributes);
                let said = Said { at, since: at, from_dump: false, attributes };
                self.announce(peer, route, said, sink);
            }
            What::Withdraw { route } => self.withdraw(peer, route, at, sink),
            What::State { new: State::Established, .. } => {}
            What::State { .. } => self.lose(peer, at, sink),
        }
    }

    fn announce(
        &mut self,
        peer: PeerId,
        route: Nlri,
        said: Said<'_>,
        sink: Changes<'_>,
    ) {
        let Some(path) = said.attributes.and_then(Attributes::path) else {
            self.refused.pathless += 1;
            return self.withdraw(peer, route, said.at, sink);
        };
        let Some(path) = self.paths.intern(path) else {
            self.refused.paths += 1;
            return self.withdraw(peer, route, said.at, sink);
        };
        let most = self.limits.prefixes;
        let Some(prefix) = self.prefixes.intern(route.prefix, most) else {
            self.refused.prefixes += 1;
            return;
        };
        if said.from_dump
            && let Some(dump) = &mut self.dump
        {
            dump.shows(peer, prefix);
        }
        if said.from_dump && self.holes.knows_better(peer, prefix) {
            return;
        }
        self.change(peer, prefix, route.path_id, Some(path), said, sink);
    }

    fn withdraw(
        &mut self,
        peer: PeerId,
        route: Nlri,
        at: u32,
        sink: Changes<'_>,
    ) {
        let most = self.limits.prefixes;
        let prefix = match self.holes.is_open() {
            // A dump of before may know it: it must not come back.
            true => self.prefixes.intern(route.prefix, most),
            false => self.prefixes.find(route.prefix),
        };
        let Some(prefix) = prefix else { return };
        let said = Said { at, since: at, from_dump: false, attributes: None };
        self.change(peer, prefix, route.path_id, None, said, sink);
    }

    /// Changes one of several routes, and the one that is shown if it is that.
    fn change(
        &mut self,
        peer: PeerId,
        prefix: PrefixId,
        path_id: Option<u32>,
        path: Option<PathId>,
        said: Said<'_>,
        sink: Changes<'_>,
    ) {
        if !said.from_dump {
            self.holes.hear(peer, prefix, said.at);
        }
        let key = (peer, prefix);
        let Some(path_id) = path_id else {
            self.additional.forget(key);
            return self.show(peer, prefix, path, said, sink);
        };
        if let Shown::Now(path) = self.additional.change(key, path_id, path) {
            self.show(peer, prefix, path, said, sink);
        }
        self.refused.additional = self.additional.refused;
    }

    fn show(
        &mut self,
        peer: PeerId,
        prefix: PrefixId,
        after: Option<PathId>,
        said: Said<'_>,
        sink: Changes<'_>,
    ) {
        let size = self.peers.size(peer);
        let before = self.put(peer, prefix, after, said);
        if before.is_none() && after.is_none() {
            return;
        }
        let cause = match said.from_dump {
            true => Cause::Table,
            false => match self.peers.change(peer, prefix, said.at, size) {
                Doing::Reset { .. } => Cause::Reset,
                Doing::News => Cause::Update,
            },
        };
        let Said { at, since, attributes, .. } = said;
        let transition = Transition {
            at,
            since,
            peer,
            prefix,
            before,
            after,
            cause,
            attributes,
        };
        sink(self, &transition);
    }

    /// Puts a route, keeps the books, and returns what was there.
    fn put(
        &mut self,
        peer: PeerId,
        prefix: PrefixId,
        after: Option<PathId>,
        said: Said<'_>,
    ) -> Option<PathId> {
        let wanted = self.prefixes.get(prefix);
        let counts = is_counted(wanted);
        let before = self.peers.put(peer, prefix, after, (wanted, counts));
        let old = before.and_then(|path| self.paths.origin(path));
        let new = after.and_then(|path| self.paths.origin(path));
        let Said { at, since, .. } = said;
        match (old, new) {
            (Some(old), Some(new)) if old == new => {
                self.origins.keep(prefix, new, since, at);
            }
            _ => {
                if let Some(old) = old {
                    self.origins.lose(prefix, old, at);
                }
                if let Some(new) = new {
                    self.origins.gain(prefix, new, since, at);
                }
            }
        }
        let family = usize::from(!wanted.is_v4());
        if before.is_some() != after.is_some() && self.feeds[family].is_due() {
            self.judge(family);
        }
        before
    }

    fn judge(&mut self, family: usize) {
        let sizes = self.peers.sizes(family);
        self.feeds[family].judge(&sizes, self.rule);
    }

    /// All routes of a peer are gone.
    fn lose(&mut self, peer: PeerId, at: u32, sink: Changes<'_>) {
        self.peers.end(peer, at);
        self.holes.hear_end(peer, at);
        let said = Said { at, since: at, from_dump: false, attributes: None };
        let mut from = 0;
        while let Some((prefix, _)) = self.peers.next(peer, from) {
            from = prefix.index() + 1;
            self.take(peer, prefix, Cause::Reset, said, sink);
        }
        self.judge(0);
        self.judge(1);
    }

    fn take(
        &mut self,
        peer: PeerId,
        prefix: PrefixId,
        cause: Cause,
        said: Said<'_>,
        sink: Changes<'_>,
    ) {
        self.additional.forget((peer, prefix));
        let before = self.put(peer, prefix, None, said);
        let Said { at, since, .. } = said;
        let transition = Transition {
            at,
            since,
            peer,
            prefix,
            before,
            after: None,
            cause,
            attributes: None,
        };
        sink(self, &transition);
    }

    /// Says that a whole dump follows: at its end, routes that its peers had
    /// and that it does not show are gone.
    pub fn begin_dump(&mut self) {
        self.dump = Some(Dump::default());
    }

    /// Takes the routes of the peers of a dump that it does not show.
    fn take_all_but(&mut self, dump: &Dump, at: u32, sink: Changes<'_>) {
        let said = Said { at, since: at, from_dump: true, attributes: None };
        for peer in dump.peers() {
            let mut from = 0;
            while let Some((prefix, _)) = self.peers.next(peer, from) {
                from = prefix.index() + 1;
                let stays = dump.has(peer, prefix)
                    || self.holes.knows_better(peer, prefix);
                if !stays {
                    self.take(peer, prefix, Cause::Table, said, sink);
                }
            }
        }
    }
}
