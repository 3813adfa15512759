//! The compiled policy: what it offers, and how it decides.

use std::collections::BTreeMap;

use asgard_model::Prefix;

use crate::diagnostic::{Diagnostic, Place};

use super::{
    Action, ChallengeSpec, Counts, DenyResponse, HiddenFields, PolicySource,
    RuleIndex, TestCase, Visit, compile,
    dispatch::Dispatch,
    matching::Matchers,
    rule::{AutoChallenge, Effect, Mode, OnError},
};

/// What the gateway offers to rules; names in the order of their indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// `features.asn` is enabled and `policy_usage` is on.
    pub asn: Feature,
    /// The ASN data may carry scores and levels.
    pub scores: Feature,
    /// `features.geoip` is enabled and `policy_usage` is on.
    pub geoip: Feature,
    /// `ip_lists`: [`super::ListIndex`] counts in this order.
    pub lists: Vec<String>,
    /// What is known of each list at load (inline ones), for lint and tests;
    /// `None` for lists from elsewhere.
    pub entries: Vec<Option<Vec<Prefix>>>,
    /// `feeds`: [`super::FeedIndex`] counts in this order.
    pub feeds: Vec<String>,
    /// `crawlers`.
    pub crawlers: Vec<String>,
    /// Blocks that an operator hardly wants to refuse, with their meaning.
    pub own_networks: Vec<(String, Prefix)>,
    /// Fields of requests that rules do not see.
    pub hidden: HiddenFields,
    /// How large a request may be, for the cost of expressions.
    pub limits: RequestLimits,
}

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Header fields.
    pub headers: u64,
    /// All header fields together, in bytes.
    pub header_bytes: u64,
    /// Path and query together, in bytes.
    pub uri_bytes: u64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { headers: 100, header_bytes: 32_768, uri_bytes: 8_192 }
    }
}

/// Whether rules may use something, and else what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feature {
    /// They may.
    On,
    /// They may not.
    Off {
        /// `features.asn.policy_usage is off`.
        reason: String,
        /// `set features.asn.policy_usage.enabled: true (line 12)`.
        fix: String,
    },
}

impl Default for Feature {
    fn default() -> Self {
        Self::Off { reason: "it is not configured".into(), fix: String::new() }
    }
}

/// What the rules of a policy ask for; the gateway need not know more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// ASN or organisation.
    pub asn: bool,
    /// Score or level.
    pub score: bool,
    /// Country.
    pub country: bool,
    /// Crawler verification.
    pub crawler: bool,
    /// Confirmed name of the address.
    pub reverse: bool,
}

impl Needs {
    /// What either asks for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            asn: self.asn || other.asn,
            score: self.score || other.score,
            country: self.country || other.country,
            crawler: self.crawler || other.crawler,
            reverse: self.reverse || other.reverse,
        }
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'p> {
    /// Allow, deny or challenge.
    pub action: Action,
    /// The rule that decided; `None`: a threshold or the default.
    pub rule: Option<RuleIndex>,
    /// Sum of the weights of the rules that matched.
    pub weight: i64,
    /// Which challenge, if it is one.
    pub challenge: Option<ChallengeSpec>,
    /// The threshold that was reached, by its place in the configuration.
    pub threshold: Option<usize>,
    /// How to refuse, if the rule says it; else 403 and `Blocked (<id>)`.
    pub response: Option<&'p DenyResponse>,
    /// A rule asked for a crawler whose proof is pending with
    /// `on_pending: retry`: answer 503 with Retry-After (403 as a verdict)
    /// instead.
    pub retry: bool,
    /// What it would be if the policy were not in shadow mode; equal to
    /// `action` when it is in force.
    pub intended: Action,
}

/// One rule, compiled.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) effect: Effect,
    pub(super) mode: Mode,
    pub(super) on_error: OnError,
    pub(super) matchers: Matchers,
    pub(super) place: Place,
    pub(super) needs: Needs,
    /// Of its expressions, in units.
    pub(super) cost: u64,
}

/// Rules, compiled.
#[derive(Debug)]
pub struct Policy {
    pub(super) mode: Mode,
    pub(super) default_action: Action,
    pub(super) auto_challenge: AutoChallenge,
    pub(super) exempt_paths: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) dispatch: Dispatch,
    pub(super) needs: Needs,
    pub(super) cost: u64,
    pub(super) tests: Vec<TestCase>,
    pub(super) lists: Vec<String>,
    pub(super) entries: Vec<Option<Vec<Prefix>>>,
    /// [`Offered::own_networks`], for remarks.
    pub(super) own_networks: Vec<(String, Prefix)>,
    pub(super) feeds: Vec<String>,
    pub(super) hidden: HiddenFields,
}

impl Policy {
    /// Compiles a policy. With it come remarks; without it every fault.
    ///
    /// # Errors
    /// All faults of the source, never only the first.
    pub fn compile(
        source: &PolicySource,
        offered: &Offered,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        compile::policy(source, offered)
    }

    /// What its rules ask for.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Name of a rule, for logs and headers; empty if there is no such rule.
    pub fn rule_name(&self, rule: RuleIndex) -> &str {
        self.rules.get(rule.0).map_or("", |rule| &rule.name)
    }

    /// Where a rule is written.
    pub fn rule_place(&self, rule: RuleIndex) -> Option<Place> {
        self.rules.get(rule.0).map(|rule| rule.place)
    }

    /// Whether a rule only counts: its own mode, or that of the policy.
    pub fn rule_mode(&self, rule: RuleIndex) -> Mode {
        let own = self.rules.get(rule.0).map_or(Mode::Enforce, |r| r.mode);
        if self.mode == Mode::Shadow { Mode::Shadow } else { own }
    }

    /// `ALLOW`, `DENY`, `CHALLENGE` or `WEIGH`.
    pub fn rule_effect(&self, rule: RuleIndex) -> &'static str {
        self.rules.get(rule.0).map_or("", |rule| rule.effect.as_str())
    }

    /// How many rules there are; indices are below.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// The most that the expressions of one request may cost, in units.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// The most that the expressions of a rule may cost, in units.
    pub fn rule_cost(&self, rule: RuleIndex) -> u64 {
        self.rules.get(rule.0).map_or(0, |rule| rule.cost)
    }

    /// Name of a threshold, by its place in the configuration.
    pub fn threshold_name(&self, threshold: usize) -> &str {
        let found = self.auto_challenge.thresholds.get(threshold);
        found.map_or("", |threshold| &threshold.name)
    }

    /// Fields of requests that its rules do not see.
    pub fn hidden(&self) -> &HiddenFields {
        &self.hidden
    }

    /// Unit tests of the file.
    pub fn tests(&self) -> &[TestCase] {
        &self.tests
    }

    /// How many times each rule is named by something countable: a map from
    /// names to indices, for replays and tests.
    pub fn rule_names(&self) -> BTreeMap<&str, RuleIndex> {
        let names = self.rules.iter().enumerate();
        names.map(|(n, rule)| (rule.name.as_str(), RuleIndex(n))).collect()
    }

    /// Decides about one request. It waits for nobody and cannot fail.
    pub fn decide(
        &self,
        visit: &Visit<'_>,
        counts: &mut dyn Counts,
    ) -> Decision<'_> {
        super::decide::decide(self, visit, counts)
    }

    /// The same, rule by rule, for a person.
    pub fn explain(&self, visit: &Visit<'_>) -> super::Trace<'_> {
        super::trace::explain(self, visit)
    }
}
