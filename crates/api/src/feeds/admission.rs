//! What a write must not do to the feed as a whole: make it cost more of the
//! Internet than may be served, or break the budget of a device that polls.
//!
//! What a single rule must not do is the policy's business (`check_rule`).

use std::sync::Arc;

use asgard_model::Snapshot;
use asgard_policy::{
    access::{
        Change, Protected, ProtectedSource, Refusal, Rule, Ruleset, Settings,
        Target, admit,
    },
    feed::{
        compile::{Compiled, Fate, Options, compile},
        format::Format,
        guard::critical,
        profile::{Per, Profile, Profiles},
        select::{FeedParams, Overflowed, select},
    },
};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Feeds, organisation::Organisation, writing::Desk};
use crate::error::ApiError;

/// The budget of a device that polls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Budget {
    profile: String,
    entries: usize,
    limit: usize,
    fits: bool,
}

impl Organisation {
    /// Rules that are nobody's, compiled at a desk. Blocks.
    fn compiled_rules(
        &self,
        rules: &Ruleset,
        desk: &Desk<'_>,
        options: Options,
    ) -> Compiled {
        let last_good = self.last_good(options);
        let (facts, now) = (&desk.facts, desk.now);
        compile(rules, facts, options, &last_good, now)
    }
}

impl Feeds {
    /// The feed as it would be with a change. Blocks.
    pub(crate) fn compiled_with(
        &self,
        org: &Arc<str>,
        desk: &Desk<'_>,
        change: &Change,
        options: Options,
    ) -> Compiled {
        let rules = desk.book.effective.with(change);
        self.organisation(org).compiled_rules(&rules, desk, options)
    }

    /// Refuses a change after which nothing may be served, unless nothing was
    /// before and it adds nothing; or which breaks a budget that was kept until
    /// now, of a device that polled in the last week. Blocks.
    ///
    /// # Errors
    /// 409 with the share, 422 with the numbers.
    pub(crate) fn admit_change(
        &self,
        org: &Arc<str>,
        desk: &Desk<'_>,
        change: &Change,
    ) -> Result<(), ApiError> {
        let profiles = self.polled(org, desk.now);
        if change.is_empty() || (profiles.is_empty() && is_small(change)) {
            return Ok(());
        }
        let (options, known) = (Options::default(), &self.config.profiles);
        let after = self.compiled_with(org, desk, change, options);
        let Desk { book, published, now, .. } = desk;
        let before = || self.compiled(org, book, published, options, *now);
        admit(&after, before).map_err(|refusal| stopped(&refusal))?;
        let broken: Vec<(&Profile, Overflowed)> = profiles
            .into_iter()
            .filter_map(|profile| {
                Some((profile, entries(profile, known, &after)?.err()?))
            })
            .collect();
        if broken.is_empty() {
            return Ok(());
        }
        let before = before();
        // A feed that was not served kept no budget.
        if before.fate == Fate::Stopped {
            return Ok(());
        }
        for (profile, over) in broken {
            let fitted =
                entries(profile, known, &before).is_none_or(|e| e.is_ok());
            if fitted {
                return Err(breaks(&profile.name, &over));
            }
        }
        Ok(())
    }

    /// Budgets of all devices that polled in the last week. Blocks.
    pub(crate) fn budgets(
        &self,
        org: &Arc<str>,
        compiled: &Compiled,
        now: Timestamp,
    ) -> Vec<Budget> {
        let known = &self.config.profiles;
        let profiles = self.polled(org, now).into_iter();
        let budget = |profile: &Profile| {
            let limit = profile.max_entries;
            let (entries, fits) = match entries(profile, known, compiled)? {
                Ok(entries) => (entries, true),
                Err(over) => (over.entries, false),
            };
            let profile = profile.name.clone();
            Some(Budget { profile, entries, limit, fits })
        };
        profiles.filter_map(budget).collect()
    }

    fn polled(&self, org: &str, now: Timestamp) -> Vec<&Profile> {
        let names = self.polls.profiles(org, now);
        let profiles = &self.config.profiles;
        names.iter().filter_map(|name| profiles.get(name)).collect()
    }
}

/// Entries for a device, or by how much they exceed it; `None` for one whose
/// form cuts lists into sets.
fn entries(
    profile: &Profile,
    profiles: &Profiles,
    compiled: &Compiled,
) -> Option<Result<usize, Overflowed>> {
    if profile.per == Per::Set {
        return None;
    }
    let pairs = [("profile", profile.name.as_str())];
    let params = FeedParams::parse(pairs, profiles).ok()?;
    let format = profile.format.unwrap_or(Format::Plain);
    let params = params.for_format(format).ok()?;
    let selected = select(compiled, &params);
    Some(selected.map(|selected| selected.lines.len()))
}

/// Whether a change only names addresses, so few that no share can tell: not
/// worth to compile the feed for.
fn is_small(change: &Change) -> bool {
    let small = |rule: &Rule| {
        let block = &rule.block;
        let derived = block.asn.len()
            + block.country.len()
            + block.risk.len()
            + block.lists.len();
        derived == 0 && block.ips.iter().all(|prefix| prefix.len() >= 16)
    };
    change.put_rules.iter().all(small)
}

fn stopped(refusal: &Refusal) -> ApiError {
    let share = refusal.share_v4.unwrap_or_default();
    ApiError::new(StatusCode::CONFLICT, refusal.message.clone())
        .with_detail("code", refusal.code.as_str())
        .with_detail("share_v4", share)
}

fn breaks(profile: &str, over: &Overflowed) -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The change breaks the budget of a device that polls",
    )
    .with_detail("profile", profile)
    .with_detail("entries", over.entries)
    .with_detail("limit", over.max_entries)
}

/// What is protected without an entry: critical Internet and the whitelist.
pub(crate) fn built_in(
    snapshot: &Snapshot,
    settings: &Settings,
) -> Vec<Protected> {
    let on = |set: &&critical::CriticalSet| {
        !settings.critical_off.contains(set.name.as_str())
    };
    let critical = critical::sets().iter().filter(on).flat_map(|set| {
        set.prefixes.iter().map(|&prefix| {
            let target = Target::Ip(prefix);
            entry(target, &set.reason, ProtectedSource::Builtin)
        })
    });
    let whitelisted = snapshot.whitelist.iter().map(|(&asn, reason)| {
        entry(Target::Asn(asn), reason, ProtectedSource::Whitelist)
    });
    critical.chain(whitelisted).collect()
}

/// The same thing has the same id, on every machine.
fn entry(target: Target, reason: &str, source: ProtectedSource) -> Protected {
    let name = format!("{} {target}", source.as_str());
    Protected {
        id: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()),
        target,
        reason: reason.to_owned(),
        expires_at: None,
        source,
        created_at: Timestamp::UNIX_EPOCH,
    }
}
