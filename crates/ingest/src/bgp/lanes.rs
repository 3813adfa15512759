//! Files of several collectors, told together in the order of time.
//!
//! The files of one collector follow each other: a **lane**. What two
//! collectors heard at the same time must be told at the same time, else no
//! fault would ever be seen by enough peers. So each lane is read on a thread of
//! its own, at most [`BATCHES`] batches ahead, and the earliest event of all
//! lanes is always the next.

use std::{
    collections::{BTreeMap, VecDeque},
    io::BufRead,
    ops::ControlFlow,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use asgard_model::AsPath;
use asgard_routing::event::{
    Attributes, Details, Envelope, Event, Moment, Nlri, Peer, State, What,
};

use super::files::BgpFile;
use crate::supply::Supply;

/// Events of a batch.
const BATCH: usize = 512;
/// Batches that wait to be told.
const BATCHES: usize = 8;

/// The files of a collector, each with its index.
pub(super) type Lane<'f> = Vec<(usize, &'f BgpFile)>;

/// What happens next.
pub(super) enum Next<'n> {
    /// A file tells something.
    Event(usize, &'n Event<'n>),
    /// It has ended, or why it cannot be read on.
    End(usize, Result<(), String>),
}

/// Reads a file: hands its events to the sink, and says how it ended.
pub(super) type ReadFile = fn(
    &BgpFile,
    &mut dyn BufRead,
    asgard_routing::event::Sink<'_>,
) -> Result<(), String>;

/// The lanes of files that are in the order of time. Files of one collector
/// have one name but for the moment in it.
pub(super) fn lanes<'f>(files: &[&'f BgpFile]) -> Vec<Lane<'f>> {
    let mut lanes: BTreeMap<(&str, String), Lane<'f>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        let name = timeless(&file.version.label);
        let lane = lanes.entry((file.source.name.as_str(), name)).or_default();
        lane.push((index, file));
    }
    lanes.into_values().collect()
}

/// A name without the first run of digits that is as long as a date, and what
/// digits follow it.
fn timeless(label: &str) -> String {
    let is_date = |window: &[u8]| window.iter().all(u8::is_ascii_digit);
    let Some(at) = label.as_bytes().windows(8).position(is_date) else {
        return label.to_owned();
    };
    let (before, rest) = label.split_at(at);
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
    };
    let rest = &rest[digits(rest)..];
    let rest = match rest.strip_prefix(['.', '-', '_']) {
        Some(more) if digits(more) >= 4 => &more[digits(more)..],
        _ => rest,
    };
    format!("{before}*{rest}")
}

/// Tells all lanes in the order of time; of one moment, in the order of lanes.
pub(super) fn in_order(
    lanes: &[Lane<'_>],
    supply: &Supply,
    read: ReadFile,
    mut tell: impl FnMut(Next<'_>),
) {
    thread::scope(|scope| {
        let mut heads: Vec<Head> = lanes
            .iter()
            .map(|lane| {
                let (said, heard) = sync_channel(BATCHES);
                scope.spawn(move || say(lane, supply, read, &said));
                Head { heard, batch: VecDeque::new(), file: 0, ended: false }
            })
            .collect();
        loop {
            heads.iter_mut().for_each(|head| head.fill(&mut tell));
            let next = heads
                .iter_mut()
                .filter(|head| !head.ended)
                .min_by_key(|head| head.moment());
            let Some(head) = next else { break };
            if let Some(owned) = head.batch.pop_front() {
                let file = head.file;
                owned.with(|event| tell(Next::Event(file, event)));
            }
        }
    });
}

/// What the thread of a lane says.
enum Said {
    Begin(usize),
    Events(Vec<Owned>),
    End(usize, Result<(), String>),
}

/// Reads the files of a lane until all are read or nobody listens.
fn say(
    lane: &Lane<'_>,
    supply: &Supply,
    read: ReadFile,
    said: &SyncSender<Said>,
) {
    for &(index, file) in lane {
        if said.send(Said::Begin(index)).is_err() {
            return;
        }
        let mut batch = Vec::with_capacity(BATCH);
        let opened = supply.open(&file.source, &file.version);
        let result = match opened {
            Err(error) => Err(error.to_string()),
            Ok(mut input) => read(file, &mut input, &mut |event| {
                batch.push(Owned::of(event));
                if batch.len() < BATCH {
                    return ControlFlow::Continue(());
                }
                let full =
                    std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                match said.send(Said::Events(full)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            }),
        };
        let heard = said.send(Said::Events(batch)).is_ok()
            && said.send(Said::End(index, result)).is_ok();
        if !heard {
            return;
        }
    }
}

/// The next events of a lane.
struct Head {
    heard: Receiver<Said>,
    batch: VecDeque<Owned>,
    /// The file that they are from.
    file: usize,
    ended: bool,
}

impl Head {
    /// Waits for an event, and tells of the files that begin and end before it.
    fn fill(&mut self, tell: &mut impl FnMut(Next<'_>)) {
        while self.batch.is_empty() && !self.ended {
            match self.heard.recv() {
                Ok(Said::Begin(file)) => self.file = file,
                Ok(Said::Events(events)) => self.batch = events.into(),
                Ok(Said::End(file, result)) => tell(Next::End(file, result)),
                Err(_) => self.ended = true,
            }
        }
    }

    fn moment(&self) -> Option<(u32, u32)> {
        let at = self.batch.front()?.at;
        Some((at.seconds, at.micros.unwrap_or(0)))
    }
}

/// An event that borrows from nobody.
struct Owned {
    at: Moment,
    envelope: Envelope,
    peer: Peer,
    what: OwnedWhat,
}

enum OwnedWhat {
    Route {
        route: Nlri,
        /// Of a dump: when the collector learnt the route.
        originated: Option<u32>,
        path: Option<AsPath>,
        details: Box<Details>,
    },
    Withdraw(Nlri),
    State(Option<State>, State),
}

impl Owned {
    fn of(event: &Event<'_>) -> Self {
        let route =
            |route, originated, attributes: &Attributes<'_>| OwnedWhat::Route {
                route,
                originated,
                path: attributes.path().cloned(),
                details: Box::new(attributes.details().clone()),
            };
        let what = match event.what {
            What::Rib { route: to, originated, attributes } => {
                route(to, Some(originated), attributes)
            }
            What::Announce { route: to, attributes } => {
                route(to, None, attributes)
            }
            What::Withdraw { route } => OwnedWhat::Withdraw(route),
            What::State { old, new } => OwnedWhat::State(old, new),
        };
        let Event { at, envelope, peer, .. } = *event;
        Self { at, envelope, peer, what }
    }

    fn with(self, tell: impl FnOnce(&Event<'_>)) {
        let Self { at, envelope, peer, what } = self;
        let attributes;
        let what = match what {
            OwnedWhat::Withdraw(route) => What::Withdraw { route },
            OwnedWhat::State(old, new) => What::State { old, new },
            OwnedWhat::Route { route, originated, ref path, details } => {
                attributes = Attributes::new(path.as_ref(), *details);
                let attributes = &attributes;
                match originated {
                    Some(originated) => {
                        What::Rib { route, originated, attributes }
                    }
                    None => What::Announce { route, attributes },
                }
            }
        };
        tell(&Event { at, envelope, peer, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_known_by_its_name_without_the_moment() {
        for (label, name) in [
            ("routing/updates.20260627.0005.gz", "routing/updates.*.gz"),
            (
                "routing/updates.20260627.0005.rrc01.gz",
                "routing/updates.*.rrc01.gz",
            ),
            ("routing/ris-live-20260627.json", "routing/ris-live-*.json"),
            (
                "routing/ris-live.20260627T0000.json",
                "routing/ris-live.*T0000.json",
            ),
            ("routing/updates.gz", "routing/updates.gz"),
        ] {
            assert_eq!(timeless(label), name);
        }
    }
}
