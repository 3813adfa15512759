//! What an expression may cost at most, before it has seen a request.
//!
//! One unit is about one comparison of numbers; text is counted in blocks of
//! 256 bytes. Bounds come from the limits of a gateway: 100 headers, 32 KiB of
//! them, 8 KiB of path and query. Beyond 100,000 units an expression is refused.

use super::{
    declare::{VARIABLES, Variable},
    function::Function,
    ir::{Body, Node},
    value::Value,
};

/// Most units.
pub const MAX_COST: u64 = 100_000;

const HEADER_BYTES: u64 = 32_768;
const HEADERS: u64 = 100;
const URI_BYTES: u64 = 8_192;
const BLOCK: u64 = 256;

/// Cost, and how large the value may be: bytes of text, elements of a list,
/// and bytes of each element.
#[derive(Clone, Copy)]
struct Bound {
    cost: u64,
    size: u64,
    item: u64,
}

/// The worst case, in units.
pub(super) fn cost(node: &Node) -> u64 {
    bound(node, &mut Vec::new()).cost
}

/// Whether a node depends on nothing: no variable, no request.
pub(super) fn is_closed(node: &Node) -> bool {
    let both = |sides: &[Node; 2]| sides.iter().all(is_closed);
    match node {
        Node::Const(_) => true,
        Node::Variable(_)
        | Node::Local(_)
        | Node::InList(_)
        | Node::InFeed(_)
        | Node::MissingHeader(_)
        | Node::Reverse(_)
        | Node::Random(_)
        | Node::Raise(_)
        | Node::Loop { .. } => false,
        Node::Not(inner)
        | Node::Negate(inner)
        | Node::Has(inner, _)
        | Node::Matches(inner, _) => is_closed(inner),
        Node::And(parts) | Node::Or(parts) | Node::List(parts) => {
            parts.iter().all(is_closed)
        }
        Node::Call(_, args) => args.iter().all(is_closed),
        Node::Conditional(parts) => parts.iter().all(is_closed),
        Node::Equal { sides, .. }
        | Node::Order { sides, .. }
        | Node::Arithmetic { sides, .. } => both(sides),
        Node::In(sides) | Node::Index(sides) => both(sides),
        Node::Map(entries) => {
            entries.iter().all(|(k, v)| is_closed(k) && is_closed(v))
        }
    }
}

fn blocks(bytes: u64) -> u64 {
    1 + bytes / BLOCK
}

fn scalar(cost: u64) -> Bound {
    Bound { cost, size: 20, item: 0 }
}

#[expect(clippy::too_many_lines, reason = "one flat match over all nodes")]
fn bound(node: &Node, scopes: &mut Vec<u64>) -> Bound {
    match node {
        Node::Const(value) => constant(value),
        Node::Variable(index) => variable(*index),
        Node::Local(depth) => {
            let size = scopes.iter().rev().nth(*depth).copied().unwrap_or(20);
            Bound { cost: 1, size, item: 20 }
        }
        Node::Not(inner) | Node::Negate(inner) => {
            scalar(1 + bound(inner, scopes).cost)
        }
        Node::And(parts) | Node::Or(parts) => {
            scalar(parts.iter().map(|n| 1 + bound(n, scopes).cost).sum())
        }
        Node::Conditional(parts) => {
            let [a, b, c] = parts.each_ref().map(|n| bound(n, scopes));
            Bound {
                cost: 1 + a.cost + b.cost.max(c.cost),
                size: b.size.max(c.size),
                item: b.item.max(c.item),
            }
        }
        Node::Equal { sides, .. } | Node::Order { sides, .. } => {
            let [a, b] = sides.each_ref().map(|n| bound(n, scopes));
            scalar(
                a.cost
                    + b.cost
                    + compare(a.size.min(b.size), a.item.min(b.item)),
            )
        }
        Node::Arithmetic { sides, .. } => {
            let [a, b] = sides.each_ref().map(|n| bound(n, scopes));
            let size = a.size.saturating_add(b.size);
            Bound {
                cost: a.cost + b.cost + blocks(size),
                size,
                item: a.item.max(b.item),
            }
        }
        Node::In(sides) | Node::Index(sides) => {
            let [a, b] = sides.each_ref().map(|n| bound(n, scopes));
            let (whole, part) = match node {
                Node::In(_) => (b, a),
                _ => (a, b),
            };
            Bound {
                cost: a.cost
                    + b.cost
                    + match whole.item {
                        0 => blocks(whole.size),
                        _ => whole.size.saturating_mul(blocks(part.size)),
                    },
                size: whole.item,
                item: 20,
            }
        }
        Node::Has(inner, _) => {
            let inner = bound(inner, scopes);
            scalar(inner.cost + inner.size)
        }
        Node::List(items) => {
            let items: Vec<Bound> =
                items.iter().map(|n| bound(n, scopes)).collect();
            Bound {
                cost: 1 + items.iter().map(|i| i.cost).sum::<u64>(),
                size: items.len() as u64,
                item: items.iter().map(|i| i.size).max().unwrap_or(0).max(1),
            }
        }
        Node::Map(entries) => {
            let mut cost = 1 + (entries.len() * entries.len()) as u64;
            let mut item = 1;
            for (key, value) in entries {
                let value = bound(value, scopes);
                cost += bound(key, scopes).cost + value.cost;
                item = item.max(value.size);
            }
            Bound { cost, size: entries.len() as u64, item }
        }
        Node::Call(function, args) => call(*function, args, scopes),
        // The engine looks at each byte once, slower than a comparison.
        Node::Matches(inner, _) => {
            let inner = bound(inner, scopes);
            scalar(inner.cost + 4 * blocks(inner.size))
        }
        Node::Loop { range, body } => each(range, body, scopes),
        Node::MissingHeader(name) => scalar(bound(name, scopes).cost + HEADERS),
        Node::InList(_) | Node::InFeed(_) | Node::Reverse(_) => scalar(10),
        Node::Random(_) | Node::Raise(_) => scalar(1),
    }
}

fn compare(size: u64, item: u64) -> u64 {
    match item {
        0 => blocks(size),
        item => size.saturating_mul(blocks(item)).max(1),
    }
}

fn constant(value: &Value<'_>) -> Bound {
    let (size, item) = extent(value);
    Bound { cost: 1, size, item }
}

fn extent(value: &Value<'_>) -> (u64, u64) {
    match value {
        Value::String(text) => (text.as_str().len() as u64, 0),
        Value::Bytes(bytes) => (bytes.len() as u64, 0),
        Value::List(items) => {
            let item = items.iter().map(|i| extent(i).0).max().unwrap_or(0);
            (items.len() as u64, item.max(1))
        }
        Value::Map(entries) => {
            let item = entries.iter().map(|(_, v)| extent(v).0).max();
            (entries.len() as u64, item.unwrap_or(0).max(1))
        }
        _ => (20, 0),
    }
}

fn variable(index: usize) -> Bound {
    let variable = VARIABLES.get(index).map(|(_, variable)| *variable);
    let (size, item) = match variable {
        Some(Variable::Headers) => (HEADERS, HEADER_BYTES),
        Some(Variable::Query) => (1_000, URI_BYTES),
        Some(Variable::Path | Variable::RawPath) => (URI_BYTES, 0),
        Some(Variable::UserAgent) => (HEADER_BYTES, 0),
        Some(Variable::Host | Variable::AsnOrg) => (256, 0),
        _ => (64, 0),
    };
    Bound { cost: 1, size, item }
}

fn call(function: Function, args: &[Node], scopes: &mut Vec<u64>) -> Bound {
    let bounds: Vec<Bound> = args.iter().map(|n| bound(n, scopes)).collect();
    let cost: u64 = bounds.iter().map(|b| b.cost).sum();
    let first = bounds.first().map_or(0, |b| b.size);
    let whole: u64 = bounds.iter().map(|b| blocks(b.size)).sum();
    let (size, item) = match function {
        Function::Split => {
            // A literal limit bounds the parts.
            let limit = match args.get(2) {
                Some(Node::Const(Value::Int(n))) => u64::try_from(*n).ok(),
                _ => None,
            };
            (first.min(limit.unwrap_or(u64::MAX)), first)
        }
        Function::Segments => (first / 2, first),
        Function::Join | Function::Format => {
            let item = bounds.first().map_or(0, |b| b.item);
            (first.saturating_mul(item.max(20)), 0)
        }
        Function::Replace => {
            let to = bounds.get(2).map_or(1, |b| b.size);
            (first.saturating_mul(to.max(1)), 0)
        }
        Function::Size => (20, 0),
        Function::Quote | Function::RegexSafe => (first * 2, 0),
        _ => (first, 0),
    };
    let made = match function {
        Function::Split | Function::Segments => size,
        _ => blocks(size),
    };
    Bound { cost: cost + whole + made, size, item }
}

fn each(range: &Node, body: &Body, scopes: &mut Vec<u64>) -> Bound {
    let range = bound(range, scopes);
    // Values of a map are its items, but its keys are gone through: both are
    // bounded by the same bytes.
    scopes.push(range.item);
    let inner = |node: &Node, scopes: &mut Vec<u64>| bound(node, scopes);
    let (step, item) = match body {
        Body::All(node) | Body::Exists(node) | Body::ExistsOne(node) => {
            (inner(node, scopes).cost, 0)
        }
        Body::Map { filter, to } => {
            let filter = filter.as_ref().map_or(0, |n| inner(n, scopes).cost);
            let to = inner(to, scopes);
            (filter + to.cost, to.size.max(1))
        }
    };
    scopes.pop();
    // All parts of a text together are no longer than the text.
    let times = range.size;
    let cost = range.cost.saturating_add(times.saturating_mul(step + 1));
    Bound { cost, size: if item == 0 { 20 } else { times }, item }
}
