//! The PROXY protocol, versions 1 and 2: who is behind a balancer that does
//! not speak HTTP.
//!
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>. The header
//! comes first on the connection, is mandatory where it is switched on, and is
//! believed from trusted peers only, which the listener checks. Lengths are
//! bounded; unknown families and `LOCAL` mean the address of the socket; TLVs
//! are skipped. Anything else is refused, and the connection closed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::ProxyProtocol;

/// Longest version 1 header with its line end (section 2.1).
pub const MAX_V1: usize = 107;
/// Longest version 2 header that we read, addresses and TLVs included.
pub const MAX_V2: usize = 4096;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What the bytes read so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Not enough bytes yet.
    Partial,
    /// A header of this many bytes; `None` means the address of the socket.
    Done {
        /// Bytes to take off the connection.
        length: usize,
        /// Who connected to the balancer; never v4-mapped.
        source: Option<SocketAddr>,
    },
}

/// Why a connection has no usable header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first bytes are of no version that the listener takes.
    #[error("no PROXY header of a version that this listener takes")]
    Absent,
    /// Longer than we read.
    #[error("PROXY header is longer than {MAX_V1} (v1) or {MAX_V2} bytes (v2)")]
    TooLong,
    /// Its parts are not what the specification says.
    #[error("malformed PROXY header")]
    Garbage,
}

/// Parses the beginning of a connection.
///
/// # Errors
/// When no further bytes could make a header of it.
pub fn parse(bytes: &[u8], takes: ProxyProtocol) -> Result<Parsed, Malformed> {
    let v1 = matches!(takes, ProxyProtocol::V1 | ProxyProtocol::Any);
    let v2 = matches!(takes, ProxyProtocol::V2 | ProxyProtocol::Any);
    if v2 && begins(bytes, &SIGNATURE) {
        return match bytes.len() < 16 {
            true => Ok(Parsed::Partial),
            false => version_2(bytes),
        };
    }
    if v1 && begins(bytes, b"PROXY ") {
        return version_1(bytes);
    }
    Err(Malformed::Absent)
}

/// Whether bytes and prefix agree as far as both go.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    let length = bytes.len().min(prefix.len());
    bytes[..length] == prefix[..length]
}

fn version_1(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let window = &bytes[..bytes.len().min(MAX_V1)];
    let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
        return match bytes.len() < MAX_V1 {
            true => Ok(Parsed::Partial),
            false => Err(Malformed::TooLong),
        };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(Malformed::Garbage)?;
    let line = std::str::from_utf8(line).map_err(|_| Malformed::Garbage)?;
    let source = source_of_line(line).ok_or(Malformed::Garbage)?;
    Ok(Parsed::Done { length: end + 1, source })
}

fn source_of_line(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None); // the rest of the line is to be ignored
    }
    let (source, destination) = (words.next()?, words.next()?);
    let from = port(words.next()?)?;
    port(words.next()?)?; // of the destination: checked, not used
    if words.next().is_some() {
        return None;
    }
    let source: IpAddr = match family {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            IpAddr::V4(source.parse().ok()?)
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            IpAddr::V6(source.parse().ok()?)
        }
        _ => return None,
    };
    Some(Some(SocketAddr::new(source.to_canonical(), from)))
}

/// Decimal, without sign or leading zero.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// At least the 16 fixed bytes are there.
fn version_2(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let (command, family) = (bytes[12], bytes[13]);
    let declared = u16::from_be_bytes([bytes[14], bytes[15]]);
    let length = 16 + usize::from(declared);
    if length > MAX_V2 {
        return Err(Malformed::TooLong);
    }
    if command >> 4 != 2 {
        return Err(Malformed::Garbage);
    }
    if bytes.len() < length {
        return Ok(Parsed::Partial);
    }
    let body = &bytes[16..length];
    let source = match (command & 0x0f, family) {
        (0, _) => None, // LOCAL: the balancer asks for itself
        // PROXY over TCP or UDP of a family without addresses for us.
        (1, 0x00 | 0x31 | 0x32) => None,
        (1, 0x11 | 0x12) => Some(source_v4(body).ok_or(Malformed::Garbage)?),
        (1, 0x21 | 0x22) => Some(source_v6(body).ok_or(Malformed::Garbage)?),
        _ => return Err(Malformed::Garbage),
    };
    Ok(Parsed::Done { length, source })
}

fn source_v4(body: &[u8]) -> Option<SocketAddr> {
    let (address, port) = (body.first_chunk::<4>()?, body.get(8..12)?);
    let port = u16::from_be_bytes([port[0], port[1]]);
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(*address)), port))
}

fn source_v6(body: &[u8]) -> Option<SocketAddr> {
    let (address, port) = (body.first_chunk::<16>()?, body.get(32..36)?);
    let port = u16::from_be_bytes([port[0], port[1]]);
    let address = IpAddr::V6(Ipv6Addr::from(*address)).to_canonical();
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: ProxyProtocol = ProxyProtocol::V2;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn source(bytes: &[u8]) -> Result<Option<String>, Malformed> {
        match parse(bytes, ProxyProtocol::Any)? {
            Parsed::Partial => panic!("partial: {bytes:?}"),
            Parsed::Done { source, .. } => Ok(source.map(|s| s.to_string())),
        }
    }

    fn of(text: &str) -> Result<Option<String>, Malformed> {
        Ok(Some(text.to_owned()))
    }

    #[test]
    fn version_1_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.9 10.0.0.1 4711 443\r\nGET /";
        assert_eq!(source(line), of("192.0.2.9:4711"));
        let line = b"PROXY TCP6 2001:db8::9 2001:db8::1 0 443\r\n";
        assert_eq!(source(line), of("[2001:db8::9]:0"));
        let line = b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 443\r\n";
        assert_eq!(source(line), of("192.0.2.9:1"), "unmapped");
        assert_eq!(source(b"PROXY UNKNOWN what ever 1 2\r\n"), Ok(None));
        let read = parse(b"PROXY UNKNOWN\r\nGET", ProxyProtocol::V1);
        assert_eq!(read, Ok(Parsed::Done { length: 15, source: None }));
    }

    #[test]
    fn version_1_refuses_what_is_not_exactly_so() {
        for line in [
            "PROXY TCP4 192.0.2.9 10.0.0.1 4711 443\n",
            "PROXY TCP4 192.0.2.9 10.0.0.1 4711\r\n",
            "PROXY TCP4 192.0.2.9 10.0.0.1 4711 443 1\r\n",
            "PROXY  TCP4 192.0.2.9 10.0.0.1 4711 443\r\n",
            "PROXY TCP4 192.0.2.9 10.0.0.1 65536 443\r\n",
            "PROXY TCP4 192.0.2.9 10.0.0.1 +1 443\r\n",
            "PROXY TCP4 192.0.2.9 10.0.0.1 01 443\r\n",
            "PROXY TCP4 2001:db8::9 10.0.0.1 1 443\r\n",
            "PROXY TCP4 192.0.2.9 2001:db8::1 1 443\r\n",
            "PROXY TCP6 192.0.2.9 10.0.0.1 1 443\r\n",
            "PROXY UDP4 192.0.2.9 10.0.0.1 1 443\r\n",
            "PROXY \u{fc}\r\n",
        ] {
            assert_eq!(
                source(line.as_bytes()),
                Err(Malformed::Garbage),
                "{line}"
            );
        }
        let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
        assert_eq!(source(&endless), Err(Malformed::TooLong));
        let late =
            [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93], b"\r\n"].concat();
        assert_eq!(late.len(), MAX_V1 + 2);
        assert_eq!(source(&late), Err(Malformed::TooLong));
    }

    #[test]
    fn version_2_names_the_client_and_skips_what_follows() {
        let v4 = [192, 0, 2, 9, 10, 0, 0, 1, 0x12, 0x67, 1, 187];
        assert_eq!(source(&v2(0x21, 0x11, &v4)), of("192.0.2.9:4711"));
        let with_tlv = [v4.as_slice(), &[0x03, 0, 4, 1, 2, 3, 4]].concat();
        assert_eq!(source(&v2(0x21, 0x11, &with_tlv)), of("192.0.2.9:4711"));
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(
            &"::ffff:192.0.2.9".parse::<Ipv6Addr>().unwrap().octets(),
        );
        assert_eq!(source(&v2(0x21, 0x21, &v6)), of("192.0.2.9:0"));
        assert_eq!(source(&v2(0x20, 0x11, &v4)), Ok(None), "LOCAL");
        assert_eq!(source(&v2(0x21, 0x00, &[])), Ok(None), "UNSPEC");
        assert_eq!(source(&v2(0x21, 0x31, &[0; 216])), Ok(None), "UNIX");
    }

    #[test]
    fn version_2_refuses_other_versions_commands_families_and_lengths() {
        let v4 = [192, 0, 2, 9, 10, 0, 0, 1, 0x12, 0x67, 1, 187];
        for (command, family) in
            [(0x11, 0x11), (0x31, 0x11), (0x22, 0x11), (0x21, 0x41)]
        {
            let bytes = v2(command, family, &v4);
            assert_eq!(source(&bytes), Err(Malformed::Garbage), "{command:x}");
        }
        assert_eq!(source(&v2(0x21, 0x11, &v4[..11])), Err(Malformed::Garbage));
        assert_eq!(source(&v2(0x21, 0x21, &[0; 35])), Err(Malformed::Garbage));
        assert_eq!(
            source(&v2(0x21, 0x11, &[0; 5000])),
            Err(Malformed::TooLong)
        );
    }

    #[test]
    fn the_header_is_mandatory_and_of_the_version_asked_for() {
        let absent = Err(Malformed::Absent);
        for takes in [ProxyProtocol::V1, V2, ProxyProtocol::Any] {
            assert_eq!(parse(b"GET / HTTP/1.1\r\n", takes), absent);
            assert_eq!(parse(b"", takes), Ok(Parsed::Partial));
        }
        assert_eq!(parse(b"PROXY TCP4", V2), absent);
        assert_eq!(parse(&SIGNATURE, ProxyProtocol::V1), absent);
        assert_eq!(parse(&SIGNATURE[..3], V2), Ok(Parsed::Partial));
        assert_eq!(parse(b"PROX", ProxyProtocol::V1), Ok(Parsed::Partial));
    }

    /// Mutations of valid headers, so that every branch is reached.
    #[test]
    fn no_bytes_make_it_panic_and_a_prefix_is_partial_until_it_is_whole() {
        let v4 = [192, 0, 2, 9, 10, 0, 0, 1, 0x12, 0x67, 1, 187, 4, 0, 1, 7];
        let seeds = [
            v2(0x21, 0x11, &v4),
            v2(0x21, 0x21, &[7; 40]),
            b"PROXY TCP4 192.0.2.9 10.0.0.1 4711 443\r\n".to_vec(),
            b"PROXY TCP6 2001:db8::9 ::1 4711 443\r\n".to_vec(),
        ];
        for seed in &seeds {
            for cut in 0..seed.len() {
                let read = parse(&seed[..cut], ProxyProtocol::Any);
                assert_eq!(read, Ok(Parsed::Partial), "{cut} of {seed:?}");
            }
        }
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 8).unwrap()
        };
        for round in 0..1_000_000 {
            let mut bytes = seeds[round % seeds.len()].clone();
            for _ in 0..1 + next() % 3 {
                let at = next() % bytes.len();
                bytes[at] = u8::try_from(next() % 256).unwrap();
            }
            bytes.truncate(next() % (bytes.len() + 1));
            if let Ok(Parsed::Done { length, source }) =
                parse(&bytes, ProxyProtocol::Any)
            {
                assert!(length <= bytes.len());
                let mapped =
                    source.is_some_and(|s| s.ip().to_canonical() != s.ip());
                assert!(!mapped);
            }
        }
    }
}
