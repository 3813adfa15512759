//! One feed, from rules and data to bytes: compile, select, render.
//!
//! Pure work, and a lot of it: it runs where it keeps no connection waiting.

use std::sync::Arc;

use asgard_policy::{
    access::Settings,
    feed::{
        compile::{Compiled, Fate},
        entry::Listing,
        format::RenderError,
        guard::Verdict,
        select::{Overflowed, Selected, select},
    },
};
use jiff::Timestamp;

use super::{
    body::{Body, Origin},
    organisation::{Moment, Organisation},
    rulebook::Shared,
    serving::Request,
};
use crate::published::Published;

/// Everything that one body is made from.
pub(crate) struct Recipe {
    pub(crate) request: Request,
    pub(crate) moment: Moment,
    /// When the rules were old enough for who asks.
    pub(crate) ripe_at: Timestamp,
    pub(crate) rulebook: Shared,
    /// Whether these are the present rules, of which something is remembered.
    pub(crate) present: bool,
    pub(crate) published: Arc<Published>,
    pub(crate) organisation: Arc<Organisation>,
    pub(crate) settings: Arc<Settings>,
    /// Whether there is one rule, without which an empty list would pass for
    /// good.
    pub(crate) alone: bool,
    /// The body of the same URL before.
    pub(crate) before: Option<Arc<Body>>,
    pub(crate) now: Timestamp,
}

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A guard forbids to serve what the rules call for.
    Stopped,
    /// The one rule of the list costs more than this share of all IPv4
    /// addresses, 0–1, so that nothing is left of it.
    TooWide(f64),
    /// It is too long for the device.
    Overflowed(Overflowed),
    /// The form cannot hold what was asked for.
    Refused(RenderError),
    /// It has more bytes than the device takes: found, and most.
    TooLong(usize, usize),
    /// A fault of ours.
    Fault(String),
}

impl Recipe {
    /// Makes the body. Blocks: not for threads that serve.
    pub(crate) fn make(&self) -> Result<Body, Failure> {
        let compiled = self.sound()?;
        let Request { format, options, max_bytes, .. } = &self.request;
        let selected = self.selected(&compiled).map_err(Failure::Overflowed)?;
        let listing = self.listing(&compiled, &selected);
        let rendered =
            format.render(&listing, options).map_err(|error| match error {
                RenderError::Fault { .. } | RenderError::DefaultRoute => {
                    Failure::Fault(error.to_string())
                }
                refused => Failure::Refused(refused),
            })?;
        let most = max_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        if let Some(most) = most.filter(|most| rendered.bytes.len() > *most) {
            return Err(Failure::TooLong(rendered.bytes.len(), most));
        }
        let origin = Origin {
            format: *format,
            compiled: &compiled,
            selected: &selected,
            rules: self.rulebook.effective.in_force(self.now).count(),
            now: self.now,
            changed: self.changed(),
            data_date: self.published.snapshot.world.as_of,
            demo: self.published.snapshot.world.demo,
        };
        Ok(Body::new(rendered, &origin, self.before.as_deref()))
    }

    /// All entries, without a form. Blocks, as [`Self::make`].
    pub(crate) fn list(&self) -> Result<Listing, Failure> {
        let compiled = self.sound()?;
        let selected = self.selected(&compiled).map_err(Failure::Overflowed)?;
        Ok(self.listing(&compiled, &selected))
    }

    /// The rules, compiled, unless a guard stops what they call for: then there
    /// are no rows, which must never be taken for an empty list.
    fn sound(&self) -> Result<Arc<Compiled>, Failure> {
        let compiled = self.compile();
        match (compiled.fate, self.lost(&compiled)) {
            (Fate::Stopped, _) => Err(Failure::Stopped),
            (Fate::Serve | Fate::Held, Some(limit)) => {
                Err(Failure::TooWide(limit))
            }
            (Fate::Serve | Fate::Held, None) => Ok(compiled),
        }
    }

    /// The share that a list of one rule exceeds, so that it lost its rule.
    fn lost(&self, compiled: &Compiled) -> Option<f64> {
        let mut guards = compiled.guards.iter();
        let lost = guards.find(|report| {
            report.name == "share" && report.verdict == Verdict::Withheld
        });
        lost.filter(|_| self.alone).map(|report| report.limit)
    }

    /// The rules, compiled.
    fn compile(&self) -> Arc<Compiled> {
        let Self { organisation, rulebook, published, settings, .. } = self;
        let options = self.request.params.options();
        if self.present {
            return organisation
                .compiled(rulebook, published, settings, options, self.now);
        }
        let once = organisation
            .compiled_once(rulebook, published, settings, options, self.now);
        Arc::new(once)
    }

    /// The part that is asked for, without a form. Blocks, as [`Self::make`].
    pub(crate) fn select(&self) -> Result<Selected, Failure> {
        let compiled = self.sound()?;
        self.selected(&compiled).map_err(Failure::Overflowed)
    }

    fn selected(&self, compiled: &Compiled) -> Result<Selected, Overflowed> {
        select(compiled, &self.request.params)
    }

    fn listing(&self, compiled: &Compiled, selected: &Selected) -> Listing {
        Listing {
            lines: selected.lines.clone(),
            asns: compiled.asns.clone(),
            version: compiled.version,
            serial: compiled.serial,
            built_at: self.changed(),
            org: Arc::clone(&self.request.org),
        }
    }

    /// When anything last changed that the body is made from: not the moment
    /// at which somebody asked.
    fn changed(&self) -> Timestamp {
        let data = self.published.snapshot.created;
        let expiry = self.rulebook.last_expiry(self.now);
        let changed = self.rulebook.changed.max(self.ripe_at).max(data);
        expiry.map_or(changed, |expiry| changed.max(expiry)).min(self.now)
    }
}
