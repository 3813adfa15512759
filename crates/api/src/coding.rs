//! Content codings (RFC 9110, section 8.4.1): which one a client takes, and
//! what a body is in it.
//!
//! The plain form is always at hand: a client that takes no coding of ours gets
//! it, also one that refuses it (406 would help nobody).

use std::{
    io::{self, Write},
    sync::{Arc, OnceLock},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, header::ACCEPT_ENCODING},
};
use flate2::{Compression, write::GzEncoder};
use tokio::task::spawn_blocking;

use crate::limits;

/// A way to make a body shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

/// How long a body may be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For one answer: 15–25 µs for a profile of 5 kB, by measurement.
    Once,
    /// For a body that many will fetch: 15–35 ms for the 800 kB of an EDL of
    /// all networks.
    Kept,
}

impl Coding {
    /// Under their names (IANA HTTP Content Coding Registry), best first: at
    /// both efforts, zstd is the smallest of the three and no slower.
    pub(crate) const VALUES: [(Self, &'static str); 3] =
        [(Self::Zstd, "zstd"), (Self::Brotli, "br"), (Self::Gzip, "gzip")];

    pub(crate) fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// The coding that a client prefers (section 12.5.3), by our taste among
    /// equals; `None`: the plain form.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(ACCEPT_ENCODING) {
            return None;
        }
        let listed: Vec<(&str, f32)> = listed(headers).collect();
        let find = |wanted: &str| {
            let same =
                |(name, _): &&(&str, f32)| name.eq_ignore_ascii_case(wanted);
            listed.iter().find(same).map(|(_, weight)| *weight)
        };
        let any = find("*").unwrap_or(0.0);
        let weigh = |(coding, name)| (coding, find(name).unwrap_or(any));
        // Of equals the last is taken.
        let best = Self::VALUES.into_iter().rev().map(weigh);
        let (coding, weight) = best.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let plain = find("identity").unwrap_or(0.0);
        (weight > 0.0 && weight >= plain).then_some(coding)
    }

    /// The coded body; `None` if it would not be shorter.
    pub(crate) fn encode(self, body: &[u8], effort: Effort) -> Option<Bytes> {
        let (zstd, brotli, gzip) = match effort {
            Effort::Once => (1, 1, 1),
            Effort::Kept => (9, 5, 6),
        };
        let coded = match self {
            Self::Zstd => zstd::bulk::compress(body, zstd),
            Self::Brotli => brotli_of(body, brotli),
            Self::Gzip => gzip_of(body, gzip),
        };
        coded.ok().filter(|coded| coded.len() < body.len()).map(Bytes::from)
    }
}

/// Names with their weights, in the order of the request.
fn listed(headers: &HeaderMap) -> impl Iterator<Item = (&str, f32)> {
    let values = headers.get_all(ACCEPT_ENCODING).into_iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = match parts.next().unwrap_or_default() {
            old if old.eq_ignore_ascii_case("x-gzip") => "gzip",
            name => name,
        };
        (name, parts.find_map(weight).unwrap_or(1.0))
    })
}

/// The weight of `q=…`; what is no weight is a refusal.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    let value = value.parse().ok().filter(|q| (0.0..=1.0).contains(q));
    name.eq_ignore_ascii_case("q").then_some(value.unwrap_or(0.0))
}

fn brotli_of(body: &[u8], quality: i32) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality,
        size_hint: body.len(),
        ..Default::default()
    };
    let mut coded = Vec::new();
    brotli::BrotliCompress(&mut &*body, &mut coded, &params)?;
    Ok(coded)
}

fn gzip_of(body: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(body)?;
    encoder.finish()
}

/// A body that many will fetch: each coded form is made once, when the first
/// client takes it.
#[derive(Debug)]
pub(crate) struct KeptBody {
    plain: Bytes,
    effort: Effort,
    coded: [OnceLock<Option<Bytes>>; Coding::VALUES.len()],
}

impl KeptBody {
    pub(crate) fn new(plain: Bytes, effort: Effort) -> Self {
        Self { plain, effort, coded: Default::default() }
    }

    pub(crate) fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// As [`Self::coded`], but a large body is coded where it keeps no other
    /// request waiting.
    pub(crate) async fn coded_elsewhere(
        self: Arc<Self>,
        coding: Coding,
    ) -> Option<Bytes> {
        let made = self.coded[coding as usize].get().is_some();
        if made || self.plain.len() < limits::CODED_ELSEWHERE_BYTES {
            return self.coded(coding);
        }
        let coded = spawn_blocking(move || self.coded(coding)).await;
        // A coder that panics: the plain form is always good.
        coded.unwrap_or(None)
    }

    /// What [`Self::coded`] has made; `None` if nobody asked for it yet.
    pub(crate) fn made(&self, coding: Coding) -> Option<Option<&Bytes>> {
        self.coded[coding as usize].get().map(Option::as_ref)
    }

    /// As [`Coding::encode`].
    pub(crate) fn coded(&self, coding: Coding) -> Option<Bytes> {
        let make = || coding.encode(&self.plain, self.effort);
        self.coded[coding as usize].get_or_init(make).clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepted(value: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        Coding::accepted(&headers).map(Coding::as_str)
    }

    #[test]
    fn every_coding_has_its_own_name() {
        for (coding, name) in Coding::VALUES {
            assert_eq!(coding.as_str(), name);
        }
    }

    #[test]
    fn the_heaviest_coding_wins_and_ours_among_equals() {
        for (value, coding) in [
            ("gzip", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("GZIP ; Q=0.5", Some("gzip")),
            ("br", Some("br")),
            ("deflate, gzip, br, zstd", Some("zstd")),
            ("gzip, deflate, br", Some("br")),
            ("zstd;q=0.1, gzip;q=0.9, br;q=0.5", Some("gzip")),
            ("*", Some("zstd")),
            ("zstd;q=0, *;q=0.3", Some("br")),
            ("gzip;q=0.2, *;q=0", Some("gzip")),
            ("gzip, identity", Some("gzip")),
        ] {
            assert_eq!(accepted(value), coding, "{value}");
        }
    }

    #[test]
    fn what_is_refused_unknown_or_misspelt_is_not_used() {
        for value in [
            "",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000, br;q=0, zstd;q=0",
            "*;q=0",
            "deflate, compress",
            "identity, gzip;q=0.5",
            "identity;q=0, *;q=0",
            "gzip;q=abc",
            "gzip;q=2",
            "gzip;q=NaN",
            "gzip;q=-1",
            "gzip;q=",
            ",;,=",
        ] {
            assert_eq!(accepted(value), None, "{value}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn several_lists_are_one() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, "gzip;q=0.5".parse().unwrap());
        headers.append(ACCEPT_ENCODING, "br".parse().unwrap());
        assert_eq!(Coding::accepted(&headers), Some(Coding::Brotli));
    }

    #[test]
    fn a_kept_body_is_coded_once() {
        let body = KeptBody::new("AS64496\n".repeat(500).into(), Effort::Kept);
        for (coding, _) in Coding::VALUES {
            let first = body.coded(coding).unwrap();
            let again = body.coded(coding).unwrap();
            assert_eq!(first.as_ptr(), again.as_ptr());
            assert!(first.len() < body.plain().len());
        }
    }

    #[test]
    fn what_does_not_become_shorter_stays_plain() {
        for (coding, _) in Coding::VALUES {
            assert_eq!(coding.encode(b"AS1\n", Effort::Once), None);
            assert_eq!(coding.encode(b"", Effort::Kept), None);
        }
    }

    proptest! {
        #[test]
        fn a_refused_coding_is_never_chosen(
            others in prop::collection::vec(
                "(gzip|br|zstd|\\*|identity)(;q=(0|1|0\\.[0-9]{1,3}))?",
                0..5,
            ),
            refused in prop::sample::select(Coding::VALUES.to_vec()),
        ) {
            let refusal = format!("{};q=0", refused.1);
            let list = [vec![refusal], others].concat().join(", ");
            prop_assert_ne!(accepted(&list), Some(refused.1), "{}", list);
        }
    }
}
