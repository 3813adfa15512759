//! `headers` and `query`: maps that are looked up in the request.
//!
//! Nothing is copied for a look-up that finds borrowed text. A missing key is
//! *unknown*, not an error: a client that does not send a header must not stop
//! a rule with an error.

use std::{borrow::Cow, fmt, sync::Arc};

use super::value::{Fail, Outcome, Text, Value};
use crate::gate::visit::Headers;

/// Most pairs of a query that are looked at.
const MAX_PAIRS: usize = 1_000;

/// A map of the request.
#[derive(Clone, Copy)]
pub enum LazyMap<'a> {
    /// Names are lower case.
    Headers(&'a dyn Headers),
    /// `a=1&b=2`; of repeated names the first counts.
    Query(&'a str),
}

impl fmt::Debug for LazyMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Headers(_) => "headers",
            Self::Query(_) => "query",
        })
    }
}

impl<'a> LazyMap<'a> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Outcome<'a> {
        self.find(key).map(Value::String).ok_or(Fail::Unknown)
    }

    /// Whether there is such a key.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn find(&self, key: &str) -> Option<Text<'a>> {
        match *self {
            Self::Headers(headers) => {
                let folded = match key.bytes().any(|b| b.is_ascii_uppercase()) {
                    true => Cow::Owned(key.to_ascii_lowercase()),
                    false => Cow::Borrowed(key),
                };
                headers.get(&folded).map(text)
            }
            Self::Query(query) => pairs(query)
                .find(|(name, _)| decode(name) == key)
                .map(|(_, value)| text(decode(value))),
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        match *self {
            Self::Headers(headers) => {
                let mut count = 0;
                headers.each(&mut |_, _| count += 1);
                count
            }
            Self::Query(_) => self.entries().len(),
        }
    }

    /// All of it.
    pub(super) fn entries(&self) -> Arc<[(Value<'a>, Value<'a>)]> {
        let mut found: Vec<(Value<'a>, Value<'a>)> = Vec::new();
        match *self {
            Self::Headers(headers) => headers.each(&mut |name, value| {
                found.push((
                    Value::text(name.to_owned()),
                    Value::text(value.to_owned()),
                ));
            }),
            Self::Query(query) => {
                let mut seen = std::collections::HashSet::new();
                for (name, value) in pairs(query) {
                    let name = decode(name);
                    if seen.insert(name.clone()) {
                        let value = Value::String(text(decode(value)));
                        found.push((Value::String(text(name)), value));
                    }
                }
            }
        }
        found.into()
    }
}

fn text(text: Cow<'_, str>) -> Text<'_> {
    match text {
        Cow::Borrowed(text) => Text::Borrowed(text),
        Cow::Owned(text) => Text::from(text),
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(MAX_PAIRS)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// `application/x-www-form-urlencoded`: `+` is a space, `%xx` a byte; bytes
/// that are not UTF-8 are replaced.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |b: Option<&u8>| (*b? as char).to_digit(16);
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => match (hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
                (Some(high), Some(low)) => {
                    out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                    at += 2;
                }
                _ => out.push(b'%'),
            },
            byte => out.push(byte),
        }
        at += 1;
    }
    match String::from_utf8(out) {
        Ok(text) => Cow::Owned(text),
        Err(error) => {
            let bytes = error.into_bytes();
            Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}
