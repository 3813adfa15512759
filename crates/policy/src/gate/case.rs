//! Running the unit tests of a file: what is pinned, and what a database says.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
};

use asgard_model::{Asn, Bands, CountryCode, Level};

use super::{
    Action, NoCounts, Policy, TestCase, Visit,
    known_lists::KnownLists,
    path,
    told::Told,
    visit::{Crawler, FeedIndex, Headers, ListIndex, Nothing},
};

/// What a database says about an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Who announces it.
    pub asn: Option<Asn>,
    /// The organisation's name.
    pub org: String,
    /// 0 to 100.
    pub score: Option<u8>,
    /// Band of the score.
    pub level: Option<Level>,
    /// Where it is.
    pub country: Option<CountryCode>,
}

/// Where facts come from that a test does not pin.
pub trait Databases {
    /// About one address.
    fn facts(&self, address: IpAddr) -> NetworkFacts;
    /// Whether a list names an address; `None` if its entries are not known.
    fn in_list(&self, list: ListIndex, address: IpAddr) -> Option<bool>;
    /// The same of a feed.
    fn in_feed(&self, feed: FeedIndex, address: IpAddr) -> Option<bool>;
}

/// Nothing is known but what is pinned, and lists that the file itself holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDatabases;

impl Databases for NoDatabases {
    fn facts(&self, _: IpAddr) -> NetworkFacts {
        NetworkFacts::default()
    }
    fn in_list(&self, _: ListIndex, _: IpAddr) -> Option<bool> {
        None
    }
    fn in_feed(&self, _: FeedIndex, _: IpAddr) -> Option<bool> {
        None
    }
}

/// Headers in memory, by lower-case name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap(pub BTreeMap<String, String>);

impl HeaderMap {
    /// As a client sends it; repeats are joined as [`Headers::get`] says.
    pub fn add(&mut self, name: &str, value: &str) {
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim();
        let between = if name == "cookie" { "; " } else { ", " };
        match self.0.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(value.to_owned())),
            Entry::Occupied(entry) => {
                let joined = entry.into_mut();
                joined.push_str(between);
                joined.push_str(value);
            }
        }
    }
}

impl Headers for HeaderMap {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }
    fn each(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in &self.0 {
            visit(name, value);
        }
    }
}

/// What a test expected, and what it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Name of the test.
    pub name: String,
    /// The action.
    pub action: Action,
    /// The rule; `None`: a threshold or the default.
    pub rule: Option<String>,
    /// The weight.
    pub weight: i64,
    /// `action: expected DENY, got ALLOW`; empty: it passed.
    pub differences: Vec<String>,
}

impl Outcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Policy {
    /// Runs the unit tests of the file.
    pub fn run_tests(&self, databases: &dyn Databases) -> Vec<Outcome> {
        self.tests.iter().map(|test| self.run_test(test, databases)).collect()
    }

    fn run_test(&self, test: &TestCase, databases: &dyn Databases) -> Outcome {
        let facts = pinned(test, databases);
        let lists = self.lists_of(test, databases);
        let headers = HeaderMap(test.headers.clone());
        let (host, agent) = (&test.host, &test.user_agent);
        let told = Told::new(host, agent, headers, &self.hidden);
        // What cannot be taken was refused when the file was read.
        let (raw_path, query) = path::split(&test.path);
        let normal =
            path::normalise(raw_path).unwrap_or_else(|_| raw_path.into());
        let visit = Visit {
            asn: facts.asn,
            asn_org: &facts.org,
            score: facts.score,
            level: facts.level,
            country: facts.country,
            method: &test.method,
            host: &told.host,
            path: &normal,
            raw_path,
            query,
            user_agent: &told.user_agent,
            headers: &told.headers,
            content_length: test.content_length.or(told.content_length),
            crawler: match &test.crawler {
                Some(name) if !name.value.is_empty() => {
                    Crawler::Verified(&name.value)
                }
                _ => Crawler::None,
            },
            lists: &lists,
            reverse: &Nothing,
            ..Visit::of(test.ip)
        };
        let decision = self.decide(&visit, &mut NoCounts);
        let rule = decision.rule.map(|rule| self.rule_name(rule).to_owned());
        let mut outcome = Outcome {
            name: test.name.value.clone(),
            action: decision.intended,
            rule,
            weight: decision.weight,
            differences: Vec::new(),
        };
        outcome.differences = differences(test, &outcome);
        outcome
    }

    /// What is pinned, else what files say, else what the configuration holds.
    fn lists_of(
        &self,
        test: &TestCase,
        databases: &dyn Databases,
    ) -> KnownLists {
        let inline = KnownLists::of(&self.entries, test.ip);
        let is_pinned = |pins: &super::Strings, name: &String| {
            Some(pins.iter().any(|pin| pin.value == *name))
        };
        let list = |(at, name)| match &test.in_lists {
            Some(pins) => is_pinned(pins, name),
            None => {
                let on_disk = databases.in_list(ListIndex(at), test.ip);
                let inline = inline.lists.get(at).copied().flatten();
                on_disk.or(inline)
            }
        };
        let feed = |(at, name)| match &test.in_feeds {
            Some(pins) => is_pinned(pins, name),
            None => databases.in_feed(FeedIndex(at), test.ip),
        };
        KnownLists {
            lists: self.lists.iter().enumerate().map(list).collect(),
            feeds: self.feeds.iter().enumerate().map(feed).collect(),
        }
    }
}

fn pinned(test: &TestCase, databases: &dyn Databases) -> NetworkFacts {
    let mut facts = databases.facts(test.ip);
    if let Some(asn) = test.asn {
        // Another network: what the database says is of the wrong one.
        facts = NetworkFacts { country: facts.country, ..Default::default() };
        facts.asn = (asn != 0).then_some(Asn(asn));
    }
    if let Some(org) = &test.org {
        facts.org.clone_from(org);
    }
    if let Some(score) = test.score {
        facts.score = Some(score);
        facts.level = Some(Bands::default().level(score));
    }
    facts.level = test.level.or(facts.level);
    facts.country = test.country.or(facts.country);
    facts
}

fn differences(test: &TestCase, got: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, wanted: String, got: String| {
        if wanted != got {
            found.push(format!("{what}: expected {wanted}, got {got}"));
        }
    };
    if let Some(wanted) = test.action {
        compare("action", wanted.as_str().into(), got.action.as_str().into());
    }
    if let Some(wanted) = &test.rule {
        let name = |rule: Option<&str>| rule.unwrap_or("no rule").to_owned();
        let wanted = wanted.as_ref().map(|rule| rule.value.as_str());
        compare("rule", name(wanted), name(got.rule.as_deref()));
    }
    if let Some(wanted) = test.weight {
        compare("weight", wanted.to_string(), got.weight.to_string());
    }
    found
}
