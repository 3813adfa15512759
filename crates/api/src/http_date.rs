//! Moments in headers (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37
//! GMT`, to the second.
//!
//! The two obsolete forms are not read: no client has sent them this century,
//! and a condition that cannot be read is as none.

use axum::http::HeaderValue;
use jiff::{Timestamp, fmt::strtime};

const FORM: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The header of a moment; fractions of a second are cut.
pub(crate) fn header(at: Timestamp) -> HeaderValue {
    HeaderValue::from_str(&at.strftime(FORM).to_string())
        .expect("names of days and digits are header text")
}

/// The moment of a header; `None` if it is none.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let parsed = strtime::parse(FORM, text.trim()).ok()?;
    let civil = parsed.to_datetime().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_to_the_second() {
        let at: Timestamp = "1994-11-06T08:49:37.9Z".parse().unwrap();
        assert_eq!(header(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        let second: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(second));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
