//! What a request is, before anything is known about who sent it.
//!
//! HTTP/1.1 and HTTP/2 give the same value: method, target, fields, framing. Refused
//! here is what leaves a doubt about where the request goes or where it ends:
//! two lengths, a length beside chunks, no host or two, a target that
//! contradicts `Host`, an expectation that nobody can meet.

use httparse::Header;

use crate::http1::{
    body::Framing,
    head::{Head, Refusal},
    response::{content_length, tokens},
};

pub(crate) mod name;
pub(crate) mod rule_view;
pub(crate) mod target;
pub(crate) mod text;

use target::Target;

/// A request whose meaning is beyond doubt.
#[derive(Clone, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) target: Target<'r>,
    /// Value of `Host` or `:authority`; empty only with HTTP/1.0.
    pub(crate) host: &'r str,
    pub(crate) fields: &'r [Header<'r>],
    /// The whole head of HTTP/1, if it is text; see [`text`].
    pub(crate) whole: &'r str,
    pub(crate) framing: Framing,
    pub(crate) connection: Connection<'r>,
    /// `Expect: 100-continue`.
    pub(crate) expects_continue: bool,
    /// The client wants to speak WebSocket.
    pub(crate) websocket: bool,
    /// The client understands trailers (`TE: trailers`).
    pub(crate) trailers: bool,
}

/// What the request says about its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection<'r> {
    fields: &'r [Header<'r>],
    /// Whether any `Connection` field is there.
    present: bool,
    /// 0 or 1 for HTTP/1; 2 for HTTP/2.
    pub(crate) version: Version,
    /// The client will send another request.
    pub(crate) keep_alive: bool,
}

/// How the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl<'r> Connection<'r> {
    /// Whether the client named this field as one of the connection only.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.present
            && connection_tokens(self.fields)
                .any(|token| token.eq_ignore_ascii_case(field.as_bytes()))
    }
}

fn connection_tokens<'r>(
    fields: &'r [Header<'r>],
) -> impl Iterator<Item = &'r [u8]> {
    fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("connection"))
        .flat_map(|field| tokens(field.value))
}

impl<'r> Request<'r> {
    /// Reads a head of HTTP/1.
    pub(crate) fn of_http1(head: &Head<'r>) -> Result<Self, Refusal> {
        let mut marks = Marks::default();
        for field in head.fields {
            marks.note(field)?;
        }
        let old = head.minor_version == 0;
        let version = if old { Version::Http10 } else { Version::Http11 };
        let target = Target::parse(head.method, head.target)?;
        let host = marks.host(head.whole, target.authority, version)?;
        let keep_alive = match version {
            Version::Http10 => false,
            _ => !marks.close,
        };
        Ok(Self {
            method: head.method,
            target,
            host,
            fields: head.fields,
            whole: head.whole,
            framing: marks.framing(version)?,
            connection: Connection {
                fields: head.fields,
                present: marks.connection,
                version,
                keep_alive,
            },
            expects_continue: marks.expects_continue && !old,
            websocket: marks.websocket
                && marks.upgrades
                && !old
                && head.method == "GET",
            trailers: marks.trailers,
        })
    }

    /// The same for HTTP/2, whose engine has refused what RFC 9113 forbids.
    /// `chunked` if there is a body whose length nobody announced.
    pub(crate) fn of_http2(
        method: &'r str,
        target: &'r str,
        authority: &'r str,
        fields: &'r [Header<'r>],
        has_body: HasBody,
    ) -> Result<Self, Refusal> {
        let mut marks = Marks::default();
        for field in fields {
            marks.note(field)?;
        }
        let target = Target::parse(method, target)?;
        let host = match (authority, marks.host) {
            ("", None) => return Err(Refusal::bad("no authority")),
            ("", Some(host)) => host,
            (authority, None) => authority.as_bytes(),
            (authority, Some(host))
                if host.eq_ignore_ascii_case(authority.as_bytes()) =>
            {
                authority.as_bytes()
            }
            _ => return Err(Refusal::bad("Host contradicts :authority")),
        };
        let framing = match (has_body, marks.length) {
            (HasBody::No, None) => Framing::None,
            (HasBody::No, Some(0)) => Framing::Length(0),
            (HasBody::No, Some(_)) => {
                return Err(Refusal::bad("length without a body"));
            }
            (HasBody::Yes, Some(length)) => Framing::Length(length),
            (HasBody::Yes, None) => Framing::Chunked,
        };
        Ok(Self {
            method,
            target,
            host: target::host("", host)?,
            fields,
            whole: "",
            framing,
            connection: Connection {
                fields: &[],
                present: false,
                version: Version::Http2,
                keep_alive: true,
            },
            expects_continue: false,
            websocket: false,
            trailers: marks.trailers,
        })
    }

    /// Whether sending it twice does what sending it once does (RFC 9110,
    /// section 9.2.2), and there is no body that was used up.
    pub(crate) fn may_be_repeated(&self) -> bool {
        let bodyless =
            matches!(self.framing, Framing::None | Framing::Length(0));
        bodyless
            && matches!(
                self.method,
                "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"
            )
    }

    /// The value of one of the fields as text, if it is text.
    pub(crate) fn text(&self, value: &'r [u8]) -> Option<&'r str> {
        text::text(self.whole, value)
    }

    /// Length of the body, if the request says it.
    pub(crate) fn content_length(&self) -> Option<u64> {
        match self.framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        }
    }
}

/// Whether a request of HTTP/2 has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HasBody {
    /// Data frames may follow.
    Yes,
    /// The head ended the stream.
    No,
}

/// What single fields say, collected in one pass.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks")]
struct Marks<'r> {
    host: Option<&'r [u8]>,
    length: Option<u64>,
    chunked: bool,
    connection: bool,
    close: bool,
    upgrades: bool,
    websocket: bool,
    expects_continue: bool,
    trailers: bool,
}

impl<'r> Marks<'r> {
    fn note(&mut self, field: &Header<'r>) -> Result<(), Refusal> {
        let value = field.value;
        let is = |wanted| name::is(field.name, wanted);
        match field.name.len() {
            2 if is("te") => {
                self.trailers |= tokens(value)
                    .any(|token| token.eq_ignore_ascii_case(b"trailers"));
            }
            4 if is("host") && self.host.replace(value).is_some() => {
                return Err(Refusal::bad("two Host fields"));
            }
            6 if is("expect") => {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    let reason = "unknown expectation";
                    return Err(Refusal { status: 417, reason });
                }
                self.expects_continue = true;
            }
            7 if is("upgrade") => {
                self.websocket |= value.eq_ignore_ascii_case(b"websocket");
            }
            10 if is("connection") => {
                self.connection = true;
                for token in tokens(value) {
                    self.close |= token.eq_ignore_ascii_case(b"close");
                    self.upgrades |= token.eq_ignore_ascii_case(b"upgrade");
                }
            }
            14 if is("content-length") => {
                let Some(length) = content_length(value) else {
                    return Err(Refusal::bad("malformed Content-Length"));
                };
                // Repeats are refused even if they agree: the next server
                // might not compare them as we do.
                if self.length.replace(length).is_some() {
                    return Err(Refusal::bad("two Content-Length fields"));
                }
            }
            17 if is("transfer-encoding") => {
                if self.chunked {
                    return Err(Refusal::bad("two Transfer-Encoding fields"));
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    let reason = "transfer coding other than chunked";
                    return Err(Refusal { status: 501, reason });
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => {
                Err(Refusal::bad("Content-Length beside Transfer-Encoding"))
            }
            (true, None) if version == Version::Http10 => {
                Err(Refusal::bad("Transfer-Encoding with HTTP/1.0"))
            }
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::None),
        }
    }

    /// `Host`, which must agree with the authority of an absolute target.
    fn host(
        &self,
        whole: &'r str,
        authority: Option<&'r str>,
        version: Version,
    ) -> Result<&'r str, Refusal> {
        match (self.host, authority) {
            (None, _) if version != Version::Http10 => {
                Err(Refusal::bad("no Host"))
            }
            (None, None) => Ok(""),
            (None, Some(authority)) => {
                target::host(whole, authority.as_bytes())
            }
            (Some(host), Some(authority))
                if !host.eq_ignore_ascii_case(authority.as_bytes()) =>
            {
                Err(Refusal::bad("Host contradicts the target"))
            }
            (Some(host), _) => target::host(whole, host),
        }
    }
}

#[cfg(test)]
mod tests;
