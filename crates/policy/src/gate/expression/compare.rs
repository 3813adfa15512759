//! Equality and order, as the CEL specification has them: numbers compare by
//! value across their types, NaN equals nothing, maps in any order.

use std::cmp::Ordering;

use super::value::{Fault, Value};

/// Whether two values are equal.
pub fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) => a.as_str() == b.as_str(),
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Ip(a), Value::Ip(b)) => a == b,
        (Value::Cidr(a, m), Value::Cidr(b, n)) => a == b && m == n,
        (Value::Type(a), Value::Type(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Map(_) | Value::Lazy(_), Value::Map(_) | Value::Lazy(_)) => {
            maps_equal(a, b)
        }
        _ => number_order(a, b) == Some(Some(Ordering::Equal)),
    }
}

fn maps_equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    let (Some(a), Some(b)) = (entries(a), entries(b)) else { return false };
    a.len() == b.len()
        && a.iter().all(|(key, value)| {
            find(&b, key).is_some_and(|other| equal(value, other))
        })
}

/// The entries of a map.
fn entries<'a>(
    map: &Value<'a>,
) -> Option<std::sync::Arc<[(Value<'a>, Value<'a>)]>> {
    match map {
        Value::Map(entries) => Some(entries.clone()),
        Value::Lazy(map) => Some(map.entries()),
        _ => None,
    }
}

/// The value of a key.
pub(super) fn find<'v, 'a>(
    entries: &'v [(Value<'a>, Value<'a>)],
    key: &Value<'_>,
) -> Option<&'v Value<'a>> {
    entries.iter().find(|(own, _)| equal(own, key)).map(|(_, value)| value)
}

/// The order of two values that have one.
///
/// # Errors
/// They have none.
pub(super) fn order(
    a: &Value<'_>,
    b: &Value<'_>,
) -> Result<Option<Ordering>, Fault> {
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => {
            Some(a.as_str().cmp(b.as_str()))
        }
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => match number_order(a, b) {
            Some(order) => order,
            None => {
                let names = (a.type_name(), b.type_name());
                let text = format!("order of {} and {}", names.0, names.1);
                return Err(Fault::NoSuchOverload(text));
            }
        },
    })
}

/// `None`: not both numbers; `Some(None)`: NaN.
fn number_order(a: &Value<'_>, b: &Value<'_>) -> Option<Option<Ordering>> {
    Some(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Uint(b)) => {
            Some(i128::from(*a).cmp(&i128::from(*b)))
        }
        (Value::Uint(a), Value::Int(b)) => {
            Some(i128::from(*a).cmp(&i128::from(*b)))
        }
        (Value::Int(a), Value::Double(b)) => whole(i128::from(*a), *b),
        (Value::Uint(a), Value::Double(b)) => whole(i128::from(*a), *b),
        (Value::Double(a), Value::Int(b)) => {
            whole(i128::from(*b), *a).map(Ordering::reverse)
        }
        (Value::Double(a), Value::Uint(b)) => {
            whole(i128::from(*b), *a).map(Ordering::reverse)
        }
        _ => return None,
    })
}

/// A whole number against a double, without losing a bit.
fn whole(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    // Beyond this every double is a larger (smaller) number than any i64, u64.
    if b >= 1e20 {
        return Some(Ordering::Less);
    }
    if b <= -1e20 {
        return Some(Ordering::Greater);
    }
    let floor = b.floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and below 1e20, checked above"
    )]
    let below = floor as i128;
    Some(match a.cmp(&below) {
        Ordering::Equal if b > floor => Ordering::Less,
        order => order,
    })
}
