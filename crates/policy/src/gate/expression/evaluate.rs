//! Evaluating a checked tree.
//!
//! `&&`, `||`, `all` and `exists` absorb what is unknown or wrong on one side
//! when the other decides, whatever the order (CEL specification, "Logical
//! operators"). Between unknown and wrong, unknown wins: more data may decide.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    arithmetic,
    compare::{self, equal},
    function,
    ir::{Body, Node, Relation},
    quick,
    value::{Fail, Fault, Outcome, Text, Value},
};
use crate::gate::visit::{ReverseName, Visit};

/// Most elements of a list that is made on the way.
const MAX_ITEMS: usize = 1_000_000;

/// Where variables get their values.
pub trait Bindings {
    /// The value of a declared variable.
    fn variable(&self, index: usize) -> Outcome<'_>;
    /// The same without a value around it, if it is known, and text.
    fn text(&self, _index: usize) -> Option<&str> {
        None
    }
    /// The same for a number.
    fn int(&self, _index: usize) -> Option<i64> {
        None
    }
    /// The request, for functions that ask it.
    fn visit(&self) -> Option<&Visit<'_>>;
}

/// No variables: for constants.
#[derive(Clone, Copy, Debug)]
pub struct NoBindings;

impl Bindings for NoBindings {
    fn variable(&self, _: usize) -> Outcome<'_> {
        Err(Fail::Unknown)
    }
    fn visit(&self) -> Option<&Visit<'_>> {
        None
    }
}

/// Variables of macros, innermost first.
#[derive(Clone, Copy)]
pub struct Scope<'s, 'a> {
    outer: Option<&'s Self>,
    value: &'s Value<'a>,
}

/// Evaluates a node.
///
/// # Errors
/// What is unknown, or wrong.
pub fn value<'a>(
    node: &'a Node,
    bindings: &'a dyn Bindings,
    scope: Option<&Scope<'_, 'a>>,
) -> Outcome<'a> {
    match node {
        Node::Const(value) => Ok(borrow(value)),
        Node::Variable(index) => bindings.variable(*index),
        Node::Local(depth) => local(scope, *depth),
        Node::Conditional(parts) => {
            let chosen = match truth(&parts[0], bindings, scope)? {
                true => &parts[1],
                false => &parts[2],
            };
            value(chosen, bindings, scope)
        }
        Node::Arithmetic { sides, operator } => {
            let a = value(&sides[0], bindings, scope)?;
            let b = value(&sides[1], bindings, scope)?;
            arithmetic::binary(*operator, &a, &b)
        }
        Node::Negate(inner) => {
            arithmetic::negate(&value(inner, bindings, scope)?)
        }
        Node::Index(sides) => {
            let map = value(&sides[0], bindings, scope)?;
            let key = value(&sides[1], bindings, scope)?;
            index(&map, &key)
        }
        Node::List(items) => {
            let items: Result<Vec<Value<'a>>, Fail> =
                items.iter().map(|n| value(n, bindings, scope)).collect();
            Ok(Value::list(items?))
        }
        Node::Map(entries) => map(entries, bindings, scope),
        Node::Call(function, args) => {
            let arg = |node: &'a Node| value(node, bindings, scope);
            // Most have two; only the others are worth an allocation.
            match args.as_slice() {
                [one] => function::call(*function, &[arg(one)?]),
                [a, b] => function::call(*function, &[arg(a)?, arg(b)?]),
                many => {
                    let many: Result<Vec<Value<'a>>, Fail> =
                        many.iter().map(arg).collect();
                    function::call(*function, &many?)
                }
            }
        }
        Node::Loop { range, body } => {
            let range = value(range, bindings, scope)?;
            each(&range, body, bindings, scope)
        }
        Node::Random(below) => {
            let random = visit(bindings)?.random;
            let below = u64::try_from(*below).unwrap_or(1).max(1);
            let drawn = i64::try_from(random % below).unwrap_or(0);
            Ok(Value::Int(drawn))
        }
        Node::Raise(fault) => Err(fault.clone().into()),
        _ => truth(node, bindings, scope).map(Value::Bool),
    }
}

/// Evaluates a node whose value is true or false, without making values where
/// that can be avoided.
///
/// # Errors
/// What is unknown, or wrong.
pub fn truth<'a>(
    node: &'a Node,
    bindings: &'a dyn Bindings,
    scope: Option<&Scope<'_, 'a>>,
) -> Result<bool, Fail> {
    if let Some(holds) = quick::comparison(node, bindings) {
        return Ok(holds);
    }
    match node {
        Node::Not(inner) => Ok(!truth(inner, bindings, scope)?),
        Node::And(parts) => {
            absorb(parts.iter().map(|n| truth(n, bindings, scope)), false)
        }
        Node::Or(parts) => {
            absorb(parts.iter().map(|n| truth(n, bindings, scope)), true)
        }
        Node::Equal { sides, negated } => {
            let a = value(&sides[0], bindings, scope)?;
            let b = value(&sides[1], bindings, scope)?;
            Ok(equal(&a, &b) != *negated)
        }
        Node::Order { sides, relation } => {
            let a = value(&sides[0], bindings, scope)?;
            let b = value(&sides[1], bindings, scope)?;
            let order = compare::order(&a, &b)?;
            Ok(order.is_some_and(|order| relation.holds(order)))
        }
        Node::In(sides) => {
            let a = value(&sides[0], bindings, scope)?;
            let b = value(&sides[1], bindings, scope)?;
            contains(&a, &b)
        }
        Node::Has(inner, field) => {
            let map = value(inner, bindings, scope)?;
            contains(&Value::text(field.as_str()), &map)
        }
        Node::Matches(inner, regex) => match value(inner, bindings, scope)? {
            Value::String(text) => Ok(regex.is_match(text.as_str())),
            other => Err(mismatch("matches", &[&other])),
        },
        Node::InList(list) => {
            visit(bindings)?.lists.in_list(*list).ok_or(Fail::Unknown)
        }
        Node::InFeed(feed) => {
            visit(bindings)?.lists.in_feed(*feed).ok_or(Fail::Unknown)
        }
        Node::MissingHeader(name) => match value(name, bindings, scope)? {
            Value::String(name) => {
                let name = name.as_str();
                let lower = match name.bytes().any(|b| b.is_ascii_uppercase()) {
                    true => Cow::Owned(name.to_ascii_lowercase()),
                    false => Cow::Borrowed(name),
                };
                Ok(!visit(bindings)?.headers.has(&lower))
            }
            other => Err(mismatch("missingHeader", &[&other])),
        },
        Node::Reverse(pattern) => match visit(bindings)?.reverse.confirmed() {
            ReverseName::Pending => Err(Fail::Unknown),
            ReverseName::Unconfirmed => Ok(false),
            ReverseName::Confirmed(name) => {
                Ok(pattern.as_ref().is_none_or(|p| p.is_match(name)))
            }
        },
        _ => match value(node, bindings, scope)? {
            Value::Bool(value) => Ok(value),
            other => Err(mismatch("a truth value", &[&other])),
        },
    }
}

impl Relation {
    /// Whether an order is of this relation.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order == Ordering::Less,
            Self::LessEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterEqual => order != Ordering::Less,
        }
    }
}

/// `decisive` ends it, whatever the others are.
fn absorb(
    parts: impl Iterator<Item = Result<bool, Fail>>,
    decisive: bool,
) -> Result<bool, Fail> {
    let mut failed: Option<Fail> = None;
    for part in parts {
        match (part, &failed) {
            (Ok(value), _) if value == decisive => return Ok(decisive),
            (Ok(_), _) | (Err(_), Some(Fail::Unknown)) => {}
            (Err(Fail::Error(_)), Some(_)) => {}
            (Err(fail), _) => failed = Some(fail),
        }
    }
    failed.map_or(Ok(!decisive), Err)
}

fn borrow<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::String(text) => Value::String(Text::Borrowed(text.as_str())),
        other => other.clone(),
    }
}

fn local<'a>(scope: Option<&Scope<'_, 'a>>, depth: usize) -> Outcome<'a> {
    let mut at = scope;
    for _ in 0..depth {
        at = at.and_then(|scope| scope.outer);
    }
    match at {
        Some(scope) => Ok(scope.value.clone()),
        None => {
            Err(Fault::NoSuchOverload("a variable of no macro".into()).into())
        }
    }
}

fn visit(bindings: &dyn Bindings) -> Result<&Visit<'_>, Fail> {
    bindings.visit().ok_or(Fail::Unknown)
}

/// What the checker should have refused.
pub fn mismatch(what: &str, values: &[&Value<'_>]) -> Fail {
    let types: Vec<&str> = values.iter().map(|v| v.type_name()).collect();
    Fault::NoSuchOverload(format!("{what} of {}", types.join(", "))).into()
}

fn map<'a>(
    entries: &'a [(Node, Node)],
    bindings: &'a dyn Bindings,
    scope: Option<&Scope<'_, 'a>>,
) -> Outcome<'a> {
    let mut built: Vec<(Value<'a>, Value<'a>)> = Vec::new();
    for (key, item) in entries {
        let key = value(key, bindings, scope)?;
        if !key.is_key() {
            return Err(mismatch("a key", &[&key]));
        }
        if compare::find(&built, &key).is_some() {
            return Err(Fault::RepeatedKey(function::show(&key)).into());
        }
        built.push((key, value(item, bindings, scope)?));
    }
    Ok(Value::Map(built.into()))
}

/// `map[key]`, `list[index]`.
fn index<'a>(of: &Value<'a>, key: &Value<'a>) -> Outcome<'a> {
    match of {
        Value::Lazy(map) => match key {
            Value::String(key) => map.get(key.as_str()),
            other => Err(mismatch("a key", &[other])),
        },
        Value::Map(entries) => match compare::find(entries, key) {
            Some(found) => Ok(found.clone()),
            None => Err(Fault::NoSuchKey(function::show(key)).into()),
        },
        Value::List(items) => {
            let Some(wanted) = whole(key) else {
                return Err(mismatch("an index", &[of, key]));
            };
            let found = usize::try_from(wanted).ok().and_then(|n| items.get(n));
            found.cloned().ok_or_else(|| Fault::OutOfBounds(wanted).into())
        }
        other => Err(mismatch("an index", &[other, key])),
    }
}

/// An index may be any whole number.
fn whole(key: &Value<'_>) -> Option<i64> {
    match key {
        Value::Int(n) => Some(*n),
        Value::Uint(n) => Some(i64::try_from(*n).unwrap_or(i64::MAX)),
        Value::Double(n) if n.fract() == 0.0 && n.abs() < 9e15 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and below 2^53, checked above"
            )]
            let n = *n as i64;
            Some(n)
        }
        _ => None,
    }
}

/// `a in b`.
fn contains(a: &Value<'_>, b: &Value<'_>) -> Result<bool, Fail> {
    Ok(match (a, b) {
        (_, Value::List(items)) => items.iter().any(|item| equal(item, a)),
        (_, Value::Map(entries)) => compare::find(entries, a).is_some(),
        (Value::String(key), Value::Lazy(map)) => map.contains(key.as_str()),
        (Value::String(part), Value::String(whole)) => {
            whole.as_str().contains(part.as_str())
        }
        _ => return Err(mismatch("in", &[a, b])),
    })
}

fn each<'a>(
    range: &Value<'a>,
    body: &'a Body,
    bindings: &'a dyn Bindings,
    scope: Option<&Scope<'_, 'a>>,
) -> Outcome<'a> {
    let items: Vec<Value<'a>> = match range {
        Value::List(items) => items.to_vec(),
        Value::Map(entries) => {
            entries.iter().map(|(key, _)| key.clone()).collect()
        }
        Value::Lazy(map) => map.names()?,
        other => return Err(mismatch("a macro", &[other])),
    };
    let inner = |value: &Value<'a>, node: &'a Node| {
        truth(node, bindings, Some(&Scope { outer: scope, value }))
    };
    match body {
        Body::All(node) => {
            absorb(items.iter().map(|item| inner(item, node)), false)
                .map(Value::Bool)
        }
        Body::Exists(node) => {
            absorb(items.iter().map(|item| inner(item, node)), true)
                .map(Value::Bool)
        }
        Body::ExistsOne(node) => {
            let mut count = 0;
            for item in &items {
                count += usize::from(inner(item, node)?);
            }
            Ok(Value::Bool(count == 1))
        }
        Body::Map { filter, to } => {
            let mut made = Vec::new();
            for item in &items {
                if let Some(filter) = filter
                    && !inner(item, filter)?
                {
                    continue;
                }
                let scope = Scope { outer: scope, value: item };
                made.push(value(to, bindings, Some(&scope))?);
                if made.len() > MAX_ITEMS {
                    return Err(Fault::TooLarge.into());
                }
            }
            Ok(Value::list(made))
        }
    }
}
