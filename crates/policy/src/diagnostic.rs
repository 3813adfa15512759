//! What is wrong with a file that a person wrote: where, why, and the remedy.
//!
//! Every fault of a file is reported at once, each with a code, a place, the
//! line with a caret under it, and a hint. Codes: E0xx the file (E001 YAML, E002
//! unknown key, E003 wrong type, E004 wrong value, E005 missing, E006 limits,
//! E007 environment and flags), E10x names, E11x types, E12x a feature that is
//! off, E13x patterns, E14x cost, E15x structure of rules; W2xx lint. A
//! diagnostic never contains more than one line of the file.

use std::fmt::{self, Write as _};

mod edit;

pub use edit::{Edit, Replacement};

/// Longest part of a line that is shown, in characters.
const MAX_SHOWN: usize = 160;

/// The files that were read, for lines and columns.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<File>,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    text: String,
    /// Byte offset of the beginning of each line.
    lines: Vec<usize>,
}

/// A range of bytes of one of the [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which file, in the order in which they were added.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file works; somebody should look.
    Lint,
}

/// One fault, or one remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it refuses the file.
    pub severity: Severity,
    /// `E104`, `W201`: stable, for searching.
    pub code: &'static str,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// Where, if there is a place.
    pub place: Option<Place>,
    /// Which rule and which of its expressions: `rule "a", expression all[0]`.
    pub context: String,
    /// Stands beside the caret.
    pub hint: String,
    /// What would repair it, on a line of its own.
    pub fix: String,
    /// Changes of the text that say the same in the canonical form.
    pub edits: Vec<Edit>,
}

impl Sources {
    /// The texts of all files, in the order in which they were added.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.text.as_str())
    }

    /// Adds a file; places refer to it by the number that comes back.
    pub fn add(&mut self, name: &str, text: &str) -> usize {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        self.files.push(File {
            name: name.to_owned(),
            text: text.to_owned(),
            lines: std::iter::once(0).chain(starts).collect(),
        });
        self.files.len() - 1
    }

    /// Name of a file; empty if there is none of this number.
    pub fn name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| &file.name)
    }

    /// Text of a file; empty if there is none of this number.
    pub fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| &file.text)
    }

    /// Line and column (in characters), both from 1.
    pub fn line_column(&self, place: Place) -> (usize, usize) {
        let Some(file) = self.files.get(place.file) else { return (1, 1) };
        let line = file.lines.partition_point(|&start| start <= place.start);
        let start =
            file.lines[line.saturating_sub(1).min(file.lines.len() - 1)];
        let before = file.text.get(start..place.start).unwrap_or_default();
        (line.max(1), before.chars().count() + 1)
    }

    /// The line of a number from 1, without its end.
    fn line(&self, file: usize, line: usize) -> &str {
        self.text(file)
            .split('\n')
            .nth(line - 1)
            .unwrap_or_default()
            .trim_end_matches('\r')
    }

    /// A diagnostic as people read it, without a final newline.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let mut out = String::new();
        let word = diagnostic.severity.as_str();
        // Writing into a string cannot fail.
        let _ =
            write!(out, "{word}[{}]: {}", diagnostic.code, diagnostic.message);
        if let Some(place) = diagnostic.place {
            self.render_place(&mut out, diagnostic, place);
        } else if !diagnostic.context.is_empty() {
            let _ = write!(out, "\n  --> {}", diagnostic.context);
        }
        if !diagnostic.fix.is_empty() {
            let _ = write!(out, "\n   = fix: {}", diagnostic.fix);
        }
        out
    }

    fn render_place(&self, out: &mut String, of: &Diagnostic, place: Place) {
        let (line, column) = self.line_column(place);
        let name = self.name(place.file);
        let _ = write!(out, "\n  --> {name}:{line}:{column}");
        if !of.context.is_empty() {
            let _ = write!(out, "  {}", of.context);
        }
        let text = self.line(place.file, line);
        // Of a very long line only the part around the caret is shown.
        let skipped = if column > MAX_SHOWN { column - 40 } else { 0 };
        let shown: String = text
            .chars()
            .skip(skipped)
            .take(MAX_SHOWN)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let gutter = line.to_string();
        let _ = write!(out, "\n{gutter} | {shown}");
        let marked = self.text(place.file).get(place.start..place.end);
        let marked = marked.unwrap_or_default().split('\n').next();
        let room = shown.chars().count().saturating_sub(column - 1 - skipped);
        let carets = marked
            .map_or(1, |marked| marked.trim_end().chars().count())
            .clamp(1, room.max(1));
        let _ = write!(
            out,
            "\n{:gutter$} | {:indent$}{:^<carets$}",
            "",
            "",
            "",
            gutter = gutter.len(),
            indent = column - 1 - skipped,
        );
        if !of.hint.is_empty() {
            let _ = write!(out, " {}", of.hint);
        }
    }

    /// All of them, in the order of the file, one empty line between two.
    pub fn render_all(&self, diagnostics: &[Diagnostic]) -> String {
        let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
        sorted.sort_by_key(|d| (d.severity, d.place.is_none(), d.place));
        let texts: Vec<String> =
            sorted.into_iter().map(|d| self.render(d)).collect();
        texts.join("\n\n")
    }
}

impl Place {
    /// A part of this place: `len` bytes from `offset` on.
    #[must_use]
    pub fn part(self, offset: usize, len: usize) -> Self {
        let start = self.start + offset;
        Self { file: self.file, start, end: start + len }
    }
}

impl Severity {
    /// `error` or `lint`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Lint => "lint",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Diagnostic {
    /// A fault.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            context: String::new(),
            hint: String::new(),
            fix: String::new(),
            edits: Vec::new(),
        }
    }

    /// A remark.
    pub fn lint(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Lint, ..Self::error(code, message) }
    }

    /// Where.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Where, if it is known.
    #[must_use]
    pub fn at_opt(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// In which rule.
    #[must_use]
    pub fn within(self, context: impl Into<String>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// What stands beside the caret.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What would repair it.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    /// A change of the text that says the same in the canonical form.
    #[must_use]
    pub fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    /// The same, other text in one place.
    #[must_use]
    pub fn replace(self, place: Place, text: impl Into<String>) -> Self {
        self.edit(Edit::Replace(place, text.into()))
    }

    /// Whether the file is refused.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The name among `known` that was probably meant, if one is near enough.
pub fn did_you_mean<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = fold(written);
    let limit = (written.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(&folded, &fold(name)), name))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, name)| name)
}

fn fold(name: &str) -> Vec<char> {
    name.chars()
        .take(64)
        .filter(|c| !"_-".contains(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Optimal string alignment: insertions, deletions, changes, and swaps of
/// neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + changed);
            let swapped =
                i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_line_with_a_caret_and_a_hint() {
        let mut sources = Sources::default();
        let text = "rules:\n  - 'asnNumbr == 24940'\n";
        let file = sources.add("gateway.yaml", text);
        let start = text.find("asnNumbr").unwrap();
        let place = Place { file, start, end: start + 8 };
        let diagnostic =
            Diagnostic::error("E104", "unknown variable `asnNumbr`")
                .at(place)
                .within("rule \"a\", expression all[0]")
                .hint("did you mean `asnNumber`?");
        assert_eq!(
            sources.render(&diagnostic),
            "error[E104]: unknown variable `asnNumbr`\n  \
             --> gateway.yaml:2:6  rule \"a\", expression all[0]\n\
             2 |   - 'asnNumbr == 24940'\n  \
             |      ^^^^^^^^ did you mean `asnNumber`?"
        );
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut_around_the_caret() {
        let mut sources = Sources::default();
        let file = sources.add("f", &"x".repeat(1_000_000));
        let place = Place { file, start: 500_000, end: 999_999 };
        let text = sources.render(&Diagnostic::error("E001", "m").at(place));
        assert!(text.len() < 600, "{}", text.len());
    }

    #[test]
    fn near_names_are_proposed_and_far_ones_are_not() {
        let known = ["asnNumber", "asnOrg", "userAgent"];
        assert_eq!(did_you_mean("asnNumbr", known), Some("asnNumber"));
        assert_eq!(did_you_mean("user_agent", known), Some("userAgent"));
        assert_eq!(did_you_mean("asnOgr", known), Some("asnOrg"));
        assert_eq!(did_you_mean("zebra", known), None);
    }
}
