//! `+ - * / %` and `-x`: integers never wrap, times stay in their range.

use jiff::Timestamp;

use super::{
    evaluate::mismatch,
    ir::Operator,
    value::{Fail, Fault, Outcome, Text, Value},
};

/// Longest duration (CEL specification: about 10,000 years), in nanoseconds.
pub(super) const MAX_DURATION: i128 = 315_576_000_000 * 1_000_000_000;
/// 0001-01-01T00:00:00Z in seconds.
const FIRST_SECOND: i128 = -62_135_596_800;
/// 9999-12-31T23:59:59Z in seconds.
const LAST_SECOND: i128 = 253_402_300_799;
const NANOS: i128 = 1_000_000_000;
/// Longest text and largest list that may be made by joining, in bytes or
/// items.
const MAX_JOINED: usize = 1 << 20;

/// `a + b` and the like.
pub(super) fn binary<'a>(
    operator: Operator,
    a: &Value<'a>,
    b: &Value<'a>,
) -> Outcome<'a> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(operator, *a, *b).map(Value::Int),
        (Value::Uint(a), Value::Uint(b)) => {
            uint(operator, *a, *b).map(Value::Uint)
        }
        (Value::Double(a), Value::Double(b)) => {
            Ok(Value::Double(match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                Operator::Modulo => {
                    return Err(mismatch("%", &[&Value::Double(*a)]));
                }
            }))
        }
        _ => match operator {
            Operator::Add => add(a, b),
            Operator::Subtract => subtract(a, b),
            _ => Err(mismatch("arithmetic", &[a, b])),
        },
    }
}

fn int(operator: Operator, a: i64, b: i64) -> Result<i64, Fail> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide if b == 0 => return Err(Fault::DivisionByZero.into()),
        Operator::Divide => a.checked_div(b),
        Operator::Modulo if b == 0 => return Err(Fault::ModulusByZero.into()),
        Operator::Modulo => a.checked_rem(b),
    };
    result.ok_or_else(|| Fault::Overflow.into())
}

fn uint(operator: Operator, a: u64, b: u64) -> Result<u64, Fail> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide if b == 0 => return Err(Fault::DivisionByZero.into()),
        Operator::Divide => a.checked_div(b),
        Operator::Modulo if b == 0 => return Err(Fault::ModulusByZero.into()),
        Operator::Modulo => a.checked_rem(b),
    };
    result.ok_or_else(|| Fault::Overflow.into())
}

fn add<'a>(a: &Value<'a>, b: &Value<'a>) -> Outcome<'a> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let (a, b) = (a.as_str(), b.as_str());
            if a.len() + b.len() > MAX_JOINED {
                return Err(Fault::TooLarge.into());
            }
            Ok(Value::String(Text::from(format!("{a}{b}"))))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            if a.len() + b.len() > MAX_JOINED {
                return Err(Fault::TooLarge.into());
            }
            Ok(Value::Bytes(a.iter().chain(b.iter()).copied().collect()))
        }
        (Value::List(a), Value::List(b)) => {
            if a.len() + b.len() > MAX_JOINED {
                return Err(Fault::TooLarge.into());
            }
            Ok(Value::List(a.iter().chain(b.iter()).cloned().collect()))
        }
        (Value::Duration(a), Value::Duration(b)) => duration(a + b),
        (Value::Timestamp(a), Value::Duration(b))
        | (Value::Duration(b), Value::Timestamp(a)) => {
            timestamp(a.as_nanosecond() + b)
        }
        _ => Err(mismatch("+", &[a, b])),
    }
}

fn subtract<'a>(a: &Value<'a>, b: &Value<'a>) -> Outcome<'a> {
    match (a, b) {
        (Value::Duration(a), Value::Duration(b)) => duration(a - b),
        (Value::Timestamp(a), Value::Duration(b)) => {
            timestamp(a.as_nanosecond() - b)
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => {
            duration(a.as_nanosecond() - b.as_nanosecond())
        }
        _ => Err(mismatch("-", &[a, b])),
    }
}

/// `-a`.
pub(super) fn negate<'a>(a: &Value<'a>) -> Outcome<'a> {
    match a {
        Value::Int(a) => a
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Fault::Overflow.into()),
        Value::Double(a) => Ok(Value::Double(-a)),
        Value::Duration(a) => duration(-a),
        other => Err(mismatch("-", &[other])),
    }
}

/// A duration within its range.
pub(super) fn duration<'a>(nanos: i128) -> Outcome<'a> {
    match nanos.abs() <= MAX_DURATION {
        true => Ok(Value::Duration(nanos)),
        false => Err(Fault::Overflow.into()),
    }
}

/// A moment of the years 1 to 9999.
pub(super) fn timestamp<'a>(nanos: i128) -> Outcome<'a> {
    let second = nanos.div_euclid(NANOS);
    if !(FIRST_SECOND..=LAST_SECOND).contains(&second) {
        return Err(Fault::Overflow.into());
    }
    Timestamp::from_nanosecond(nanos)
        .map(Value::Timestamp)
        .map_err(|_| Fault::Overflow.into())
}
