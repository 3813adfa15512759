//! Text: the standard functions, and the strings extension.
//!
//! Positions count characters, as the extension says
//! (<https://pkg.go.dev/github.com/google/cel-go/ext#Strings>).

use super::{Function, refuse};
use crate::gate::expression::value::{Fault, Outcome, Text, Value};

/// Longest text that a function may make, in bytes.
const MAX_MADE: usize = 1 << 20;

pub(super) fn call<'a>(function: Function, args: &[Value<'a>]) -> Outcome<'a> {
    use Function as F;
    let [Value::String(text), rest @ ..] = args else {
        return match (function, args) {
            (F::Join, [Value::List(items), rest @ ..]) => join(items, rest),
            _ => Err(refuse(function, args)),
        };
    };
    let own = text.as_str();
    match (function, rest) {
        (F::Contains, [Value::String(part)]) => {
            Ok(Value::Bool(own.contains(part.as_str())))
        }
        (F::StartsWith, [Value::String(part)]) => {
            Ok(Value::Bool(own.starts_with(part.as_str())))
        }
        (F::EndsWith, [Value::String(part)]) => {
            Ok(Value::Bool(own.ends_with(part.as_str())))
        }
        (F::LowerAscii, []) => Ok(match has_upper(own) {
            true => Value::text(own.to_ascii_lowercase()),
            false => args[0].clone(),
        }),
        (F::UpperAscii, []) => Ok(Value::text(own.to_ascii_uppercase())),
        (F::Trim, []) => Ok(slice(text, own.trim_matches(is_space))),
        (F::Reverse, []) => {
            Ok(Value::text(own.chars().rev().collect::<String>()))
        }
        (F::Quote, []) => Ok(Value::text(quote(own))),
        (F::RegexSafe, []) => Ok(Value::text(regex::escape(own))),
        (F::Segments, []) => Ok(Value::list(
            own.split('/')
                .filter(|part| !part.is_empty())
                .map(|part| slice(text, part))
                .collect(),
        )),
        (F::CharAt, [Value::Int(at)]) => char_at(text, *at),
        (F::IndexOf, [Value::String(part), from @ ..]) => {
            index_of(own, part.as_str(), from)
        }
        (F::LastIndexOf, [Value::String(part), from @ ..]) => {
            last_index_of(own, part.as_str(), from)
        }
        (F::Replace, [Value::String(from), Value::String(to), limit @ ..]) => {
            replace(own, from.as_str(), to.as_str(), limit)
        }
        (F::Split, [Value::String(by), limit @ ..]) => {
            split(text, by.as_str(), limit)
        }
        (F::Substring, [Value::Int(from)]) => {
            let end = i64::try_from(own.chars().count()).unwrap_or(i64::MAX);
            substring(text, *from, end)
        }
        (F::Substring, [Value::Int(from), Value::Int(to)]) => {
            substring(text, *from, *to)
        }
        _ => Err(refuse(function, args)),
    }
}

fn has_upper(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_uppercase())
}

/// White space of Unicode, as the extension says.
fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// A part of a text, borrowed if the text is.
fn slice<'a>(of: &Text<'a>, part: &str) -> Value<'a> {
    if let Text::Borrowed(whole) = of {
        let start = part.as_ptr() as usize - whole.as_ptr() as usize;
        if let Some(part) = whole.get(start..start + part.len()) {
            return Value::text(part);
        }
    }
    Value::text(part.to_owned())
}

/// The byte offset of a character; the end counts as one.
fn offset(text: &str, at: i64) -> Option<usize> {
    let at = usize::try_from(at).ok()?;
    if text.is_ascii() {
        return (at <= text.len()).then_some(at);
    }
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).nth(at)
}

fn position(text: &str, offset: usize) -> Value<'static> {
    let count = text[..offset].chars().count();
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn char_at<'a>(text: &Text<'a>, at: i64) -> Outcome<'a> {
    let own = text.as_str();
    let offset = offset(own, at).ok_or(Fault::OutOfBounds(at))?;
    let end = own[offset..].chars().next().map_or(0, char::len_utf8);
    Ok(slice(text, &own[offset..offset + end]))
}

fn index_of<'a>(own: &str, part: &str, from: &[Value<'a>]) -> Outcome<'a> {
    let from = match from {
        [] => 0,
        [Value::Int(from)] => *from,
        other => return Err(refuse(Function::IndexOf, other)),
    };
    let start = offset(own, from).ok_or(Fault::OutOfBounds(from))?;
    Ok(match own[start..].find(part) {
        Some(at) => position(own, start + at),
        None => Value::Int(-1),
    })
}

fn last_index_of<'a>(own: &str, part: &str, from: &[Value<'a>]) -> Outcome<'a> {
    let end = match from {
        [] => own.len(),
        [Value::Int(from)] => {
            let start = offset(own, *from).ok_or(Fault::OutOfBounds(*from))?;
            // A find may begin at `from`, so it may end so much later.
            let mut end = (start + part.len()).min(own.len());
            while !own.is_char_boundary(end) {
                end -= 1;
            }
            end
        }
        other => return Err(refuse(Function::LastIndexOf, other)),
    };
    Ok(match own[..end].rfind(part) {
        Some(at) => position(own, at),
        None => Value::Int(-1),
    })
}

fn limit(
    values: &[Value<'_>],
    of: Function,
) -> Result<Option<usize>, crate::gate::expression::value::Fail> {
    match values {
        [] => Ok(None),
        [Value::Int(limit)] => Ok(usize::try_from(*limit).ok()),
        other => Err(refuse(of, other)),
    }
}

fn replace<'a>(
    own: &str,
    from: &str,
    to: &str,
    limit_value: &[Value<'a>],
) -> Outcome<'a> {
    let limit = limit(limit_value, Function::Replace)?;
    let most = own.matches(from).count().min(limit.unwrap_or(usize::MAX));
    if own.len() + most.saturating_mul(to.len()) > MAX_MADE {
        return Err(Fault::TooLarge.into());
    }
    Ok(Value::text(match limit {
        Some(limit) => own.replacen(from, to, limit),
        None => own.replace(from, to),
    }))
}

fn split<'a>(text: &Text<'a>, by: &str, limits: &[Value<'a>]) -> Outcome<'a> {
    let own = text.as_str();
    let parts: Vec<&str> = match (limit(limits, Function::Split)?, by) {
        (Some(0), _) => Vec::new(),
        (limit, "") => characters(own, limit),
        (Some(limit), by) => own.splitn(limit, by).collect(),
        (None, by) => own.split(by).collect(),
    };
    Ok(Value::list(parts.into_iter().map(|p| slice(text, p)).collect()))
}

/// Each character, the last part taking the rest.
fn characters(own: &str, limit: Option<usize>) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = own;
    while let Some(c) = rest.chars().next() {
        if limit.is_some_and(|limit| parts.len() + 1 >= limit) {
            parts.push(rest);
            return parts;
        }
        let (first, after) = rest.split_at(c.len_utf8());
        parts.push(first);
        rest = after;
    }
    parts
}

fn substring<'a>(text: &Text<'a>, from: i64, to: i64) -> Outcome<'a> {
    let own = text.as_str();
    let start = offset(own, from).ok_or(Fault::OutOfBounds(from))?;
    let end = offset(own, to).ok_or(Fault::OutOfBounds(to))?;
    if start > end {
        return Err(Fault::OutOfBounds(from).into());
    }
    Ok(slice(text, &own[start..end]))
}

fn join<'a>(items: &[Value<'a>], by: &[Value<'a>]) -> Outcome<'a> {
    let by = match by {
        [] => "",
        [Value::String(by)] => by.as_str(),
        other => return Err(refuse(Function::Join, other)),
    };
    let mut out = String::new();
    for (n, item) in items.iter().enumerate() {
        let Value::String(item) = item else {
            return Err(refuse(Function::Join, std::slice::from_ref(item)));
        };
        if n > 0 {
            out.push_str(by);
        }
        out.push_str(item.as_str());
        if out.len() > MAX_MADE {
            return Err(Fault::TooLarge.into());
        }
    }
    Ok(Value::text(out))
}

/// As a literal, in double quotes.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
