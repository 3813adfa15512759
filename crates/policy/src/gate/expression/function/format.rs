//! `"…".format([…])`, as the strings extension has it: `%s %d %f %e %b %o %x %X`
//! with a precision for `%f` and `%e`.

use super::{conversion::show, refuse};
use crate::gate::expression::{
    function::Function,
    value::{Fail, Fault, Outcome, Value},
};

/// Most digits behind the point.
const MAX_PRECISION: usize = 100;
/// Longest result, in bytes.
const MAX_MADE: usize = 1 << 20;

pub(super) fn call<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::List(items)] = args else {
        return Err(refuse(Function::Format, args));
    };
    let mut out = String::new();
    let mut rest = text.as_str();
    let mut items = items.iter();
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (precision, verb, after) = clause(rest)?;
        rest = after;
        let item = items
            .next()
            .ok_or_else(|| fault("there are more clauses than arguments"))?;
        out.push_str(&one(verb, precision, item)?);
        if out.len() > MAX_MADE {
            return Err(Fault::TooLarge.into());
        }
    }
    out.push_str(rest);
    Ok(Value::text(out))
}

fn fault(why: impl Into<String>) -> Fail {
    Fault::Conversion(why.into()).into()
}

fn clause(text: &str) -> Result<(Option<usize>, char, &str), Fail> {
    let (precision, rest) = match text.strip_prefix('.') {
        Some(rest) => {
            let end =
                rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = rest[..end].parse::<usize>();
            let digits = digits.map_err(|_| fault("a precision is missing"))?;
            if digits > MAX_PRECISION {
                return Err(fault("a precision above 100"));
            }
            (Some(digits), &rest[end..])
        }
        None => (None, text),
    };
    let verb = rest.chars().next();
    let verb = verb.ok_or_else(|| fault("a clause is not complete"))?;
    Ok((precision, verb, &rest[verb.len_utf8()..]))
}

fn one(
    verb: char,
    precision: Option<usize>,
    item: &Value<'_>,
) -> Result<String, Fail> {
    let wrong =
        || fault(format!("`%{verb}` cannot show a {}", item.type_name()));
    match verb {
        's' => Ok(text(item)),
        'd' => match item {
            Value::Int(n) => Ok(n.to_string()),
            Value::Uint(n) => Ok(n.to_string()),
            Value::Double(n) if !n.is_finite() => Ok(not_finite(*n)),
            Value::Double(n) if n.fract() == 0.0 => Ok(format!("{n}")),
            _ => Err(wrong()),
        },
        'f' => {
            let number = double(item).ok_or_else(wrong)?;
            if !number.is_finite() {
                return Ok(not_finite(number));
            }
            Ok(format!("{number:.*}", precision.unwrap_or(6)))
        }
        'e' => {
            let number = double(item).ok_or_else(wrong)?;
            if !number.is_finite() {
                return Ok(not_finite(number));
            }
            Ok(exponent(number, precision.unwrap_or(6)))
        }
        'b' => match item {
            Value::Int(n) => Ok(signed(*n, |n| format!("{n:b}"))),
            Value::Uint(n) => Ok(format!("{n:b}")),
            Value::Bool(b) => Ok(u8::from(*b).to_string()),
            _ => Err(wrong()),
        },
        'o' => match item {
            Value::Int(n) => Ok(signed(*n, |n| format!("{n:o}"))),
            Value::Uint(n) => Ok(format!("{n:o}")),
            _ => Err(wrong()),
        },
        'x' => hex(item).ok_or_else(wrong),
        'X' => hex(item).map(|t| t.to_ascii_uppercase()).ok_or_else(wrong),
        _ => Err(fault(format!("`%{verb}` is no clause"))),
    }
}

fn signed(n: i64, show: impl Fn(u64) -> String) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", show(n.unsigned_abs()))
}

fn hex(item: &Value<'_>) -> Option<String> {
    let bytes = |bytes: &[u8]| {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    Some(match item {
        Value::Int(n) => signed(*n, |n| format!("{n:x}")),
        Value::Uint(n) => format!("{n:x}"),
        Value::String(text) => bytes(text.as_str().as_bytes()),
        Value::Bytes(own) => bytes(own),
        _ => return None,
    })
}

fn double(item: &Value<'_>) -> Option<f64> {
    // CEL rounds to the nearest double.
    Some(match item {
        Value::Double(n) => *n,
        Value::Int(n) => *n as f64,
        Value::Uint(n) => *n as f64,
        _ => return None,
    })
}

fn not_finite(number: f64) -> String {
    if number.is_nan() {
        "NaN".into()
    } else if number > 0.0 {
        "Infinity".into()
    } else {
        "-Infinity".into()
    }
}

/// `1.052033e+03`.
fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `%s`: doubles without an exponent, lists and maps by their parts, keys in
/// order.
fn text(item: &Value<'_>) -> String {
    match item {
        Value::Double(n) if !n.is_finite() => not_finite(*n),
        Value::Double(n) => n.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let mut entries: Vec<(String, String)> = entries
                .iter()
                .map(|(key, value)| (text(key), text(value)))
                .collect();
            entries.sort();
            let entries: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Lazy(map) => text(&Value::Map(map.entries())),
        other => show(other),
    }
}
