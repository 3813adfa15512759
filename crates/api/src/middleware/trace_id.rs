//! Names each request: `X-Trace-ID`, `request_id` and the log say the same.
//!
//! A name that the client sends is ignored: it would be an echo, and could
//! collide with ours.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, header::X_CONTENT_TYPE_OPTIONS,
};
use jiff::Timestamp;

const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Digits of the least number of seconds, a dash and 8 hex digits.
const LONGEST: usize = 20 + 1 + 8;

/// `<unix seconds>-<8 hex>`, on the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceId {
    text: [u8; LONGEST],
    length: usize,
}

impl TraceId {
    fn new(second: i64, number: u32) -> Self {
        let mut digits = itoa::Buffer::new();
        let second = digits.format(second).as_bytes();
        let length = second.len() + 1 + 8;
        let mut text = [b'-'; LONGEST];
        text[..second.len()].copy_from_slice(second);
        text[second.len() + 1..length].copy_from_slice(&hex(number));
        Self { text, length }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Eight digits, the highest first.
fn hex(number: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibble = |place: usize| (number >> (28 - 4 * place)) & 0xF;
    std::array::from_fn(|place| DIGITS[nibble(place) as usize])
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
        TraceId::new(now.as_second(), number.wrapping_mul(FACTOR))
    }
}

/// Stamps the answer with the name of its request.
pub(crate) fn stamp(headers: &mut HeaderMap, id: &TraceId) {
    let name = HeaderValue::from_bytes(id.as_bytes());
    let name = name.expect("digits, a dash and hex digits");
    headers.insert(X_TRACE_ID, name);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_name_fits_at_any_time() {
        for (second, number, text) in [
            (1_711_700_400, 0x0012_ABCD, "1711700400-0012abcd"),
            (0, 0, "0-00000000"),
            (-1, u32::MAX, "-1-ffffffff"),
            (i64::MIN, 1, "-9223372036854775808-00000001"),
        ] {
            assert_eq!(TraceId::new(second, number).as_str(), text);
        }
    }

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
