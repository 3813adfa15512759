//! The status of a call, and how long its caller waits (`PROTOCOL-HTTP2.md` of
//! gRPC).

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// Codes that are used here, by their numbers (`statuscodes.md` of gRPC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    Unimplemented = 12,
    Internal = 13,
}

/// How a call went.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Code,
    /// For people.
    pub(super) message: String,
}

impl Status {
    pub(super) fn new(code: Code, message: String) -> Self {
        Self { code, message }
    }

    pub(super) fn ok() -> Self {
        Self::new(Code::Ok, String::new())
    }

    /// As fields of trailers.
    pub(super) fn write(&self, fields: &mut HeaderMap) {
        fields.insert("grpc-status", HeaderValue::from(self.code as u16));
        if self.message.is_empty() {
            return;
        }
        let escaped = escaped(&self.message);
        if let Ok(message) = HeaderValue::from_str(&escaped) {
            fields.insert("grpc-message", message);
        }
    }
}

/// Bytes beyond printable ASCII, and the percent sign, as `%XX`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            byte => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    out.push(char::from(DIGITS[usize::from(digit)]));
                }
            }
        }
    }
    out
}

/// The value of `grpc-timeout`: at most eight digits and a unit.
pub(super) fn timeout(value: &[u8]) -> Option<Duration> {
    let (&unit, digits) = value.split_last()?;
    let is_number = (1..=8).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit);
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let duration = match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    };
    is_number.then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_with_their_unit() {
        for (value, expected) in [
            ("200m", Some(Duration::from_millis(200))),
            ("1S", Some(Duration::from_secs(1))),
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("5u", Some(Duration::from_micros(5))),
            ("7n", Some(Duration::from_nanos(7))),
            ("100000000S", None),
            ("-1S", None),
            ("+1S", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("", None),
        ] {
            assert_eq!(timeout(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_message_can_stand_in_a_field() {
        assert_eq!(escaped("100 % ü\n"), "100 %25 %C3%BC%0A");
        let mut fields = HeaderMap::new();
        Status::new(Code::Internal, "a\r\nb".into()).write(&mut fields);
        assert_eq!(fields["grpc-status"], "13");
        assert_eq!(fields["grpc-message"], "a%0D%0Ab");
    }
}
