//! `headers` and `query`: maps that are looked up in the request.
//!
//! Nothing is copied for a look-up that finds borrowed text. A missing key is
//! *unknown*, not an error: a client that does not send a header must not stop
//! a rule with an error.
//!
//! Every pair of a query is looked at, and no value hides behind another of the
//! same name: which of them an application takes is its own choice.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::Arc,
};

use super::value::{Fail, Fault, Outcome, Text, Value};
use crate::gate::visit::Headers;

/// Most names of a query that a macro goes through.
pub(super) const MAX_NAMES: usize = 1_000;

/// Between the values of one name, as between those of a header.
const SEPARATOR: &str = ", ";

/// A map of the request.
#[derive(Clone, Copy)]
pub enum LazyMap<'a> {
    /// Names are lower case.
    Headers(&'a dyn Headers),
    /// `a=1&b=2`; values of repeated names are joined by `", "`.
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
        match *self {
            Self::Headers(_) => self.find(key).is_some(),
            Self::Query(query) => values(query, key).next().is_some(),
        }
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
            Self::Query(query) => {
                let mut values = values(query, key);
                let mut all = values.next()?;
                for value in values {
                    append(&mut all, &value);
                }
                Some(text(all))
            }
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
                let mut all: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
                let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
                for (name, value) in pairs(query) {
                    let (name, value) = (decode(name), decode(value));
                    match places.entry(name.clone()) {
                        Entry::Occupied(place) => {
                            append(&mut all[*place.get()].1, &value);
                        }
                        Entry::Vacant(place) => {
                            place.insert(all.len());
                            all.push((name, value));
                        }
                    }
                }
                let values = all.into_iter().map(|(name, value)| {
                    (Value::String(text(name)), Value::String(text(value)))
                });
                found.extend(values);
            }
        }
        found.into()
    }

    /// The names, for a macro.
    pub(super) fn names(&self) -> Result<Vec<Value<'a>>, Fault> {
        let entries = self.entries();
        if matches!(self, Self::Query(_)) && entries.len() > MAX_NAMES {
            return Err(Fault::TooManyNames);
        }
        Ok(entries.iter().map(|(name, _)| name.clone()).collect())
    }
}

/// The values of a name, in order.
fn values<'a>(query: &'a str, key: &str) -> impl Iterator<Item = Cow<'a, str>> {
    pairs(query)
        .filter(move |(name, _)| decode(name) == key)
        .map(|(_, value)| decode(value))
}

fn append(all: &mut Cow<'_, str>, value: &str) {
    let all = all.to_mut();
    all.push_str(SEPARATOR);
    all.push_str(value);
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
