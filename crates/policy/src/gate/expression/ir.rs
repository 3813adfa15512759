//! What is evaluated: a tree whose names and types are settled.

use regex::Regex;

use super::{
    function::Function,
    value::{Fault, Value},
};
use crate::gate::visit::{FeedIndex, ListIndex};

/// A node.
#[derive(Clone, Debug)]
pub enum Node {
    /// A value that does not depend on the request.
    Const(Value<'static>),
    /// A declared variable, by its number.
    Variable(usize),
    /// The variable of an enclosing macro, counted from the inside.
    Local(usize),
    /// `!a`
    Not(Box<Self>),
    /// `a && b && …`
    And(Vec<Self>),
    /// `a || b || …`
    Or(Vec<Self>),
    /// `a ? b : c`
    Conditional(Box<[Self; 3]>),
    /// `a == b`, or not.
    Equal {
        /// Both sides.
        sides: Box<[Self; 2]>,
        /// `!=`
        negated: bool,
    },
    /// `a < b` and the like.
    Order {
        /// Both sides.
        sides: Box<[Self; 2]>,
        /// Which.
        relation: Relation,
    },
    /// `a + b` and the like.
    Arithmetic {
        /// Both sides.
        sides: Box<[Self; 2]>,
        /// Which.
        operator: Operator,
    },
    /// `-a`
    Negate(Box<Self>),
    /// `a in b`
    In(Box<[Self; 2]>),
    /// `a[b]`, `a.b`
    Index(Box<[Self; 2]>),
    /// `has(a.b)`
    Has(Box<Self>, String),
    /// `[a, b]`
    List(Vec<Self>),
    /// `{a: b}`
    Map(Vec<(Self, Self)>),
    /// `f(a, b)`, `a.f(b)`
    Call(Function, Vec<Self>),
    /// `a.matches("literal")`
    Matches(Box<Self>, Regex),
    /// `[…].all(x, p)` and the like.
    Loop {
        /// What is gone through.
        range: Box<Self>,
        /// What happens to each.
        body: Box<Body>,
    },
    /// `inList("name")`
    InList(ListIndex),
    /// `inFeed("name")`
    InFeed(FeedIndex),
    /// `missingHeader("name")`
    MissingHeader(Box<Self>),
    /// `verifyFCrDNS(remoteAddress, "pattern")`
    Reverse(Option<Regex>),
    /// `randInt(n)`: 0 to n − 1.
    Random(i64),
    /// Fails when it is evaluated; only without a checker.
    Raise(Fault),
}

/// What happens to each element.
#[derive(Clone, Debug)]
pub enum Body {
    /// All are true.
    All(Node),
    /// One is true.
    Exists(Node),
    /// Exactly one is true.
    ExistsOne(Node),
    /// A new list of those that fit.
    Map {
        /// Which.
        filter: Option<Node>,
        /// What they become.
        to: Node,
    },
}

/// `<`, `<=`, `>`, `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// `+`, `-`, `*`, `/`, `%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}
