//! Reading ahead: one thread decompresses while another understands.
//!
//! Decompression takes as long as all that follows, and bz2 several times as
//! long, so the plain bytes of the next files are made ready meanwhile. At most
//! [`CHUNKS`] chunks wait; then the reader waits.

use std::{
    io::{self, BufRead, Read},
    ops::ControlFlow,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::files::BgpFile;
use crate::supply::Supply;

/// Bytes of a chunk.
const CHUNK: usize = 256 << 10;
/// Chunks that wait to be understood: 8 MB.
const CHUNKS: usize = 32;

/// What the reader says, file by file.
enum Said {
    /// The next bytes of the file.
    Bytes(Vec<u8>),
    /// It cannot be opened or read on.
    Failed(io::Error),
    /// It has ended, well or not.
    End,
}

/// Opens files one after the other and hands the plain bytes of each to
/// `each`, with its index, until it breaks. A file that cannot be opened is an
/// I/O error at its first byte.
pub(super) fn read_ahead(
    files: &[&BgpFile],
    supply: &Supply,
    mut each: impl FnMut(usize, &mut dyn BufRead) -> ControlFlow<()>,
) {
    thread::scope(|scope| {
        let (said, heard) = sync_channel(CHUNKS);
        scope.spawn(move || {
            for file in files {
                // Nobody listens any more: the rest is of no interest.
                if say(file, supply, &said).is_none() {
                    return;
                }
            }
        });
        for index in 0..files.len() {
            let mut bytes = Heard::new(&heard);
            if each(index, &mut bytes).is_break() {
                break;
            }
            bytes.skip_to_end();
        }
        // Whoever still waits to say something hears that nobody listens.
        drop(heard);
    });
}

/// Says what a file holds; `None` when nobody listens.
fn say(file: &BgpFile, supply: &Supply, said: &SyncSender<Said>) -> Option<()> {
    let result = supply
        .open(&file.source, &file.version)
        .map_err(io::Error::other)
        .and_then(|mut input| {
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
                let read = (&mut input).take(limit).read_to_end(&mut chunk);
                // What was read before the damage is good.
                if !chunk.is_empty() && said.send(Said::Bytes(chunk)).is_err() {
                    return Ok(None);
                }
                if read? == 0 {
                    return Ok(Some(()));
                }
            }
        });
    match result {
        Ok(heard) => heard?,
        Err(error) => said.send(Said::Failed(error)).ok()?,
    }
    said.send(Said::End).ok()
}

/// The bytes of one file, as they come.
struct Heard<'h> {
    heard: &'h Receiver<Said>,
    chunk: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'h> Heard<'h> {
    fn new(heard: &'h Receiver<Said>) -> Self {
        Self { heard, chunk: Vec::new(), at: 0, ended: false }
    }

    fn skip_to_end(&mut self) {
        while !self.ended {
            // A panic of the reader ends the scope; there is no more to hear.
            match self.heard.recv() {
                Ok(Said::Bytes(_) | Said::Failed(_)) => {}
                Ok(Said::End) | Err(_) => self.ended = true,
            }
        }
    }
}

impl BufRead for Heard<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.chunk.len() && !self.ended {
            match self.heard.recv() {
                Ok(Said::Bytes(chunk)) => {
                    self.chunk = chunk;
                    self.at = 0;
                }
                Ok(Said::Failed(error)) => return Err(error),
                Ok(Said::End) | Err(_) => self.ended = true,
            }
        }
        Ok(&self.chunk[self.at.min(self.chunk.len())..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Heard<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let read = bytes.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
