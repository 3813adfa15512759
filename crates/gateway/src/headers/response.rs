//! What reaches the client: the backend's head, without what was of the
//! connection between it and us.

use std::io::Write as _;

use crate::{
    http1::{
        body::{Encoder, Framing},
        response::{ResponseHead, tokens},
    },
    request::Version,
};

use super::put_field;

/// How a response continues after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) encoder: Encoder,
    /// Whether the client can tell where the body ends without the end of the
    /// connection.
    pub(crate) delimited: bool,
}

/// Writes a response head for a client of HTTP/1; `close` if the connection
/// will not be used again.
pub(crate) fn write(
    head: &ResponseHead<'_>,
    version: Version,
    close: bool,
    out: &mut Vec<u8>,
) -> Written {
    let written = plan(head, version);
    let close = close || !written.delimited;
    // Writing into a Vec cannot fail.
    let _ = write!(out, "HTTP/1.1 {} ", head.status);
    out.extend_from_slice(head.reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    for field in fields(head) {
        put_field(out, field.name, field.value);
    }
    match (head.framing, written.encoder) {
        (_, Encoder::Chunked) => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        (Framing::Length(length), Encoder::Plain) => {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        (Framing::None, _) if head.status >= 200 && head.status != 204 => {
            // Of what GET would have brought (HEAD), or of what is cached.
            let length = head.fields.iter().find(|field| {
                field.name.eq_ignore_ascii_case("content-length")
            });
            if let Some(length) = length {
                put_field(out, "Content-Length", length.value);
            }
        }
        _ => {}
    }
    if close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    written
}

fn plan(head: &ResponseHead<'_>, version: Version) -> Written {
    match head.framing {
        Framing::None | Framing::Length(_) => {
            Written { encoder: Encoder::Plain, delimited: true }
        }
        Framing::Chunked | Framing::UntilClose
            if version == Version::Http11 =>
        {
            Written { encoder: Encoder::Chunked, delimited: true }
        }
        Framing::Chunked | Framing::UntilClose => {
            Written { encoder: Encoder::Plain, delimited: false }
        }
    }
}

/// The fields that a client may see.
pub(crate) fn fields<'h>(
    head: &ResponseHead<'h>,
) -> impl Iterator<Item = &'h httparse::Header<'h>> {
    let all = head.fields;
    let nominates =
        all.iter().any(|f| f.name.eq_ignore_ascii_case("connection"));
    all.iter().filter(move |field| {
        let nominated = nominates && is_nominated(all, field.name);
        !nominated && !is_of_connection(field.name)
    })
}

fn is_nominated(all: &[httparse::Header<'_>], name: &str) -> bool {
    all.iter()
        .filter(|field| field.name.eq_ignore_ascii_case("connection"))
        .flat_map(|field| tokens(field.value))
        .any(|token| token.eq_ignore_ascii_case(name.as_bytes()))
}

fn is_of_connection(name: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name.len() {
        7 => is("upgrade"),
        10 => is("connection") || is("keep-alive"),
        14 => is("content-length"),
        16 => is("proxy-connection"),
        17 => is("transfer-encoding"),
        18 => is("proxy-authenticate"),
        _ => false,
    }
}
