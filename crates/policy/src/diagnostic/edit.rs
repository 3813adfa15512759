//! Changes of a text that say the same in the canonical form.
//!
//! A reader of YAML knows places, not layout; here the layout is looked at, so
//! that comments, anchors and line breaks stay. The edits of one remark are made
//! together or not at all: half of them would say something else.

use std::ops::Range;

use super::{Diagnostic, Place};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Other text in this place, within its quotes if it has some.
    Replace(Place, String),
    /// Other text in this place, without its quotes if it has some.
    Bare(Place, String),
    /// The value of the only key of a mapping takes the place of the mapping.
    Unwrap {
        /// The mapping, in braces or in a block.
        mapping: Place,
        /// Its key.
        key: Place,
        /// The value.
        value: Place,
    },
    /// One more key, behind the value of another one of the same mapping.
    Beside {
        /// The mapping, in braces or in a block.
        mapping: Place,
        /// The other key.
        key: Place,
        /// Its value, which becomes this.
        value: (Place, String),
        /// `difficulty: 0`.
        entry: String,
    },
}

/// A part of a text, and what stands there instead.
pub type Replacement = (Range<usize>, String);

impl Diagnostic {
    /// What its edits replace in the text of their file; `None` if the layout
    /// does not allow one of them.
    pub fn replacements(&self, text: &str) -> Option<Vec<Replacement>> {
        let all: Option<Vec<Vec<Replacement>>> =
            self.edits.iter().map(|edit| edit.replacements(text)).collect();
        Some(all?.into_iter().flatten().collect())
    }
}

impl Edit {
    /// In which file.
    pub fn file(&self) -> usize {
        match self {
            Self::Replace(place, _) | Self::Bare(place, _) => place.file,
            Self::Unwrap { mapping, .. } | Self::Beside { mapping, .. } => {
                mapping.file
            }
        }
    }

    fn replacements(&self, text: &str) -> Option<Vec<Replacement>> {
        match self {
            Self::Replace(place, with) => {
                let range = place.start..place.end;
                text.get(range.clone())?;
                Some(vec![(range, with.clone())])
            }
            Self::Bare(place, with) => {
                let range = with_quotes(text, *place)?;
                Some(vec![(range, with.clone())])
            }
            Self::Unwrap { mapping, key, value } => {
                unwrap(text, *mapping, *key, *value)
            }
            Self::Beside { mapping, key, value: (value, with), entry } => {
                let key = with_quotes(text, *key)?;
                let between = match is_in_braces(text, *mapping) {
                    true => ", ".to_owned(),
                    false => format!("\n{}", indentation(text, key.start)),
                };
                let range = with_quotes(text, *value)?;
                Some(vec![(range, format!("{with}{between}{entry}"))])
            }
        }
    }
}

/// `{key: value}` → `value`; or the key of a block, up to its value.
fn unwrap(
    text: &str,
    mapping: Place,
    key: Place,
    value: Place,
) -> Option<Vec<Replacement>> {
    let key = with_quotes(text, key)?;
    let value = with_quotes(text, value)?;
    let rest = text.get(key.end..value.start)?;
    let colon = key.end + rest.find(':')? + 1;
    if is_in_braces(text, mapping) {
        let head = mapping.start..first_visible(text, colon);
        let tail = value.end..mapping.end;
        let is_plain = |range: &Range<usize>, allowed: &str| {
            text.get(range.clone()).is_some_and(|part| {
                part.chars().all(|c| c.is_whitespace() || allowed.contains(c))
            })
        };
        let before_key = mapping.start..key.start;
        let before_value = colon..head.end;
        let plain = is_plain(&before_key, "{")
            && is_plain(&before_value, "")
            && is_plain(&tail, ",}")
            && text[tail.clone()].ends_with('}');
        return plain
            .then(|| vec![(head, String::new()), (tail, String::new())]);
    }
    let breaks = text.get(colon..value.start)?.contains('\n');
    if !breaks {
        // The value may go where the mapping begins, beside the outer key.
        let start = first_visible(text, colon);
        return Some(match above(text, key.start) {
            Some(end) => vec![(end..start, " ".to_owned())],
            None => vec![(key.start..start, String::new())],
        });
    }
    // Its line goes, unless it says something else.
    let line_end = text[colon..].find('\n').map_or(text.len(), |n| colon + n);
    let line_start = text[..key.start].rfind('\n');
    let is_blank = |part: &str| part.trim().is_empty();
    Some(match line_start {
        Some(start)
            if is_blank(&text[start..key.start])
                && is_blank(&text[colon..line_end]) =>
        {
            vec![(start..line_end, String::new())]
        }
        _ => vec![(key.start..colon, String::new())],
    })
}

/// The end of the outer key with its colon, if nothing but white space is
/// between it and `at`.
fn above(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?.trim_end();
    let line = before.rsplit('\n').next().unwrap_or_default();
    // A comment may end with a colon, too.
    (before.ends_with(':') && !line.contains('#')).then_some(before.len())
}

fn first_visible(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + (rest.len() - rest.trim_start().len())
}

fn is_in_braces(text: &str, mapping: Place) -> bool {
    text.get(mapping.start..).is_some_and(|rest| rest.starts_with('{'))
}

/// What stands before a key of a block: spaces, and `- ` as spaces.
fn indentation(text: &str, at: usize) -> String {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    " ".repeat(line.chars().count())
}

/// A place of text is between its quotes; this is with them.
fn with_quotes(text: &str, place: Place) -> Option<Range<usize>> {
    let (start, end) = (place.start, place.end);
    text.get(start..end)?;
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    Some(match (before, after) {
        (Some('"'), Some('"')) | (Some('\''), Some('\'')) => start - 1..end + 1,
        _ => start..end,
    })
}
