//! The public shape of a rule, as clients read it.

use asgard_model::{Asn, CountryCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Facts, Rule, Selector, check::space_of};

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
        Self { shape: shape(rule) }
    }
}

impl ResolvedRule {
    /// Shows a rule with what its selectors resolve to: effective space without
    /// special-purpose space, before anything protected is taken out.
    pub fn new(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> Self {
        let mut shape = shape(rule);
        let pair = |name: String, selector: &Selector| {
            let space = space_of(selector, facts, now);
            let prefixes = space.prefixes().map(|p| p.to_string().into());
            let prefixes = Value::Array(prefixes.collect());
            Value::Object(Map::from_iter([(name, prefixes)]))
        };
        let countries = |codes: &[CountryCode]| -> Value {
            let pairs = codes.iter();
            pairs.map(|&c| pair(c.to_string(), &Selector::Country(c))).collect()
        };
        let networks = |asns: &[Asn]| -> Value {
            let pairs = asns.iter();
            pairs.map(|&a| pair(a.to_string(), &Selector::Asn(a))).collect()
        };
        let risks =
            rule.block.risk.iter().map(|risk| {
                pair(risk.to_string(), &Selector::Risk(risk.clone()))
            });
        let lists =
            rule.block.lists.iter().map(|name| {
                pair(name.to_string(), &Selector::List(name.clone()))
            });
        let (allow, block) = (&rule.allow, &rule.block);
        set(&mut shape, "allow", "country", countries(&allow.country));
        set(&mut shape, "allow", "asn", networks(&allow.asn));
        set(&mut shape, "block", "country", countries(&block.country));
        set(&mut shape, "block", "asn", networks(&block.asn));
        set(&mut shape, "block", "risk", risks.collect());
        set(&mut shape, "block", "lists", lists.collect());
        Self { shape }
    }
}

/// The rule without what is ours alone to know.
fn shape(rule: &Rule) -> Map<String, Value> {
    let value = serde_json::to_value(rule);
    let value = value.expect("a rule is texts, numbers and moments");
    let Value::Object(mut shape) = value else { return Map::new() };
    shape.remove("made_by");
    shape
}

fn set(shape: &mut Map<String, Value>, side: &str, field: &str, to: Value) {
    if let Some(Value::Object(side)) = shape.get_mut(side) {
        side.insert(field.to_owned(), to);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::{MadeBy, RuleDraft};

    #[test]
    fn a_rule_is_shown_in_exactly_the_public_shape() {
        let written = json!({
            "name": "n", "description": "",
            "block": {
                "country": ["nl"], "asn": ["AS64496", 64496, "174"],
                "ips": ["203.0.113.9/24", "::ffff:192.0.2.1"],
                "risk": [{"max_score": 30}, {"level": "critical"}],
                "lists": ["Spamhaus-DROP"],
            },
        });
        let now: Timestamp = "2026-11-21T10:00:00.5Z".parse().unwrap();
        let id = uuid::Uuid::from_u128(7);
        let rule = RuleDraft::read(&written, now).unwrap();
        let rule = rule.into_rule(id, MadeBy::Signal, now);
        let shown = serde_json::to_value(RuleView::new(&rule)).unwrap();
        let expected = json!({
            "id": "00000000-0000-0000-0000-000000000007",
            "name": "n", "description": "", "is_active": true,
            "allow": {"country": [], "asn": [], "ips": []},
            "block": {
                "country": ["NL"], "asn": ["AS174", "AS64496"],
                "ips": ["192.0.2.1/32", "203.0.113.0/24"],
                "risk": [{"level": "CRITICAL"}, {"max_score": 30}],
                "lists": ["spamhaus-drop"],
            },
            "expires_at": null,
            "created_at": "2026-11-21T10:00:00Z",
            "updated_at": "2026-11-21T10:00:00Z",
        });
        assert_eq!(shown, expected);
        // What is shown can be written again, and what is kept read.
        let again = RuleDraft::read(&shown, now).unwrap();
        assert_eq!(again.block, rule.block);
        let kept = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Rule>(&kept).unwrap(), rule);
    }
}
