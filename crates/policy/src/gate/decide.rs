//! The decision: rules in file order, weights, thresholds, the default.
//!
//! Shadow rules are evaluated in their place and counted; they never end the
//! evaluation and never weigh. What would be different with one of them in
//! force is computed from the final decision.

use super::{
    Action, ChallengeSpec, Counts, Decision, Policy, RuleIndex, Visit,
    matching::{Asked, Fit},
    policy::Rule,
    rule::{ACME_PATH, Effect, Mode, OnError},
    visit::Crawler,
};

/// What ends the evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End<'p> {
    pub(super) action: Action,
    pub(super) challenge: Option<ChallengeSpec>,
    pub(super) threshold: Option<usize>,
    rule: Option<&'p Rule>,
    retry: bool,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Rule {}

pub(super) fn decide<'p>(
    policy: &'p Policy,
    visit: &Visit<'_>,
    counts: &mut dyn Counts,
) -> Decision<'p> {
    let asked = Asked::new(visit);
    let patterns = policy.dispatch.patterns(&asked);
    let mut run = Run::new(policy, visit);
    for index in policy.dispatch.candidates(&asked, &patterns) {
        let rule = &policy.rules[index];
        let fit = rule.matchers.fit(&asked, &patterns);
        if run.step(RuleIndex(index), rule, &fit, counts) {
            break;
        }
    }
    run.finish(counts)
}

/// An evaluation under way.
pub(super) struct Run<'p, 'v> {
    policy: &'p Policy,
    visit: &'v Visit<'v>,
    weight: i64,
    end: Option<(RuleIndex, End<'p>)>,
    /// Shadow rules that matched.
    shadows: Vec<RuleIndex>,
}

impl<'p, 'v> Run<'p, 'v> {
    pub(super) fn new(policy: &'p Policy, visit: &'v Visit<'v>) -> Self {
        Self { policy, visit, weight: 0, end: None, shadows: Vec::new() }
    }

    /// Takes one rule into account; `true`: the evaluation ends with it.
    pub(super) fn step(
        &mut self,
        index: RuleIndex,
        rule: &'p Rule,
        fit: &Fit,
        counts: &mut dyn Counts,
    ) -> bool {
        let shadow = rule.mode == Mode::Shadow;
        match fit {
            Fit::No(_) => false,
            Fit::Unknown(_) => {
                let retry = matches!(
                    self.visit.crawler,
                    Crawler::Pending { retry: true, .. }
                );
                if !(retry && rule.needs.crawler && !shadow) {
                    return false;
                }
                let end = End { retry: true, ..self.end(Action::Deny, rule) };
                self.end = Some((index, end));
                true
            }
            Fit::Error(fault) => {
                counts.error(index, fault);
                if shadow || rule.on_error == OnError::Skip {
                    return false;
                }
                self.end = Some((index, self.end(Action::Deny, rule)));
                true
            }
            Fit::Yes => self.matched(index, rule, shadow, counts),
        }
    }

    fn end(&self, action: Action, rule: &'p Rule) -> End<'p> {
        End {
            action,
            challenge: None,
            threshold: None,
            rule: Some(rule),
            retry: false,
        }
    }

    fn matched(
        &mut self,
        index: RuleIndex,
        rule: &'p Rule,
        shadow: bool,
        counts: &mut dyn Counts,
    ) -> bool {
        let end = match &rule.effect {
            Effect::Allow => self.end(Action::Allow, rule),
            Effect::Deny(_) => self.end(Action::Deny, rule),
            Effect::Challenge(asked) => match self.challenge(*asked) {
                Some((action, challenge)) => {
                    End { challenge, ..self.end(action, rule) }
                }
                None => return false,
            },
            Effect::Weigh(weight) => {
                counts.hit(index);
                match shadow {
                    true => self.shadows.push(index),
                    false => {
                        self.weight = self.weight.saturating_add(*weight);
                    }
                }
                return false;
            }
        };
        counts.hit(index);
        if shadow {
            self.shadows.push(index);
            return false;
        }
        self.end = Some((index, end));
        true
    }

    /// What a challenge comes to: `None` on an exempt path, an ALLOW for who
    /// has passed one that is strong enough.
    fn challenge(
        &self,
        asked: ChallengeSpec,
    ) -> Option<(Action, Option<ChallengeSpec>)> {
        if self.policy.is_exempt(self.visit.path) {
            return None;
        }
        match self.visit.pass {
            Some(pass) if pass.serves_for(asked) => Some((Action::Allow, None)),
            _ => Some((Action::Challenge, Some(asked))),
        }
    }

    /// Thresholds and the default, for a weight.
    fn without_rule(&self, weight: i64) -> End<'p> {
        let auto = &self.policy.auto_challenge;
        let reached = auto
            .thresholds
            .iter()
            .enumerate()
            .filter(|(_, t)| auto.enabled && weight >= t.threshold)
            .max_by_key(|(_, threshold)| threshold.threshold);
        let mut end = End {
            action: self.policy.default_action,
            challenge: None,
            threshold: None,
            rule: None,
            retry: false,
        };
        if let Some((index, threshold)) = reached
            && let Some((action, challenge)) =
                self.challenge(threshold.challenge)
        {
            end.action = action;
            end.challenge = challenge;
            end.threshold = Some(index);
        }
        end
    }

    pub(super) fn finish(self, counts: &mut dyn Counts) -> Decision<'p> {
        let (rule, end) = match self.end {
            Some((index, end)) => (Some(index), end),
            None => (None, self.without_rule(self.weight)),
        };
        for &index in &self.shadows {
            if self.would_change(index, end) {
                counts.would_change(index);
            }
        }
        let in_force = self.policy.mode == Mode::Enforce;
        if let (Some(index), false) = (rule, in_force)
            && end.action != Action::Allow
        {
            counts.would_change(index);
        }
        let response = match end.rule.map(|rule| &rule.effect) {
            Some(Effect::Deny(response)) => response.as_ref(),
            _ => None,
        };
        Decision {
            action: if in_force { end.action } else { Action::Allow },
            rule,
            weight: self.weight,
            challenge: end.challenge.filter(|_| in_force),
            threshold: end.threshold,
            response: response.filter(|_| in_force),
            retry: end.retry && in_force,
            intended: end.action,
        }
    }

    /// Whether a shadow rule that matched would have led elsewhere.
    fn would_change(&self, index: RuleIndex, end: End<'p>) -> bool {
        let rule = &self.policy.rules[index.0];
        let (action, challenge) = match &rule.effect {
            Effect::Allow => (Action::Allow, None),
            Effect::Deny(_) => (Action::Deny, None),
            Effect::Challenge(asked) => match self.challenge(*asked) {
                Some(outcome) => outcome,
                None => return false,
            },
            Effect::Weigh(weight) => {
                // A rule that ended the evaluation would have done so anyway.
                if end.rule.is_some() {
                    return false;
                }
                let other =
                    self.without_rule(self.weight.saturating_add(*weight));
                (other.action, other.challenge)
            }
        };
        (action, challenge) != (end.action, end.challenge)
    }
}

impl Policy {
    /// Whether a path is never challenged.
    pub fn is_exempt(&self, path: &str) -> bool {
        path.starts_with(ACME_PATH)
            || self.exempt_paths.iter().any(|exempt| {
                if exempt.ends_with('/') {
                    path.starts_with(exempt.as_str())
                } else {
                    path == exempt
                }
            })
    }
}
