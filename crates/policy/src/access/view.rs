//! The public shape of a rule, as clients read it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Allow, Facts, Rule};

/// A rule as it is shown: selectors as they were written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleView {
    #[serde(flatten)]
    shape: Map<String, Value>,
}

/// A rule as it is shown with `?resolve=true`: `country` and `asn` are lists of
/// one-key objects, `{"NL": ["2.16.0.0/13"]}`; `risk` and `lists` alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolvedRule {
    #[serde(flatten)]
    shape: Map<String, Value>,
}

impl RuleView {
    /// Shows a rule.
    pub fn new(rule: &Rule) -> Self {
        let _ = rule;
        unimplemented!()
    }
}

impl ResolvedRule {
    /// Shows a rule with what its selectors resolve to: effective space without
    /// special-purpose space, before anything protected is taken out.
    pub fn new(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> Self {
        let _ = (rule, facts, now, Allow::default());
        unimplemented!()
    }
}
