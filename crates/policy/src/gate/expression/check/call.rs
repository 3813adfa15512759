//! Calls of functions.

use cel::common::ast::{CallExpr, IdedExpr};

use super::{Checked, Checker, dotted};
use crate::{
    diagnostic::did_you_mean,
    gate::expression::{
        function::Function,
        ir::Node,
        kind::Kind,
        signature::{SIGNATURES, Signature},
        value::Fault,
    },
};

/// Functions that are not in the table: they look at their arguments as they
/// are written.
pub(super) const OURS: [&str; 7] = [
    "matches",
    "regex",
    "missingHeader",
    "verifyFCrDNS",
    "inFeed",
    "inList",
    "randInt",
];

/// Whether there is a function of this name.
pub(super) fn is_function(name: &str) -> bool {
    OURS.contains(&name) || SIGNATURES.iter().any(|s| s.name == name)
}

impl Checker<'_> {
    pub(super) fn call(&mut self, at: &IdedExpr, call: &CallExpr) -> Checked {
        if let Some(checked) = self.operator(at, call) {
            return checked;
        }
        let (name, target) = self.resolve(call);
        if let Some(checked) = self.ours(at, &name, target, &call.args) {
            return checked;
        }
        let known: Vec<&Signature> =
            SIGNATURES.iter().filter(|s| s.name == name).collect();
        let mut nodes = Vec::new();
        let mut kinds = Vec::new();
        let mut whole = true;
        for arg in target.into_iter().chain(&call.args) {
            match self.expression(arg) {
                Some((node, kind)) => {
                    nodes.push(node);
                    kinds.push(kind);
                }
                None => whole = false,
            }
        }
        if known.is_empty() {
            return self.unknown_function(at, &name);
        }
        if !whole {
            return None;
        }
        if name == "dyn" && self.rules() {
            let hint = "rules are checked before the first request";
            self.fault(at, "E105", "`dyn` is not offered in rules", hint);
            return None;
        }
        self.overload(at, &known, target.is_some(), nodes, &kinds)
    }

    /// `strings.quote(x)` is one name, `x.contains(y)` is not.
    fn resolve<'e>(
        &self,
        call: &'e CallExpr,
    ) -> (String, Option<&'e IdedExpr>) {
        let Some(target) = call.target.as_deref() else {
            let name = call.func_name.trim_start_matches('.');
            return (name.to_owned(), None);
        };
        if let Some(namespace) = dotted(target) {
            let name = format!("{namespace}.{}", call.func_name);
            let hidden = self.locals.iter().any(|(own, _)| *own == namespace);
            if !hidden && SIGNATURES.iter().any(|s| s.name == name) {
                return (name, None);
            }
        }
        (call.func_name.clone(), Some(target))
    }

    fn unknown_function(&mut self, at: &IdedExpr, name: &str) -> Checked {
        if self.unchecked() {
            let fault = Fault::NoSuchOverload(name.to_owned());
            return Some((Node::Raise(fault), Kind::Dyn));
        }
        let names = SIGNATURES.iter().map(|s| s.name).chain(OURS);
        let hint = match did_you_mean(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "docs/gateway/rules.md lists functions".into(),
        };
        self.fault(at, "E105", format!("unknown function `{name}`"), hint);
        None
    }

    fn overload(
        &mut self,
        at: &IdedExpr,
        known: &[&Signature],
        receiver: bool,
        nodes: Vec<Node>,
        kinds: &[Kind],
    ) -> Checked {
        let mut found: Option<(Function, Kind)> = None;
        for signature in known {
            if signature.receiver.is_some() != receiver {
                continue;
            }
            let wanted = signature.receiver.iter().chain(&signature.params);
            let count = signature.params.len() + usize::from(receiver);
            let mut holes = [Kind::Nothing, Kind::Nothing];
            let fits = count == kinds.len()
                && wanted
                    .zip(kinds)
                    .all(|(own, kind)| own.fits(kind, &mut holes));
            if fits {
                let result = signature.result.filled(&holes);
                // Several may fit what is known later: then so is the result.
                found = Some(match found {
                    Some((function, other)) if other != result => {
                        (function, Kind::Dyn)
                    }
                    _ => (signature.function, result),
                });
            }
        }
        if let Some((function, kind)) = found {
            return self.fold(at, Node::Call(function, nodes), kind);
        }
        let name = known[0].name;
        if self.unchecked() {
            return Some((Node::Call(known[0].function, nodes), Kind::Dyn));
        }
        let shown: Vec<String> = kinds.iter().map(Kind::to_string).collect();
        let (message, hint) = mismatch(known, receiver, name, &shown);
        self.fault(at, "E111", message, hint);
        None
    }
}

fn mismatch(
    known: &[&Signature],
    receiver: bool,
    name: &str,
    kinds: &[String],
) -> (String, String) {
    let written = match (receiver, kinds.split_first()) {
        (true, Some((target, args))) => {
            format!("{target}.{name}({})", args.join(", "))
        }
        _ => format!("{name}({})", kinds.join(", ")),
    };
    let lines: Vec<&str> = known.iter().take(4).map(|s| s.line).collect();
    let message = format!("there is no `{written}`");
    (message, format!("there is {}", lines.join("; ")))
}
