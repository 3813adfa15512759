//! Bodies: how long they are, read and written anew.
//!
//! A body is decoded and encoded again, never copied with its framing: chunk
//! sizes, extensions and line ends of one side do not reach the other.
//! Extensions are dropped. Refused: sizes of more than 16 digits, extensions
//! beyond 256 bytes a chunk, bare line feeds, trailers beyond 8 KiB.

use std::io::Write as _;

use httparse::Status;

use super::{
    buffer::Incoming,
    head::{HeadLimits, Scan},
};

/// Longest extension of one chunk.
const MAX_EXTENSION: u16 = 256;
/// Longest trailer section.
const MAX_TRAILERS: usize = 8 * 1024;
/// Fields in a trailer section.
const MAX_TRAILER_FIELDS: usize = 64;

/// How the end of a body is found (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body, and nothing says so.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection: responses only.
    UntilClose,
}

/// A body that is not what its framing says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed body: {0}")]
pub(crate) struct MalformedBody(pub(crate) &'static str);

/// There is one after a head that allows none.
pub(crate) const UNEXPECTED: MalformedBody =
    MalformedBody("there should be none");

/// What the front of a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// This many bytes of payload, to be consumed by the caller.
    Data(usize),
    /// The buffer is used up: read more.
    More,
    /// The body is over; what follows belongs to the next message.
    Done,
}

/// Reads a body.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    state: State,
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    Size { value: u64, digits: u8 },
    Extension { value: u64, left: u16 },
    SizeLineFeed { value: u64 },
    Data(u64),
    DataReturn,
    DataLineFeed,
    Trailers,
    UntilClose,
    Done,
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { value: 0, digits: 0 },
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, trailers: Vec::new() }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer fields, as they were sent; checked, not filtered.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// The connection has ended: was the body over?
    pub(crate) fn end_of_input(&mut self) -> Result<(), MalformedBody> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(MalformedBody("the connection ended inside it")),
        }
    }

    /// Tells what the front of the buffer is. After [`Step::Data`] the caller
    /// takes the bytes and calls [`Self::took`].
    pub(crate) fn step(
        &mut self,
        buffer: &mut Incoming,
    ) -> Result<Step, MalformedBody> {
        loop {
            let data = buffer.data();
            match self.state {
                State::Done => return Ok(Step::Done),
                State::Trailers => {
                    if !self.read_trailers(buffer)? {
                        return Ok(Step::More);
                    }
                }
                _ if data.is_empty() => return Ok(Step::More),
                State::Length(left) | State::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX);
                    return Ok(Step::Data(data.len().min(here)));
                }
                State::UntilClose => return Ok(Step::Data(data.len())),
                _ => {
                    let byte = data[0];
                    self.state = self.state.after(byte)?;
                    buffer.consume(1);
                }
            }
        }
    }

    /// Payload was taken off the buffer.
    pub(crate) fn took(&mut self, count: usize) {
        let count = count as u64;
        match self.state {
            State::Length(left) if left == count => self.state = State::Done,
            State::Length(left) => self.state = State::Length(left - count),
            State::Data(left) if left == count => {
                self.state = State::DataReturn;
            }
            State::Data(left) => self.state = State::Data(left - count),
            _ => {}
        }
    }

    /// Whether the section is whole.
    fn read_trailers(
        &mut self,
        buffer: &mut Incoming,
    ) -> Result<bool, MalformedBody> {
        const LIMITS: HeadLimits = HeadLimits {
            bytes: MAX_TRAILERS,
            fields: MAX_TRAILER_FIELDS,
            uri_bytes: MAX_TRAILERS,
        };
        let data = buffer.data();
        if data.starts_with(b"\r\n") {
            buffer.consume(2);
            self.state = State::Done;
            return Ok(true);
        }
        let end = Scan::default()
            .find(data, &LIMITS)
            .map_err(|refusal| MalformedBody(refusal.reason))?;
        let Some(end) = end else { return Ok(false) };
        let mut fields = [httparse::EMPTY_HEADER; MAX_TRAILER_FIELDS];
        match httparse::parse_headers(&data[..end], &mut fields) {
            Ok(Status::Complete((length, _))) if length == end => {}
            _ => return Err(MalformedBody("trailers")),
        }
        self.trailers.extend_from_slice(&data[..end]);
        buffer.consume(end);
        self.state = State::Done;
        Ok(true)
    }
}

impl State {
    /// The state after one byte of framing.
    fn after(self, byte: u8) -> Result<Self, MalformedBody> {
        Ok(match (self, byte) {
            (Self::Size { value, digits }, byte)
                if byte.is_ascii_hexdigit() =>
            {
                if digits == 16 {
                    return Err(MalformedBody("chunk size"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let value = value << 4 | u64::from(digit);
                Self::Size { value, digits: digits + 1 }
            }
            (Self::Size { value, digits: 1.. }, b'\r') => {
                Self::SizeLineFeed { value }
            }
            (Self::Size { value, digits: 1.. }, b';') => {
                Self::Extension { value, left: MAX_EXTENSION }
            }
            (Self::Extension { value, .. }, b'\r') => {
                Self::SizeLineFeed { value }
            }
            (Self::Extension { value, left }, b'\t' | b' '..=b'~')
                if left > 0 =>
            {
                Self::Extension { value, left: left - 1 }
            }
            (Self::SizeLineFeed { value: 0 }, b'\n') => Self::Trailers,
            (Self::SizeLineFeed { value }, b'\n') => Self::Data(value),
            (Self::DataReturn, b'\r') => Self::DataLineFeed,
            (Self::DataLineFeed, b'\n') => Self::Size { value: 0, digits: 0 },
            _ => return Err(MalformedBody("chunk framing")),
        })
    }
}

/// Writes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoder {
    /// As it is: the length was announced, or the end of the connection tells.
    Plain,
    /// In chunks.
    Chunked,
}

impl Encoder {
    pub(crate) fn data(self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.is_empty() {
            return; // an empty chunk would be the last
        }
        match self {
            Self::Plain => out.extend_from_slice(payload),
            Self::Chunked => {
                // Writing into a Vec cannot fail.
                let _ = write!(out, "{:x}\r\n", payload.len());
                out.extend_from_slice(payload);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// The end; `trailers` are whole lines, without the empty one.
    pub(crate) fn end(self, trailers: &[u8], out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(b"0\r\n");
            out.extend_from_slice(trailers);
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payload, trailers, rest.
    type Decoded = (Vec<u8>, Vec<u8>, Vec<u8>);

    /// Decodes bytes that come in pieces of `piece`.
    fn decode(
        framing: Framing,
        bytes: &[u8],
        piece: usize,
    ) -> Result<Decoded, MalformedBody> {
        let mut decoder = Decoder::new(framing);
        let (mut buffer, mut payload) = (Incoming::default(), Vec::new());
        let mut pieces = bytes.chunks(piece);
        loop {
            match decoder.step(&mut buffer)? {
                Step::Data(count) => {
                    payload.extend_from_slice(&buffer.data()[..count]);
                    buffer.consume(count);
                    decoder.took(count);
                }
                Step::More => match pieces.next() {
                    Some(piece) => buffer.extend(piece),
                    None => decoder.end_of_input()?,
                },
                Step::Done => break,
            }
        }
        let mut rest = buffer.data().to_vec();
        rest.extend(pieces.flatten());
        Ok((payload, decoder.trailers().to_vec(), rest))
    }

    #[test]
    fn bodies_end_where_their_framing_says_however_they_come() {
        let chunked = b"3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET";
        let trailed = b"1\r\na\r\n0\r\nX: y\r\nZ: z\r\n\r\nGET";
        for piece in 1..40 {
            let got = decode(Framing::Chunked, chunked, piece).unwrap();
            assert_eq!(got, (b"abc0123456789".into(), vec![], b"GET".into()));
            let got = decode(Framing::Chunked, trailed, piece).unwrap();
            let trailers = b"X: y\r\nZ: z\r\n\r\n".into();
            assert_eq!(got, (b"a".into(), trailers, b"GET".into()));
            let got = decode(Framing::Length(3), b"abcGET", piece).unwrap();
            assert_eq!(got, (b"abc".into(), vec![], b"GET".into()));
            let got = decode(Framing::UntilClose, b"abc", piece).unwrap();
            assert_eq!(got, (b"abc".into(), vec![], vec![]));
        }
    }

    #[test]
    fn chunks_that_others_might_read_differently_are_refused() {
        for body in [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nab\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "-1\r\nabc\r\n0\r\n\r\n",
            "\r\nabc\r\n0\r\n\r\n",
            ";x\r\nabc\r\n0\r\n\r\n",
            "00000000000000003\r\nabc\r\n0\r\n\r\n",
            "fffffffffffffffff\r\nabc",
            "3;a\nabc\r\n0\r\n\r\n",
            "3;a\rb\r\nabc\r\n0\r\n\r\n",
            "3;\0\r\nabc\r\n0\r\n\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\nX: y\r\n z\r\n\r\n",
            "0\r\n\n",
            "3\r\nabc\r\n",
        ] {
            let got = decode(Framing::Chunked, body.as_bytes(), 7);
            assert!(got.is_err(), "{body:?}: {got:?}");
        }
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
        assert!(decode(Framing::Chunked, long.as_bytes(), 99).is_err());
        let long = format!("0\r\nX: {}\r\n\r\n", "x".repeat(9000));
        assert!(decode(Framing::Chunked, long.as_bytes(), 99).is_err());
        assert!(decode(Framing::Length(4), b"abc", 9).is_err(), "cut short");
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        let payload: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let mut wire = Vec::new();
        for part in payload.chunks(777) {
            Encoder::Chunked.data(part, &mut wire);
        }
        Encoder::Chunked.data(b"", &mut wire);
        Encoder::Chunked.end(b"A: b\r\n", &mut wire);
        let got = decode(Framing::Chunked, &wire, 100).unwrap();
        assert_eq!(got, (payload, b"A: b\r\n\r\n".into(), vec![]));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut state = 0x1234_5678_9abc_def1_u64;
        let alphabet = b"0123afF;\r\n: x\0\xff";
        for _ in 0..200_000 {
            let mut bytes = Vec::new();
            for _ in 0..24 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = usize::try_from(state >> 40).unwrap() % alphabet.len();
                bytes.push(alphabet[at]);
            }
            let _ = decode(Framing::Chunked, &bytes, 5);
        }
    }
}
