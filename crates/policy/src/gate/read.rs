//! Rules, thresholds and unit tests: from YAML to [`PolicySource`].
//!
//! Spellings of others are accepted with a remark that prints ours.

use super::rule::{
    Action, AutoChallenge, Mode, OnError, PolicySource, Threshold,
};
use crate::{
    diagnostic::Diagnostic,
    yaml::{Node, Reading, Section},
};

mod challenge;
mod rules;
mod tests_of_file;

pub use rules::{is_header_name, is_of_connection};

/// Keys of the configuration that this module reads.
pub const KEYS: [&str; 7] = [
    "auto_challenge",
    "mode",
    "default_action",
    "on_error",
    "rule_files",
    "rules",
    "tests",
];

/// Most rules of a policy.
pub const MAX_RULES: usize = 10_000;

/// `enforce` and `shadow`.
pub(super) const MODES: [(&str, Mode); 2] =
    [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
/// `skip` and `deny`.
pub(super) const ON_ERRORS: [(&str, OnError); 2] =
    [("skip", OnError::Skip), ("deny", OnError::Deny)];

/// Reads the policy out of the keys of a configuration.
pub fn policy(section: &mut Section<'_, '_>) -> PolicySource {
    let mut source = PolicySource {
        mode: section.choice("mode", Mode::Enforce, &MODES),
        on_error: section.choice("on_error", OnError::Skip, &ON_ERRORS),
        ..PolicySource::default()
    };
    if let Some(node) = section.get("default_action") {
        source.default_action =
            action(section.reading, node, "default_action", Action::VALUES)
                .unwrap_or(Action::Allow);
        if source.default_action == Action::Challenge {
            section.reading.wrong(
                node,
                "`default_action` cannot be CHALLENGE",
                "write a last rule with `all: {}` and CHALLENGE",
            );
        }
    }
    if let Some(auto) = auto_challenge(section) {
        source.auto_challenge = auto;
    }
    if let Some(node) = section.get("rules") {
        source.rules = rules(section.reading, node);
    }
    if let Some(node) = section.get("tests") {
        source.tests = tests_of_file::read(section.reading, node);
    }
    source
}

/// Reads a list of rules: the value of `rules:`, or a whole rule file.
pub fn rules(reading: &mut Reading, node: &Node) -> Vec<super::RuleSource> {
    let items = reading.list(node, "rules");
    if items.len() > MAX_RULES {
        let message = format!("{} rules", items.len());
        let fault = Diagnostic::error("E006", message).at(node.place);
        reading.note(fault.fix(format!("at most {MAX_RULES} are allowed")));
        return Vec::new();
    }
    items.iter().filter_map(|item| rules::read(reading, item)).collect()
}

/// Reads a rule file: a list of rules, or `{rules: […], tests: […]}`.
pub fn rule_file(reading: &mut Reading, node: &Node) -> PolicySource {
    let mut source = PolicySource::default();
    if matches!(node.value, crate::yaml::Value::List(_)) {
        source.rules = rules(reading, node);
        return source;
    }
    let keys = ["rules", "tests"];
    if let Some(section) = Section::open(reading, node, "", &keys) {
        let (rules, tests) = (section.get("rules"), section.get("tests"));
        if let Some(node) = rules {
            source.rules = self::rules(reading, node);
        }
        if let Some(node) = tests {
            source.tests = tests_of_file::read(reading, node);
        }
    }
    source
}

fn auto_challenge(section: &mut Section<'_, '_>) -> Option<AutoChallenge> {
    let mut auto =
        section.child("auto_challenge", &["enabled", "thresholds"])?;
    let enabled = auto.boolean("enabled", true);
    let thresholds = auto.items("thresholds", threshold);
    Some(AutoChallenge { enabled, thresholds })
}

fn threshold(
    reading: &mut Reading,
    node: &Node,
    path: &str,
) -> Option<Threshold> {
    let keys = ["name", "threshold", "challenge", "difficulty"];
    let mut section = Section::open(reading, node, path, &keys)?;
    let Some(node) = section.get("threshold") else {
        section.missing("threshold", "threshold: 10");
        return None;
    };
    let place = node.place;
    let threshold = section.integer("threshold", 0, -WEIGHT..=WEIGHT);
    let name = section.text("name");
    let challenge = challenge::flat(&mut section)?;
    let name = name.unwrap_or_else(|| format!("threshold {threshold}"));
    Some(Threshold { name, threshold, challenge, place })
}

/// Largest weight of a rule.
pub(super) const WEIGHT: i64 = 1_000_000;

/// A name of an action; lower case is accepted with a remark.
pub(super) fn action<T: Clone>(
    reading: &mut Reading,
    node: &Node,
    path: &str,
    values: &[(&str, T)],
) -> Option<T> {
    let text = reading.text(node, path)?;
    let upper = text.to_ascii_uppercase();
    let found = values.iter().find(|(name, _)| *name == upper);
    match found {
        Some((_, value)) if upper == text => Some(value.clone()),
        Some((_, value)) => {
            let message = format!("`{text}` is written `{upper}`");
            let lint = Diagnostic::lint("W206", message).at(node.place);
            let lint = lint.hint("actions are upper case");
            reading.note(lint.replace(node.place, upper));
            Some(value.clone())
        }
        None => reading.choice(node, path, values),
    }
}
