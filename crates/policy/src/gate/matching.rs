//! Whether one rule fits one request.

use asgard_model::CountryCode;
use regex::Regex;

use super::{
    expression::{Fault, OfVisit, Program, Truth},
    visit::{ListIndex, Visit},
};

/// The matchers of a rule, all of which must fit.
#[derive(Debug, Default)]
pub(super) struct Matchers {
    /// Sorted; 0 is "not announced".
    pub(super) network: Option<Vec<u32>>,
    pub(super) geoip: Option<Vec<CountryCode>>,
    pub(super) ip_list: Option<Vec<ListIndex>>,
    pub(super) path: Option<String>,
    pub(super) user_agent: Option<String>,
    /// The pattern, and its number in the set of all.
    pub(super) path_regex: Option<(Regex, usize)>,
    pub(super) user_agent_regex: Option<(Regex, usize)>,
    pub(super) headers_regex: Vec<(String, Regex)>,
    pub(super) expression: Option<Expression>,
    /// Nothing but an expression: so are most rules that are looked at.
    pub(super) only_expression: bool,
}

/// One or many expressions.
#[derive(Debug)]
pub(super) enum Expression {
    All(Vec<Program>),
    Any(Vec<Program>),
}

/// What a rule says about a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fit {
    Yes,
    /// The matcher that did not fit.
    No(&'static str),
    /// Something that it asks for is not known.
    Unknown(&'static str),
    Error(Fault),
}

/// The request, with what is computed once for all rules.
pub(super) struct Asked<'v> {
    pub(super) visit: &'v Visit<'v>,
    variables: OfVisit<'v>,
}

impl<'v> Asked<'v> {
    pub(super) fn new(visit: &'v Visit<'v>) -> Self {
        Self { visit, variables: OfVisit::new(visit) }
    }

    pub(super) fn asn(&self) -> u32 {
        self.visit.asn.map_or(0, |asn| asn.0)
    }
}

/// Which patterns of the sets fit, if they were tried.
pub(super) trait Patterns {
    fn path(&self, pattern: &(Regex, usize)) -> bool;
    fn user_agent(&self, pattern: &(Regex, usize)) -> bool;
}

/// Each pattern is tried alone: for explanations.
pub(super) struct OneByOne<'v>(pub(super) &'v Visit<'v>);

impl Patterns for OneByOne<'_> {
    fn path(&self, pattern: &(Regex, usize)) -> bool {
        pattern.0.is_match(self.0.path)
    }
    fn user_agent(&self, pattern: &(Regex, usize)) -> bool {
        pattern.0.is_match(self.0.user_agent)
    }
}

impl Matchers {
    /// Every matcher, cheap ones first.
    pub(super) fn fit(
        &self,
        asked: &Asked<'_>,
        patterns: &dyn Patterns,
    ) -> Fit {
        if self.only_expression {
            return self.expressions(asked);
        }
        let visit = asked.visit;
        if let Some(networks) = &self.network
            && networks.binary_search(&asked.asn()).is_err()
        {
            return Fit::No("network");
        }
        if let Some(countries) = &self.geoip
            && !visit.country.is_some_and(|c| countries.contains(&c))
        {
            return Fit::No("geoip");
        }
        if self.path.as_ref().is_some_and(|path| path != visit.path) {
            return Fit::No("path");
        }
        if self.user_agent.as_ref().is_some_and(|ua| ua != visit.user_agent) {
            return Fit::No("user_agent");
        }
        let unknown = match &self.ip_list {
            Some(lists) => match in_lists(lists, visit) {
                Some(false) => return Fit::No("ip_list"),
                Some(true) => false,
                None => true,
            },
            None => false,
        };
        if self.path_regex.as_ref().is_some_and(|p| !patterns.path(p)) {
            return Fit::No("path_regex");
        }
        let user_agent = self.user_agent_regex.as_ref();
        if user_agent.is_some_and(|p| !patterns.user_agent(p)) {
            return Fit::No("user_agent_regex");
        }
        for (name, pattern) in &self.headers_regex {
            let value = visit.headers.get(name);
            if !value.is_some_and(|value| pattern.is_match(&value)) {
                return Fit::No("headers_regex");
            }
        }
        let rest = self.expressions(asked);
        match (unknown, rest) {
            (true, Fit::Yes) => Fit::Unknown("ip_list"),
            (_, fit) => fit,
        }
    }

    /// Between expressions the rules of CEL's `&&` and `||` hold.
    fn expressions(&self, asked: &Asked<'_>) -> Fit {
        let Some(expression) = &self.expression else { return Fit::Yes };
        let (programs, decisive) = match expression {
            Expression::All(programs) => (programs, false),
            Expression::Any(programs) => (programs, true),
        };
        let mut failed = None;
        for program in programs {
            match program.holds(&asked.variables) {
                Truth::True if decisive => return Fit::Yes,
                Truth::False if !decisive => return Fit::No("expression"),
                Truth::True | Truth::False => {}
                Truth::Unknown => failed = Some(Fit::Unknown("expression")),
                Truth::Error(fault) => {
                    failed.get_or_insert(Fit::Error(fault));
                }
            }
        }
        match failed {
            Some(failed) => failed,
            None if decisive => Fit::No("expression"),
            None => Fit::Yes,
        }
    }

    /// Whether nothing is asked for: `all: {}`.
    pub(super) fn is_empty(&self) -> bool {
        self.expression.is_none() && self.is_empty_but_for_expression()
    }

    /// Whether nothing is asked for but what an expression may ask.
    pub(super) fn is_empty_but_for_expression(&self) -> bool {
        self.network.is_none()
            && self.geoip.is_none()
            && self.ip_list.is_none()
            && self.path.is_none()
            && self.user_agent.is_none()
            && self.path_regex.is_none()
            && self.user_agent_regex.is_none()
            && self.headers_regex.is_empty()
    }
}

/// One list is enough; `None`: none names it, and one was never loaded.
fn in_lists(lists: &[ListIndex], visit: &Visit<'_>) -> Option<bool> {
    let mut unknown = false;
    for list in lists {
        match visit.lists.in_list(*list) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}
