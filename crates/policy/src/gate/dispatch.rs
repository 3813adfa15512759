//! Which rules are worth looking at: those that ask for a network, a path or a
//! user agent are found under it, so that a rule about another one costs
//! nothing; those that ask for a pattern are passed over together if no pattern
//! fits.

use regex::Regex;
use rustc_hash::FxHashMap;

use super::{
    matching::{Asked, Matchers, Patterns},
    pattern_set::{Matches, PatternSet},
    policy::Rule,
};

/// What is prepared once.
#[derive(Debug, Default)]
pub(super) struct Dispatch {
    /// Rules that are looked at whatever the request is.
    open: Bits,
    /// Of those the ones with a pattern of the path, or of the user agent.
    with_path: Bits,
    with_agent: Bits,
    /// The others, each under one thing that it asks for; ascending.
    by_network: FxHashMap<u32, Vec<u32>>,
    by_path: FxHashMap<String, Vec<u32>>,
    by_agent: FxHashMap<String, Vec<u32>>,
    paths: PatternSet,
    agents: PatternSet,
}

/// A bit for each rule.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }
}

/// The rules that may fit, in order.
pub(super) struct Candidates<'d, 't> {
    dispatch: &'d Dispatch,
    tried: &'t Tried<'d>,
    /// Number of the word that is looked at, and what is left of it.
    at: usize,
    left: u64,
    /// No pattern of a path (of a user agent) fits: that has been found out.
    no_path: bool,
    no_agent: bool,
    /// Rules of this network, this path, this user agent.
    keyed: [&'d [u32]; 3],
    /// How many rules those are.
    keyed_left: usize,
}

impl Dispatch {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let none = || Bits(vec![0; rules.len().div_ceil(64)]);
        let mut dispatch = Self {
            open: none(),
            with_path: none(),
            with_agent: none(),
            ..Self::default()
        };
        let mut paths: Vec<&str> = Vec::new();
        let mut agents: Vec<&str> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            dispatch.file(index, &rule.matchers);
            if let Some((pattern, _)) = &rule.matchers.path_regex {
                dispatch.with_path.set(index);
                paths.push(pattern.as_str());
            }
            if let Some((pattern, _)) = &rule.matchers.user_agent_regex {
                dispatch.with_agent.set(index);
                agents.push(pattern.as_str());
            }
        }
        dispatch.paths = PatternSet::new(&paths);
        dispatch.agents = PatternSet::new(&agents);
        dispatch
    }

    /// Puts a rule where it will be found.
    fn file(&mut self, index: usize, matchers: &Matchers) {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        if let Some(networks) = &matchers.network {
            for &network in networks {
                let rules = self.by_network.entry(network).or_default();
                if rules.last() != Some(&number) {
                    rules.push(number);
                }
            }
        } else if let Some(path) = &matchers.path {
            self.by_path.entry(path.clone()).or_default().push(number);
        } else if let Some(agent) = &matchers.user_agent {
            self.by_agent.entry(agent.clone()).or_default().push(number);
        } else {
            self.open.set(index);
        }
    }

    /// The rules that may fit a request.
    pub(super) fn candidates<'d, 't>(
        &'d self,
        asked: &Asked<'_>,
        tried: &'t Tried<'d>,
    ) -> Candidates<'d, 't> {
        let visit = asked.visit;
        let of_network = self.by_network.get(&asked.asn());
        let keyed = [
            of_network.map_or(&[][..], Vec::as_slice),
            keyed(&self.by_path, visit.path),
            keyed(&self.by_agent, visit.user_agent),
        ];
        Candidates {
            dispatch: self,
            tried,
            at: 0,
            left: self.open.0.first().copied().unwrap_or_default(),
            no_path: false,
            no_agent: false,
            keyed,
            keyed_left: keyed.iter().map(|rules| rules.len()).sum(),
        }
    }

    /// Patterns, tried when the first rule asks.
    pub(super) fn patterns<'d>(&'d self, asked: &Asked<'d>) -> Tried<'d> {
        Tried {
            path: self.paths.against(asked.visit.path),
            agent: self.agents.against(asked.visit.user_agent),
        }
    }
}

/// Rules by a text; if there are none at all, nothing is hashed.
fn keyed<'d>(rules: &'d FxHashMap<String, Vec<u32>>, text: &str) -> &'d [u32] {
    match rules.is_empty() {
        true => &[],
        false => rules.get(text).map_or(&[], Vec::as_slice),
    }
}

/// Patterns against one request.
pub(super) struct Tried<'d> {
    path: Matches<'d>,
    agent: Matches<'d>,
}

impl Patterns for Tried<'_> {
    fn path(&self, pattern: &(Regex, usize)) -> bool {
        self.path.has(pattern)
    }
    fn user_agent(&self, pattern: &(Regex, usize)) -> bool {
        self.agent.has(pattern)
    }
}

impl Candidates<'_, '_> {
    /// The next open rule, which stays the next.
    fn open(&mut self) -> Option<usize> {
        let dispatch = self.dispatch;
        loop {
            while self.left == 0 && self.at + 1 < dispatch.open.0.len() {
                self.at += 1;
                self.left = dispatch.open.0[self.at];
                self.pass_over();
            }
            let next = self.left & self.left.wrapping_neg();
            if next == 0 {
                return None;
            }
            let asks = |bits: &Bits| bits.0[self.at] & next != 0;
            if asks(&dispatch.with_path) && self.tried.path.is_none() {
                self.no_path = true;
            } else if asks(&dispatch.with_agent) && self.tried.agent.is_none() {
                self.no_agent = true;
            } else {
                return Some(self.at * 64 + next.trailing_zeros() as usize);
            }
            self.pass_over();
        }
    }

    /// Forgets the rules of this word whose pattern cannot fit.
    fn pass_over(&mut self) {
        if self.no_path {
            self.left &= !self.dispatch.with_path.0[self.at];
        }
        if self.no_agent {
            self.left &= !self.dispatch.with_agent.0[self.at];
        }
    }
}

impl Iterator for Candidates<'_, '_> {
    type Item = usize;

    /// The next rule, in order of evaluation.
    fn next(&mut self) -> Option<usize> {
        let mut next = self.open();
        if self.keyed_left == 0 {
            self.left &= self.left.wrapping_sub(1);
            return next;
        }
        let mut from = None;
        for (list, rules) in self.keyed.iter().enumerate() {
            if let Some(&rule) = rules.first()
                && next.is_none_or(|next| (rule as usize) < next)
            {
                next = Some(rule as usize);
                from = Some(list);
            }
        }
        match from {
            Some(list) => {
                self.keyed[list] = &self.keyed[list][1..];
                self.keyed_left -= 1;
            }
            None => self.left &= self.left.wrapping_sub(1),
        }
        next
    }
}
