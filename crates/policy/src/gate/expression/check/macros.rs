//! `all`, `exists`, `exists_one`, `filter`, `map`.
//!
//! The parser writes them as loops with an accumulator; each has one shape,
//! and nobody can write another, because the accumulator's name is no name.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, operators as op,
};

use super::{Checked, Checker, MAX_LOOPS};
use crate::gate::expression::{
    ir::{Body, Node},
    kind::Kind,
};

/// What the step of a loop does.
enum Step<'e> {
    All(&'e IdedExpr),
    Exists(&'e IdedExpr),
    ExistsOne(&'e IdedExpr),
    Map(Option<&'e IdedExpr>, &'e IdedExpr),
}

fn shape(of: &ComprehensionExpr) -> Option<Step<'_>> {
    let call = call(&of.loop_step)?;
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_AND, [_, body]) => Some(Step::All(body)),
        (op::LOGICAL_OR, [_, body]) => Some(Step::Exists(body)),
        (op::ADD, _) => Some(Step::Map(None, appended(call)?)),
        (op::CONDITIONAL, [filter, step, _]) => {
            let counts = !matches!(of.result.expr, Expr::Ident(_));
            if counts {
                return Some(Step::ExistsOne(filter));
            }
            let step = self::call(step)?;
            Some(Step::Map(Some(filter), appended(step)?))
        }
        _ => None,
    }
}

fn call(at: &IdedExpr) -> Option<&CallExpr> {
    match &at.expr {
        Expr::Call(call) => Some(call),
        _ => None,
    }
}

/// `accu + [x]`: x.
fn appended(call: &CallExpr) -> Option<&IdedExpr> {
    match &call.args.get(1)?.expr {
        Expr::List(list) => list.elements.first(),
        _ => None,
    }
}

impl Checker<'_> {
    pub(super) fn comprehension(
        &mut self,
        at: &IdedExpr,
        of: &ComprehensionExpr,
    ) -> Checked {
        let Some(step) = shape(of).filter(|_| of.iter_var2.is_none()) else {
            self.fault(at, "E106", "this macro is not offered", "");
            return None;
        };
        let (range, kind) = self.expression(&of.iter_range)?;
        let item = match &kind {
            Kind::List(item) => (**item).clone(),
            Kind::Map(key, _) => (**key).clone(),
            Kind::Dyn | Kind::Nothing => Kind::Dyn,
            _ if self.unchecked() => Kind::Dyn,
            other => {
                let message = format!("a macro cannot go through {other}");
                let hint = "only lists and maps have elements";
                self.fault(&of.iter_range, "E110", message, hint);
                return None;
            }
        };
        if self.rules() && self.locals.len() >= MAX_LOOPS {
            let message =
                format!("more than {MAX_LOOPS} macros inside each other");
            self.fault(&of.iter_range, "E142", message, "use a list or a rule");
            return None;
        }
        self.locals.push((of.iter_var.clone(), item));
        let checked = self.body(step);
        self.locals.pop();
        let (body, kind) = checked?;
        let node = Node::Loop { range: Box::new(range), body: Box::new(body) };
        self.fold(at, node, kind)
    }

    fn body(&mut self, step: Step<'_>) -> Option<(Body, Kind)> {
        Some(match step {
            Step::All(body) => (Body::All(self.condition(body)?), Kind::Bool),
            Step::Exists(body) => {
                (Body::Exists(self.condition(body)?), Kind::Bool)
            }
            Step::ExistsOne(body) => {
                (Body::ExistsOne(self.condition(body)?), Kind::Bool)
            }
            Step::Map(filter, to) => {
                let filter = match filter {
                    Some(filter) => Some(self.condition(filter)?),
                    None => None,
                };
                let (to, kind) = self.expression(to)?;
                (Body::Map { filter, to }, Kind::list(kind))
            }
        })
    }

    fn condition(&mut self, at: &IdedExpr) -> Option<Node> {
        let checked = self.expression(at);
        self.wanted_bool(at, checked)
    }
}
