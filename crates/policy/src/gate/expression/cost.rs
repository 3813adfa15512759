//! What an expression may cost at most, before it has seen a request.
//!
//! One unit is about one comparison of numbers; text is counted in blocks of
//! 256 bytes. Bounds come from the limits of the gateway ([`RequestLimits`]).
//! Beyond 100,000 units an expression is refused. Sums stop at the largest
//! number: what is that dear is refused, however much dearer it is.

use super::{
    declare::{VARIABLES, Variable},
    function::Function,
    ir::{Body, Node},
    lazy_map::MAX_NAMES,
    value::Value,
};
use crate::gate::policy::RequestLimits;

/// Most units.
pub const MAX_COST: u64 = 100_000;

const BLOCK: u64 = 256;
/// A number, an address, a moment as text.
const SHORT: u64 = 20;

/// Cost, and how large the value may be: bytes of text, elements of a list,
/// and bytes of each element.
#[derive(Clone, Copy)]
struct Bound {
    cost: u64,
    size: u64,
    item: u64,
}

impl Bound {
    /// Of a text, or of all elements together.
    fn bytes(self) -> u64 {
        match self.item {
            0 => self.size,
            item => self.size.saturating_mul(item),
        }
    }
}

/// The worst case, in units.
pub(super) fn cost(node: &Node, limits: &RequestLimits) -> u64 {
    Costing { limits, scopes: Vec::new() }.bound(node).cost
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

fn sum(costs: impl IntoIterator<Item = u64>) -> u64 {
    costs.into_iter().fold(0, u64::saturating_add)
}

fn scalar(cost: u64) -> Bound {
    Bound { cost, size: SHORT, item: 0 }
}

struct Costing<'l> {
    limits: &'l RequestLimits,
    /// Sizes of the variables of macros, and of their parts, innermost last.
    scopes: Vec<(u64, u64)>,
}

impl Costing<'_> {
    fn bound(&mut self, node: &Node) -> Bound {
        match node {
            Node::Const(value) => {
                let (size, item) = extent(value);
                Bound { cost: 1, size, item }
            }
            Node::Variable(index) => self.variable(*index),
            Node::Local(depth) => {
                let scope = self.scopes.iter().rev().nth(*depth).copied();
                let (size, item) = scope.unwrap_or((SHORT, SHORT));
                Bound { cost: 1, size, item }
            }
            Node::Not(inner) | Node::Negate(inner) => {
                scalar(self.cost(inner).saturating_add(1))
            }
            Node::And(parts) | Node::Or(parts) => {
                let parts = parts.iter().map(|n| self.cost(n));
                scalar(sum(parts.map(|cost| cost.saturating_add(1))))
            }
            Node::Conditional(parts) => {
                let [a, b, c] = parts.each_ref().map(|n| self.bound(n));
                Bound {
                    cost: sum([1, a.cost, b.cost.max(c.cost)]),
                    size: b.size.max(c.size),
                    item: b.item.max(c.item),
                }
            }
            Node::Equal { sides, .. } | Node::Order { sides, .. } => {
                self.comparison(sides)
            }
            Node::Arithmetic { sides, .. } => {
                let [a, b] = sides.each_ref().map(|n| self.bound(n));
                let size = a.size.saturating_add(b.size);
                let cost = sum([a.cost, b.cost, blocks(size)]);
                Bound { cost, size, item: a.item.max(b.item) }
            }
            Node::In(sides) => self.look_up(&sides[1], &sides[0]),
            Node::Index(sides) => self.look_up(&sides[0], &sides[1]),
            Node::Has(inner, _) => {
                let inner = self.bound(inner);
                scalar(inner.cost.saturating_add(inner.size))
            }
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Call(function, args) => self.call(*function, args),
            // The engine looks at each byte once, slower than a comparison.
            Node::Matches(inner, _) => {
                let inner = self.bound(inner);
                scalar(sum([inner.cost, 4 * blocks(inner.size)]))
            }
            Node::Loop { range, body } => self.each(range, body),
            Node::MissingHeader(name) => {
                scalar(sum([self.cost(name), self.limits.headers]))
            }
            Node::InList(_) | Node::InFeed(_) | Node::Reverse(_) => scalar(10),
            Node::Random(_) | Node::Raise(_) => scalar(1),
        }
    }

    fn cost(&mut self, node: &Node) -> u64 {
        self.bound(node).cost
    }

    fn variable(&self, index: usize) -> Bound {
        let limits = self.limits;
        let variable = VARIABLES.get(index).map(|(_, variable)| *variable);
        let (size, item) = match variable {
            Some(Variable::Headers) => (limits.headers, limits.header_bytes),
            // A pair takes a byte at least, and one that parts it from others.
            Some(Variable::Query) => {
                (limits.uri_bytes.div_ceil(2), limits.uri_bytes)
            }
            Some(Variable::Path | Variable::RawPath) => (limits.uri_bytes, 0),
            Some(Variable::UserAgent) => (limits.header_bytes, 0),
            Some(Variable::Host | Variable::AsnOrg) => (256, 0),
            _ => (64, 0),
        };
        Bound { cost: 1, size, item }
    }

    /// What it costs beyond its own bound to have all of a map of the request:
    /// each name of a header is compared with those before it, most by their
    /// length; those of a query are found by their hashes.
    fn whole(&self, node: &Node) -> u64 {
        if let Node::Conditional(parts) = node {
            return self.whole(&parts[1]).max(self.whole(&parts[2]));
        }
        let Node::Variable(index) = node else { return 0 };
        let Bound { size, item, .. } = self.variable(*index);
        match item {
            0 => 0,
            item if is_query(node) => size.saturating_add(blocks(item)),
            item => sum([size.saturating_mul(size) / 16, blocks(item)]),
        }
    }

    fn comparison(&mut self, sides: &[Node; 2]) -> Bound {
        let whole = sum(sides.each_ref().map(|n| self.whole(n)));
        let [a, b] = sides.each_ref().map(|n| self.bound(n));
        let size = a.size.min(b.size);
        let compared = match a.item.min(b.item) {
            0 => blocks(size),
            item => size.saturating_mul(blocks(item)).max(1),
        };
        scalar(sum([a.cost, b.cost, whole, compared]))
    }

    fn look_up(&mut self, whole: &Node, part: &Node) -> Bound {
        let (item, by_pair) = (self::part(whole), is_query(whole));
        let (whole, part) = (self.bound(whole), self.bound(part));
        let looked = match whole.item {
            0 => blocks(whole.size),
            // All names together are no longer than the query.
            item if by_pair => whole.size.saturating_add(blocks(item)),
            _ => whole.size.saturating_mul(blocks(part.size)),
        };
        let cost = sum([whole.cost, part.cost, looked]);
        Bound { cost, size: whole.item, item }
    }

    fn list(&mut self, items: &[Node]) -> Bound {
        let items: Vec<Bound> = items.iter().map(|n| self.bound(n)).collect();
        let largest = items.iter().map(|item| item.bytes()).max();
        Bound {
            cost: sum(items.iter().map(|item| item.cost)).saturating_add(1),
            size: count(items.len()),
            item: largest.unwrap_or(0).max(1),
        }
    }

    fn map(&mut self, entries: &[(Node, Node)]) -> Bound {
        let size = count(entries.len());
        // Each key is compared with those before it.
        let mut cost = size.saturating_mul(size).saturating_add(1);
        let mut item = 1;
        for (key, value) in entries {
            let (key, value) = (self.cost(key), self.bound(value));
            cost = sum([cost, key, value.cost]);
            item = item.max(value.bytes());
        }
        Bound { cost, size, item }
    }

    fn call(&mut self, function: Function, args: &[Node]) -> Bound {
        let whole = sum(args.iter().map(|n| self.whole(n)));
        let bounds: Vec<Bound> = args.iter().map(|n| self.bound(n)).collect();
        let (size, item) = made(function, args, &bounds);
        let costs = bounds.iter().map(|bound| bound.cost);
        let read = bounds.iter().map(|bound| blocks(bound.size));
        let written = match function {
            Function::Split | Function::Segments => size,
            _ => blocks(size),
        };
        let cost = sum(costs.chain(read).chain([whole, written]));
        Bound { cost, size, item }
    }

    fn each(&mut self, range: &Node, body: &Body) -> Bound {
        let (whole, part) = (self.whole(range), part(range));
        let most = match is_query(range) {
            true => count(MAX_NAMES),
            false => u64::MAX,
        };
        let range = self.bound(range);
        // Values of a map are its items, but its keys are gone through: both
        // are bounded by the same bytes.
        self.scopes.push((range.item, part));
        let (step, item) = match body {
            Body::All(node) | Body::Exists(node) | Body::ExistsOne(node) => {
                (self.cost(node), 0)
            }
            Body::Map { filter, to } => {
                let filter = filter.as_ref().map_or(0, |n| self.cost(n));
                let to = self.bound(to);
                (filter.saturating_add(to.cost), to.bytes().max(1))
            }
        };
        self.scopes.pop();
        let times = range.size.min(most);
        let steps = times.saturating_mul(step.saturating_add(1));
        Bound {
            cost: sum([range.cost, whole, steps]),
            size: if item == 0 { SHORT } else { times },
            item,
        }
    }
}

/// Size of what a function makes, and of each part of it.
fn made(function: Function, args: &[Node], bounds: &[Bound]) -> (u64, u64) {
    let size = |at: usize| bounds.get(at).map_or(0, |bound| bound.size);
    let item = |at: usize| bounds.get(at).map_or(0, |bound| bound.item);
    let first = size(0);
    match function {
        Function::Split => {
            // A literal limit bounds the parts.
            let limit = match args.get(2) {
                Some(Node::Const(Value::Int(n))) => u64::try_from(*n).ok(),
                _ => None,
            };
            (first.min(limit.unwrap_or(u64::MAX)), first)
        }
        Function::Segments => (first / 2, first),
        // Between two parts stands the separator.
        Function::Join => {
            let part = item(0).max(SHORT).saturating_add(size(1));
            (first.saturating_mul(part), 0)
        }
        // Every argument is shown once, bytes as two digits each; a number has
        // a hundred digits behind the point at most, and 309 before it.
        Function::Format => {
            let part = item(1).saturating_mul(2).saturating_add(512);
            (sum([first, size(1).saturating_mul(part)]), 0)
        }
        // Of an empty text there is one more than characters.
        Function::Replace => {
            let places = first.saturating_add(1);
            (sum([first, places.saturating_mul(size(2))]), 0)
        }
        Function::Size => (SHORT, 0),
        Function::Quote | Function::RegexSafe => (first.saturating_mul(2), 0),
        _ => (first, 0),
    }
}

fn is_query(node: &Node) -> bool {
    let Node::Variable(index) = node else { return false };
    let variable = VARIABLES.get(*index);
    variable.is_some_and(|(_, v)| matches!(v, Variable::Query))
}

/// What the elements of a range are made of: nothing, where they are text for
/// certain.
fn part(range: &Node) -> u64 {
    let texts = match range {
        Node::Variable(index) => VARIABLES.get(*index).is_some_and(|(_, v)| {
            matches!(v, Variable::Headers | Variable::Query)
        }),
        Node::Call(function, _) => {
            matches!(function, Function::Split | Function::Segments)
        }
        _ => false,
    };
    if texts { 0 } else { SHORT }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn extent(value: &Value<'_>) -> (u64, u64) {
    match value {
        Value::String(text) => (count(text.as_str().len()), 0),
        Value::Bytes(bytes) => (count(bytes.len()), 0),
        Value::List(items) => {
            let item = items.iter().map(|i| extent(i).0).max().unwrap_or(0);
            (count(items.len()), item.max(1))
        }
        Value::Map(entries) => {
            let item = entries.iter().map(|(_, v)| extent(v).0).max();
            (count(entries.len()), item.unwrap_or(0).max(1))
        }
        _ => (SHORT, 0),
    }
}
