//! Responses that the gateway gives itself: refusals, pages, faults.

use std::{borrow::Cow, io::Write as _};

use crate::{headers::put_field, http1::head::Refusal, request::Version};

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 to 599.
    pub status: u16,
    /// Fields; no framing and no `Connection`.
    pub fields: Vec<(Cow<'static, str>, String)>,
    /// Further fields in the form of HTTP/1.1, each with its line end.
    pub(crate) head: Vec<u8>,
    /// May be empty.
    pub body: Vec<u8>,
}

impl Answer {
    /// Plain text that nobody keeps.
    #[must_use]
    pub fn text(status: u16, body: String) -> Self {
        let field = |name, value: &str| (Cow::Borrowed(name), value.to_owned());
        Self {
            status,
            fields: vec![
                field("Content-Type", "text/plain; charset=utf-8"),
                field("Cache-Control", "no-store"),
                field("X-Content-Type-Options", "nosniff"),
            ],
            head: Vec::new(),
            body: body.into_bytes(),
        }
    }

    /// A fault in the words of its status, with the request id if there is one.
    #[must_use]
    pub fn fault(status: u16, request_id: &str) -> Self {
        let words = reason(status);
        match request_id {
            "" => Self::text(status, format!("{words}\n")),
            id => Self::text(status, format!("{words} ({id})\n")),
        }
    }

    /// A request that is none.
    pub(crate) fn refusal(refusal: Refusal) -> Self {
        let words = reason(refusal.status);
        Self::text(refusal.status, format!("{words}: {}\n", refusal.reason))
    }

    /// What follows the head: nothing if the request was HEAD (`to_head`), or
    /// if no client expects anything behind a response of this status.
    pub(crate) fn content(&self, to_head: bool) -> &[u8] {
        match to_head || is_bodiless(self.status) {
            true => &[],
            false => &self.body,
        }
    }

    /// The value of `Content-Length`, for responses that have one.
    pub(crate) fn length(&self) -> Option<usize> {
        match self.status {
            204 | 304 => None,
            _ => Some(self.content(false).len()),
        }
    }

    /// Writes its head in HTTP/1.1; [`Self::content`] follows.
    pub(crate) fn write_head(
        &self,
        version: Version,
        keep_alive: bool,
        out: &mut Vec<u8>,
    ) {
        put_status(self.status, out);
        for (name, value) in &self.fields {
            put_field(out, name, value.as_bytes());
        }
        out.extend_from_slice(&self.head);
        if let Some(length) = self.length() {
            // Writing into a Vec cannot fail.
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        if !keep_alive || version == Version::Http10 {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether a response of a status ends with its head (RFC 9110, sections 15.3.5,
/// 15.3.6 and 15.4.5).
pub(crate) fn is_bodiless(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// The first line.
fn put_status(status: u16, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let status_text = digits.format(status);
    for part in ["HTTP/1.1 ", status_text, " ", reason(status), "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The words of a status.
fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_follows_a_status_that_has_no_body() {
        for (status, length) in [
            (200, "\r\nContent-Length: 2\r\n"),
            (403, "\r\nContent-Length: 2\r\n"),
            (205, "\r\nContent-Length: 0\r\n"),
            (204, ""),
            (304, ""),
        ] {
            let answer = Answer::text(status, "no".into());
            let mut head = Vec::new();
            answer.write_head(Version::Http11, true, &mut head);
            let head = String::from_utf8(head).unwrap();
            assert!(head.contains(length), "{head}");
            assert_eq!(head.contains("Content-Length"), !length.is_empty());
            let content =
                if status == 200 || status == 403 { "no" } else { "" };
            assert_eq!(answer.content(false), content.as_bytes(), "{status}");
            assert!(answer.content(true).is_empty());
        }
    }
}
