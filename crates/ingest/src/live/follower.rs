//! From messages to events.

use std::{ops::ControlFlow, time::Duration};

use asgard_routing::event::Event;

use super::{Gap, Inbox, Item, Taken};
use crate::format::{
    Reason,
    ris_live::{self, RisLive},
};

/// Items that are taken from the inbox at once.
const BATCH: usize = 1024;

/// What a follower hears.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'e> {
    /// Something about a route or a session.
    Event(&'e Event<'e>),
    /// Something is missing here: until a table is read again, routes may be
    /// known that are gone.
    Gap(Gap),
}

/// Reads an inbox on its own thread.
#[derive(Debug, Default)]
pub struct Follower {
    reader: RisLive,
    batch: Vec<Item>,
    /// Messages with events.
    pub events: u64,
    /// Messages that say nothing about routes: answers, keep-alives.
    pub ignored: u64,
    /// Messages that cannot be read; they gave no event.
    pub bad: u64,
    /// Why the first of them could not be read.
    pub first_bad: Option<Reason>,
}

impl Follower {
    /// Reads what waits, and waits for the first of it as long as `patience`;
    /// `Break` of the sink ends it after the message at hand, and what was
    /// taken from the inbox comes next time.
    pub fn follow(
        &mut self,
        inbox: &Inbox,
        patience: Duration,
        sink: &mut dyn FnMut(Heard<'_>) -> ControlFlow<()>,
    ) -> Taken {
        if self.batch.is_empty() {
            match inbox.take(&mut self.batch, BATCH, patience) {
                Taken::Items => self.batch.reverse(),
                nothing => return nothing,
            }
        }
        while let Some(item) = self.batch.pop() {
            let flow = match item {
                Item::Gap(gap) => sink(Heard::Gap(gap)),
                Item::Message(text) => self.message(&text, sink),
            };
            if flow.is_break() {
                break;
            }
        }
        Taken::Items
    }

    fn message(
        &mut self,
        text: &[u8],
        sink: &mut dyn FnMut(Heard<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut on_event = |event: &Event<'_>| sink(Heard::Event(event));
        match self.reader.message(text, &mut on_event) {
            Ok(ris_live::Heard::Events(flow)) => {
                self.events += 1;
                flow
            }
            Ok(ris_live::Heard::Nothing) => {
                self.ignored += 1;
                ControlFlow::Continue(())
            }
            Err(reason) => {
                self.bad += 1;
                self.first_bad.get_or_insert(reason);
                ControlFlow::Continue(())
            }
        }
    }
}
