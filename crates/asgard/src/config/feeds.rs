//! Settings of feeds: limits, guards, devices.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use asgard_api::FeedConfig;
use asgard_model::Prefix;
use asgard_policy::{
    access::{GuardLimits, Settings},
    feed::{decision::DecisionParams, guard::critical, profile::Profiles},
};
use serde::{Deserialize, Serialize};

/// Longest wait for a version: so long the store keeps them.
const MAX_STAGE_DELAY_MINUTES: u32 = 7 * 24 * 60;

/// The `feeds` section of the file; every key may be missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FeedSettings {
    /// Polls a minute for each key; 0 is no limit.
    rate_limit: u32,
    /// MiB of rendered feeds that are kept in memory.
    cache_mib: u64,
    /// Whether addresses that poll a feed are protected from it.
    protect_pollers: bool,
    /// Minutes until `channel=stable` gets a new version.
    stage_delay_minutes: u32,
    /// Blocks on which this server can be reached, beside `listen`.
    own_addresses: Vec<String>,
    /// Sets of critical Internet that are not protected.
    critical_off: BTreeSet<Box<str>>,
    /// Sources whose rows may not be passed on in feeds.
    withheld_lists: BTreeSet<Box<str>>,
    /// Limits of the guards.
    guards: GuardLimits,
    /// How risk selectors decide.
    decision: DecisionParams,
    /// Devices beside the built-in ones, or in their place.
    profiles: BTreeMap<String, toml::Table>,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            rate_limit: 120,
            cache_mib: 256,
            protect_pollers: true,
            stage_delay_minutes: 0,
            own_addresses: Vec::new(),
            critical_off: BTreeSet::new(),
            withheld_lists: BTreeSet::new(),
            guards: GuardLimits::default(),
            decision: DecisionParams::default(),
            profiles: BTreeMap::new(),
        }
    }
}

impl FeedSettings {
    /// Checks everything, so that no poll finds an error.
    pub(super) fn resolve(&self, listen: SocketAddr) -> Result<FeedConfig> {
        for set in &self.critical_off {
            let known = || critical::sets().iter().map(|set| &set.name);
            if !known().any(|name| **name == **set) {
                let names: Vec<_> = known().cloned().collect();
                let names = names.join(", ");
                bail!("feeds.critical_off: `{set}` is not one of {names}");
            }
        }
        if self.stage_delay_minutes > MAX_STAGE_DELAY_MINUTES {
            bail!(
                "feeds.stage_delay_minutes: {} is more than a week ({} \
                 minutes)",
                self.stage_delay_minutes,
                MAX_STAGE_DELAY_MINUTES
            );
        }
        Ok(FeedConfig {
            rate_limit_per_minute: self.rate_limit,
            settings: Settings {
                own_addresses: self.own(listen)?,
                critical_off: self.critical_off.clone(),
                withheld_lists: self.withheld_lists.clone(),
                limits: self.limits()?,
                decision: self.decision,
            },
            profiles: self.profiles()?,
            cache_bytes: self.cache_mib.saturating_mul(1 << 20),
            protect_pollers: self.protect_pollers,
            stage_delay: Duration::from_secs(
                u64::from(self.stage_delay_minutes) * 60,
            ),
        })
    }

    /// What is written, and the address of the API if it is a certain one.
    fn own(&self, listen: SocketAddr) -> Result<Vec<Prefix>> {
        let mut own =
            super::api::prefixes("feeds.own_addresses", &self.own_addresses)?;
        if !listen.ip().is_unspecified() && !listen.ip().is_loopback() {
            own.push(listen.ip().to_string().parse()?);
        }
        Ok(own)
    }

    fn limits(&self) -> Result<GuardLimits> {
        let guards = self.guards;
        if guards.min_prefix4 > 32 || guards.min_prefix6 > 128 {
            bail!("feeds.guards: a prefix is at most 32 or 128 bits long");
        }
        let shares = [
            guards.warn_share,
            guards.confirm_share,
            guards.feed_share,
            guards.shrink,
        ];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            bail!("feeds.guards: shares are numbers from 0 to 1");
        }
        if !(guards.growth >= 0.0 && guards.drift >= 1.0) {
            bail!("feeds.guards: growth is at least 0, drift at least 1");
        }
        Ok(guards)
    }

    fn profiles(&self) -> Result<Profiles> {
        let text = toml::to_string(&self.profiles).context("feeds.profiles")?;
        Profiles::builtin().overridden_by(&text).context("feeds.profiles")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(yaml: &str) -> Result<FeedConfig> {
        let settings: FeedSettings = serde_saphyr::from_str(yaml)?;
        settings.resolve(SocketAddr::from(([203, 0, 113, 7], 80)))
    }

    #[test]
    fn the_defaults_are_those_of_the_api() {
        let mut expected = FeedConfig::default();
        let own = vec!["203.0.113.7/32".parse().unwrap()];
        expected.settings.own_addresses = own;
        assert_eq!(resolve("{}").unwrap(), expected);
    }

    #[test]
    fn a_device_may_be_added_or_changed() {
        let yaml = "profiles: { mine: { max_entries: 7, per: list, \
             aggregate: true, format: plain } }";
        let config = resolve(yaml).unwrap();
        assert_eq!(config.profiles.get("mine").unwrap().max_entries, 7);
        assert!(config.profiles.get("pan-50k").is_some());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        for (yaml, name) in [
            ("critical_off: [nope]", "critical_off"),
            ("stage_delay_minutes: 10081", "stage_delay_minutes"),
            ("guards: { feed_share: 2.0 }", "guards"),
            ("guards: { min_prefix4: 33 }", "guards"),
            ("guards: { growth: -1.0 }", "growth"),
            ("own_addresses: [10.0.0.0/33]", "own_addresses"),
            (
                "profiles: { x: { max_entries: 0, per: list, \
                 aggregate: true } }",
                "profiles",
            ),
        ] {
            let error = format!("{:#}", resolve(yaml).unwrap_err());
            assert!(error.contains(name), "{yaml}: {error}");
        }
        assert!(resolve("rate_limt: 1").is_err());
    }
}
