//! Rendered feeds by what was asked for: each is made once for all who poll
//! it, and replaced when what it is made from changes.
//!
//! Bounded in bytes; what nobody asks for goes first. The last good bodies are
//! on disk as well.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use asgard_policy::feed::{format::Format, select::FeedParams};
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::{body::Body, organisation::Moment};
use crate::error::ApiError;

/// How names of lists that belong to nobody begin, as that of no organisation
/// does.
pub(crate) const NOBODY: char = '\0';

/// What is asked for, in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    pub(crate) org: Arc<str>,
    pub(crate) format: Format,
    pub(crate) params: Box<str>,
}

impl Url {
    pub(crate) fn new(
        org: &Arc<str>,
        format: Format,
        params: &FeedParams,
        more: &str,
    ) -> Self {
        let params = format!("{}{more}", params.canonical());
        Self { org: Arc::clone(org), format, params: params.into() }
    }

    /// Whether it is a list that belongs to nobody; see `risk.rs`.
    pub(crate) fn is_of_nobody(&self) -> bool {
        self.org.starts_with(NOBODY)
    }

    /// Its name on disk, for one purpose.
    pub(crate) fn name(&self, purpose: &str) -> String {
        let Self { org, format, params } = self;
        format!("{purpose}\0{org}\0{format}\0{params}")
    }
}

/// The place of one URL.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    current: ArcSwapOption<Current>,
    /// Held by the one that renders, across that work, while others wait for
    /// the result.
    pub(crate) turn: Mutex<()>,
}

/// What a URL answers at a moment.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) moment: Moment,
    pub(crate) outcome: Outcome,
}

/// What a URL answers.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// What the rules call for.
    Good(Arc<Body>),
    /// What was good before, because nothing could be made.
    Stale(Arc<Body>),
    /// Nothing.
    Refused(ApiError),
}

impl Slot {
    /// What it answers at a moment, if that is known.
    pub(crate) fn at(&self, moment: Moment) -> Option<Outcome> {
        let current = self.current.load();
        let current = current.as_ref()?;
        (current.moment == moment).then(|| current.outcome.clone())
    }

    /// The newest body that was good.
    pub(crate) fn last_good(&self) -> Option<Arc<Body>> {
        match &self.current.load().as_ref()?.outcome {
            Outcome::Good(body) | Outcome::Stale(body) => {
                Some(Arc::clone(body))
            }
            Outcome::Refused(_) => None,
        }
    }

    fn weight(&self) -> u32 {
        let bytes = self.last_good().map_or(0, |body| {
            // Coded forms come later; text like ours becomes a third.
            body.plain().len() + body.plain().len() / 2
        });
        u32::try_from(bytes).unwrap_or(u32::MAX).saturating_add(1024)
    }
}

/// Places of all URLs. Those that anybody may make up have a part of their own,
/// so that they push nothing of an organisation out.
#[derive(Debug)]
pub(crate) struct Shelf {
    of_organisations: Cache<Url, Arc<Slot>>,
    of_nobody: Cache<Url, Arc<Slot>>,
}

impl Shelf {
    /// A shelf for so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let slots = |bytes| {
            Cache::builder()
                .max_capacity(bytes)
                .weigher(|_: &Url, slot: &Arc<Slot>| slot.weight())
                .build()
        };
        let open = bytes / 4;
        Self { of_organisations: slots(bytes - open), of_nobody: slots(open) }
    }

    pub(crate) fn slot(&self, url: &Url) -> Arc<Slot> {
        let slots = self.slots(url);
        match slots.get(url) {
            Some(slot) => slot,
            None => slots.get_with(url.clone(), Arc::default),
        }
    }

    /// Says what a URL answers from now on.
    pub(crate) fn put(
        &self,
        url: &Url,
        slot: &Arc<Slot>,
        moment: Moment,
        outcome: Outcome,
    ) {
        slot.current.store(Some(Arc::new(Current { moment, outcome })));
        // Weighed again, and within the budget at once: the cache alone would
        // let many bodies wait for it.
        let slots = self.slots(url);
        slots.insert(url.clone(), Arc::clone(slot));
        slots.run_pending_tasks();
    }

    fn slots(&self, url: &Url) -> &Cache<Url, Arc<Slot>> {
        match url.is_of_nobody() {
            true => &self.of_nobody,
            false => &self.of_organisations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_nobody_push_nothing_of_an_organisation_out() {
        let shelf = Shelf::new(64 << 10);
        let moment = Moment { edition: 1, serial: 1, next_expiry: None };
        let url = |org: &str, n: usize| Url {
            org: org.into(),
            format: Format::Plain,
            params: n.to_string().into(),
        };
        let put = |url: &Url| {
            let refused = Outcome::Refused(ApiError::internal());
            shelf.put(url, &shelf.slot(url), moment, refused);
        };
        let own: Vec<Url> = (0..40).map(|n| url("acme", n)).collect();
        own.iter().for_each(put);
        for n in 0..1_000 {
            put(&url("\0risk", n));
        }
        for url in &own {
            assert!(shelf.slot(url).at(moment).is_some(), "{url:?}");
        }
        let open = (0..1_000)
            .filter(|n| shelf.slot(&url("\0risk", *n)).at(moment).is_some());
        assert!(open.count() <= 16, "a quarter of the shelf");
    }
}
