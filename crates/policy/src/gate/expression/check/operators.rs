//! Operators.

use cel::common::ast::{CallExpr, IdedExpr, operators as op};

use super::{Checked, Checker};
use crate::gate::expression::{
    ir::{Node, Operator, Relation},
    kind::Kind,
    value::Fault,
};

impl Checker<'_> {
    /// `None`: the call is no operator.
    pub(super) fn operator(
        &mut self,
        at: &IdedExpr,
        call: &CallExpr,
    ) -> Option<Checked> {
        let args = call.args.as_slice();
        Some(match (call.func_name.as_str(), args) {
            (op::LOGICAL_AND, args) => self.logical(args, true),
            (op::LOGICAL_OR, args) => self.logical(args, false),
            (op::LOGICAL_NOT, [inner]) => {
                let checked = self.expression(inner);
                let node = self.wanted_bool(inner, checked);
                node.and_then(|node| {
                    self.fold(at, Node::Not(Box::new(node)), Kind::Bool)
                })
            }
            (op::CONDITIONAL, [condition, yes, no]) => {
                self.conditional(at, condition, yes, no)
            }
            (op::EQUALS, [a, b]) => self.equality(at, a, b, false),
            (op::NOT_EQUALS, [a, b]) => self.equality(at, a, b, true),
            (op::LESS, [a, b]) => self.order(at, a, b, Relation::Less),
            (op::LESS_EQUALS, [a, b]) => {
                self.order(at, a, b, Relation::LessEqual)
            }
            (op::GREATER, [a, b]) => self.order(at, a, b, Relation::Greater),
            (op::GREATER_EQUALS, [a, b]) => {
                self.order(at, a, b, Relation::GreaterEqual)
            }
            (op::ADD, [a, b]) => self.arithmetic(at, a, b, Operator::Add),
            (op::SUBSTRACT, [a, b]) => {
                self.arithmetic(at, a, b, Operator::Subtract)
            }
            (op::MULTIPLY, [a, b]) => {
                self.arithmetic(at, a, b, Operator::Multiply)
            }
            (op::DIVIDE, [a, b]) => self.arithmetic(at, a, b, Operator::Divide),
            (op::MODULO, [a, b]) => self.arithmetic(at, a, b, Operator::Modulo),
            (op::NEGATE, [inner]) => self.negate(at, inner),
            (op::INDEX, [of, key]) => self.index(at, of, key),
            (op::IN, [a, b]) => self.contained(at, a, b),
            (op::OPT_INDEX | op::OPT_SELECT, _) => {
                let message = "optional values are not offered";
                self.fault(at, "E106", message, "use `has(…)` or `in`");
                None
            }
            _ => return None,
        })
    }

    fn pair(
        &mut self,
        a: &IdedExpr,
        b: &IdedExpr,
    ) -> Option<[(Node, Kind); 2]> {
        // Both, so that faults of both are reported.
        let (a, b) = (self.expression(a), self.expression(b));
        Some([a?, b?])
    }

    /// In conformance without a checker, what cannot fit fails when it is
    /// evaluated.
    fn refuse(
        &mut self,
        at: &IdedExpr,
        what: &str,
        message: String,
        hint: String,
    ) -> Checked {
        if self.unchecked() {
            let fault = Fault::NoSuchOverload(what.to_owned());
            return Some((Node::Raise(fault), Kind::Dyn));
        }
        self.fault(at, "E110", message, hint);
        None
    }

    pub(super) fn wanted_bool(
        &mut self,
        at: &IdedExpr,
        checked: Checked,
    ) -> Option<Node> {
        let (node, kind) = checked?;
        if kind.fits(&Kind::Bool) || self.unchecked() {
            return Some(node);
        }
        let message = format!("this is {kind}, but must be bool");
        let hint = match kind {
            Kind::String => "compare it: `… == \"…\"` or `… != \"\"`",
            Kind::Int => "compare it: `… == 1` or `… > 0`",
            _ => "compare it with something",
        };
        self.fault(at, "E110", message, hint);
        None
    }

    fn logical(&mut self, args: &[IdedExpr], and: bool) -> Checked {
        let mut parts = Vec::with_capacity(args.len());
        let mut whole = true;
        for arg in args {
            let checked = self.expression(arg);
            match self.wanted_bool(arg, checked) {
                // `a && b && c` is one node.
                Some(Node::And(inner)) if and => parts.extend(inner),
                Some(Node::Or(inner)) if !and => parts.extend(inner),
                Some(node) => parts.push(node),
                None => whole = false,
            }
        }
        let node = if and { Node::And(parts) } else { Node::Or(parts) };
        whole.then_some((node, Kind::Bool))
    }

    fn conditional(
        &mut self,
        at: &IdedExpr,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
    ) -> Checked {
        let checked = self.expression(condition);
        let condition = self.wanted_bool(condition, checked);
        let [(yes, yes_kind), (no, no_kind)] = self.pair(yes, no)?;
        let kind = match yes_kind.join(&no_kind) {
            Some(kind) => kind,
            None if self.unchecked() => Kind::Dyn,
            None => {
                let message =
                    format!("one branch is {yes_kind}, one {no_kind}");
                self.fault(at, "E110", message, "both have one type");
                return None;
            }
        };
        let node = Node::Conditional(Box::new([condition?, yes, no]));
        Some((node, kind))
    }

    fn equality(
        &mut self,
        at: &IdedExpr,
        a: &IdedExpr,
        b: &IdedExpr,
        negated: bool,
    ) -> Checked {
        let [(a, left), (b, right)] = self.pair(a, b)?;
        let null = left == Kind::Null || right == Kind::Null;
        if left.join(&right).is_none() && !self.unchecked() {
            let message = format!("{left} and {right} are never equal");
            let hint = comparison_hint(&left, &right);
            if self.rules() || !null {
                return self.refuse(at, "==", message, hint);
            }
        }
        let node = Node::Equal { sides: Box::new([a, b]), negated };
        self.fold(at, node, Kind::Bool)
    }

    fn order(
        &mut self,
        at: &IdedExpr,
        a: &IdedExpr,
        b: &IdedExpr,
        relation: Relation,
    ) -> Checked {
        let [(a, left), (b, right)] = self.pair(a, b)?;
        let ordered = |kind: &Kind| {
            kind.is_number()
                || matches!(
                    kind,
                    Kind::Bool
                        | Kind::String
                        | Kind::Bytes
                        | Kind::Timestamp
                        | Kind::Duration
                        | Kind::Dyn
                        | Kind::Nothing
                )
        };
        let numbers = left.is_number() && right.is_number();
        let fit = ordered(&left)
            && ordered(&right)
            && (numbers || left.join(&right).is_some());
        if !fit {
            let message = format!("{left} and {right} have no order");
            let hint = comparison_hint(&left, &right);
            return self.refuse(at, "order", message, hint);
        }
        let node = Node::Order { sides: Box::new([a, b]), relation };
        self.fold(at, node, Kind::Bool)
    }

    fn arithmetic(
        &mut self,
        at: &IdedExpr,
        a: &IdedExpr,
        b: &IdedExpr,
        operator: Operator,
    ) -> Checked {
        let [(a, left), (b, right)] = self.pair(a, b)?;
        let Some(kind) = result(operator, &left, &right) else {
            let sign = sign(operator);
            let message = format!("{left} {sign} {right} has no meaning");
            let hint = if left.is_number() && right.is_number() {
                format!("convert one: `{left}(…)`")
            } else {
                "convert one of them".into()
            };
            return self.refuse(at, sign, message, hint);
        };
        let node = Node::Arithmetic { sides: Box::new([a, b]), operator };
        self.fold(at, node, kind)
    }

    fn negate(&mut self, at: &IdedExpr, inner: &IdedExpr) -> Checked {
        let (node, kind) = self.expression(inner)?;
        let good = matches!(kind, Kind::Int | Kind::Double | Kind::Dyn);
        if !good {
            let message = format!("-{kind} has no meaning");
            return self.refuse(at, "-", message, "only int and double".into());
        }
        self.fold(at, Node::Negate(Box::new(node)), kind)
    }

    fn index(
        &mut self,
        at: &IdedExpr,
        of: &IdedExpr,
        key: &IdedExpr,
    ) -> Checked {
        let [(of, of_kind), (key, key_kind)] = self.pair(of, key)?;
        let value = match (&of_kind, &key_kind) {
            (Kind::List(value), Kind::Int | Kind::Dyn) => (**value).clone(),
            (Kind::Map(own, value), key) if key.fits(own) => (**value).clone(),
            (Kind::Dyn | Kind::Nothing, _) => Kind::Dyn,
            (Kind::List(_) | Kind::Map(..), _) if self.unchecked() => Kind::Dyn,
            (of, key) => {
                let message = format!("{of} has no element by {key}");
                let hint = match of {
                    Kind::List(_) => "lists count from 0".to_owned(),
                    Kind::Map(own, _) => format!("keys are {own}"),
                    _ => "only lists and maps have elements".to_owned(),
                };
                return self.refuse(at, "index", message, hint);
            }
        };
        self.fold(at, Node::Index(Box::new([of, key])), value)
    }

    fn contained(
        &mut self,
        at: &IdedExpr,
        a: &IdedExpr,
        b: &IdedExpr,
    ) -> Checked {
        let [(a, part), (b, whole)] = self.pair(a, b)?;
        let fit = match &whole {
            Kind::List(of) => {
                part.join(of).is_some()
                    || (!self.rules() && part.is_number() && of.is_number())
            }
            Kind::Map(key, _) => part.fits(key),
            Kind::String => part.fits(&Kind::String),
            Kind::Dyn | Kind::Nothing => true,
            _ => false,
        };
        if !fit && !self.unchecked() {
            let message = format!("{part} is never in {whole}");
            let hint = match whole {
                Kind::List(of) => format!("its elements are {of}"),
                Kind::Map(key, _) => format!("its keys are {key}"),
                _ => "`in` looks into lists, maps and text".into(),
            };
            return self.refuse(at, "in", message, hint);
        }
        self.fold(at, Node::In(Box::new([a, b])), Kind::Bool)
    }
}

fn comparison_hint(a: &Kind, b: &Kind) -> String {
    match (a, b) {
        (Kind::Int, Kind::String) | (Kind::String, Kind::Int) => {
            "write the number without quotes".into()
        }
        (a, b) if a.is_number() && b.is_number() => {
            format!("convert one: `{a}(…)`")
        }
        (Kind::Ip, Kind::String) | (Kind::String, Kind::Ip) => {
            "write `ip(\"…\")`".into()
        }
        _ => "both sides have one type".into(),
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
    }
}

fn result(operator: Operator, a: &Kind, b: &Kind) -> Option<Kind> {
    use Kind as K;
    let dynamic = |kind: &K| matches!(kind, K::Dyn | K::Nothing);
    if dynamic(a) || dynamic(b) {
        return Some(K::Dyn);
    }
    match (operator, a, b) {
        (_, K::Int, K::Int) => Some(K::Int),
        (_, K::Uint, K::Uint) => Some(K::Uint),
        (Operator::Modulo, K::Double, K::Double) => None,
        (_, K::Double, K::Double) => Some(K::Double),
        (Operator::Add, K::String, K::String) => Some(K::String),
        (Operator::Add, K::Bytes, K::Bytes) => Some(K::Bytes),
        (Operator::Add, K::List(a), K::List(b)) => Some(K::list(a.join(b)?)),
        (Operator::Add, K::Timestamp, K::Duration)
        | (Operator::Add, K::Duration, K::Timestamp)
        | (Operator::Subtract, K::Timestamp, K::Duration) => Some(K::Timestamp),
        (Operator::Subtract, K::Timestamp, K::Timestamp)
        | (Operator::Add | Operator::Subtract, K::Duration, K::Duration) => {
            Some(K::Duration)
        }
        _ => None,
    }
}
