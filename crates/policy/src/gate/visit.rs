//! What is known about one request, as rules see it.
//!
//! Everything is borrowed, and what costs something is asked only when a rule
//! needs it. No method here may wait: what is not known yet is `None`.

use std::{borrow::Cow, fmt, net::IpAddr};

use asgard_model::{Asn, CountryCode, Level};

use super::rule::ChallengeSpec;

/// What is known about one request.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The client, unmapped (never `::ffff:a.b.c.d`).
    pub address: IpAddr,
    /// Who announces the address; `None` if nobody does or nobody knows.
    pub asn: Option<Asn>,
    /// Name of the organisation behind [`Self::asn`]; may be empty.
    pub asn_org: &'a str,
    /// 0 to 100, 100 is safe; `None` if the network is not scored.
    pub score: Option<u8>,
    /// Band of [`Self::score`].
    pub level: Option<Level>,
    /// Country of the address.
    pub country: Option<CountryCode>,
    /// `GET`, as it was sent.
    pub method: &'a str,
    /// Lower case, without port and final dot.
    pub host: &'a str,
    /// Percent-decoded once, `//` merged, dot segments removed, `%2F` kept.
    pub path: &'a str,
    /// As it was sent.
    pub raw_path: &'a str,
    /// What stands after `?`, as it was sent; empty if nothing does.
    pub query: &'a str,
    /// Value of `User-Agent`; empty if there is none.
    pub user_agent: &'a str,
    /// The other headers.
    pub headers: &'a dyn Headers,
    /// `None` if the request does not say.
    pub content_length: Option<u64>,
    /// Whether the visitor is a crawler that was verified.
    pub crawler: Crawler<'a>,
    /// Which lists and feeds name the address.
    pub lists: &'a dyn Lists,
    /// The confirmed name of the address, from a cache.
    pub reverse: &'a dyn ReverseNames,
    /// The strongest challenge that the visitor has passed and can prove.
    pub pass: Option<ChallengeSpec>,
    /// A random number of this request, for `randInt`.
    pub random: u64,
}

/// The headers of a request.
pub trait Headers: Sync {
    /// Whether a header was sent, by its lower-case name.
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// Value of a header by its lower-case name; repeats are joined by `", "`,
    /// those of `cookie` by `"; "`. Bytes that are not UTF-8 are replaced.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
    /// Calls back with each lower-case name once, and its joined value.
    fn each(&self, visit: &mut dyn FnMut(&str, &str));
}

/// Which ip list, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListIndex(pub usize);

/// Which feed, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedIndex(pub usize);

/// Which rule, in the order of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub usize);

/// Membership of the client's address.
pub trait Lists {
    /// Whether ip list `list` contains the address; `None` if the list was
    /// never loaded.
    fn in_list(&self, list: ListIndex) -> Option<bool>;
    /// Whether feed `feed` names the address; `None` if it was never loaded.
    fn in_feed(&self, feed: FeedIndex) -> Option<bool>;
}

/// Whether the visitor is a crawler whose name is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crawler<'a> {
    /// It is none, or the proof failed.
    None,
    /// It says that it is `name`; the proof is under way.
    Pending {
        /// The name in the configuration.
        name: &'a str,
        /// Whether it shall be asked to come again (`on_pending: retry`).
        retry: bool,
    },
    /// The name in the configuration.
    Verified(&'a str),
}

/// Forward-confirmed reverse DNS of the client's address.
pub trait ReverseNames {
    /// From a cache; asking may start a look-up, but never waits for it.
    fn confirmed(&self) -> ReverseName<'_>;
}

/// What a cache knows about the name of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReverseName<'a> {
    /// Not known yet.
    Pending,
    /// There is no name, or it does not resolve back.
    Unconfirmed,
    /// Resolves back to the address; lower case, no final dot.
    Confirmed(&'a str),
}

/// What happened on the way to a decision, for metrics and the log.
pub trait Counts {
    /// A rule matched; in shadow it only would have acted.
    fn hit(&mut self, rule: RuleIndex);
    /// With this shadow rule in force the outcome would be another.
    fn would_change(&mut self, rule: RuleIndex);
    /// A rule could not be evaluated; its `on_error` decided.
    fn error(&mut self, rule: RuleIndex, error: &dyn fmt::Display);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCounts;

impl Counts for NoCounts {
    fn hit(&mut self, _: RuleIndex) {}
    fn would_change(&mut self, _: RuleIndex) {}
    fn error(&mut self, _: RuleIndex, _: &dyn fmt::Display) {}
}

impl fmt::Debug for Visit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("address", &self.address)
            .field("asn", &self.asn)
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A visit without headers, lists and names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Headers for Nothing {
    fn get(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
    fn each(&self, _: &mut dyn FnMut(&str, &str)) {}
}

impl Lists for Nothing {
    fn in_list(&self, _: ListIndex) -> Option<bool> {
        None
    }
    fn in_feed(&self, _: FeedIndex) -> Option<bool> {
        None
    }
}

impl ReverseNames for Nothing {
    fn confirmed(&self) -> ReverseName<'_> {
        ReverseName::Pending
    }
}

impl<'a> Visit<'a> {
    /// A visit of which only the address is known.
    pub fn of(address: IpAddr) -> Self {
        Self {
            address: address.to_canonical(),
            asn: None,
            asn_org: "",
            score: None,
            level: None,
            country: None,
            method: "GET",
            host: "",
            path: "/",
            raw_path: "/",
            query: "",
            user_agent: "",
            headers: &Nothing,
            content_length: None,
            crawler: Crawler::None,
            lists: &Nothing,
            reverse: &Nothing,
            pass: None,
            random: 0,
        }
    }
}
