//! Challenges as they are written: `challenge: {kind, difficulty}`, or a kind
//! with a `difficulty` beside it.

use super::super::rule::{ChallengeKind, ChallengeSpec};
use crate::{
    diagnostic::{Diagnostic, Edit, Place},
    yaml::{Node, Reading, Section, Value},
};

/// Above it a visitor's device works for minutes: 16^6 hashes are 16.8 M.
const HARD: u8 = 6;

/// A challenge as it is written.
struct Parts<'n> {
    kind: &'n Node,
    difficulty: Option<&'n Node>,
    /// `{kind: …}` and the key in it; `None`: a kind alone.
    mapping: Option<(Place, Place)>,
}

/// Reads `challenge` (and `difficulty`) of a section.
pub(super) fn flat(section: &mut Section<'_, '_>) -> Option<ChallengeSpec> {
    let Some(node) = section.get("challenge") else {
        section.missing("challenge", "challenge: {kind: pow, difficulty: 4}");
        return None;
    };
    let path = section.path("challenge");
    let Value::Map(_) = &node.value else {
        let difficulty = section.get("difficulty");
        let parts = Parts { kind: node, difficulty, mapping: None };
        return spec(section.reading, &parts, &path);
    };
    if let Some(key) = section.fields.key("difficulty") {
        let message = "`difficulty` belongs inside of `challenge`";
        let fault = Diagnostic::error("E153", message).at(key.place);
        let hint = "move it there; here it would count for nothing";
        section.reading.note(fault.hint(hint));
    }
    let keys = ["kind", "difficulty"];
    let inner = Section::open(section.reading, node, &path, &keys)?;
    let difficulty = inner.get("difficulty");
    let (Some(kind), Some(key)) = (inner.get("kind"), inner.fields.key("kind"))
    else {
        section.missing("challenge.kind", "kind: pow");
        return None;
    };
    let mapping = Some((node.place, key.place));
    spec(section.reading, &Parts { kind, difficulty, mapping }, &path)
}

fn preact(parts: &Parts<'_>) -> Diagnostic {
    let message = "`preact` is written `{kind: pow, difficulty: 0}`";
    let kind = parts.kind.place;
    let lint = Diagnostic::lint("W205", message).at(kind);
    match (parts.difficulty, parts.mapping) {
        (Some(difficulty), _) => lint
            .hint("script, without work: its difficulty counts for nothing")
            .edit(Edit::Bare(kind, "pow".into()))
            .edit(Edit::Bare(difficulty.place, "0".into())),
        (None, Some((mapping, key))) => {
            lint.hint("script, without work").edit(Edit::Beside {
                mapping,
                key,
                value: (kind, "pow".into()),
                entry: "difficulty: 0".into(),
            })
        }
        (None, None) => lint
            .hint("script, without work")
            .edit(Edit::Bare(kind, "{kind: pow, difficulty: 0}".into())),
    }
}

fn spec(
    reading: &mut Reading,
    parts: &Parts<'_>,
    path: &str,
) -> Option<ChallengeSpec> {
    let (kind_node, difficulty) = (parts.kind, parts.difficulty);
    if reading.text(kind_node, path)? == "preact" {
        reading.note(preact(parts));
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
