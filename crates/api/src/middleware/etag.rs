//! `If-None-Match` (RFC 9110, section 13.1.2): 304 for what the client has.
//!
//! Tags are made with the bodies (`representation.rs`). Comparison is weak.

use axum::{
    body::{Body, HttpBody},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::Response,
};

/// The tags that a client says it has; none for a method that changes things.
/// Nearly all clients send one header, which needs no vector.
#[derive(Debug)]
pub(crate) struct Held {
    first: Option<HeaderValue>,
    others: Vec<HeaderValue>,
}

impl Held {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let asks = matches!(*method, Method::GET | Method::HEAD);
        let held = headers.get_all(IF_NONE_MATCH).into_iter();
        let mut held = held.filter(|_| asks).cloned();
        Self { first: held.next(), others: held.collect() }
    }

    /// 304 when the client has the current representation.
    pub(crate) fn spare(&self, response: Response) -> Response {
        let held = self.first.iter().chain(&self.others);
        let fresh = self.first.is_some()
            && response.status() == StatusCode::OK
            && has_current(held, response.headers());
        if fresh { not_modified(response) } else { response }
    }
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

fn has_current<'a>(
    held: impl IntoIterator<Item = &'a HeaderValue>,
    headers: &HeaderMap,
) -> bool {
    let Some(current) = headers.get(ETAG).and_then(|tag| tag.to_str().ok())
    else {
        return false;
    };
    let mut lists = held.into_iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| {
        list.trim() == "*" || tags(list).any(|tag| tag == opaque(current))
    })
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
