//! Functions that look at their arguments as they are written: patterns and
//! names must be literals, so that they are compiled and found at load.

use cel::common::ast::IdedExpr;
use regex::Regex;

use super::{Checked, Checker};
use crate::{
    diagnostic::{Diagnostic, did_you_mean},
    gate::{
        expression::{
            declare::{VARIABLES, Variable},
            ir::Node,
            kind::Kind,
            value::{Fault, Value},
        },
        pattern,
        visit::{FeedIndex, ListIndex},
    },
};

impl Checker<'_> {
    /// `None`: the call is none of them.
    pub(super) fn ours(
        &mut self,
        at: &IdedExpr,
        name: &str,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
    ) -> Option<Checked> {
        Some(match (name, target, args) {
            ("matches", Some(text), [pattern])
            | ("matches" | "regex", None, [text, pattern]) => {
                self.matches(at, text, pattern)
            }
            _ if !self.rules() => return None,
            ("missingHeader", None, [name]) => self.missing_header(at, name),
            ("missingHeader", None, [headers, name]) => {
                self.must_be(headers, Variable::Headers)?;
                self.missing_header(at, name)
            }
            ("verifyFCrDNS", None, [address, rest @ ..]) if rest.len() <= 1 => {
                self.must_be(address, Variable::RemoteAddress)?;
                self.reverse(rest.first())
            }
            ("inList", None, [name]) => self.in_list(name),
            ("inFeed", None, [name]) => self.in_feed(name),
            ("randInt", None, [below]) => self.random(at, below),
            (name, ..) if super::call::OURS.contains(&name) => {
                let message = format!("`{name}` is not called like this");
                self.fault(at, "E111", message, usage(name));
                None
            }
            _ => return None,
        })
    }

    /// A literal, or what is one after folding.
    fn literal(&mut self, at: &IdedExpr, what: &str) -> Option<String> {
        let (node, kind) = self.expression(at)?;
        match node {
            Node::Const(Value::String(text)) => Some(text.as_str().to_owned()),
            _ if kind != Kind::String => {
                let message = format!("{what} must be text, this is {kind}");
                self.fault(at, "E111", message, "write it in quotes");
                None
            }
            _ => {
                let message = format!("{what} must be a literal");
                let hint = "it is looked at when the policy is loaded";
                self.fault(at, "E130", message, hint);
                None
            }
        }
    }

    fn pattern(&mut self, at: &IdedExpr) -> Option<Regex> {
        let text = self.literal(at, "a pattern")?;
        match pattern::regex(&text) {
            Ok(regex) => Some(regex),
            Err((_, _, why)) => {
                self.fault(at, "E131", "this pattern cannot be used", why);
                None
            }
        }
    }

    fn matches(
        &mut self,
        at: &IdedExpr,
        text: &IdedExpr,
        pattern: &IdedExpr,
    ) -> Checked {
        let checked = self.expression(text);
        let pattern = self.pattern(pattern);
        let (node, kind) = checked?;
        if !kind.fits(&Kind::String) {
            if self.unchecked() {
                let fault = Fault::NoSuchOverload("matches".into());
                return Some((Node::Raise(fault), Kind::Dyn));
            }
            let message = format!("`matches` looks at text, this is {kind}");
            self.fault(text, "E111", message, "convert it: `string(…)`");
            return None;
        }
        let node = Node::Matches(Box::new(node), pattern?);
        self.fold(at, node, Kind::Bool)
    }

    /// An argument that can only be one variable.
    fn must_be(&mut self, at: &IdedExpr, wanted: Variable) -> Option<()> {
        let (node, _) = self.expression(at)?;
        let index = VARIABLES.iter().position(|(_, own)| *own == wanted);
        if matches!((&node, index), (Node::Variable(own), Some(i)) if *own == i)
        {
            return Some(());
        }
        let name = index.map_or("", |index| VARIABLES[index].0);
        let message = format!("this must be `{name}`");
        self.fault(at, "E111", message, "only facts of the request are known");
        None
    }

    fn missing_header(&mut self, at: &IdedExpr, name: &IdedExpr) -> Checked {
        let (node, kind) = self.expression(name)?;
        if kind != Kind::String {
            let message = format!("a header's name is text, this is {kind}");
            self.fault(at, "E111", message, "write it in quotes");
            return None;
        }
        Some((Node::MissingHeader(Box::new(node)), Kind::Bool))
    }

    fn reverse(&mut self, pattern: Option<&IdedExpr>) -> Checked {
        let pattern = match pattern {
            Some(pattern) => Some(self.pattern(pattern)?),
            None => None,
        };
        self.reverse = true;
        Some((Node::Reverse(pattern), Kind::Bool))
    }

    fn in_list(&mut self, at: &IdedExpr) -> Checked {
        let name = self.literal(at, "the name of a list")?;
        let lists = self.declarations.offered.map(|o| o.lists.as_slice());
        let index =
            self.named(at, &name, lists.unwrap_or_default(), "ip list")?;
        Some((Node::InList(ListIndex(index)), Kind::Bool))
    }

    fn in_feed(&mut self, at: &IdedExpr) -> Checked {
        let name = self.literal(at, "the name of a feed")?;
        let feeds = self.declarations.offered.map(|o| o.feeds.as_slice());
        let index = self.named(at, &name, feeds.unwrap_or_default(), "feed")?;
        Some((Node::InFeed(FeedIndex(index)), Kind::Bool))
    }

    fn named(
        &mut self,
        at: &IdedExpr,
        name: &str,
        known: &[String],
        what: &str,
    ) -> Option<usize> {
        if let Some(index) = known.iter().position(|own| own == name) {
            return Some(index);
        }
        let key = if what == "feed" { "feeds" } else { "ip_lists" };
        let near = did_you_mean(name, known.iter().map(String::as_str));
        let hint = near.map_or_else(
            || format!("write it under `{key}`"),
            |near| format!("did you mean `{near}`?"),
        );
        let code = if what == "feed" { "E107" } else { "E102" };
        self.fault(at, code, format!("there is no {what} `{name}`"), hint);
        None
    }

    fn random(&mut self, at: &IdedExpr, below: &IdedExpr) -> Checked {
        let (node, _) = self.expression(below)?;
        let Node::Const(Value::Int(below @ 1..)) = node else {
            let message = "`randInt` wants a number from 1 on";
            self.fault(at, "E111", message, "for example `randInt(100) < 5`");
            return None;
        };
        let lint = Diagnostic::lint("W210", "`randInt` makes a rule a lottery")
            .hint("tests and replays of it differ from run to run");
        self.note(at, lint);
        Some((Node::Random(below), Kind::Int))
    }
}

fn usage(name: &str) -> &'static str {
    match name {
        "matches" => "`userAgent.matches(\"…\")`",
        "regex" => "`regex(userAgent, \"…\")`",
        "missingHeader" => "`missingHeader(\"accept\")`",
        "verifyFCrDNS" => "`verifyFCrDNS(remoteAddress, \"…\")`",
        "inFeed" => "`inFeed(\"name\")`",
        "inList" => "`inList(\"name\")`",
        _ => "`randInt(100)`",
    }
}
