//! `If-None-Match` and, only without it, `If-Modified-Since` (RFC 9110, section
//! 13.1): 304 for what the client has.
//!
//! Tags are made with the bodies (`representation.rs`). Comparison is weak.

use axum::{
    body::{Body, HttpBody},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
            IF_NONE_MATCH, LAST_MODIFIED,
        },
    },
    response::Response,
};
use jiff::Timestamp;

use crate::http_date;

/// What a client says it has; nothing for a method that changes things.
#[derive(Debug)]
pub(crate) struct Held {
    tags: Vec<HeaderValue>,
    /// Of no account beside tags (section 13.1.3).
    since: Option<Timestamp>,
}

impl Held {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let asks = matches!(*method, Method::GET | Method::HEAD);
        let held = headers.get_all(IF_NONE_MATCH).into_iter();
        let tags: Vec<_> = held.filter(|_| asks).cloned().collect();
        let since = headers.get(IF_MODIFIED_SINCE).filter(|_| asks);
        let since = since.filter(|_| tags.is_empty());
        Self { tags, since: since.and_then(moment) }
    }

    /// 304 when the client has the current representation.
    pub(crate) fn spare(&self, response: Response) -> Response {
        let headers = response.headers();
        let fresh = match self.since {
            Some(since) => headers
                .get(LAST_MODIFIED)
                .and_then(moment)
                .is_some_and(|modified| modified <= since),
            None => has_current(&self.tags, headers),
        };
        match fresh && response.status() == StatusCode::OK {
            true => not_modified(response),
            false => response,
        }
    }
}

/// Whether a client that asks says that it has what has this tag.
pub(super) fn names(headers: &HeaderMap, current: &HeaderValue) -> bool {
    is_named(headers.get_all(IF_NONE_MATCH), current)
}

fn moment(value: &HeaderValue) -> Option<Timestamp> {
    http_date::parse(value.to_str().ok()?)
}

/// The same headers but the type, and no body. `Content-Length` is that of the
/// 200 (section 8.6); left out, the framework would say 0, which is wrong.
fn not_modified(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_TYPE);
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

fn has_current(held: &[HeaderValue], headers: &HeaderMap) -> bool {
    headers.get(ETAG).is_some_and(|current| is_named(held, current))
}

fn is_named<'a>(
    held: impl IntoIterator<Item = &'a HeaderValue>,
    current: &HeaderValue,
) -> bool {
    held.into_iter().any(|list| {
        // Most say back what they heard.
        list == current || is_in(list, current)
    })
}

fn is_in(list: &HeaderValue, current: &HeaderValue) -> bool {
    let (Ok(list), Ok(current)) = (list.to_str(), current.to_str()) else {
        return false;
    };
    list.trim() == "*" || tags(list).any(|tag| tag == opaque(current))
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The opaque parts of a list of tags, quotes included. A comma inside quotes
/// does not separate; ours have none, so a tag that is cut there matches none.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|tag| opaque(tag.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(held: &str, current: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, current.parse().unwrap());
        has_current(&[HeaderValue::from_str(held).unwrap()], &headers)
    }

    #[test]
    fn comparison_is_weak_and_reads_lists_and_the_star() {
        let current = "W/\"abc\"";
        for held in ["W/\"abc\"", "\"abc\"", "*", "\"x\", W/\"abc\"", " * "] {
            assert!(matches(held, current), "{held}");
        }
        for held in ["abc", "\"ab\"", "", "W/abc", "\"x\",\"y\"", "**"] {
            assert!(!matches(held, current), "{held}");
        }
    }

    proptest! {
        #[test]
        fn a_list_matches_if_and_only_if_it_holds_the_tag(
            others in prop::collection::vec("[0-9a-f]{16}", 0..5),
            present in any::<bool>(),
        ) {
            let mut list: Vec<String> =
                others.iter().map(|tag| format!("W/\"{tag}\"")).collect();
            if present {
                list.push("\"current\"".into());
            }
            let held = list.join(" ,");
            prop_assert_eq!(matches(&held, "W/\"current\""), present);
        }
    }
}
