//! Expressions of rules: the Common Expression Language (CEL).
//!
//! The syntax is the library's (`cel`); names, kinds, cost and evaluation are
//! ours, because a rule must be known to work before the first request: an
//! unknown name, a comparison of text with a number, a pattern that cannot be
//! compiled or a loop that may take too long refuse the policy
//! (<https://github.com/google/cel-spec>). What is not known at run time is
//! *unknown* and matches nothing.
//!
//! Beyond CEL: `text in text`, and the functions of [`check`]'s `ours`. Not
//! offered: messages, enums, optional values, `dyn` in rules.

use cel::parser::Parser;

use super::{
    policy::{Needs, RequestLimits},
    rule::Written,
};
use crate::diagnostic::Diagnostic;

mod arithmetic;
mod check;
mod compare;
mod cost;
mod quick;

pub mod declare;
pub mod evaluate;
pub mod function;
pub mod ir;
pub mod kind;
pub mod lazy_map;
pub mod signature;
pub mod value;

pub use compare::equal;
pub use cost::MAX_COST;
pub use declare::{Declarations, OfVisit, Strictness};
pub use evaluate::Bindings;
pub use value::{Fail, Fault, Value};

use declare::{VARIABLES, Variable};
use ir::Node;
use kind::Kind;

/// Longest expression, in bytes.
pub const MAX_BYTES: usize = 4_096;

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Program {
    root: Node,
    kind: Kind,
    cost: u64,
    needs: Needs,
}

/// Whether a rule's expression holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// Something is not known.
    Unknown,
    /// It cannot be computed.
    Error(Fault),
}

/// What checking an expression gives.
pub type Compiled = Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>>;

impl Program {
    /// Parses and checks. `context` names the rule in messages.
    ///
    /// # Errors
    /// Every fault of the expression, with its place.
    pub fn compile(
        source: &Written<String>,
        declarations: &Declarations<'_>,
        context: &str,
    ) -> Compiled {
        let rules = declarations.strictness == Strictness::Rules;
        if rules {
            within_limits(source, context).map_err(|fault| vec![fault])?;
        }
        let parser = Parser::new().max_recursion_depth(250);
        let parsed = parser.parse_with_source_info(&source.value);
        let (tree, info) = parsed
            .map_err(|errors| syntax_faults(source, context, &errors.errors))?;
        let mut checker = check::Checker {
            declarations,
            info: &info,
            source,
            context,
            locals: Vec::new(),
            found: Vec::new(),
            used: Vec::new(),
            nodes: 0,
            depth: 0,
            reverse: false,
        };
        let checked = checker.expression(&tree);
        if let Some((_, kind)) = &checked
            && rules
            && *kind != Kind::Bool
        {
            let message = format!("a rule needs a bool, this is {kind}");
            let hint = "compare it with something";
            checker.fault(&tree, "E112", message, hint);
        }
        let limits = declarations
            .offered
            .map_or_else(RequestLimits::default, |offered| offered.limits);
        let cost = checked.as_ref().map_or(0, |(n, _)| cost::cost(n, &limits));
        if rules && cost > MAX_COST {
            let (message, hint) = too_dear(cost, limits);
            checker.fault(&tree, "E140", message, hint);
        }
        let needs = needs(&checker);
        let found = checker.found;
        match checked {
            Some((root, kind)) if !found.iter().any(Diagnostic::is_error) => {
                Ok((Self { root, kind, cost, needs }, found))
            }
            _ => Err(found),
        }
    }

    /// Whether it holds for a request.
    pub fn holds(&self, of_visit: &OfVisit<'_>) -> Truth {
        let at_once = quick::holds(&self.root, of_visit).map(Ok);
        let whole = || evaluate::truth(&self.root, of_visit, None);
        match at_once.unwrap_or_else(whole) {
            Ok(true) => Truth::True,
            Ok(false) => Truth::False,
            Err(Fail::Unknown) => Truth::Unknown,
            Err(Fail::Error(fault)) => Truth::Error(fault),
        }
    }

    /// Its value, with other variables than those of rules.
    ///
    /// # Errors
    /// What is unknown, or wrong.
    pub fn value<'a>(
        &'a self,
        bindings: &'a dyn Bindings,
    ) -> value::Outcome<'a> {
        evaluate::value(&self.root, bindings, None)
    }

    /// Its kind.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The worst case, in units.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// What it asks for.
    pub fn needs(&self) -> Needs {
        self.needs
    }
}

fn too_dear(cost: u64, limits: RequestLimits) -> (String, &'static str) {
    let units = match cost {
        u64::MAX => "more units than can be counted".into(),
        cost => format!("{cost} units"),
    };
    let message =
        format!("this may cost {units}, at most {MAX_COST} are allowed");
    let hint = match limits == RequestLimits::default() {
        true => "bound what is gone through: `split(\" \", 10)`",
        false => "bound what is gone through, or lower `limits`",
    };
    (message, hint)
}

fn needs(checker: &check::Checker<'_>) -> Needs {
    let mut needs = Needs { reverse: checker.reverse, ..Needs::default() };
    for index in &checker.used {
        match VARIABLES.get(*index).map(|(_, variable)| variable) {
            Some(Variable::AsnNumber | Variable::AsnOrg) => needs.asn = true,
            Some(
                Variable::AsnScore | Variable::AsnLevel | Variable::AsnScored,
            ) => needs.score = true,
            Some(Variable::GeoCountry) => needs.country = true,
            Some(Variable::VerifiedCrawler) => needs.crawler = true,
            _ => {}
        }
    }
    needs
}

fn within_limits(
    source: &Written<String>,
    context: &str,
) -> Result<(), Diagnostic> {
    let text = &source.value;
    let fault = |message: String, hint: &str| {
        Diagnostic::error("E141", message)
            .at(source.part(0, text.len().min(60)))
            .within(context)
            .hint(hint)
    };
    if text.len() > MAX_BYTES {
        let message = format!(
            "the expression has {} bytes, at most {MAX_BYTES} are allowed",
            text.len()
        );
        return Err(fault(message, "split it into several rules"));
    }
    // Before the parser, whose recursion is deeper than ours.
    let mut depth = 0_usize;
    let mut operators = 0_usize;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '!' | '-' | '?' => operators += 1,
            _ => {}
        }
        if depth > check::MAX_DEPTH {
            let message = format!("deeper than {} levels", check::MAX_DEPTH);
            return Err(fault(message, "split it into several rules"));
        }
    }
    if operators > check::MAX_NODES {
        let message = format!("more than {} parts", check::MAX_NODES);
        return Err(fault(message, "split it into several rules"));
    }
    Ok(())
}

fn syntax_faults(
    source: &Written<String>,
    context: &str,
    errors: &[cel::ParseError],
) -> Vec<Diagnostic> {
    let offset = |line: isize, column: isize| {
        let mut at = 0;
        for (number, text) in source.value.split_inclusive('\n').enumerate() {
            if isize::try_from(number + 1) == Ok(line) {
                let column = usize::try_from(column - 1).unwrap_or(0);
                let inside = text.char_indices().nth(column);
                return at + inside.map_or(text.len(), |(at, _)| at);
            }
            at += text.len();
        }
        at
    };
    // One mistake often leads to several messages; three are enough.
    let mut faults: Vec<Diagnostic> = errors
        .iter()
        .take(3)
        .map(|error| {
            let at = offset(error.pos.0, error.pos.1);
            let why: String = error.msg.chars().take(160).collect();
            let why = why.split(" expecting ").next().unwrap_or_default();
            Diagnostic::error("E101", "this is not an expression")
                .at(source.part(at, 1))
                .within(context)
                .hint(why.replace('\n', " "))
        })
        .collect();
    faults.dedup_by_key(|fault| fault.place);
    faults
}
