//! The head of a backend's response, and how long its body is.
//!
//! As strict as towards clients: a backend that frames a message in two ways
//! could be made to answer one client with what belongs to another. The
//! gateway answers 502 then, and closes that connection.

use httparse::{Header, Status};

use super::{
    body::Framing,
    head::{Fields, HeadLimits, MAX_FIELDS, Scan},
};

/// Bounds of a response head: backends may say more than clients.
pub(crate) const LIMITS: HeadLimits =
    HeadLimits { bytes: 64 * 1024, fields: MAX_FIELDS, uri_bytes: 64 * 1024 };

/// Why a response is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed response: {0}")]
pub(crate) struct MalformedResponse(pub(crate) &'static str);

/// A head in its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseHead<'h> {
    pub(crate) status: u16,
    pub(crate) reason: &'h str,
    pub(crate) fields: &'h [Header<'h>],
    pub(crate) framing: Framing,
    /// Whether the backend will take another request on the connection.
    pub(crate) keep_alive: bool,
}

/// Where the head ends.
pub(crate) fn find_end(
    scan: &mut Scan,
    bytes: &[u8],
) -> Result<Option<usize>, MalformedResponse> {
    scan.find(bytes, &LIMITS)
        .map_err(|refusal| MalformedResponse(refusal.reason))
}

/// Splits a whole head; `to_head` if the request was HEAD.
pub(crate) fn parse<'h>(
    bytes: &'h [u8],
    fields: &'h mut Fields<'h>,
    to_head: bool,
) -> Result<ResponseHead<'h>, MalformedResponse> {
    let malformed = MalformedResponse;
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, fields);
    match parsed {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        _ => return Err(malformed("head")),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(malformed("status line"));
    };
    if !(100..=999).contains(&status) {
        return Err(malformed("status"));
    }
    let fields: &'h [Header<'h>] = response.headers;
    let reason = response.reason.unwrap_or("");
    let mut message = Message { minor, ..Message::default() };
    for field in fields {
        message.note(field)?;
    }
    let framing = message.framing(status, to_head)?;
    let keep_alive = message.keep_alive() && framing != Framing::UntilClose;
    Ok(ResponseHead { status, reason, fields, framing, keep_alive })
}

/// What the fields say about the message and the connection.
#[derive(Clone, Copy, Debug, Default)]
struct Message {
    minor: u8,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep: bool,
}

impl Message {
    fn note(&mut self, field: &Header<'_>) -> Result<(), MalformedResponse> {
        let malformed = MalformedResponse;
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let length = content_length(field.value)
                .ok_or_else(|| malformed("content length"))?;
            if self.length.is_some_and(|other| other != length) {
                return Err(malformed("two content lengths"));
            }
            self.length = Some(length);
        } else if is("transfer-encoding") {
            if self.chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                return Err(malformed("transfer encoding"));
            }
            self.chunked = true;
        } else if is("connection") {
            for token in tokens(field.value) {
                self.close |= token.eq_ignore_ascii_case(b"close");
                self.keep |= token.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(())
    }

    /// RFC 9112, section 6.3.
    fn framing(
        &self,
        status: u16,
        to_head: bool,
    ) -> Result<Framing, MalformedResponse> {
        if self.chunked && (self.length.is_some() || self.minor == 0) {
            return Err(MalformedResponse("transfer encoding and length"));
        }
        Ok(match (self.chunked, self.length) {
            _ if is_bodiless(status) || to_head => Framing::None,
            (true, _) => Framing::Chunked,
            (_, Some(length)) => Framing::Length(length),
            (_, None) => Framing::UntilClose,
        })
    }

    fn keep_alive(&self) -> bool {
        !self.close && (self.minor == 1 || self.keep)
    }
}

/// Whether no response of this status has a body (RFC 9110, section 6.4.1).
pub(crate) fn is_bodiless(status: u16) -> bool {
    status < 200 || status == 204 || status == 304
}

/// Digits only (RFC 9110, section 8.6), at most 19.
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    let plain =
        (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok()?;
    plain.then(|| text.parse().ok()).flatten()
}

/// The members of a list such as `Connection`.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::no_fields;

    fn framing(text: &str, to_head: bool) -> Result<(Framing, bool), ()> {
        let mut fields = no_fields();
        parse(text.as_bytes(), &mut fields, to_head)
            .map(|head| (head.framing, head.keep_alive))
            .map_err(|_| ())
    }

    #[test]
    fn the_length_of_a_body_follows_the_rfc() {
        let ok = |framing, keep| Ok((framing, keep));
        for (text, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                ok(Framing::Length(5), true),
            ),
            (
                "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n",
                ok(Framing::Chunked, true),
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", ok(Framing::UntilClose, false)),
            (
                "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
                ok(Framing::None, true),
            ),
            (
                "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
                ok(Framing::None, true),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\n",
                ok(Framing::Length(5), false),
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
                ok(Framing::Length(5), false),
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
                ok(Framing::Length(5), true),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
                ok(Framing::Length(5), true),
            ),
        ] {
            assert_eq!(framing(text, false), expected, "{text:?}");
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(framing(head, true), ok(Framing::None, true));
    }

    #[test]
    fn a_response_with_two_lengths_is_refused() {
        for fields in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5, 5",
            "Content-Length: +5",
            "Content-Length: 99999999999999999999",
            "Content-Length:",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert_eq!(framing(&text, false), Err(()), "{fields}");
        }
        let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(framing(old, false), Err(()));
    }
}
