//! Which list a query asks for, read once.
//!
//! The devices of an operator ask for a few lists, in the same words each time:
//! to read them anew takes as long as all the rest of the answer. The last of
//! those that share a place is remembered. Only what has been read as a whole
//! and was found good is remembered, by every byte of it.

use std::{hash::Hasher, sync::Arc};

use arc_swap::ArcSwapOption;
use axum::http::Uri;
use rustc_hash::FxHasher;

use crate::{published::FeedPlace, resource::edl};

/// A power of two.
const PLACES: usize = 64;
/// Longer ones, in bytes, are read each time.
const LONGEST: usize = 128;

/// Queries of the list that were read before.
pub(in crate::middleware) struct Queries(
    [ArcSwapOption<(Box<str>, FeedPlace)>; PLACES],
);

impl Queries {
    pub(in crate::middleware) fn new() -> Self {
        Self(std::array::from_fn(|_| ArcSwapOption::empty()))
    }

    /// Where the plain list is kept that a URL asks for; `None` if it asks for
    /// another, or does not fit.
    pub(super) fn place(&self, uri: &Uri) -> Option<FeedPlace> {
        let query = uri.query().unwrap_or_default();
        let memory = &self.0[place(query)];
        if let Some(known) = memory.load().as_ref()
            && *known.0 == *query
        {
            return Some(known.1);
        }
        let found = FeedPlace::of(&edl::plain(uri).ok()?);
        if query.len() <= LONGEST {
            memory.store(Some(Arc::new((query.into(), found))));
        }
        Some(found)
    }
}

fn place(query: &str) -> usize {
    let mut hasher = FxHasher::default();
    hasher.write(query.as_bytes());
    let place = hasher.finish() % PLACES as u64;
    usize::try_from(place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(queries: &Queries, query: &str) -> Option<FeedPlace> {
        let uri = format!("/feeds/edl?{query}").parse();
        queries.place(&uri.unwrap())
    }

    #[test]
    fn what_does_not_fit_is_never_remembered() {
        let queries = Queries::new();
        for query in [
            "level=BAD",
            "max_score=101",
            "x",
            "level=HIGH&x=1",
            "expand=prefixes",
        ] {
            for _ in 0..2 {
                assert_eq!(asked(&queries, query), None, "{query}");
            }
        }
        let bare = "/feeds/edl".parse().unwrap();
        assert_eq!(queries.place(&bare), asked(&queries, "max_score=50"));
    }

    #[test]
    fn a_long_query_is_read_each_time_and_fills_no_memory() {
        let queries = Queries::new();
        let long = format!("max_score=5.{}", "0".repeat(500));
        assert!(asked(&queries, &long).is_some());
        assert!(queries.0.iter().all(|place| place.load().is_none()));
    }

    proptest! {
        #[test]
        fn whatever_was_asked_before_each_query_has_its_own_answer(
            queries in prop::collection::vec(
                "max_score=[0-9]{1,3}|level=(HIGH|LOW|BAD)|expand=prefixes",
                1..300,
            ),
        ) {
            let remembering = Queries::new();
            for query in queries {
                let fresh = asked(&Queries::new(), &query);
                prop_assert_eq!(asked(&remembering, &query), fresh);
            }
        }
    }
}
