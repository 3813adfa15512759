//! `routing/updates.YYYYMMDD.HHMM.gz`: an hour of messages each; hours without
//! messages have a file too.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{HOUR, Record, Says};
use crate::bgp::{
    message::{announcement, withdrawal},
    mrt::{self, Instant},
    stamp,
    table::{Packed, finish, packed},
};

pub(super) struct MrtFiles {
    routing: PathBuf,
    /// Begin of the next file.
    next: u32,
    until: u32,
    file: Option<Packed>,
}

impl MrtFiles {
    pub(super) fn new(routing: &Path, from: u32, until: u32) -> Self {
        Self { routing: routing.to_owned(), next: from, until, file: None }
    }

    pub(super) fn write(
        &mut self,
        at: Instant,
        record: &Record,
    ) -> io::Result<()> {
        while at.seconds >= self.next {
            self.turn()?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let session = record.session;
        match &record.says {
            Says::Announce { attributes, prefixes } => {
                let bytes = announcement(attributes, session.address, prefixes);
                mrt::message(file, at, session, &bytes)
            }
            Says::Withdraw { prefixes } => {
                mrt::message(file, at, session, &withdrawal(prefixes))
            }
            Says::State { old, new } => {
                mrt::state(file, at, session, (*old, *new))
            }
        }
    }

    /// The file of the next hour.
    fn turn(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), finish)?;
        let name = format!("updates.{}.gz", stamp(self.next));
        self.file = Some(packed(&self.routing.join(name))?);
        self.next += HOUR;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        while self.next < self.until {
            self.turn()?;
        }
        self.file.take().map_or(Ok(()), finish)
    }
}
