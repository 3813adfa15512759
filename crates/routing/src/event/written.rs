//! Numbers and addresses as text, into a buffer that is used again: a table
//! has more than a hundred million of them.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use asgard_model::Prefix;

use super::Moment;

/// Appends a number in decimal.
pub(super) fn number(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends an address; IPv6 in the form of RFC 5952.
pub(super) fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => octets(out, v4),
        IpAddr::V6(v6) => {
            // A Vec takes whatever is written to it.
            let _ = write!(out, "{v6}");
        }
    }
}

fn octets(out: &mut Vec<u8>, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        number(out, octet.into());
    }
}

/// Appends a prefix with its length.
pub(super) fn prefix(out: &mut Vec<u8>, prefix: Prefix) {
    address(out, prefix.network());
    out.push(b'/');
    number(out, prefix.len().into());
}

/// Appends the seconds, and six digits of microseconds where there are any.
pub(super) fn moment(out: &mut Vec<u8>, at: Moment) {
    number(out, at.seconds);
    if let Some(micros) = at.micros {
        let begin = out.len();
        // The leading one becomes the point.
        number(out, 1_000_000 + micros.min(999_999));
        out[begin] = b'.';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_addresses_are_written_as_the_library_does() {
        for value in [0, 9, 10, 255, 65_536, 4_294_967_295] {
            assert_eq!(text(|out| number(out, value)), value.to_string());
        }
        for value in ["0.0.0.0", "192.0.2.255", "::", "2001:db8::1"] {
            let parsed: IpAddr = value.parse().unwrap();
            assert_eq!(text(|out| address(out, parsed)), value);
        }
        let net = "192.0.2.0/24".parse().unwrap();
        assert_eq!(text(|out| prefix(out, net)), "192.0.2.0/24");
    }

    #[test]
    fn microseconds_have_six_digits() {
        let at = |micros| Moment { seconds: 1_445_565_678, micros };
        for (micros, wanted) in [
            (None, "1445565678"),
            (Some(0), "1445565678.000000"),
            (Some(509), "1445565678.000509"),
            (Some(999_999), "1445565678.999999"),
            // No clock says this; a damaged record may.
            (Some(u32::MAX), "1445565678.999999"),
        ] {
            assert_eq!(text(|out| moment(out, at(micros))), wanted);
        }
    }
}
