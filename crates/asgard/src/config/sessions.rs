//! Settings of what is told as it happens: validators over RTR, BGP by RIS Live.

use std::time::Duration;

use anyhow::{Result, bail};
use asgard_ingest::{
    live::{Dialler, RIS_LIVE, Subscription, system_roots},
    supply::Egress,
};
use asgard_model::Prefix;

use super::{Origin, Settings, prefixes};

/// Shortest and longest pause between cycles that news ask for, in seconds.
const LIVE_SECONDS: std::ops::RangeInclusive<u32> = 1..=3600;
/// Most validators that are asked.
const MOST_VALIDATORS: usize = 8;
/// What switches the stream off.
const OFF: &str = "off";

/// What is told as it happens, and how soon it counts.
#[derive(Clone, Debug)]
pub(crate) struct LiveConfig {
    /// `HOST:PORT` of validators, the preferred one first.
    pub(crate) rtr: Vec<String>,
    /// The stream of BGP messages.
    pub(crate) ris_live: Option<RisLive>,
    /// Shortest pause between two cycles that news ask for.
    pub(crate) pause: Duration,
}

/// A stream of BGP messages.
#[derive(Clone, Debug)]
pub(crate) struct RisLive {
    /// `ws://` or `wss://`.
    pub(crate) url: String,
    /// Of which collectors.
    pub(crate) subscription: Subscription,
    /// Blocks inside the operator's network in which it may be.
    private: Vec<Prefix>,
}

impl RisLive {
    /// Who connects, with the certificates of this system.
    pub(crate) fn dialler(&self) -> Dialler {
        Dialler::new(Egress::new(self.private.clone()), system_roots())
    }
}

impl Settings {
    pub(super) fn live(&self, origin: &Origin) -> Result<LiveConfig> {
        let seconds = self.live_seconds;
        if !LIVE_SECONDS.contains(&seconds) {
            bail!("live_seconds: {seconds} is not in 1 to 3600");
        }
        if self.rtr.len() > MOST_VALIDATORS {
            let count = self.rtr.len();
            bail!("rtr: {count} validators, at most {MOST_VALIDATORS}");
        }
        if *origin == Origin::Demo && !self.rtr.is_empty() {
            bail!(
                "rtr: a validator knows nothing of a generated world; leave \
                 out --demo, or --rtr"
            );
        }
        for address in &self.rtr {
            check_validator(address)?;
        }
        Ok(LiveConfig {
            rtr: self.rtr.clone(),
            ris_live: self.ris_live(origin)?,
            pause: Duration::from_secs(u64::from(seconds)),
        })
    }

    /// Without a word of the operator the real Internet of now has its stream;
    /// a mirror, or a day that is over, has none.
    fn ris_live(&self, origin: &Origin) -> Result<Option<RisLive>> {
        let url = match (self.ris_live.as_deref(), origin) {
            (Some(OFF), _) | (None, Origin::Mirror(_) | Origin::Demo) => {
                return Ok(None);
            }
            (None, _) if self.is_of_a_day() => return Ok(None),
            (Some(_), Origin::Demo) => bail!(
                "ris_live: nobody streams a generated world; leave out \
                 --demo, or --ris-live"
            ),
            (Some(url), _) => url,
            (None, Origin::Network) => RIS_LIVE,
        };
        let hosts = self.ris_live_hosts.clone();
        let ris_live = RisLive {
            url: url.to_owned(),
            subscription: Subscription { hosts },
            private: prefixes("allow_private", &self.allow_private)?,
        };
        // Certificates are read for those only who want to know.
        if self.ris_live.is_some()
            && let Err(error) = ris_live.dialler().check(url)
        {
            bail!("ris_live: {error}");
        }
        Ok(Some(ris_live))
    }
}

impl Settings {
    fn is_of_a_day(&self) -> bool {
        !matches!(self.as_of.as_deref(), None | Some("now" | "newest"))
    }
}

fn check_validator(address: &str) -> Result<()> {
    let good = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !good {
        bail!("rtr: `{address}` is not HOST:PORT, like 127.0.0.1:3323");
    }
    Ok(())
}
