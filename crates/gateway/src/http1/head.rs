//! The head of a request: where it ends, and whether it is beyond doubt.
//!
//! RFC 9112 lets a server repair much; a gateway must not, because the backend
//! may repair otherwise. Refused: a line feed without carriage return, a
//! carriage return alone, a folded line, white space before the colon, NUL and
//! other controls, any version but 1.0 and 1.1.

use std::mem::MaybeUninit;

use asgard_policy::gate::path::PathError;
use httparse::{Header, Status};
use memchr::memchr_iter;

/// Fields that a head may have at most, whatever the configuration says.
pub(crate) const MAX_FIELDS: usize = 512;

/// Room for the fields of one head.
pub(crate) type Fields<'h> = [MaybeUninit<Header<'h>>; MAX_FIELDS];

/// Nothing in it yet.
pub(crate) const fn no_fields<'h>() -> Fields<'h> {
    [const { MaybeUninit::uninit() }; MAX_FIELDS]
}

/// Bounds of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Of the whole head, empty line included.
    pub(crate) bytes: usize,
    /// Number of fields.
    pub(crate) fields: usize,
    /// Of the request target.
    pub(crate) uri_bytes: usize,
}

/// Why a request is answered by the gateway itself and its connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// 4xx or 5xx.
    pub(crate) status: u16,
    /// For the log and the body.
    pub(crate) reason: &'static str,
}

impl Refusal {
    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self { status: 400, reason }
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::bad(match error {
            PathError::Percent => "malformed escape in the path",
            PathError::Nul => "NUL in the path",
            PathError::NotAbsolute => "the path does not begin with a slash",
            PathError::Ambiguous => "dot segments beside an encoded slash",
            PathError::Fragment => "fragment in the target",
        })
    }
}

/// Where the head ends, as far as was looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    seen: usize,
}

impl Scan {
    /// The length of the head, once it is whole. Bytes are looked at once,
    /// however slowly they come. A carriage return alone is left to [`parse`].
    pub(crate) fn find(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Refusal> {
        if self.seen == 0 && is_one_head(bytes) {
            return within(bytes, limits).map(|()| Some(bytes.len()));
        }
        for at in memchr_iter(b'\n', &bytes[self.seen..]) {
            let at = self.seen + at;
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(Refusal::bad("line feed without return"));
            }
            if at >= 3 && bytes[at - 3..=at] == *b"\r\n\r\n" {
                return within(&bytes[..=at], limits).map(|()| Some(at + 1));
            }
            match bytes.get(at + 1) {
                Some(b' ' | b'\t') => {
                    return Err(Refusal::bad("folded header line"));
                }
                Some(_) => {}
                None => {
                    self.seen = at; // what follows decides
                    return within(bytes, limits).map(|()| None);
                }
            }
        }
        self.seen = bytes.len();
        within(bytes, limits).map(|()| None)
    }
}

/// Whether the bytes are one head, whole, and no line of it is odd: so almost
/// every request comes, and this looks at sixteen bytes at a time.
fn is_one_head(bytes: &[u8]) -> bool {
    let Some(lines) = bytes.strip_suffix(b"\r\n") else { return false };
    let Some((_, behind)) = lines.split_first() else { return false };
    if !lines.ends_with(b"\r\n") {
        return false;
    }
    let pairs = lines.iter().zip(behind);
    // A line feed alone; behind a line an empty one, a fold, or a control.
    let odd = pairs.fold(0, |odd, (&before, &byte)| {
        odd | u8::from(byte == b'\n') & u8::from(before != b'\r')
            | u8::from(before == b'\n') & u8::from(byte <= b' ')
    });
    odd == 0 && bytes[0] > b' '
}

/// Refuses what is too long already, in the words of what is too long.
fn within(bytes: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
    if bytes.len() > limits.uri_bytes {
        // Method and version stand beside the target: 32 bytes are plenty.
        let line = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
        if line > limits.uri_bytes + 32 {
            return Err(Refusal { status: 414, reason: "URI too long" });
        }
    }
    if bytes.len() > limits.bytes {
        return Err(Refusal { status: 431, reason: "header fields too large" });
    }
    Ok(())
}

/// A head in its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'h> {
    pub(crate) method: &'h str,
    pub(crate) target: &'h str,
    /// 0 or 1.
    pub(crate) minor_version: u8,
    pub(crate) fields: &'h [Header<'h>],
    /// All of it, if it is UTF-8; else empty.
    pub(crate) whole: &'h str,
}

/// Splits a whole head, as [`Scan`] found it.
pub(crate) fn parse<'h>(
    bytes: &'h [u8],
    fields: &'h mut Fields<'h>,
    limits: &HeadLimits,
) -> Result<Head<'h>, Refusal> {
    let room = limits.fields.min(MAX_FIELDS);
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_request_with_uninit_headers(
            &mut request,
            bytes,
            &mut fields[..room],
        );
    match parsed {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Refusal::bad("malformed head")),
        Err(error) => return Err(refusal_of(error)),
    }
    let (Some(method), Some(target), Some(minor_version)) =
        (request.method, request.path, request.version)
    else {
        return Err(Refusal::bad("malformed request line"));
    };
    if target.len() > limits.uri_bytes {
        return Err(Refusal { status: 414, reason: "URI too long" });
    }
    let whole = std::str::from_utf8(bytes).unwrap_or_default();
    let fields = request.headers;
    Ok(Head { method, target, minor_version, fields, whole })
}

fn refusal_of(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => {
            Refusal { status: 431, reason: "too many header fields" }
        }
        httparse::Error::Version => {
            Refusal { status: 505, reason: "HTTP version not supported" }
        }
        httparse::Error::HeaderName => Refusal::bad("malformed header name"),
        httparse::Error::HeaderValue => Refusal::bad("malformed header value"),
        httparse::Error::Token
        | httparse::Error::NewLine
        | httparse::Error::Status => Refusal::bad("malformed request line"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits =
        HeadLimits { bytes: 1024, fields: 10, uri_bytes: 100 };

    fn read(bytes: &[u8]) -> Result<Option<(usize, usize)>, Refusal> {
        let Some(length) = Scan::default().find(bytes, &LIMITS)? else {
            return Ok(None);
        };
        let mut fields = no_fields();
        let head = parse(&bytes[..length], &mut fields, &LIMITS)?;
        Ok(Some((length, head.fields.len())))
    }

    fn status(bytes: &[u8]) -> u16 {
        read(bytes).map_or_else(|refusal| refusal.status, |_| 200)
    }

    #[test]
    fn an_honest_head_is_split() {
        let head = b"GET /a?b HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\n\r\nbody";
        assert_eq!(read(head), Ok(Some((head.len() - 4, 2))));
        assert_eq!(read(b"GET / HTTP/1.0\r\n\r\n"), Ok(Some((18, 0))));
    }

    #[test]
    fn what_others_might_read_differently_is_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\r: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\ra\r\n\r\n",
            "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
            "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
            "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
            "GET / HTTP/1.1\r\n: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nX\0: a\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\x08\r\n\r\n",
            "GET / HTTP/1.1\r\nX(: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(matches!(status(head.as_bytes()), 400 | 505), "{head:?}");
        }
        for version in
            ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "http/1.1", "HTTPS/1.1"]
        {
            let head = format!("GET / {version}\r\nHost: a\r\n\r\n");
            assert!(matches!(status(head.as_bytes()), 400 | 505), "{version}");
        }
    }

    #[test]
    fn a_head_that_comes_at_once_is_found_as_one_that_comes_in_pieces() {
        let alphabet = [b'\r', b'\n', b' ', b'\t', b'a', 0];
        let mut state = 7_u32;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize % below
        };
        let mut whole = 0;
        for _ in 0..200_000 {
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..draw(12) {
                match draw(3) {
                    0 => bytes.push(alphabet[draw(alphabet.len())]),
                    1 => bytes.extend_from_slice(b"\r\n"),
                    _ => bytes.extend_from_slice(b"ab"),
                }
            }
            bytes.extend_from_slice(&b"\r\n\r\n"[draw(4)..]);
            let once = Scan::default().find(&bytes, &LIMITS);
            let mut scan = Scan::default();
            let pieces = (1..=bytes.len())
                .map(|end| scan.find(&bytes[..end], &LIMITS))
                .find(|found| *found != Ok(None))
                .unwrap_or(Ok(None));
            assert_eq!(once, pieces, "{:?}", bytes.escape_ascii());
            whole += u32::from(once == Ok(Some(bytes.len())));
        }
        assert!(whole > 10_000, "{whole}");
    }

    #[test]
    fn limits_have_their_own_words() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100));
        assert_eq!(status(long.as_bytes()), 414);
        let endless = format!("GET /{}", "a".repeat(500));
        assert_eq!(status(endless.as_bytes()), 414, "before the line ends");
        let large = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(1100));
        assert_eq!(status(large.as_bytes()), 431);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(11));
        assert_eq!(status(many.as_bytes()), 431);
    }

    #[test]
    fn a_head_that_comes_in_pieces_is_the_same_head() {
        let head = b"GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
        let mut scan = Scan::default();
        for end in 0..head.len() {
            let found = scan.find(&head[..end], &LIMITS);
            assert_eq!(found, Ok(None), "after {end} bytes");
        }
        assert_eq!(scan.find(head, &LIMITS), Ok(Some(head.len())));
        let folded = b"GET / HTTP/1.1\r\nX: y\r\n z\r\n\r\n";
        let mut scan = Scan::default();
        let refused = (0..=folded.len())
            .any(|end| scan.find(&folded[..end], &LIMITS).is_err());
        assert!(refused, "also when the fold comes in a packet of its own");
    }
}
