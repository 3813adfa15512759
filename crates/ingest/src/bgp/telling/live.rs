//! What was told goes on as it happens: events of a stream, its holes, and the
//! dumps that fill them.
//!
//! Once a stream is followed, nothing is told anew: incidents that only the
//! stream has shown would be forgotten. A new dump fills holes
//! (`Table::begin_fill`). Files of updates that come later are not read: the
//! stream has said the same, and says it in order.

use std::ops::ControlFlow;

use asgard_model::Day;
use asgard_routing::event::Event;
use jiff::Timestamp;

use super::{BgpFile, Context, Reads, Told, read_ahead, read_events};
use crate::bgp::scenery::Scenery;

/// Seconds for which inferred relationships stay while a stream goes on: links
/// are no news, and finding them costs more than all else.
const LINKS_STAY: u32 = 1_800;

/// Where things stand with the routes that a stream changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The latest event, in seconds since 1970.
    pub(crate) newest: u32,
    /// Since when routes may be known that are gone.
    pub(crate) stale_since: Option<u32>,
    /// Peers that are known.
    pub(crate) peers: usize,
    /// Dumps that have filled holes.
    pub(crate) resyncs: u64,
}

impl Told {
    /// Says that a stream follows. What was said between the files and its
    /// first message is a hole.
    pub(crate) fn go_live(&mut self) {
        if !self.live {
            self.live = true;
            self.table.begin_hole();
        }
    }

    /// Says that the stream has lost something.
    pub(crate) fn begin_hole(&mut self) {
        self.table.begin_hole();
    }

    /// When the dump was made, in seconds since 1970: nothing older counts.
    pub(crate) fn begins_at(&self) -> u32 {
        self.begins
    }

    /// Takes what the stream says.
    pub(crate) fn hear(&mut self, event: &Event<'_>, scenery: &Scenery) {
        self.apply(event, scenery);
    }

    /// Where things stand.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            newest: self.table.now(),
            stale_since: self.table.stale_since(),
            peers: self.table.peer_ids().count(),
            resyncs: self.resyncs,
        }
    }

    /// Whether a stream has filled the table so far that soon nothing new would
    /// find room.
    pub(super) fn is_worn_out(&self) -> bool {
        self.live && self.table.is_nearly_full()
    }

    /// Reads the dumps that are new and fill a hole.
    pub(super) fn catch_up(
        &mut self,
        files: &[BgpFile],
        context: &Context<'_>,
        reads: &mut Reads,
    ) {
        for file in files.iter().filter(|file| file.is_dump()) {
            if self.files.contains(file) {
                continue;
            }
            if self.table.begin_fill(file.begins) {
                self.fill(file, context, reads);
            }
            // One that is always published under the same name is one file.
            self.files.retain(|known| known.version != file.version);
            self.files.push(file.clone());
        }
        self.until_now(reads);
    }

    fn fill(
        &mut self,
        file: &BgpFile,
        context: &Context<'_>,
        reads: &mut Reads,
    ) {
        let mut result = Ok(());
        read_ahead(&[file], context.supply, |_, input| {
            result = read_events(file, input, &mut |event| {
                self.apply(event, context.scenery);
                ControlFlow::Continue(())
            });
            ControlFlow::Continue(())
        });
        self.end_dump(file.begins, &result, context);
        let label = &file.version.label;
        match result {
            Ok(()) => {
                self.resyncs += 1;
                let stale = self.table.stale_since();
                tracing::info!(file = label, stale, "BGP: holes were filled");
            }
            Err(reason) => {
                let read = reads.entry(file.source.name.clone()).or_default();
                read.complain(format!("{label}: {reason}"));
            }
        }
    }

    /// The table is as fresh as the latest event.
    fn until_now(&self, reads: &mut Reads) {
        let dumps = self.files.iter().find(|file| file.is_dump());
        let now = Timestamp::from_second(self.table.now().into());
        if let (Some(dump), Ok(now)) = (dumps, now) {
            let read = reads.entry(dump.source.name.clone()).or_default();
            read.until(Some(Day::of(now)));
        }
    }

    /// Whether relationships that were inferred a while ago still do.
    pub(super) fn links_stay(&self) -> bool {
        let age = |at: u32| self.table.now().saturating_sub(at);
        let current = self.current.as_ref();
        self.live && current.is_some_and(|(at, _)| age(*at) < LINKS_STAY)
    }
}
