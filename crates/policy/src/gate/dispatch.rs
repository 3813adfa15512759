//! Which rules are worth looking at: bitsets, so that a rule about another
//! network costs one bit, and all patterns of a kind are tried in one pass.

use std::cell::OnceCell;

use regex::{Regex, RegexSet, SetMatches};
use rustc_hash::FxHashMap;

use super::{
    matching::{Asked, Patterns},
    pattern,
    policy::Rule,
};

/// What is prepared once.
#[derive(Debug, Default)]
pub(super) struct Dispatch {
    /// Rules that ask for no network.
    any_network: Vec<u64>,
    /// Rules by network, ascending.
    by_network: FxHashMap<u32, Vec<u32>>,
    path: Set,
    user_agent: Set,
}

/// All patterns of a kind.
#[derive(Debug, Default)]
struct Set {
    /// `None`: none, or together too large; then each is tried alone.
    set: Option<RegexSet>,
}

/// The rules that may fit, in order: those that ask for no network, and those
/// that ask for this one.
pub(super) struct Candidates<'d> {
    words: &'d [u64],
    /// Number of the word that is looked at, and what is left of it.
    at: usize,
    left: u64,
    of_network: &'d [u32],
}

impl Dispatch {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut dispatch = Self {
            any_network: vec![0; rules.len().div_ceil(64)],
            ..Self::default()
        };
        let mut paths: Vec<&str> = Vec::new();
        let mut agents: Vec<&str> = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            match &rule.matchers.network {
                None => dispatch.any_network[index / 64] |= 1 << (index % 64),
                Some(networks) => {
                    for &network in networks {
                        let rules = dispatch.by_network.entry(network);
                        let rules = rules.or_default();
                        if rules.last() != Some(&number) {
                            rules.push(number);
                        }
                    }
                }
            }
            if let Some((pattern, _)) = &rule.matchers.path_regex {
                paths.push(pattern.as_str());
            }
            if let Some((pattern, _)) = &rule.matchers.user_agent_regex {
                agents.push(pattern.as_str());
            }
        }
        dispatch.path = Set::new(&paths);
        dispatch.user_agent = Set::new(&agents);
        dispatch
    }

    /// The rules that may fit a network.
    pub(super) fn candidates(&self, asn: u32) -> Candidates<'_> {
        let words = self.any_network.as_slice();
        let left = words.first().copied().unwrap_or_default();
        let of_network = self.by_network.get(&asn);
        let of_network = of_network.map_or(&[][..], Vec::as_slice);
        Candidates { words, at: 0, left, of_network }
    }

    /// Patterns, tried when the first rule asks.
    pub(super) fn patterns<'d>(&'d self, asked: &Asked<'d>) -> Tried<'d> {
        Tried {
            dispatch: self,
            path_text: asked.visit.path,
            agent_text: asked.visit.user_agent,
            path: OnceCell::new(),
            agent: OnceCell::new(),
        }
    }
}

impl Set {
    fn new(patterns: &[&str]) -> Self {
        // One or two are faster alone.
        let set =
            (patterns.len() > 2).then(|| pattern::set(patterns)).flatten();
        Self { set }
    }

    fn is_match(
        &self,
        tried: &OnceCell<Option<SetMatches>>,
        text: &str,
        pattern: &(Regex, usize),
    ) -> bool {
        match &self.set {
            // Most texts fit no pattern: that is known sooner than which.
            Some(set) => tried
                .get_or_init(|| set.is_match(text).then(|| set.matches(text)))
                .as_ref()
                .is_some_and(|matches| matches.matched(pattern.1)),
            None => pattern.0.is_match(text),
        }
    }
}

/// Patterns against one request.
pub(super) struct Tried<'d> {
    dispatch: &'d Dispatch,
    path_text: &'d str,
    agent_text: &'d str,
    path: OnceCell<Option<SetMatches>>,
    agent: OnceCell<Option<SetMatches>>,
}

impl Patterns for Tried<'_> {
    fn path(&self, pattern: &(Regex, usize)) -> bool {
        self.dispatch.path.is_match(&self.path, self.path_text, pattern)
    }
    fn user_agent(&self, pattern: &(Regex, usize)) -> bool {
        let set = &self.dispatch.user_agent;
        set.is_match(&self.agent, self.agent_text, pattern)
    }
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    /// The next rule, in order of evaluation.
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 && self.at + 1 < self.words.len() {
            self.at += 1;
            self.left = self.words[self.at];
        }
        let any = (self.left != 0)
            .then(|| self.at * 64 + self.left.trailing_zeros() as usize);
        let own = self.of_network.first().map(|&rule| rule as usize);
        if own.is_some_and(|own| any.is_none_or(|any| own < any)) {
            self.of_network = &self.of_network[1..];
            return own;
        }
        self.left &= self.left.wrapping_sub(1);
        any
    }
}
