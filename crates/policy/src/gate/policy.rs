//! The compiled policy: what it offers, and how it decides.

use asgard_model::Prefix;

use crate::diagnostic::Diagnostic;

use super::{
    Action, ChallengeSpec, Counts, DenyResponse, PolicySource, RuleIndex,
    Visit, rule::Mode,
};

/// What the gateway offers to rules; names in the order of their indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// `features.asn` is enabled and `policy_usage` is on.
    pub asn: Feature,
    /// The ASN data carry scores and levels.
    pub scores: Feature,
    /// `features.geoip` is enabled and `policy_usage` is on.
    pub geoip: Feature,
    /// `ip_lists`: [`super::ListIndex`] counts in this order.
    pub lists: Vec<String>,
    /// `feeds`: [`super::FeedIndex`] counts in this order.
    pub feeds: Vec<String>,
    /// `crawlers`.
    pub crawlers: Vec<String>,
    /// Whether the source of ASN data is known to carry scores.
    pub scores_likely: bool,
    /// Blocks that an operator hardly wants to refuse, with their meaning.
    pub own_networks: Vec<(String, Prefix)>,
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
#[expect(clippy::struct_excessive_bools, reason = "five independent facts")]
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

/// Rules, compiled.
#[derive(Debug)]
pub struct Policy {
    mode: Mode,
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
        let _ = offered;
        Ok((Self { mode: source.mode }, Vec::new()))
    }

    /// What its rules ask for.
    pub fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Name of a rule, for logs and headers.
    pub fn rule_name(&self, _rule: RuleIndex) -> &str {
        ""
    }

    /// How many rules there are; indices are below.
    pub fn rule_count(&self) -> usize {
        0
    }

    /// Decides about one request.
    pub fn decide(
        &self,
        _visit: &Visit<'_>,
        _counts: &mut dyn Counts,
    ) -> Decision<'_> {
        let _ = self.mode;
        Decision {
            action: Action::Allow,
            rule: None,
            weight: 0,
            challenge: None,
            threshold: None,
            response: None,
            retry: false,
            intended: Action::Allow,
        }
    }
}
