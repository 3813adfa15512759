//! Who polls: addresses that no feed of their organisation may block, and the
//! kinds of device whose budgets a write must not break.
//!
//! A device that blocks itself by its own list is cut off for good. Its address
//! is protected once it has polled with a good key three times over a day; one
//! poll would let a thief of a key clear an address at once. A key that is bound
//! to client networks cannot be used by a thief elsewhere: there, one poll is
//! enough, and the very answer to it is without the address.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use asgard_model::Prefix;
use asgard_policy::access::{Protected, ProtectedSource, Target};
use asgard_store::{PolledProfile, Poller, pollers::POLLER_AGE};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::limits;

/// Polls before an address is protected.
const POLLS: u64 = 3;
/// Time from the first to the last of them.
const SPAN: SignedDuration = SignedDuration::from_hours(24);
/// Most protected addresses of an organisation.
const MOST: usize = 256;

/// The key of a poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented<'a> {
    pub(crate) id: &'a str,
    /// Whether it may be used from some networks only.
    pub(crate) bound: bool,
}

/// Who polls, of all organisations.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    /// A std lock, held for one look-up.
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    known: HashMap<(Arc<str>, IpAddr), Poller>,
    profiles: HashMap<(Arc<str>, Arc<str>, String), Timestamp>,
    /// Since the last time that they were stored.
    fresh: HashMap<(Arc<str>, IpAddr), Poller>,
    fresh_profiles: HashMap<(Arc<str>, Arc<str>, String), Timestamp>,
}

impl Polls {
    /// What the store remembers, at the start.
    pub(crate) fn recall(
        &self,
        pollers: Vec<Poller>,
        profiles: Vec<PolledProfile>,
    ) {
        let mut book = self.book();
        book.known = pollers
            .into_iter()
            .map(|poller| {
                ((poller.org.as_str().into(), poller.address), poller)
            })
            .collect();
        book.profiles = profiles
            .into_iter()
            .map(|p| ((p.org.into(), p.key.into(), p.profile), p.last_at))
            .collect();
    }

    /// Notes a poll; `true` if the address is to be protected from this moment
    /// on, because the key is bound.
    pub(crate) fn note(
        &self,
        org: &Arc<str>,
        key: &Presented<'_>,
        address: IpAddr,
        profile: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let mut book = self.book();
        let book = &mut *book;
        let news = count(&mut book.known, org, address, key.bound, now);
        count(&mut book.fresh, org, address, key.bound, now);
        if let Some(profile) = profile {
            let name = (Arc::clone(org), key.id.into(), profile.to_owned());
            book.profiles.insert(name.clone(), now);
            book.fresh_profiles.insert(name, now);
        }
        news
    }

    /// What was noted since the last call.
    pub(crate) fn take(&self) -> (Vec<Poller>, Vec<PolledProfile>) {
        let mut book = self.book();
        let pollers = std::mem::take(&mut book.fresh).into_values().collect();
        let profiles = std::mem::take(&mut book.fresh_profiles);
        let profiles = profiles
            .into_iter()
            .map(|((org, key, profile), last_at)| PolledProfile {
                org: org.to_string(),
                key: key.to_string(),
                profile,
                last_at,
            })
            .collect();
        (pollers, profiles)
    }

    /// Takes back what could not be stored: it is given again with what was
    /// noted since.
    pub(crate) fn take_back(
        &self,
        pollers: Vec<Poller>,
        profiles: Vec<PolledProfile>,
    ) {
        let mut book = self.book();
        for poller in pollers {
            let name = (poller.org.as_str().into(), poller.address);
            if let Some(newer) = book.fresh.get_mut(&name) {
                newer.polls += poller.polls;
                newer.first_at = newer.first_at.min(poller.first_at);
                newer.bound |= poller.bound;
            } else if book.fresh.len() < limits::TRACKED_CLIENTS {
                book.fresh.insert(name, poller);
            }
        }
        for PolledProfile { org, key, profile, last_at } in profiles {
            let name = (org.into(), key.into(), profile);
            book.fresh_profiles.entry(name).or_insert(last_at);
        }
    }

    /// Addresses that no feed of an organisation may block, of those that were
    /// seen in the last week.
    pub(crate) fn protected(&self, now: Timestamp) -> Protections {
        let oldest = now.checked_sub(POLLER_AGE).unwrap_or(Timestamp::MIN);
        let mut book = self.book();
        book.known.retain(|_, poller| poller.last_at > oldest);
        let mut pollers: Vec<Poller> =
            book.known.values().filter(|p| is_steady(p)).cloned().collect();
        drop(book);
        pollers.sort_by_key(|p| (std::cmp::Reverse(p.polls), p.address));
        let mut protections = Protections::new();
        for poller in pollers {
            let entries =
                protections.entry(poller.org.as_str().into()).or_default();
            if entries.len() < MOST {
                entries.push(entry(&poller));
            }
        }
        for entries in protections.values_mut() {
            entries.sort_by_key(|entry| entry.id);
        }
        protections
    }

    /// Names of profiles that keys of an organisation polled for in the last
    /// week.
    pub(crate) fn profiles(
        &self,
        org: &str,
        now: Timestamp,
    ) -> BTreeSet<String> {
        let oldest = now.checked_sub(POLLER_AGE).unwrap_or(Timestamp::MIN);
        let book = self.book();
        let recent = book.profiles.iter();
        let recent =
            recent.filter(|((of, ..), at)| &**of == org && **at > oldest);
        recent.map(|((_, _, profile), _)| profile.clone()).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Counts cannot be half changed.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries by organisation.
pub(crate) type Protections = BTreeMap<Arc<str>, Vec<Protected>>;

/// `true` if the address was not bound before and is now.
fn count(
    polls: &mut HashMap<(Arc<str>, IpAddr), Poller>,
    org: &Arc<str>,
    address: IpAddr,
    bound: bool,
    now: Timestamp,
) -> bool {
    let name = (Arc::clone(org), address);
    if let Some(poller) = polls.get_mut(&name) {
        let news = bound && !poller.bound;
        poller.polls += 1;
        poller.last_at = poller.last_at.max(now);
        poller.bound |= bound;
        return news;
    }
    if polls.len() >= limits::TRACKED_CLIENTS {
        return false;
    }
    let (org, first_at) = (org.to_string(), now);
    let poller =
        Poller { org, address, first_at, last_at: now, polls: 1, bound };
    polls.insert(name, poller);
    bound
}

fn is_steady(poller: &Poller) -> bool {
    let span = poller.last_at.duration_since(poller.first_at);
    poller.bound || poller.polls >= POLLS && span >= SPAN
}

/// The same poller has the same id, on every machine.
fn entry(poller: &Poller) -> Protected {
    let name = format!("{} {}", poller.org, poller.address);
    Protected {
        id: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()),
        target: Target::Ip(host(poller.address)),
        reason: "polls the feed of this organisation".to_owned(),
        expires_at: None,
        source: ProtectedSource::Poller,
        created_at: poller.first_at,
    }
}

fn host(address: IpAddr) -> Prefix {
    match address.to_canonical() {
        IpAddr::V4(v4) => Prefix::V4(v4.to_bits(), 32),
        IpAddr::V6(v6) => Prefix::V6(v6.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn poll(polls: &Polls, org: &str, host: &str, second: i64) {
        let address = host.parse().unwrap();
        let key = Presented { id: "k", bound: false };
        polls.note(&org.into(), &key, address, Some("pan-50k"), at(second));
    }

    #[test]
    fn an_address_is_protected_after_three_polls_over_a_day() {
        let polls = Polls::default();
        for second in [0, 60, 120] {
            poll(&polls, "acme", "192.0.2.1", second);
        }
        assert!(polls.protected(at(120)).is_empty(), "a day has not passed");
        poll(&polls, "acme", "192.0.2.2", 0);
        poll(&polls, "acme", "192.0.2.2", DAY);
        assert!(polls.protected(at(DAY)).is_empty(), "two polls");
        poll(&polls, "acme", "192.0.2.1", DAY);
        let protected = polls.protected(at(DAY));
        assert_eq!(protected.len(), 1);
        let entries = &protected["acme"];
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].target.to_string(), "ip:192.0.2.1/32");
        assert_eq!(entries[0].source, ProtectedSource::Poller);
        assert!(polls.protected(at(9 * DAY)).is_empty(), "a week has passed");
    }

    #[test]
    fn one_poll_with_a_bound_key_protects_and_is_news_once() {
        let polls = Polls::default();
        let address = "192.0.2.1".parse().unwrap();
        let note = |bound, second| {
            let key = Presented { id: "k", bound };
            polls.note(&"acme".into(), &key, address, None, at(second))
        };
        assert!(!note(false, 0), "a key that anybody may use anywhere");
        assert!(note(true, 1));
        assert_eq!(polls.protected(at(1))["acme"].len(), 1);
        assert!(!note(true, 2), "it is protected already");
        assert!(!note(false, 3));
        let again = Polls::default();
        again.recall(polls.take().0, Vec::new());
        assert_eq!(again.protected(at(4))["acme"].len(), 1);
    }

    #[test]
    fn what_was_noted_is_taken_once_and_recalled_adds_up() {
        let polls = Polls::default();
        poll(&polls, "acme", "192.0.2.1", 0);
        poll(&polls, "acme", "192.0.2.1", 1);
        let (pollers, profiles) = polls.take();
        assert_eq!((pollers.len(), pollers[0].polls), (1, 2));
        assert_eq!(profiles.len(), 1);
        assert_eq!(polls.take(), (vec![], vec![]));
        let again = Polls::default();
        again.recall(pollers, profiles);
        assert!(again.profiles("acme", at(2)).contains("pan-50k"));
        assert!(again.profiles("zeta", at(2)).is_empty());
        poll(&again, "acme", "192.0.2.1", DAY);
        assert_eq!(again.protected(at(DAY))["acme"].len(), 1);
    }

    #[test]
    fn what_could_not_be_stored_is_given_again_with_what_came_since() {
        let polls = Polls::default();
        poll(&polls, "acme", "192.0.2.1", 0);
        poll(&polls, "acme", "192.0.2.2", 0);
        let (pollers, profiles) = polls.take();
        poll(&polls, "acme", "192.0.2.1", 5);
        polls.take_back(pollers, profiles);
        let (mut pollers, profiles) = polls.take();
        pollers.sort_by_key(|poller| poller.address);
        let counted = pollers.iter().map(|p| (p.polls, p.first_at, p.last_at));
        let counted: Vec<_> = counted.collect();
        assert_eq!(counted, [(2, at(0), at(5)), (1, at(0), at(0))]);
        assert_eq!(profiles.len(), 1);
        assert_eq!(profiles[0].last_at, at(5));
    }

    #[test]
    fn protected_addresses_of_an_organisation_are_bounded() {
        let polls = Polls::default();
        for n in 0..300 {
            let host = std::net::Ipv4Addr::from_bits(n).to_string();
            for second in [0, 1, DAY] {
                poll(&polls, "acme", &host, second);
            }
        }
        assert_eq!(polls.protected(at(DAY))["acme"].len(), MOST);
    }
}
