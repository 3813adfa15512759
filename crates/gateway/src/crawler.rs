//! Crawlers that can prove who they are: by published ranges, or by name.
//!
//! Whoever says by its user agent that it is a crawler is looked for in the
//! ranges that the crawler's owner publishes: no I/O. Else its address must
//! have a name below a domain of the owner, and that name must lead back to the
//! address (forward-confirmed reverse DNS). A request never waits for DNS: the
//! first sight starts the look-up and is *pending*. A user agent alone proves
//! nothing.

mod dns;
pub mod reverse;

use std::{net::IpAddr, sync::Arc};

use asgard_policy::gate::{Crawler, ListIndex, Lists};
use regex::{Regex, RegexBuilder};

use crate::config::{CrawlerConfig, OnPending};
use reverse::{Names, ReverseCache};

/// Largest compiled pattern, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// The crawlers of a configuration, made ready.
#[derive(Debug)]
pub struct Crawlers {
    known: Vec<Known>,
    names: Arc<ReverseCache>,
}

#[derive(Debug)]
struct Known {
    config: CrawlerConfig,
    agent: Regex,
}

/// A pattern that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("crawlers.{name}.user_agent_regex: {cause}")]
pub struct CrawlerError {
    name: String,
    cause: Box<regex::Error>,
}

impl Crawlers {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// Names the first crawler whose pattern is none.
    pub fn new(
        crawlers: &[CrawlerConfig],
        names: Arc<ReverseCache>,
    ) -> Result<Self, CrawlerError> {
        let known = crawlers.iter().map(|config| {
            let agent = RegexBuilder::new(&config.user_agent_regex)
                .size_limit(PATTERN_SIZE)
                .build()
                .map_err(|cause| CrawlerError {
                    name: config.name.clone(),
                    cause: cause.into(),
                })?;
            Ok(Known { config: config.clone(), agent })
        });
        Ok(Self { known: known.collect::<Result<_, _>>()?, names })
    }

    /// Which crawler a visitor is. Never waits; takes a lock only if the user
    /// agent names a crawler that is to be verified by name.
    pub fn identify(
        &self,
        user_agent: &str,
        address: IpAddr,
        lists: &dyn Lists,
    ) -> Crawler<'_> {
        self.identify_by(user_agent, address, lists, &|address| {
            self.names.get(address)
        })
    }

    /// The same by what is known now; asks nobody.
    pub fn recall(
        &self,
        user_agent: &str,
        address: IpAddr,
        lists: &dyn Lists,
    ) -> Crawler<'_> {
        self.identify_by(user_agent, address, lists, &|address| {
            self.names.peek(address).names
        })
    }

    /// Names of the crawlers that a user agent claims to be.
    pub fn claimed(&self, user_agent: &str) -> Vec<&str> {
        let claimed = self.known.iter();
        claimed
            .filter(|known| known.agent.is_match(user_agent))
            .map(|known| known.config.name.as_str())
            .collect()
    }

    fn identify_by(
        &self,
        user_agent: &str,
        address: IpAddr,
        lists: &dyn Lists,
        names: &dyn Fn(IpAddr) -> Option<Names>,
    ) -> Crawler<'_> {
        let mut pending = Crawler::None;
        for known in &self.known {
            if !known.agent.is_match(user_agent) {
                continue;
            }
            match check(&known.config, address, lists, names) {
                Check::Verified => {
                    return Crawler::Verified(&known.config.name);
                }
                Check::Pending if pending == Crawler::None => {
                    pending = Crawler::Pending {
                        name: &known.config.name,
                        retry: known.config.on_pending == OnPending::Retry,
                    };
                }
                Check::Pending | Check::Failed => {}
            }
        }
        pending
    }

    /// Names of addresses, for `verifyFCrDNS`.
    pub fn names(&self) -> &Arc<ReverseCache> {
        &self.names
    }
}

fn check(
    crawler: &CrawlerConfig,
    address: IpAddr,
    lists: &dyn Lists,
    names: &dyn Fn(IpAddr) -> Option<Names>,
) -> Check {
    if let Some(list) = crawler.ip_list {
        match lists.in_list(ListIndex(list)) {
            Some(true) => return Check::Verified,
            Some(false) if crawler.fcrdns.is_empty() => {
                return Check::Failed;
            }
            // Not loaded yet: nobody knows.
            None if crawler.fcrdns.is_empty() => return Check::Pending,
            Some(false) | None => {}
        }
    }
    if crawler.fcrdns.is_empty() {
        return Check::Failed;
    }
    match names(address) {
        None => Check::Pending,
        Some(names) => {
            let ours = names.iter().any(|name| {
                crawler.fcrdns.iter().any(|domain| below(name, domain))
            });
            if ours { Check::Verified } else { Check::Failed }
        }
    }
}

enum Check {
    Verified,
    Pending,
    Failed,
}

/// Whether a name is a domain or lies below it, at a label boundary.
fn below(name: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches('.');
    !domain.is_empty()
        && name
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
