//! Challenges as they are written: `challenge: {kind, difficulty}`, or a kind
//! with a `difficulty` beside it.

use super::super::rule::{ChallengeKind, ChallengeSpec};
use crate::{
    diagnostic::Diagnostic,
    yaml::{Node, Reading, Section, Value},
};

/// Above it a visitor's device works for minutes: 16^6 hashes are 16.8 M.
const HARD: u8 = 6;

/// Reads `challenge` (and `difficulty`) of a section.
pub(super) fn flat(section: &mut Section<'_, '_>) -> Option<ChallengeSpec> {
    let Some(node) = section.get("challenge") else {
        section.missing("challenge", "challenge: {kind: pow, difficulty: 4}");
        return None;
    };
    let path = section.path("challenge");
    let inside = matches!(node.value, Value::Map(_));
    let (kind, difficulty) = match &node.value {
        Value::Map(_) => {
            let keys = ["kind", "difficulty"];
            let inner = Section::open(section.reading, node, &path, &keys)?;
            (inner.get("kind"), inner.get("difficulty"))
        }
        _ => (Some(node), section.get("difficulty")),
    };
    let Some(kind_node) = kind else {
        section.missing("challenge.kind", "kind: pow");
        return None;
    };
    spec(section.reading, kind_node, difficulty, inside, &path)
}

fn spec(
    reading: &mut Reading,
    kind_node: &Node,
    difficulty: Option<&Node>,
    inside: bool,
    path: &str,
) -> Option<ChallengeSpec> {
    let preact = "preact";
    if reading.text(kind_node, path)? == preact {
        let lint = Diagnostic::lint(
            "W205",
            "`preact` is written `{kind: pow, difficulty: 0}`",
        );
        let mut lint = lint.at(kind_node.place).hint("script, without work");
        if !inside {
            let canonical = "{kind: pow, difficulty: 0}";
            lint = lint.edit(kind_node.place, canonical);
        }
        reading.note(lint);
        return Some(ChallengeSpec { kind: ChallengeKind::Pow, difficulty: 0 });
    }
    let kinds = [
        ("metarefresh", ChallengeKind::MetaRefresh),
        ("pow", ChallengeKind::Pow),
    ];
    let kind = reading.choice(kind_node, path, &kinds)?;
    let path = format!("{path}.difficulty");
    let (default, range) = match kind {
        ChallengeKind::MetaRefresh => (1, 1..=60),
        ChallengeKind::Pow => (4, 0..=64),
    };
    let level = match difficulty {
        Some(node) => reading.integer(node, &path, range)?,
        None => default,
    };
    if let (ChallengeKind::Pow, Some(node), true) =
        (kind, difficulty, level > HARD)
    {
        let message = format!("`pow` of difficulty {level} takes very long");
        let lint = Diagnostic::lint("W211", message).at(node.place);
        reading.note(lint.hint("6 are already 16.8 million hashes"));
    }
    Some(ChallengeSpec { kind, difficulty: level })
}
