//! Which rules are worth looking at: bitsets, so that a rule about another
//! network costs one bit, and all patterns of a kind are tried in one pass.

use std::cell::OnceCell;

use regex::{Regex, RegexSet, SetMatches};
use rustc_hash::FxHashMap;

use super::{
    matching::{Asked, Patterns},
    pattern,
    policy::Rule,
    read::MAX_RULES,
};

const WORDS: usize = MAX_RULES.div_ceil(64);

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

/// Bits of the rules that may fit.
pub(super) struct Candidates {
    words: [u64; WORDS],
    used: usize,
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
                        rules.or_default().push(number);
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
    pub(super) fn candidates(&self, asn: u32) -> Candidates {
        let mut words = [0; WORDS];
        let used = self.any_network.len();
        words[..used].copy_from_slice(&self.any_network);
        for &rule in self.by_network.get(&asn).into_iter().flatten() {
            let rule = rule as usize;
            words[rule / 64] |= 1 << (rule % 64);
        }
        Candidates { words, used }
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
        tried: &OnceCell<SetMatches>,
        text: &str,
        pattern: &(Regex, usize),
    ) -> bool {
        match &self.set {
            Some(set) => {
                tried.get_or_init(|| set.matches(text)).matched(pattern.1)
            }
            None => pattern.0.is_match(text),
        }
    }
}

/// Patterns against one request.
pub(super) struct Tried<'d> {
    dispatch: &'d Dispatch,
    path_text: &'d str,
    agent_text: &'d str,
    path: OnceCell<SetMatches>,
    agent: OnceCell<SetMatches>,
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

impl Iterator for Candidates {
    type Item = usize;

    /// The next rule, in order of evaluation.
    fn next(&mut self) -> Option<usize> {
        for (index, word) in self.words[..self.used].iter_mut().enumerate() {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return Some(index * 64 + bit);
            }
        }
        None
    }
}
