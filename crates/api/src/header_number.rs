//! Numbers as values of headers.
//!
//! `HeaderValue::from` formats into a growing buffer and shares it: two
//! allocations. An answer has up to five numbers, so they are written on the
//! stack and copied once.

use axum::http::HeaderValue;
use itoa::{Buffer, Integer};

/// The decimal digits of a number.
pub(crate) fn header_number(number: impl Integer) -> HeaderValue {
    HeaderValue::from_str(Buffer::new().format(number))
        .expect("digits and a minus are header text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_digits() {
        for number in [0, 7, 10, 1_795_696_427, i64::MAX, i64::MIN] {
            assert_eq!(header_number(number), number.to_string());
        }
        assert_eq!(header_number(u32::MAX), "4294967295");
    }
}
