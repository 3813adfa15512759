//! What reaches the backend: copies of our headers stripped, ours set.
//!
//! In this order: strip what only we may say (also when a feature is off, and
//! whatever its spelling: CGI and WSGI fold `_` into `-`), drop what belongs to
//! the connection, then write ours. So a client can neither forge a header of
//! ours nor have it removed through `Connection`. `Host` and framing are always
//! written by us.

use std::{io::Write as _, net::IpAddr};

use asgard_policy::gate::hidden::{
    CLAIMS, OF_CONNECTION, folded, is_forwarded, is_of_question, is_ours, same,
};
use httparse::Header;

use crate::{
    client_address::ClientHeader,
    http1::body::Framing,
    request::{Request, name},
};

pub(crate) mod injected;
pub(crate) mod response;

use injected::{Downstream, Known};

/// What happens to a field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is passed on.
    Keep,
    /// It is passed on, and rules do not see it ([`HiddenFields`]).
    ///
    /// [`HiddenFields`]: asgard_policy::gate::HiddenFields
    Unseen,
    /// It is of the connection, or written anew.
    Drop,
    /// It pretends to be ours.
    Forged,
    /// It speaks about the client, and the peer may not.
    Claim,
    /// It may hold our cookie.
    Cookie,
}

/// Which fields are stripped.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    /// Beyond those that are always ours: lower case, `-` for `_`.
    names: Vec<Box<str>>,
    client_header: Box<str>,
    /// Cookie of passed challenges; empty if there is none.
    cookie: Box<str>,
}

impl Strip {
    /// `names` are the configured names of injected headers.
    #[must_use]
    pub fn new<'a>(
        names: impl IntoIterator<Item = &'a str>,
        client_header: &ClientHeader,
        cookie: &str,
    ) -> Self {
        let names = names
            .into_iter()
            .map(folded)
            .filter(|name| !name.is_empty() && !is_ours(name))
            .collect();
        let client_header = folded(client_header.name());
        Self { names, client_header, cookie: cookie.into() }
    }

    /// What happens to a field; `trusted` if the peer may speak of clients.
    pub(crate) fn fate(&self, name: &str, trusted: bool) -> Fate {
        if self.is_ours(name) {
            return Fate::Forged;
        }
        if self.is_claim(name) {
            return match trusted {
                false => Fate::Claim,
                // These were read; they are written anew.
                true if is_rewritten(name) => Fate::Drop,
                true => Fate::Unseen,
            };
        }
        let first = name.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
        match first {
            b'c' | b'e' | b'f' | b'h' | b'k' | b'p' | b't' | b'u' | b'x' => {}
            _ => return Fate::Keep,
        }
        if OF_CONNECTION.has(name) {
            return Fate::Drop;
        }
        match name {
            _ if same(name, "cookie") => Fate::Cookie,
            _ if is_of_question(name) => Fate::Unseen,
            _ => Fate::Keep,
        }
    }

    /// Whether nobody but the gateway may use the name.
    pub(crate) fn is_ours(&self, name: &str) -> bool {
        let may = matches!(name.as_bytes().first(), Some(b'x' | b'X'));
        may && is_ours(name) || self.names.iter().any(|ours| same(name, ours))
    }

    fn is_claim(&self, name: &str) -> bool {
        let first = name.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
        let may = matches!(first, b'x' | b'f' | b'c' | b't');
        may && (is_forwarded(name) || CLAIMS.has(name))
            || same(name, &self.client_header)
    }
}

/// Fields about the client that we write ourselves.
fn is_rewritten(name: &str) -> bool {
    [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-real-ip",
        "forwarded",
    ]
    .iter()
    .any(|rewritten| same(name, rewritten))
}

/// What is known about the sender, for the fields that we write.
#[derive(Clone, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) client: IpAddr,
    /// Trusted hops between client and peer, in the order of the request.
    pub(crate) via: &'a [IpAddr],
    pub(crate) peer: IpAddr,
    pub(crate) peer_is_trusted: bool,
    /// The connection to us is TLS.
    pub(crate) secure: bool,
}

/// How a request is written to a server.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite<'a> {
    pub(crate) strip: &'a Strip,
    pub(crate) fates: &'a [Fate],
    pub(crate) sender: Sender<'a>,
    pub(crate) request_id: &'a str,
    pub(crate) downstream: &'a Downstream,
    pub(crate) known: Known<'a>,
    /// `Host` for a request that has none.
    pub(crate) authority: &'a str,
}

impl Rewrite<'_> {
    /// Writes the head of a request in HTTP/1.1.
    pub(crate) fn write(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        let put = |out: &mut Vec<u8>, parts: &[&[u8]]| {
            for part in parts {
                out.extend_from_slice(part);
            }
        };
        let target = request.target.path_and_query.as_bytes();
        put(out, &[request.method.as_bytes(), b" ", target, b" HTTP/1.1\r\n"]);
        let host = match request.host {
            "" => self.authority,
            host => host,
        };
        put(out, &[b"Host: ", host.as_bytes(), b"\r\n"]);
        for (field, fate) in request.fields.iter().zip(self.fates) {
            match fate {
                Fate::Keep | Fate::Unseen
                    if !request.connection.names(field.name) =>
                {
                    put_field(out, field.name, field.value);
                }
                Fate::Cookie => self.put_cookie(out, field),
                _ => {}
            }
        }
        self.write_connection(request, out);
        self.write_sender(request, out);
        self.downstream.write(&self.known, out);
        out.extend_from_slice(b"\r\n");
    }

    fn write_connection(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        match request.framing {
            Framing::Length(length) => {
                // Writing into a Vec cannot fail.
                let _ = write!(out, "Content-Length: {length}\r\n");
            }
            Framing::Chunked => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            Framing::None | Framing::UntilClose => {}
        }
        let connection: &[u8] = match (request.websocket, request.trailers) {
            (true, _) => b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
            (false, true) => b"Connection: te\r\nTE: trailers\r\n",
            (false, false) => b"",
        };
        out.extend_from_slice(connection);
        if request.expects_continue {
            out.extend_from_slice(b"Expect: 100-continue\r\n");
        }
    }

    fn write_sender(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        let sender = &self.sender;
        let _ = write!(out, "X-Forwarded-For: {}", sender.client);
        for hop in sender.via {
            let _ = write!(out, ", {hop}");
        }
        if sender.peer != sender.client || !sender.via.is_empty() {
            let _ = write!(out, ", {}", sender.peer);
        }
        let _ = write!(out, "\r\nX-Real-IP: {}\r\n", sender.client);
        let told = |name: &str| match sender.peer_is_trusted {
            true => only(request.fields, name),
            false => None,
        };
        let proto = match told("x-forwarded-proto") {
            Some(b"https") => "https",
            Some(b"http") => "http",
            _ if sender.secure => "https",
            _ => "http",
        };
        put_field(out, "X-Forwarded-Proto", proto.as_bytes());
        let host = told("x-forwarded-host")
            .and_then(|host| {
                crate::request::target::host(request.whole, host).ok()
            })
            .unwrap_or(request.host);
        if !host.is_empty() {
            put_field(out, "X-Forwarded-Host", host.as_bytes());
        }
        put_field(out, "X-Request-Id", self.request_id.as_bytes());
    }

    /// The cookies without ours, which proves something to us alone.
    fn put_cookie(&self, out: &mut Vec<u8>, field: &Header<'_>) {
        let ours = self.strip.cookie.as_bytes();
        let value = field.value;
        if ours.is_empty() || memchr::memmem::find(value, ours).is_none() {
            return put_field(out, field.name, value);
        }
        let mut others = value
            .split(|&byte| byte == b';')
            .map(<[u8]>::trim_ascii)
            .filter(|crumb| {
                let name = crumb.split(|&byte| byte == b'=').next();
                name.is_none_or(|name| name.trim_ascii() != ours)
            })
            .peekable();
        if others.peek().is_none() {
            return;
        }
        out.extend_from_slice(b"Cookie: ");
        for (at, crumb) in others.enumerate() {
            if at > 0 {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(crumb);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The request id of a trusted peer, if it is one: printable, at most 128
/// bytes, so that it can be written to logs and headers.
pub(crate) fn told_request_id<'r>(request: &Request<'r>) -> Option<&'r str> {
    let id = only(request.fields, "x-request-id")?;
    let is_plain = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b':')
    };
    let fits = (1..=128).contains(&id.len()) && id.iter().all(is_plain);
    fits.then(|| std::str::from_utf8(id).ok()).flatten()
}

/// The value of a field that is there exactly once.
fn only<'r>(fields: &'r [Header<'r>], wanted: &str) -> Option<&'r [u8]> {
    let mut values = fields.iter().filter(|field| name::is(field.name, wanted));
    let value = values.next()?.value;
    values.next().is_none().then_some(value)
}

/// One line.
pub(crate) fn put_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Trailers as they may be passed on: no framing, no routing, nothing of ours
/// (RFC 9110, section 6.5.1). `raw` is a checked trailer section.
pub(crate) fn trailers(strip: &Strip, raw: &[u8]) -> Vec<u8> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut out = Vec::new();
    if let Ok(httparse::Status::Complete((_, fields))) =
        httparse::parse_headers(raw, &mut fields)
    {
        for field in fields {
            if may_trail(strip, field.name) {
                put_field(&mut out, field.name, field.value);
            }
        }
    }
    out
}

/// Whether a field may stand in a trailer.
pub(crate) fn may_trail(strip: &Strip, name: &str) -> bool {
    let about_message = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-type",
        "max-forwards",
        "set-cookie",
        "trailer",
    ];
    matches!(strip.fate(name, false), Fate::Keep | Fate::Unseen)
        && !about_message.iter().any(|other| same(name, other))
}

#[cfg(test)]
mod tests;
