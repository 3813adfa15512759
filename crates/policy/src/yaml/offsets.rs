//! Where in the file each byte of a scalar is: escapes, folded lines and
//! indentation are seen through, so that a caret stands where it belongs.

use std::sync::Arc;

use granit_parser::ScalarStyle;

use crate::diagnostic::Place;

/// The place between the quotes, or below the `|` of a block.
pub(super) fn inside(text: &str, style: ScalarStyle, place: Place) -> Place {
    let raw = text.get(place.start..place.end).unwrap_or_default();
    let quote = match style {
        ScalarStyle::SingleQuoted => '\'',
        ScalarStyle::DoubleQuoted => '"',
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let header = raw.starts_with(['|', '>']);
            let skipped = match raw.find('\n') {
                Some(end) if header => end + 1,
                _ => 0,
            };
            return Place { start: place.start + skipped, ..place };
        }
        ScalarStyle::Plain => return place,
    };
    let start = place.start + usize::from(raw.starts_with(quote));
    let closed = raw.len() > 1 && raw.ends_with(quote);
    Place { start, end: place.end - usize::from(closed), ..place }
}

/// The offset in the file of each byte of `text`, which `raw` (at `start`)
/// stands for.
pub(super) fn map(
    raw: &str,
    text: &str,
    style: ScalarStyle,
    start: usize,
) -> Arc<[u32]> {
    let mut at = 0;
    let mut map = Vec::with_capacity(text.len());
    for c in text.chars() {
        at = skip_to(raw, at, c, style);
        let here = u32::try_from(start + at).unwrap_or(u32::MAX);
        map.extend(std::iter::repeat_n(here, c.len_utf8()));
        at += length(raw, at, c, style);
    }
    map.into()
}

/// Passes white space that stands for nothing.
fn skip_to(raw: &str, mut at: usize, c: char, style: ScalarStyle) -> usize {
    loop {
        let rest = raw.get(at..).unwrap_or_default();
        let continued = style == ScalarStyle::DoubleQuoted
            && (rest.starts_with("\\\n") || rest.starts_with("\\\r\n"));
        match rest.chars().next() {
            Some('\\') if continued => at += 1,
            Some(found) if found.is_whitespace() && !c.is_whitespace() => {
                at += found.len_utf8();
            }
            _ => return at,
        }
    }
}

/// How many bytes of the file stand for `c`.
fn length(raw: &str, at: usize, c: char, style: ScalarStyle) -> usize {
    let rest = raw.get(at..).unwrap_or_default();
    let Some(found) = rest.chars().next() else { return 0 };
    let escape = match style {
        ScalarStyle::DoubleQuoted if found == '\\' => {
            match rest.as_bytes().get(1) {
                Some(b'x') => 4,
                Some(b'u') => 6,
                Some(b'U') => 10,
                _ => 2,
            }
        }
        ScalarStyle::SingleQuoted if rest.starts_with("''") => 2,
        _ => 0,
    };
    if escape > 0 {
        return escape.min(rest.len());
    }
    let same = found == c || (found.is_whitespace() && c.is_whitespace());
    if same { found.len_utf8() } else { 0 }
}
