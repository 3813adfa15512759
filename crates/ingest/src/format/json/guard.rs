//! The bytes of a document, made safe before anyone buffers them.

use std::io::{self, BufRead, Read};

use super::super::lines::MAX_LINE_BYTES;

/// Bytes that are looked at together.
pub(super) const CHUNK: usize = 64 * 1024;

/// Passes bytes on, without BOM, with bytes that are not UTF-8 replaced by
/// `?`, and refuses a string over [`MAX_LINE_BYTES`] before anyone buffers it.
pub(super) struct Guard<'r> {
    input: &'r mut dyn BufRead,
    chunk: Vec<u8>,
    /// Bytes of `chunk` that were passed on, and that may be.
    passed: usize,
    ready: usize,
    /// Length so far of the string that is open.
    string: Option<usize>,
    escaped: bool,
}

impl<'r> Guard<'r> {
    pub(super) fn new(input: &'r mut dyn BufRead) -> Self {
        let chunk = Vec::with_capacity(CHUNK);
        let (passed, ready, string, escaped) = (0, 0, None, false);
        Self { input, chunk, passed, ready, string, escaped }
    }

    /// The first chunk, without BOM and blanks; empty at the end.
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        if self.chunk.starts_with(&[0xef, 0xbb, 0xbf]) {
            self.passed = 3;
        }
        while self.passed < self.ready
            && self.chunk[self.passed].is_ascii_whitespace()
        {
            self.passed += 1;
            if self.passed == self.ready {
                self.fill()?;
            }
        }
        Ok(&self.chunk[self.passed..self.ready])
    }

    /// Replaces the chunk by the next; the tail of a cut character stays.
    fn fill(&mut self) -> io::Result<()> {
        self.chunk.drain(..self.ready);
        let room = u64::try_from(CHUNK - self.chunk.len()).unwrap_or(0);
        let mut bounded = Read::take(&mut *self.input, room);
        bounded.read_to_end(&mut self.chunk)?;
        let at_end = self.chunk.len() < CHUNK;
        self.passed = 0;
        self.ready = replace_broken(&mut self.chunk, at_end);
        self.watch_strings()
    }

    fn watch_strings(&mut self) -> io::Result<()> {
        for &byte in &self.chunk[..self.ready] {
            let Some(length) = self.string else {
                self.string = (byte == b'"').then_some(0);
                continue;
            };
            self.string = match byte {
                _ if std::mem::take(&mut self.escaped) => Some(length + 1),
                b'"' => None,
                _ => {
                    self.escaped = byte == b'\\';
                    Some(length + 1)
                }
            };
            if length > MAX_LINE_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a string of more than {MAX_LINE_BYTES} bytes"),
                ));
            }
        }
        Ok(())
    }
}

/// Replaces what is not UTF-8; returns how many bytes are whole characters.
fn replace_broken(chunk: &mut [u8], at_end: bool) -> usize {
    let mut good = 0;
    while let Err(error) = std::str::from_utf8(&chunk[good..]) {
        good += error.valid_up_to();
        let broken = match error.error_len() {
            Some(length) => length,
            None if at_end => chunk.len() - good,
            None => return good,
        };
        chunk[good..good + broken].fill(b'?');
        good += broken;
    }
    chunk.len()
}

impl Read for Guard<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.passed == self.ready {
            self.fill()?;
        }
        let mut rest = &self.chunk[self.passed..self.ready];
        let count = rest.read(buf)?;
        self.passed += count;
        Ok(count)
    }
}
