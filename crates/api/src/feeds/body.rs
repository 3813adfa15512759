//! A feed as it is served: bytes, and everything that is said about them.

use std::{fmt::Write, sync::Arc};

use asgard_policy::feed::{
    compile::{Compiled, Fate, Withheld},
    format::{Format, Rendered},
    guard::GuardReport,
    select::{Extra, Selected, Truncated},
};
use axum::{body::Bytes, http::HeaderValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::coding::{Effort, KeptBody};

/// A feed as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) kept: Arc<KeptBody>,
    pub(crate) about: About,
    pub(crate) etag: HeaderValue,
    pub(crate) digest: HeaderValue,
    /// What the guards measured; not kept on disk.
    pub(crate) guards: Vec<GuardReport>,
    /// The first entries that were selected and are not in it.
    pub(crate) withheld: Vec<Withheld>,
}

/// What is said about a body; kept with it on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) content_type: String,
    /// 32 hexadecimal digits.
    pub(crate) tag: String,
    /// SHA-256 of the bytes, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
    pub(crate) entries_v4: usize,
    pub(crate) entries_v6: usize,
    pub(crate) addresses_v4: u64,
    pub(crate) withheld: usize,
    pub(crate) truncated: Option<(usize, u64)>,
    pub(crate) extra: Option<(u64, u128)>,
    pub(crate) rules: usize,
    pub(crate) version: u64,
    pub(crate) serial: u64,
    /// When the bytes were made.
    pub(crate) built_at: Timestamp,
    /// When they last changed.
    pub(crate) modified: Timestamp,
    /// The day of the data.
    pub(crate) data_date: Timestamp,
    /// Parts of it are made from data of before.
    pub(crate) held: bool,
    pub(crate) demo: bool,
}

/// What a body is made from, beside its bytes.
pub(crate) struct Origin<'a> {
    pub(crate) format: Format,
    pub(crate) compiled: &'a Compiled,
    pub(crate) selected: &'a Selected,
    pub(crate) rules: usize,
    pub(crate) now: Timestamp,
    /// The latest moment at which anything changed that it is made from.
    pub(crate) changed: Timestamp,
    pub(crate) data_date: Timestamp,
    pub(crate) demo: bool,
}

impl Body {
    /// A body that was just rendered. `before` is the one of the same URL
    /// before: equal bytes have not changed since.
    pub(crate) fn new(
        rendered: Rendered,
        origin: &Origin<'_>,
        before: Option<&Self>,
    ) -> Self {
        let Origin { compiled, selected, .. } = *origin;
        let (tag, sha256) = digests(&rendered.bytes, origin.format);
        let same = before.filter(|body| body.about.tag == tag);
        let about = About {
            content_type: rendered.content_type.to_owned(),
            tag,
            sha256: hex(&sha256),
            bytes: rendered.bytes.len(),
            entries: rendered.entries,
            entries_v4: selected.entries_v4,
            entries_v6: selected.entries_v6,
            addresses_v4: selected.addresses_v4,
            withheld: rendered.withheld + compiled.withheld_count,
            truncated: selected.truncated.map(
                |Truncated { entries, addresses_v4 }| (entries, addresses_v4),
            ),
            extra: selected.extra.map(|Extra { v4, v6_64 }| (v4, v6_64)),
            rules: origin.rules,
            version: compiled.version,
            serial: compiled.serial,
            built_at: origin.now,
            modified: modified(origin, same, before),
            data_date: origin.data_date,
            held: compiled.fate == Fate::Held,
            demo: origin.demo,
        };
        let kept = match same {
            Some(body) => Arc::clone(&body.kept),
            None => kept(rendered.bytes.into()),
        };
        Self {
            guards: compiled.guards.clone(),
            withheld: compiled.withheld.clone(),
            ..Self::dressed(about, kept, &sha256)
        }
    }

    /// A body that was kept on disk.
    pub(crate) fn restored(about: About, bytes: Bytes) -> Self {
        let sha256 = Sha256::digest(&bytes);
        Self::dressed(about, kept(bytes), &sha256)
    }

    fn dressed(about: About, kept: Arc<KeptBody>, sha256: &[u8]) -> Self {
        let header = |text: String| {
            HeaderValue::from_str(&text)
                .expect("hexadecimal and Base64 are header text")
        };
        Self {
            etag: header(format!("W/\"{}\"", hex_only(&about.tag))),
            digest: header(format!("sha-256=:{}:", STANDARD.encode(sha256))),
            kept,
            about,
            guards: Vec::new(),
            withheld: Vec::new(),
        }
    }

    pub(crate) fn plain(&self) -> &Bytes {
        self.kept.plain()
    }

    /// The lines of a text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.plain()).unwrap_or_default()
    }
}

/// When bytes last changed: at the moment at which anything did, unless other
/// bytes have that date already, or a later one. Then something changed that
/// has no date, and it did so before this moment.
fn modified(
    origin: &Origin<'_>,
    same: Option<&Body>,
    before: Option<&Body>,
) -> Timestamp {
    let Origin { changed, now, .. } = *origin;
    if let Some(same) = same {
        return same.about.modified;
    }
    let Some(before) = before.map(|body| body.about.modified) else {
        return changed;
    };
    let second = before.as_second();
    if changed.as_second() > second {
        return changed;
    }
    match now.as_second() >= second {
        true => now.max(before),
        // The clock was put back.
        false => {
            before.checked_add(SignedDuration::from_secs(1)).unwrap_or(before)
        }
    }
}

fn kept(bytes: Bytes) -> Arc<KeptBody> {
    Arc::new(KeptBody::new(bytes, Effort::Kept))
}

/// The tag of bytes in a format, the same on every machine, and their SHA-256.
fn digests(bytes: &[u8], format: Format) -> (String, [u8; 32]) {
    let state = Sha256::new().chain_update(bytes);
    let named = state.clone().chain_update([0]).chain_update(format.as_str());
    let tag = hex(&named.finalize()[..16]);
    (tag, state.finalize().into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

fn hex_only(text: &str) -> String {
    text.chars().filter(char::is_ascii_hexdigit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_of_the_bytes_and_the_format() {
        let (tag, sha256) = digests(b"abc", Format::Plain);
        assert_eq!(tag.len(), 32);
        // FIPS 180-2, appendix B.1
        assert!(hex(&sha256).starts_with("ba7816bf8f01cfea"));
        assert_ne!(digests(b"abc", Format::Nft).0, tag);
        assert_ne!(digests(b"abd", Format::Plain).0, tag);
    }
}
