//! Settings of the API: who may ask, from where, how often, and whom it asks.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use asgard_api::{ApiConfig, EdlAuth, LookupConfig, PeeringdbUrl};
use asgard_model::Prefix;
use serde::{Deserialize, Serialize};

use super::{Origin, Settings};

/// Whether `/feeds/edl` needs a key.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EdlAuthSetting {
    /// It is for everybody.
    #[default]
    None,
    /// Only for keys that may read feeds.
    Key,
}

/// Longest and shortest wait for DNS, in seconds.
const DNS_SECONDS: std::ops::RangeInclusive<u32> = 1..=30;

impl Settings {
    pub(super) fn api(&self) -> Result<ApiConfig> {
        for origin in &self.cors_origins {
            check_origin(origin)?;
        }
        let trusted = prefixes("trusted_proxies", &self.trusted_proxies)?;
        Ok(ApiConfig {
            rate_limit_per_minute: self.rate_limit,
            rate_classes: Arc::new(self.rate_classes.clone()),
            trusted_proxies: trusted.into(),
            edl_auth: match self.edl_auth {
                EdlAuthSetting::None => EdlAuth::None,
                EdlAuthSetting::Key => EdlAuth::Key,
            },
            feeds: self.feeds.resolve(self.listen)?,
            cors_origins: self.cors_origins.clone(),
        })
    }

    /// A generated world asks nobody about its networks, unless told whom.
    pub(super) fn lookup(&self, origin: &Origin) -> Result<LookupConfig> {
        let seconds = self.dns_timeout_seconds;
        if !DNS_SECONDS.contains(&seconds) {
            bail!("dns_timeout_seconds: {seconds} is not in 1 to 30");
        }
        let url = match (&self.peeringdb_url, origin) {
            (Some(url), _) => Some(url.as_str()),
            (None, Origin::Demo) => None,
            (None, _) => Some(PeeringdbUrl::PUBLIC),
        };
        let url = url.map(str::parse).transpose();
        Ok(LookupConfig {
            resolver: self.resolver,
            dns_timeout: Duration::from_secs(u64::from(seconds)),
            peeringdb_url: url.context("peeringdb_url")?,
        })
    }
}

/// Reads the blocks of a key.
pub(super) fn prefixes(key: &str, texts: &[String]) -> Result<Vec<Prefix>> {
    let parse = |text: &String| {
        text.parse().with_context(|| format!("{key}: not a block of addresses"))
    };
    texts.iter().map(parse).collect()
}

/// `*`, or scheme and host without a path (RFC 6454, section 6.2).
fn check_origin(origin: &str) -> Result<()> {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let plain =
        |host: &str| !host.is_empty() && !host.contains('/') && host.is_ascii();
    if origin != "*" && !host.is_some_and(plain) {
        bail!(
            "cors_origins: `{origin}` is not an origin, such as \
             https://soc.example.net, nor `*`"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_proxies_are_checked_at_the_start() {
        for good in ["*", "https://soc.example.net", "http://localhost:3000"] {
            assert!(check_origin(good).is_ok(), "{good}");
        }
        for bad in ["", "soc.example.net", "https://x/", "https://", "null"] {
            assert!(check_origin(bad).is_err(), "{bad}");
        }
        let text = ["10.0.0.0/33".to_owned()];
        let error = prefixes("trusted_proxies", &text).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("trusted_proxies"), "{error}");
        assert!(error.contains("10.0.0.0/33"), "{error}");
    }
}
