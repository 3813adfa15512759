//! A body on its way from one connection to another.
//!
//! Decoded and encoded anew through one bounded buffer: nothing more is read
//! until what was read has been written.

use std::{
    io,
    task::{Context, Poll},
};

use crate::{
    headers::{self, Strip},
    http1::{
        body::{Decoder, Encoder, Framing, MalformedBody, Step},
        buffer::{Incoming, Outgoing},
    },
    wire::Wire,
};

/// Bytes that one read takes at most, and that wait to be written at most.
const PORTION: usize = 64 * 1024;

/// What a pump waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// More to come.
    Source,
    /// What is there to go.
    Sink,
}

/// Where a body came to grief.
#[derive(Debug)]
pub(crate) enum PumpFault {
    Source(io::Error),
    Malformed(MalformedBody),
    TooLarge,
    Sink(io::Error),
}

/// One body in one direction.
#[derive(Debug)]
pub(crate) struct Pump {
    decoder: Decoder,
    encoder: Encoder,
    ended: bool,
    /// Payload so far, for limits and rates.
    pub(crate) moved: u64,
    /// 0 is no limit.
    limit: u64,
    pub(crate) waits: Waits,
}

/// One side of a pump: a connection with its buffer.
#[derive(Debug)]
pub(crate) struct End<'e, B> {
    pub(crate) wire: &'e mut Wire,
    pub(crate) buffer: &'e mut B,
}

impl Pump {
    pub(crate) fn new(framing: Framing, encoder: Encoder, limit: u64) -> Self {
        Self {
            decoder: Decoder::new(framing),
            encoder,
            ended: false,
            moved: 0,
            limit,
            waits: Waits::Sink,
        }
    }

    /// Whether the source has nothing more of this body.
    pub(crate) fn is_read(&self) -> bool {
        self.ended || self.decoder.is_done()
    }

    /// Moves what can be moved. Ready when everything has been written.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut End<'_, Incoming>,
        sink: &mut End<'_, Outgoing>,
        strip: &Strip,
    ) -> Poll<Result<(), PumpFault>> {
        loop {
            self.recode(source.buffer, &mut sink.buffer.bytes, strip)?;
            if sink.buffer.owes() {
                match sink.buffer.poll_write(cx, sink.wire) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err(PumpFault::Sink(error)));
                    }
                    Poll::Pending => {
                        self.waits = Waits::Sink;
                        return Poll::Pending;
                    }
                }
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if !source.buffer.is_empty() {
                continue; // the portion was full
            }
            match source.buffer.poll_fill(cx, source.wire, PORTION) {
                Poll::Ready(Ok(0)) => {
                    let ended = self.decoder.end_of_input();
                    ended.map_err(PumpFault::Malformed)?;
                }

                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(PumpFault::Source(error)));
                }
                Poll::Pending => {
                    self.waits = Waits::Source;
                    return Poll::Pending;
                }
            }
        }
    }

    /// What is in the buffer, decoded and encoded, up to a portion.
    pub(crate) fn recode(
        &mut self,
        from: &mut Incoming,
        out: &mut Vec<u8>,
        strip: &Strip,
    ) -> Result<(), PumpFault> {
        while !self.ended && out.len() < PORTION {
            match self.decoder.step(from).map_err(PumpFault::Malformed)? {
                Step::Data(count) => {
                    self.moved += count as u64;
                    if self.limit > 0 && self.moved > self.limit {
                        return Err(PumpFault::TooLarge);
                    }
                    self.encoder.data(&from.data()[..count], out);
                    from.consume(count);
                    self.decoder.took(count);
                }
                Step::More => break,
                Step::Done => {
                    let trailers = match self.decoder.trailers() {
                        [] => Vec::new(),
                        raw => headers::trailers(strip, raw),
                    };
                    self.encoder.end(&trailers, out);
                    self.ended = true;
                }
            }
        }
        Ok(())
    }
}
