//! Conversions between kinds, `size` and `type`.

use super::{Function, cidr_text, refuse, time};
use crate::gate::expression::value::{Fail, Fault, Outcome, Value};

/// 2^63 as a double.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
/// 2^64 as a double.
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

pub(super) fn call<'a>(function: Function, args: &[Value<'a>]) -> Outcome<'a> {
    let [value] = args else { return Err(refuse(function, args)) };
    match function {
        Function::Size => size(value),
        Function::Int => int(value),
        Function::Uint => uint(value),
        Function::Double => double(value),
        Function::String => string(value),
        Function::Bytes => match value {
            Value::Bytes(_) => Ok(value.clone()),
            Value::String(text) => {
                Ok(Value::Bytes(text.as_str().as_bytes().into()))
            }
            _ => Err(refuse(function, args)),
        },
        Function::Bool => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) => truth(text.as_str()),
            _ => Err(refuse(function, args)),
        },
        Function::Type => Ok(Value::Type(value.type_name().into())),
        Function::Dyn => Ok(value.clone()),
        _ => Err(refuse(function, args)),
    }
}

fn size<'a>(value: &Value<'a>) -> Outcome<'a> {
    let count = match value {
        Value::String(text) => text.as_str().chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::Lazy(map) => map.len(),
        other => {
            return Err(refuse(Function::Size, std::slice::from_ref(other)));
        }
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn conversion(text: &str, to: &str) -> Fail {
    let text: String = text.chars().take(60).collect();
    Fault::Conversion(format!("`{text}` is no {to}")).into()
}

fn int<'a>(value: &Value<'a>) -> Outcome<'a> {
    let overflow = || Fail::from(Fault::Overflow);
    Ok(Value::Int(match value {
        Value::Int(n) => *n,
        Value::Uint(n) => i64::try_from(*n).map_err(|_| overflow())?,
        Value::Double(n) => {
            // The specification leaves the bounds out on both sides.
            if !(*n > -TWO_63 && *n < TWO_63) {
                return Err(overflow());
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "within the range, checked above"
            )]
            let n = *n as i64;
            n
        }
        Value::String(text) => text
            .as_str()
            .parse()
            .map_err(|_| conversion(text.as_str(), "int"))?,
        Value::Timestamp(at) => at
            .as_nanosecond()
            .div_euclid(1_000_000_000)
            .try_into()
            .map_err(|_| overflow())?,
        Value::Duration(nanos) => {
            i64::try_from(nanos / 1_000_000_000).map_err(|_| overflow())?
        }
        other => {
            return Err(refuse(Function::Int, std::slice::from_ref(other)));
        }
    }))
}

fn uint<'a>(value: &Value<'a>) -> Outcome<'a> {
    let overflow = || Fail::from(Fault::Overflow);
    Ok(Value::Uint(match value {
        Value::Uint(n) => *n,
        Value::Int(n) => u64::try_from(*n).map_err(|_| overflow())?,
        Value::Double(n) => {
            if !(*n >= 0.0 && *n < TWO_64) {
                return Err(overflow());
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within the range, checked above"
            )]
            let n = *n as u64;
            n
        }
        Value::String(text) => text
            .as_str()
            .parse()
            .map_err(|_| conversion(text.as_str(), "uint"))?,
        other => {
            return Err(refuse(Function::Uint, std::slice::from_ref(other)));
        }
    }))
}

fn double<'a>(value: &Value<'a>) -> Outcome<'a> {
    // CEL rounds to the nearest double.
    Ok(Value::Double(match value {
        Value::Double(n) => *n,
        Value::Int(n) => *n as f64,
        Value::Uint(n) => *n as f64,
        Value::String(text) => text
            .as_str()
            .parse()
            .map_err(|_| conversion(text.as_str(), "double"))?,
        other => {
            return Err(refuse(Function::Double, std::slice::from_ref(other)));
        }
    }))
}

fn truth<'a>(text: &str) -> Outcome<'a> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
        _ => Err(conversion(text, "bool")),
    }
}

fn string<'a>(value: &Value<'a>) -> Outcome<'a> {
    Ok(match value {
        Value::String(_) => value.clone(),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::text(text.to_owned()),
            Err(_) => return Err(conversion("(bytes)", "string")),
        },
        Value::Null | Value::List(_) | Value::Map(_) | Value::Lazy(_) => {
            let args = std::slice::from_ref(value);
            return Err(refuse(Function::String, args));
        }
        other => Value::text(show(other)),
    })
}

/// A value as `string()` writes it; lists and maps only for messages.
pub(in crate::gate) fn show(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => number(*value),
        Value::String(text) => text.as_str().to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Timestamp(at) => time::timestamp_text(*at),
        Value::Duration(nanos) => time::duration_text(*nanos),
        Value::Ip(address) => address.to_string(),
        Value::Cidr(address, len) => cidr_text(*address, *len),
        Value::Type(name) => name.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", show(key), show(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Lazy(map) => show(&Value::Map(map.entries())),
    }
}

/// The shortest text that reads back as the same double; an exponent from 21
/// digits on, as Go's `'g'` has it.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    value.to_string()
}
