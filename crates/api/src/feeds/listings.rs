//! Feeds as entries and not as bytes, for those who take them in pieces: TAXII
//! collections and CrowdSec bouncers.
//!
//! A listing is made once for a moment of an organisation, however many pages
//! are asked for. When a guard stops the feed, or it cannot be made, the last
//! listing stays in force, as the last body does for devices.

use std::{net::IpAddr, sync::Arc};

use asgard_model::Prefix;
use asgard_policy::feed::{
    entry::{Listing, Span},
    format::{Format, Options},
    select::FeedParams,
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::{Bouncing, Feeds, Request, Sent, body::hex, rendering::Failure};
use crate::{App, error::ApiError};

/// The entries of a feed, and what tells them from others.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) listing: Arc<Listing>,
    /// 32 hexadecimal digits: the digest of all that has a place in it.
    pub(crate) tag: Arc<str>,
}

impl Listed {
    /// A listing that was just made; the one before was another, or is kept.
    fn after(
        before: Option<&Self>,
        mut listing: Listing,
        now: Timestamp,
    ) -> Self {
        let tag = tag(&listing);
        if let Some(before) = before {
            let changed = before.listing.built_at;
            if before.tag == tag {
                listing.built_at = changed;
            } else if listing.built_at <= changed {
                // By something that has no date of its own.
                let later = changed.checked_add(SignedDuration::from_millis(1));
                listing.built_at = now.max(later.unwrap_or(changed));
            }
        }
        Self { listing: Arc::new(listing), tag }
    }
}

impl Feeds {
    /// The entries of an organisation's feed, in the order of the feed.
    ///
    /// # Errors
    /// 503 while nothing is known, and while a guard stops a feed that was
    /// never made before.
    pub(crate) async fn listing(
        &self,
        app: &App,
        org: &Arc<str>,
    ) -> Result<Listed, ApiError> {
        let known = self.listings.get(org);
        let last = |why| known.clone().map(|(_, last)| last).ok_or(why);
        let recipe = match self.recipe(app, &self.whole(org)).await {
            Ok(recipe) => recipe,
            Err(error) => return last(error),
        };
        let moment = recipe.moment;
        if let Some((_, listing)) = known.as_ref().filter(|k| k.0 == moment) {
            return Ok(listing.clone());
        }
        let before = known.as_ref().map(|(_, last)| last.clone());
        let make = move || {
            let listing = recipe.list()?;
            Ok::<_, Failure>(Listed::after(
                before.as_ref(),
                listing,
                recipe.now,
            ))
        };
        match spawn_blocking(make).await {
            Ok(Ok(listed)) => {
                let kept = (moment, listed.clone());
                self.listings.insert(Arc::clone(org), kept);
                Ok(listed)
            }
            Ok(Err(failure)) => {
                tracing::error!(%org, ?failure, "a listing cannot be made");
                last(ApiError::unavailable("The feed cannot be made now"))
            }
            Err(_) => {
                app.metrics.panicked();
                last(ApiError::internal())
            }
        }
    }

    /// The narrowest entry around an address in what devices have while a guard
    /// stops the present feed: in the last good body, else in the last listing;
    /// `None` too if neither is kept.
    ///
    /// # Errors
    /// When the work panics.
    pub(crate) async fn last_good_entry(
        &self,
        app: &App,
        org: &Arc<str>,
        ip: IpAddr,
    ) -> Result<Option<Prefix>, ApiError> {
        let plain = Request { format: Format::Plain, ..self.whole(org) };
        let body = self.serve(app, &plain).await.ok().map(|s| s.body);
        let listing = self.listings.get(org).map(|(_, listed)| listed.listing);
        let find = move || match (&body, &listing) {
            (Some(body), _) => {
                let lines = body.text().lines();
                narrowest(lines.filter_map(|line| line.parse().ok()), ip)
            }
            (None, Some(listing)) => {
                let spans = listing.lines.iter().map(|line| &line.span);
                let prefixes = spans.filter_map(|span| match span {
                    Span::Prefix(prefix) => Some(*prefix),
                    Span::Range(_) => None,
                });
                narrowest(prefixes, ip)
            }
            (None, None) => None,
        };
        spawn_blocking(find).await.map_err(|_| {
            app.metrics.panicked();
            ApiError::internal()
        })
    }

    /// All that an organisation blocks, without any parameter.
    fn whole(&self, org: &Arc<str>) -> Request {
        let none: [(&str, &str); 0] = [];
        let params = FeedParams::parse(none, &self.config.profiles);
        Request {
            org: Arc::clone(org),
            format: Format::Stix,
            params: params.expect("no parameter is wrong"),
            options: Options::default(),
            max_bytes: None,
        }
    }

    /// What a bouncer was sent last; `None` after a restart too.
    pub(crate) fn sent_to(&self, bouncer: &Bouncing) -> Option<Sent> {
        self.bouncers.get(bouncer)
    }

    /// Notes what a bouncer is being sent.
    pub(crate) fn note_sent(&self, bouncer: Bouncing, sent: Sent) {
        self.bouncers.insert(bouncer, sent);
    }
}

fn tag(listing: &Listing) -> Arc<str> {
    let mut state = Sha256::new();
    for line in &listing.lines {
        match &line.span {
            Span::Prefix(Prefix::V4(bits, len)) => {
                state.update(bits.to_be_bytes());
                state.update([*len]);
            }
            Span::Prefix(Prefix::V6(bits, len)) => {
                state.update(bits.to_be_bytes());
                state.update([*len]);
            }
            Span::Range(range) => state.update(format!("{range:?}")),
        }
        let end = line.cause.expires_at.map_or(0, Timestamp::as_second);
        state.update(end.to_be_bytes());
    }
    for asn in &listing.asns {
        state.update(asn.0.to_be_bytes());
    }
    hex(&state.finalize()[..16]).into()
}

fn narrowest(
    prefixes: impl Iterator<Item = Prefix>,
    ip: IpAddr,
) -> Option<Prefix> {
    prefixes
        .filter(|prefix| prefix.contains(ip))
        .max_by_key(|prefix| prefix.len())
}
