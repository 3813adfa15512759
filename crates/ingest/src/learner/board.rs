//! The board: how each source is doing.

use std::collections::BTreeMap;

use asgard_model::{Day, SourceStatus};
use asgard_store::SourceState;
use jiff::Timestamp;

use super::validate::LastGood;
use crate::{
    catalogue::{Catalogue, Role, Source},
    coverage::Freshness,
    supply::Supply,
};

/// How reading a source went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The version in use, if one was read now.
    pub(super) good: Option<Good>,
    /// Why the newest version, or part of it, was refused.
    pub(super) error: Option<String>,
}

/// A version that was believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Good {
    /// Its rows.
    pub(super) rows: u64,
    /// Its day; `None` if nothing tells it.
    pub(super) day: Option<Day>,
    /// Copyright or terms that it asks to keep.
    pub(super) attribution: Option<String>,
}

/// One line a source.
pub(super) struct Board {
    lines: Vec<(Source, SourceStatus)>,
    /// By source: a version that was set aside, and why.
    aside: BTreeMap<String, String>,
}

impl Board {
    /// Sources that the supply could have; others are elsewhere, not missing.
    pub(super) fn new(catalogue: &Catalogue, supply: &Supply) -> Self {
        let lines = catalogue
            .sources
            .iter()
            .filter(|source| supply.offers(source))
            .map(|source| (source.clone(), blank(source)))
            .collect();
        Self { lines, aside: BTreeMap::new() }
    }

    /// Adds sources of which something is stored, though the supply has none
    /// of them, in the order of the catalogue.
    pub(super) fn admit(
        &mut self,
        catalogue: &Catalogue,
        states: &[SourceState],
    ) {
        let mut known = std::mem::take(&mut self.lines).into_iter().peekable();
        for source in &catalogue.sources {
            let line = known.next_if(|(s, _)| s.name == source.name);
            let stored = states.iter().any(|state| state.name == source.name);
            let new = || stored.then(|| (source.clone(), blank(source)));
            self.lines.extend(line.or_else(new));
        }
    }

    /// Recalls what was stored.
    pub(super) fn recall(&mut self, states: &[SourceState]) {
        for state in states {
            let status = self.status(&state.name).filter(|s| s.enabled);
            let Some(status) = status else { continue };
            status.last_attempt = state.last_attempt;
            status.last_success = state.last_success;
            status.rows = state.rows;
            status.bytes = state.bytes;
            status.data_date = state.published;
            status.last_error.clone_from(&state.last_error);
        }
    }

    fn status(&mut self, name: &str) -> Option<&mut SourceStatus> {
        self.lines.iter_mut().map(|line| &mut line.1).find(|s| s.name == name)
    }

    fn get(&self, name: &str) -> Option<&SourceStatus> {
        self.lines.iter().map(|line| &line.1).find(|s| s.name == name)
    }

    /// Notes how reading went.
    pub(super) fn note(
        &mut self,
        name: &str,
        outcome: Outcome,
        now: Timestamp,
    ) {
        let Some(status) = self.status(name) else { return };
        status.last_attempt = Some(now);
        if let Some(error) = &outcome.error {
            tracing::warn!(source = name, error, "source refused");
        }
        if let Some(good) = outcome.good {
            tracing::info!(
                source = name,
                rows = good.rows,
                date = good.day.map(tracing::field::display),
                "source read"
            );
            status.last_success = Some(now);
            status.rows = Some(good.rows);
            status.data_date = good.day.map(Day::start);
            status.attribution =
                good.attribution.or_else(|| status.attribution.take());
            status.last_error = outcome.error;
        } else if outcome.error.is_some() {
            status.last_error = outcome.error;
        }
    }

    /// Notes which sources have versions that were set aside before they were
    /// merged; a complaint ends when the version is gone.
    pub(super) fn set_aside(&mut self, complaints: BTreeMap<String, String>) {
        let before = std::mem::replace(&mut self.aside, complaints.clone());
        for (name, old) in before {
            if complaints.get(&name) == Some(&old) {
                continue;
            }
            let status = self.status(&name);
            if let Some(status) = status
                && status.last_error.as_ref() == Some(&old)
            {
                status.last_error = None;
            }
        }
        for (name, error) in complaints {
            let Some(status) = self.status(&name) else { continue };
            if status.last_error.as_ref() != Some(&error) {
                tracing::warn!(source = name, error, "source refused");
            }
            status.last_error = Some(error);
        }
    }

    /// Notes that a source could not be fetched; its last good data stay.
    pub(super) fn unreachable(
        &mut self,
        name: &str,
        error: String,
        now: Timestamp,
    ) {
        tracing::warn!(source = name, error, "source not reachable");
        if let Some(status) = self.status(name) {
            status.last_attempt = Some(now);
            status.last_error = Some(error);
        }
    }

    /// Notes that the last good data are current.
    pub(super) fn current(&mut self, name: &str, now: Timestamp) {
        if let Some(status) = self.status(name) {
            status.last_attempt = Some(now);
            status.last_success = Some(now);
            status.last_error = None;
        }
    }

    /// Marks what is older than its limit.
    pub(super) fn age(&mut self, as_of: Timestamp, gap: impl Fn(&str) -> u16) {
        let today = Day::of(as_of);
        for (source, status) in &mut self.lines {
            let newest = status.data_date.map(Day::of);
            let limit = Freshness::new(
                source.weight,
                newest,
                source.cadence,
                source.max_stale,
                gap(&source.name),
            );
            status.stale = newest.is_none_or(|day| {
                f64::from(today.days_since(day)) > limit.max_stale_days
            });
        }
    }

    /// Size and day of the last good version.
    pub(super) fn last_good(&self, name: &str) -> Option<LastGood> {
        let status = self.get(name)?;
        Some(LastGood {
            rows: status.rows?,
            day: Day::of(status.data_date.or(status.last_success)?),
        })
    }

    /// What a version that is read must be believable beside. On the network,
    /// files were judged when they were fetched.
    pub(super) fn binding(
        &self,
        supply: &Supply,
        name: &str,
    ) -> Option<LastGood> {
        match supply {
            Supply::Network(_) => None,
            Supply::Mirror(_) | Supply::Memory(_) => self.last_good(name),
        }
    }

    /// Day of the data in use.
    pub(super) fn data_day(&self, name: &str) -> Option<Day> {
        self.get(name)?.data_date.map(Day::of)
    }

    pub(super) fn statuses(&self) -> Vec<SourceStatus> {
        self.lines.iter().map(|line| line.1.clone()).collect()
    }

    pub(super) fn states(&self) -> Vec<SourceState> {
        self.lines
            .iter()
            .filter(|(_, status)| status.last_attempt.is_some())
            .map(|(_, status)| SourceState {
                name: status.name.clone(),
                last_attempt: status.last_attempt,
                last_success: status.last_success,
                rows: status.rows,
                bytes: status.bytes,
                etag: None,
                last_modified: None,
                sha256: None,
                published: status.data_date,
                last_error: status.last_error.clone(),
            })
            .collect()
    }

    /// What failed, in one line.
    pub(super) fn complaints(&self) -> String {
        let failed: Vec<String> = self
            .lines
            .iter()
            .filter_map(|(_, s)| Some((&s.name, s.last_error.as_ref()?)))
            .take(5)
            .map(|(name, error)| format!("{name}: {error}"))
            .collect();
        match failed.is_empty() {
            true => "no source has a file".to_owned(),
            false => failed.join("; "),
        }
    }
}

fn blank(source: &Source) -> SourceStatus {
    SourceStatus {
        name: source.name.clone(),
        role: role(source.role),
        family: source.family.clone(),
        enabled: source.enabled,
        licence: source.licence.clone(),
        attribution: source.attribution.clone(),
        stale: true,
        ..SourceStatus::default()
    }
}

/// What a source tells, in one word or two: `threat:c2`.
fn role(role: Role) -> String {
    match role {
        Role::Routing(_) => "routing".to_owned(),
        Role::Names => "names".to_owned(),
        Role::Vrps => "vrps".to_owned(),
        Role::Relations => "relations".to_owned(),
        Role::AsnDrop => "asn_drop".to_owned(),
        Role::Drop => "drop".to_owned(),
        Role::Threat(category) => format!("threat:{category}"),
        Role::Ranges(class) => format!("ranges:{}", class.as_str()),
        Role::Peeringdb => "peeringdb".to_owned(),
        Role::Special => "special".to_owned(),
        Role::NetworkTypes => "network_types".to_owned(),
        Role::Countries => "countries".to_owned(),
        Role::Updates => "updates".to_owned(),
    }
}
