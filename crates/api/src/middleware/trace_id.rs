//! Names each request: `X-Trace-ID`, `request_id` and the log say the same.
//!
//! A name that the client sends is ignored: it would be an echo, and could
//! collide with ours.

use std::{
    io::Write,
    sync::atomic::{AtomicU32, Ordering},
};

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, header::X_CONTENT_TYPE_OPTIONS,
};
use jiff::Timestamp;

const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// `<unix seconds>-<8 hex>`, as the header has it.
#[derive(Clone, Debug)]
pub(crate) struct TraceId(HeaderValue);

impl TraceId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Where names come from.
#[derive(Debug)]
pub(crate) struct TraceIds {
    next: AtomicU32,
}

impl TraceIds {
    /// Starts at the fraction of the present second, so that two processes
    /// seldom give the same names in the same second.
    pub(crate) fn new(now: Timestamp) -> Self {
        let fraction = now.subsec_nanosecond().unsigned_abs();
        Self { next: AtomicU32::new(fraction) }
    }

    /// The name of the next request, which came at `now`.
    pub(crate) fn next(&self, now: Timestamp) -> TraceId {
        // An odd factor permutes the 32-bit numbers: 2³² names before one
        // comes again, and neighbours look unlike.
        const FACTOR: u32 = 0x9E37_79B1;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let second = now.as_second();
        let hex = number.wrapping_mul(FACTOR);
        // On the stack: an allocation a request for the header is enough.
        let mut text = [0; 32];
        let mut rest = &mut text[..];
        write!(rest, "{second}-{hex:08x}").expect("at most 29 characters");
        let length = 32 - rest.len();
        let value = HeaderValue::from_bytes(&text[..length]);
        TraceId(value.expect("digits, a dash and hex digits"))
    }
}

/// Stamps the answer with the name of its request.
pub(crate) fn stamp(headers: &mut HeaderMap, id: &TraceId) {
    headers.insert(X_TRACE_ID, id.0.clone());
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn names_have_the_documented_form_and_differ() {
        let at = Timestamp::from_second(1_711_700_400).unwrap();
        let ids = TraceIds::new(at);
        let names: HashSet<_> =
            (0..10_000).map(|_| ids.next(at).as_str().to_owned()).collect();
        assert_eq!(names.len(), 10_000);
        for name in names {
            let (second, hex) = name.split_once('-').unwrap();
            assert_eq!(second, "1711700400");
            assert_eq!(hex.len(), 8, "{name}");
            assert!(u32::from_str_radix(hex, 16).is_ok(), "{name}");
        }
    }
}
