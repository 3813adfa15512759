//! One request, rule by rule, for a person: `explain`.
//!
//! It goes the long way (no dispatch) and must come to the same decision.

use super::{
    Decision, NoCounts, Policy, RuleIndex, Visit,
    decide::Run,
    matching::{Asked, Fit, OneByOne},
    rule::{Effect, Mode},
    visit::{Crawler, ReverseName},
};
use crate::diagnostic::Place;

/// What every rule said.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace<'p> {
    /// What happens.
    pub decision: Decision<'p>,
    /// Every rule, in order.
    pub rules: Vec<Step<'p>>,
    /// Every variable of expressions, with its value as text; `None` is
    /// unknown.
    pub variables: Vec<(&'static str, Option<String>)>,
}

/// What one rule said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'p> {
    /// Its name.
    pub name: &'p str,
    /// Where it is written.
    pub place: Place,
    /// `ALLOW`, `DENY`, `CHALLENGE`, `WEIGH`.
    pub effect: &'static str,
    /// Whether it acts.
    pub mode: Mode,
    /// What it said.
    pub said: Said,
    /// What it added, if it weighs and matched.
    pub weight: Option<i64>,
}

/// What a rule said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It matched, and decided.
    Decided,
    /// It matched, and the evaluation went on: a weight, a shadow, an exempt
    /// path.
    Matched,
    /// This matcher did not fit.
    NotMatched(&'static str),
    /// This matcher asks for something that is not known.
    Unknown(&'static str),
    /// It could not be computed.
    Error(String),
    /// A rule above decided.
    NotReached,
}

impl Said {
    /// One word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Matched => "matched",
            Self::NotMatched(_) => "not matched",
            Self::Unknown(_) => "unknown",
            Self::Error(_) => "error",
            Self::NotReached => "not reached",
        }
    }

    /// Why, if there is more to say.
    pub fn detail(&self) -> &str {
        match self {
            Self::NotMatched(why) | Self::Unknown(why) => why,
            Self::Error(why) => why,
            _ => "",
        }
    }
}

pub(super) fn explain<'p>(policy: &'p Policy, visit: &Visit<'_>) -> Trace<'p> {
    let asked = Asked::new(visit);
    let patterns = OneByOne(visit);
    let mut run = Run::new(policy, visit);
    let mut rules = Vec::with_capacity(policy.rules.len());
    let mut ended = false;
    for (index, rule) in policy.rules.iter().enumerate() {
        let mut weight = None;
        let said = if ended {
            Said::NotReached
        } else {
            let fit = rule.matchers.fit(&asked, &patterns);
            ended = run.step(RuleIndex(index), rule, &fit, &mut NoCounts);
            if let (Fit::Yes, Effect::Weigh(own)) = (&fit, &rule.effect) {
                weight = Some(*own);
            }
            match fit {
                _ if ended => Said::Decided,
                Fit::Yes => Said::Matched,
                Fit::No(why) => Said::NotMatched(why),
                Fit::Unknown(why) => Said::Unknown(why),
                Fit::Error(fault) => Said::Error(fault.to_string()),
            }
        };
        rules.push(Step {
            name: &rule.name,
            place: rule.place,
            effect: rule.effect.as_str(),
            mode: rule.mode,
            said,
            weight,
        });
    }
    Trace {
        decision: run.finish(&mut NoCounts),
        rules,
        variables: variables(visit),
    }
}

fn variables(visit: &Visit<'_>) -> Vec<(&'static str, Option<String>)> {
    use super::expression::declare::{OfVisit, VARIABLES};
    use super::expression::{Bindings as _, Value, function};
    let bindings = OfVisit::new(visit);
    let mut shown: Vec<(&'static str, Option<String>)> = VARIABLES
        .iter()
        .enumerate()
        .map(|(index, (name, _))| {
            let value = bindings.variable(index).ok();
            let text = value.map(|value| match value {
                Value::String(text) => format!("{:?}", text.as_str()),
                other => function::show(&other),
            });
            (*name, text)
        })
        .collect();
    if let Crawler::Pending { name, .. } = visit.crawler {
        shown.push(("(pending crawler)", Some(name.to_owned())));
    }
    if let ReverseName::Confirmed(name) = visit.reverse.confirmed() {
        shown.push(("(confirmed name)", Some(name.to_owned())));
    }
    shown
}
