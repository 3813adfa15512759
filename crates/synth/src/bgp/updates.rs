//! The story as messages of the collector's peers, in order of time: MRT files
//! of an hour each, and for the last hours recordings of RIS Live.
//!
//! Peers hear of a change up to half a minute after it happens. Memory holds
//! what differs from the beginning, and the messages of half a minute.

mod mrt_file;
mod ris_live;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    rc::Rc,
};

use asgard_model::Prefix;

use super::{
    message::Attributes,
    mrt::{Instant, Session},
    scene::Scene,
    story::{Change, Plot, Reset, Shown},
    table::sessions,
};
use mrt_file::MrtFiles;
use ris_live::LiveFiles;

const HOUR: u32 = 3_600;
/// The last hours, which are told by RIS Live and not by MRT.
const LIVE: u32 = 6 * HOUR;
/// More prefixes may not fit into a message (4,096 bytes, RFC 4271).
const PREFIXES: usize = 150;
/// In how many seconds a peer says everything that it knows.
const FLOOD: u32 = 25;

/// What one peer says at one moment.
pub(super) struct Record {
    session: Session,
    says: Says,
}

enum Says {
    Announce {
        attributes: Rc<Attributes>,
        prefixes: Vec<Prefix>,
    },
    Withdraw {
        prefixes: Vec<Prefix>,
    },
    /// Numbers of RFC 6396, 4.4.1.
    State {
        old: u16,
        new: u16,
    },
}

/// Writes all files; gives the number of messages.
pub(super) fn write(
    scene: &Scene,
    plot: Plot,
    (from, to): (u32, u32),
    routing: &Path,
) -> io::Result<u64> {
    let live = to.saturating_sub(LIVE).max(from);
    let mut writer = Writer {
        scene,
        sessions: sessions(scene),
        shown: HashMap::new(),
        down: HashMap::new(),
        pending: BTreeMap::new(),
        sequence: 0,
        archive: MrtFiles::new(routing, from, live),
        live: LiveFiles::new(routing),
        live_from: live,
        written: 0,
    };
    for (at, step) in steps(plot) {
        writer.flush(Some(at))?;
        writer.step(at, step);
    }
    writer.flush(None)?;
    writer.archive.finish()?;
    writer.live.finish()?;
    Ok(writer.written)
}

enum Step {
    Change(Change),
    Down(Reset),
    Up(Reset),
}

/// Everything in order of time; of one moment in the order of the plot.
fn steps(plot: Plot) -> Vec<(u32, Step)> {
    let mut steps: Vec<(u32, Step)> = plot
        .changes
        .into_iter()
        .map(|change| (change.at, Step::Change(change)))
        .collect();
    for reset in plot.resets {
        steps.push((reset.from, Step::Down(reset)));
        steps.push((reset.to, Step::Up(reset)));
    }
    steps.sort_by_key(|&(at, _)| at);
    steps
}

struct Writer<'s> {
    scene: &'s Scene,
    sessions: Vec<Session>,
    /// What differs from the beginning.
    shown: HashMap<Prefix, Shown>,
    /// Vantages whose sessions are down.
    down: HashMap<usize, Reset>,
    pending: BTreeMap<(Instant, u64), Record>,
    sequence: u64,
    archive: MrtFiles,
    live: LiveFiles,
    live_from: u32,
    written: u64,
}

impl Writer<'_> {
    fn step(&mut self, at: u32, step: Step) {
        match step {
            Step::Change(change) => self.change(&change),
            Step::Down(reset) => self.go_down(at, reset),
            Step::Up(reset) => self.come_up(at, reset),
        }
    }

    /// Says what is different at each vantage. Prefixes that looked the same
    /// before share messages.
    fn change(&mut self, change: &Change) {
        let mut before: Vec<(Option<Shown>, Vec<Prefix>)> = Vec::new();
        for &prefix in &*change.prefixes {
            let old = match &change.now {
                Some(now) => self.shown.insert(prefix, now.clone()),
                None => self.shown.remove(&prefix),
            };
            let old = old.or_else(|| self.initial(prefix));
            let like = before.iter_mut().find(|(known, first)| {
                same(known.as_ref(), old.as_ref())
                    && first[0].is_v4() == prefix.is_v4()
                    && first.len() < PREFIXES
            });
            match like {
                Some((_, prefixes)) => prefixes.push(prefix),
                None => before.push((old, vec![prefix])),
            }
        }
        for (old, prefixes) in before {
            let now = change.now.clone().or_else(|| self.initial(prefixes[0]));
            for vantage in 0..self.scene.vantages.len() {
                self.differ(change.at, vantage, (&old, &now), &prefixes);
            }
        }
    }

    fn differ(
        &mut self,
        at: u32,
        vantage: usize,
        (old, now): (&Option<Shown>, &Option<Shown>),
        prefixes: &[Prefix],
    ) {
        let path = |shown: &Option<Shown>| -> Vec<u32> {
            let path = shown.as_ref().map(|one| one.view.path(vantage));
            path.unwrap_or_default().to_vec()
        };
        let tags = |shown: &Option<Shown>| {
            shown.as_ref().map(|one| Rc::clone(&one.communities))
        };
        let (was, is) = (path(old), path(now));
        let is_silent = was == is && (is.is_empty() || tags(old) == tags(now));
        if is_silent || self.down.contains_key(&vantage) {
            return;
        }
        let says = if is.is_empty() {
            Says::Withdraw { prefixes: prefixes.to_vec() }
        } else {
            let attributes =
                self.attributes(&is, tags(now).as_deref().unwrap_or(&[]));
            Says::Announce { attributes, prefixes: prefixes.to_vec() }
        };
        let late = lateness(at, vantage, self.sequence);
        let is_v4 = prefixes[0].is_v4();
        self.say(later(at, late), (vantage, is_v4), says);
    }

    fn attributes(&self, path: &[u32], tags: &[(u16, u16)]) -> Rc<Attributes> {
        let mut attributes = Attributes::default();
        let Scene { dressing, graph, .. } = self.scene;
        dressing.attributes(graph, path, &mut attributes);
        attributes.communities.extend(tags);
        Rc::new(attributes)
    }

    fn initial(&self, prefix: Prefix) -> Option<Shown> {
        let place = self.scene.announced.find(prefix)?;
        Some(Shown::plain(self.scene.view(place).clone()))
    }

    fn say(
        &mut self,
        at: Instant,
        (vantage, is_v4): (usize, bool),
        says: Says,
    ) {
        let width = self.scene.vantages.len();
        let session =
            self.sessions[if is_v4 { vantage } else { width + vantage }];
        self.sequence += 1;
        self.pending.insert((at, self.sequence), Record { session, says });
    }

    /// A session ends: what its peer was about to say is lost.
    fn go_down(&mut self, at: u32, reset: Reset) {
        let asn = self.scene.vantages[reset.vantage].asn;
        self.pending.retain(|_, record| record.session.asn != asn);
        if reset.stated {
            for is_v4 in [true, false] {
                let says = Says::State { old: 6, new: 1 };
                self.say(later(at, 0), (reset.vantage, is_v4), says);
            }
        } else {
            self.flood(at, reset.vantage, |_, _, prefixes| {
                Some(Says::Withdraw { prefixes })
            });
        }
        self.down.insert(reset.vantage, reset);
    }

    fn come_up(&mut self, at: u32, reset: Reset) {
        self.down.remove(&reset.vantage);
        if reset.stated {
            for is_v4 in [true, false] {
                let says = Says::State { old: 5, new: 6 };
                self.say(later(at, 0), (reset.vantage, is_v4), says);
            }
        }
        self.flood(at, reset.vantage, |writer, shown, prefixes| {
            let path = shown.view.path(reset.vantage);
            (!path.is_empty()).then(|| Says::Announce {
                attributes: writer.attributes(path, &shown.communities),
                prefixes,
            })
        });
    }

    /// Everything that a vantage has to say about all prefixes of now, within
    /// some seconds.
    fn flood(
        &mut self,
        at: u32,
        vantage: usize,
        says: impl Fn(&Self, &Shown, Vec<Prefix>) -> Option<Says>,
    ) {
        let mut said: Vec<(bool, Says)> = Vec::new();
        for (shown, prefixes) in self.everything() {
            if !shown.view.path(vantage).is_empty() {
                for part in prefixes.chunks(PREFIXES) {
                    let is_v4 = part[0].is_v4();
                    let what = says(self, &shown, part.to_vec());
                    said.extend(what.map(|what| (is_v4, what)));
                }
            }
        }
        let count = u64::try_from(said.len().max(1)).unwrap_or(1);
        for ((is_v4, says), number) in said.into_iter().zip(0u64..) {
            let micros = u64::from(FLOOD) * 1_000_000 * number / count;
            let late = u32::try_from(micros).unwrap_or(0) + 1_000;
            self.say(later(at, late), (vantage, is_v4), says);
        }
    }

    /// All prefixes of now, those that are seen alike together, by family.
    fn everything(&self) -> Vec<(Shown, Vec<Prefix>)> {
        let announced = &self.scene.announced;
        let mut groups: BTreeMap<(u32, bool), Vec<Prefix>> = BTreeMap::new();
        for &(prefix, atom) in &announced.prefixes {
            if !self.shown.contains_key(&prefix) {
                let group = (atom, prefix.is_v4());
                groups.entry(group).or_default().push(prefix);
            }
        }
        let view = |atom: u32| self.scene.views[atom as usize].clone();
        let mut all: Vec<(Shown, Vec<Prefix>)> = groups
            .into_iter()
            .map(|((atom, _), group)| (Shown::plain(view(atom)), group))
            .collect();
        let mut odd: Vec<Prefix> = self.shown.keys().copied().collect();
        odd.sort_unstable();
        all.extend(
            odd.into_iter().map(|one| (self.shown[&one].clone(), vec![one])),
        );
        all
    }

    /// Writes what is said before a moment, or everything.
    fn flush(&mut self, before: Option<u32>) -> io::Result<()> {
        while let Some(entry) = self.pending.first_entry() {
            let at = entry.key().0;
            if before.is_some_and(|before| at.seconds >= before) {
                break;
            }
            let record = entry.remove();
            self.written += 1;
            if at.seconds < self.live_from {
                self.archive.write(at, &record)?;
            } else {
                self.live.write(at, &record)?;
            }
        }
        Ok(())
    }
}

fn same(a: Option<&Shown>, b: Option<&Shown>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.view == b.view && a.communities == b.communities
        }
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// How long a message takes, in microseconds: up to half a minute.
fn lateness(at: u32, vantage: usize, sequence: u64) -> u32 {
    let seed = u64::from(at) << 20 ^ u64::try_from(vantage).unwrap_or(0) << 8;
    let mixed = (seed ^ sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    u32::try_from(mixed % 28_000_000).unwrap_or(0)
}

fn later(at: u32, micros: u32) -> Instant {
    Instant { seconds: at + micros / 1_000_000, micros: micros % 1_000_000 }
}
