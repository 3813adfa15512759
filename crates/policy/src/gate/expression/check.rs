//! From a syntax tree to a tree whose names and kinds are settled.
//!
//! Every fault of an expression is noted, not only the first. What depends on
//! nothing is computed here, once.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo};

use super::{
    declare::{Declarations, Strictness},
    evaluate::{self, NoBindings},
    ir::Node,
    kind::Kind,
    value::{Fail, Fault, Value},
};
use crate::{
    diagnostic::{Diagnostic, did_you_mean},
    gate::rule::Written,
};

mod call;
mod macros;
mod operators;
mod ours;
mod place;

/// Most nodes of a tree.
pub(super) const MAX_NODES: usize = 1_000;
/// Most levels of a tree.
pub(super) const MAX_DEPTH: usize = 64;
/// Most macros inside each other.
pub(super) const MAX_LOOPS: usize = 2;

/// A node with its kind; `None` after a fault.
pub(super) type Checked = Option<(Node, Kind)>;

/// The checker at work.
pub(super) struct Checker<'c> {
    pub(super) declarations: &'c Declarations<'c>,
    pub(super) info: &'c SourceInfo,
    pub(super) source: &'c Written<String>,
    pub(super) context: &'c str,
    /// Variables of enclosing macros, outermost first.
    pub(super) locals: Vec<(String, Kind)>,
    pub(super) found: Vec<Diagnostic>,
    /// Declared variables that are used.
    pub(super) used: Vec<usize>,
    pub(super) nodes: usize,
    pub(super) depth: usize,
    /// Asks the confirmed name of the address.
    pub(super) reverse: bool,
}

impl<'c> Checker<'c> {
    pub(super) fn rules(&self) -> bool {
        self.declarations.strictness == Strictness::Rules
    }

    pub(super) fn unchecked(&self) -> bool {
        self.declarations.strictness == Strictness::Unchecked
    }

    pub(super) fn fault(
        &mut self,
        at: &IdedExpr,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let fault = Diagnostic::error(code, message).hint(hint);
        self.note(at, fault);
    }

    pub(super) fn note(&mut self, at: &IdedExpr, diagnostic: Diagnostic) {
        let (start, len) = self.extent(at);
        let place = self.source.part(start, len);
        self.found.push(diagnostic.at(place).within(self.context));
    }

    /// Checks a tree.
    pub(super) fn expression(&mut self, at: &IdedExpr) -> Checked {
        self.nodes += 1;
        // The depth is bounded for rules; conformance nests deeper.
        let limits =
            if self.rules() { (MAX_NODES, MAX_DEPTH) } else { (100_000, 400) };
        if self.nodes > limits.0 || self.depth >= limits.1 {
            if self.found.iter().all(|found| found.code != "E141") {
                let message = format!(
                    "the expression is larger than {MAX_NODES} parts or \
                     deeper than {MAX_DEPTH} levels"
                );
                self.fault(at, "E141", message, "split it into several rules");
            }
            return None;
        }
        self.depth += 1;
        let checked = self.any(at);
        self.depth -= 1;
        checked
    }

    fn any(&mut self, at: &IdedExpr) -> Checked {
        match &at.expr {
            Expr::Literal(literal) => Some(literal_value(literal)),
            Expr::Ident(name) => self.name(at, name),
            Expr::Select(select) => {
                self.select(at, &select.operand, &select.field, select.test)
            }
            Expr::Call(call) => self.call(at, call),
            Expr::List(list) => {
                if let Some(&odd) = list.optional_indices.first() {
                    let odd = list.elements.get(odd).unwrap_or(at);
                    self.fault(
                        odd,
                        "E106",
                        "optional values are not offered",
                        "",
                    );
                    return None;
                }
                self.list(at, &list.elements)
            }
            Expr::Map(map) => self.map(at, map),
            Expr::Comprehension(macro_) => self.comprehension(at, macro_),
            Expr::Struct(message) => {
                let name = &message.type_name;
                let text = format!("`{name}{{…}}`: messages are not offered");
                self.fault(at, "E106", text, "");
                None
            }
            Expr::Unspecified => {
                self.fault(at, "E101", "something is missing here", "");
                None
            }
        }
    }

    fn name(&mut self, at: &IdedExpr, name: &str) -> Checked {
        let local = self.locals.iter().rposition(|(own, _)| own == name);
        if let Some(index) = local {
            let depth = self.locals.len() - 1 - index;
            return Some((Node::Local(depth), self.locals[index].1.clone()));
        }
        if let Some(found) = self.declared(at, name) {
            return found;
        }
        if self.unchecked() {
            let why = format!("undeclared reference to '{name}'");
            let node = Node::Raise(Fault::Conversion(why));
            return Some((node, Kind::Dyn));
        }
        let names = self
            .declarations
            .variables
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(self.locals.iter().map(|(name, _)| name.as_str()));
        let hint = match did_you_mean(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if call::is_function(name) => "this is a function".into(),
            None => "text needs quotes; docs/gateway/rules.md lists variables"
                .into(),
        };
        let message = format!("unknown variable `{name}`");
        self.fault(at, "E104", message, hint);
        None
    }

    /// A declared variable, or a type; `None` if it is neither.
    fn declared(&mut self, at: &IdedExpr, name: &str) -> Option<Checked> {
        let container = &self.declarations.container;
        let mut candidates = Vec::new();
        let mut prefix = container.as_str();
        while !prefix.is_empty() {
            candidates.push(format!("{prefix}.{name}"));
            prefix = prefix.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        candidates.push(name.trim_start_matches('.').to_owned());
        let variables = &self.declarations.variables;
        let found = candidates.iter().find_map(|candidate| {
            variables.iter().position(|(own, _)| own == candidate)
        });
        if let Some(index) = found {
            let kind = variables[index].1.clone();
            self.feature(at, index);
            self.used.push(index);
            return Some(Some((Node::Variable(index), kind)));
        }
        let types = [
            "bool",
            "int",
            "uint",
            "double",
            "string",
            "bytes",
            "list",
            "map",
            "null_type",
            "type",
            "google.protobuf.Timestamp",
            "google.protobuf.Duration",
            "net.IP",
            "net.CIDR",
        ];
        let name = name.trim_start_matches('.');
        types
            .contains(&name)
            .then(|| Some((Node::Const(Value::Type(name.into())), Kind::Type)))
    }

    fn feature(&mut self, at: &IdedExpr, index: usize) {
        let Some(offered) = self.declarations.offered else { return };
        let Some((name, variable)) = super::declare::VARIABLES.get(index)
        else {
            return;
        };
        let Some((reason, fix)) = variable.off(offered) else { return };
        let message = format!("rule uses `{name}`, but {reason}");
        let fault = Diagnostic::error("E120", message).fix(fix);
        self.note(at, fault);
    }

    fn select(
        &mut self,
        at: &IdedExpr,
        operand: &IdedExpr,
        field: &str,
        test: bool,
    ) -> Checked {
        if let Some(path) = dotted(at).filter(|_| !test) {
            let root = path.split('.').find(|part| !part.is_empty());
            let hidden =
                self.locals.iter().any(|(name, _)| Some(name.as_str()) == root);
            if !hidden && let Some(found) = self.declared(at, &path) {
                return found;
            }
        }
        let (node, kind) = self.expression(operand)?;
        let value = match &kind {
            Kind::Map(key, value) if Kind::String.fits(key) => {
                (**value).clone()
            }
            Kind::Dyn => Kind::Dyn,
            Kind::Map(..) | Kind::List(_) if self.unchecked() => Kind::Dyn,
            other => {
                if self.unchecked() {
                    let why = format!("select of {other}");
                    let node = Node::Raise(Fault::NoSuchOverload(why));
                    return Some((node, Kind::Dyn));
                }
                let message = format!("{other} has no field `{field}`");
                self.fault(at, "E113", message, "only maps have fields");
                return None;
            }
        };
        if test {
            let node = Node::Has(Box::new(node), field.to_owned());
            return Some((node, Kind::Bool));
        }
        let key = Node::Const(Value::text(field.to_owned()));
        self.fold(at, Node::Index(Box::new([node, key])), value)
    }

    fn list(&mut self, at: &IdedExpr, elements: &[IdedExpr]) -> Checked {
        let mut nodes = Vec::with_capacity(elements.len());
        let mut of = Kind::Nothing;
        let mut whole = true;
        for element in elements {
            let Some((node, kind)) = self.expression(element) else {
                whole = false;
                continue;
            };
            of = match of.join(&kind) {
                Some(joined) => joined,
                None if self.rules() => {
                    let message = format!("a list of {of} with a {kind} in it");
                    let hint = "all elements have one type";
                    self.fault(element, "E114", message, hint);
                    whole = false;
                    continue;
                }
                None => Kind::Dyn,
            };
            nodes.push(node);
        }
        if !whole {
            return None;
        }
        self.fold(at, Node::List(nodes), Kind::list(of))
    }

    fn map(
        &mut self,
        at: &IdedExpr,
        map: &cel::common::ast::MapExpr,
    ) -> Checked {
        let mut nodes = Vec::new();
        let (mut keys, mut values) = (Kind::Nothing, Kind::Nothing);
        let mut whole = true;
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            if entry.optional {
                self.fault(
                    &entry.key,
                    "E106",
                    "optional values are not offered",
                    "",
                );
                return None;
            }
            let key = self.expression(&entry.key);
            let value = self.expression(&entry.value);
            let (Some((key, key_kind)), Some((value, value_kind))) =
                (key, value)
            else {
                whole = false;
                continue;
            };
            let good = matches!(
                key_kind,
                Kind::Bool | Kind::Int | Kind::Uint | Kind::String | Kind::Dyn
            );
            if !good && !self.unchecked() {
                let message = format!("a {key_kind} cannot be a key");
                let hint = "keys are bool, int, uint or string";
                self.fault(&entry.key, "E114", message, hint);
                whole = false;
                continue;
            }
            let joined = (keys.join(&key_kind), values.join(&value_kind));
            (keys, values) = match joined {
                (Some(keys), Some(values)) => (keys, values),
                _ if self.rules() => {
                    let message = "a map with entries of different types";
                    let hint = "keys have one type, values have one type";
                    self.fault(&entry.key, "E114", message, hint);
                    whole = false;
                    continue;
                }
                (keys, values) => {
                    (keys.unwrap_or(Kind::Dyn), values.unwrap_or(Kind::Dyn))
                }
            };
            nodes.push((key, value));
        }
        if !whole {
            return None;
        }
        self.fold(at, Node::Map(nodes), Kind::map(keys, values))
    }

    /// Computes what depends on nothing; in rules, what must fail is a fault.
    pub(super) fn fold(
        &mut self,
        at: &IdedExpr,
        node: Node,
        kind: Kind,
    ) -> Checked {
        if !super::cost::is_closed(&node) {
            return Some((node, kind));
        }
        let outcome =
            evaluate::value(&node, &NoBindings, None).map(Value::into_static);
        match outcome {
            Ok(value) => Some((Node::Const(value), kind)),
            Err(Fail::Error(fault)) if self.rules() => {
                let message = format!("this always fails: {fault}");
                self.fault(at, "E115", message, "");
                None
            }
            Err(_) => Some((node, kind)),
        }
    }
}

/// `a.b.c` as text, if it is only names.
pub(super) fn dotted(at: &IdedExpr) -> Option<String> {
    match &at.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", dotted(&select.operand)?, select.field))
        }
        _ => None,
    }
}

fn literal_value(literal: &LiteralValue) -> (Node, Kind) {
    let value = match literal {
        LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
        LiteralValue::Bytes(value) => Value::Bytes(value.inner().into()),
        LiteralValue::Double(value) => Value::Double(*value.inner()),
        LiteralValue::Int(value) => Value::Int(*value.inner()),
        LiteralValue::Null => Value::Null,
        LiteralValue::String(value) => Value::text(value.inner().to_owned()),
        LiteralValue::UInt(value) => Value::Uint(*value.inner()),
    };
    let kind = value.kind();
    (Node::Const(value), kind)
}
