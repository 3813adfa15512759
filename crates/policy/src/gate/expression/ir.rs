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
    Not(Box<Node>),
    /// `a && b && …`
    And(Vec<Node>),
    /// `a || b || …`
    Or(Vec<Node>),
    /// `a ? b : c`
    Conditional(Box<[Node; 3]>),
    /// `a == b`, or not.
    Equal {
        /// Both sides.
        sides: Box<[Node; 2]>,
        /// `!=`
        negated: bool,
    },
    /// `a < b` and the like.
    Order {
        /// Both sides.
        sides: Box<[Node; 2]>,
        /// Which.
        relation: Relation,
    },
    /// `a + b` and the like.
    Arithmetic {
        /// Both sides.
        sides: Box<[Node; 2]>,
        /// Which.
        operator: Operator,
    },
    /// `-a`
    Negate(Box<Node>),
    /// `a in b`
    In(Box<[Node; 2]>),
    /// `a[b]`, `a.b`
    Index(Box<[Node; 2]>),
    /// `has(a.b)`
    Has(Box<Node>, String),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{a: b}`
    Map(Vec<(Node, Node)>),
    /// `f(a, b)`, `a.f(b)`
    Call(Function, Vec<Node>),
    /// `a.matches("literal")`
    Matches(Box<Node>, Regex),
    /// `[…].all(x, p)` and the like.
    Loop {
        /// What is gone through.
        range: Box<Node>,
        /// What happens to each.
        body: Box<Body>,
    },
    /// `inList("name")`
    InList(ListIndex),
    /// `inFeed("name")`
    InFeed(FeedIndex),
    /// `missingHeader("name")`
    MissingHeader(Box<Node>),
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
