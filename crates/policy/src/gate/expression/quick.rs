//! The comparisons that most rules consist of, without values on the way: a
//! variable of the request beside a constant, a list, a header that is missing.
//!
//! `asnNumber == 64511`, `path.startsWith("/admin")`, `"bot" in userAgent`. What
//! is not of this form, or not known, is left to the evaluator; where both
//! answer, they agree (a test here compares them).

use super::{
    evaluate::Bindings,
    function::Function,
    ir::Node,
    value::{Text, Value},
};

/// Whether an expression holds, if that can be said at once. A side that
/// decides does so whatever the others are, as in the evaluator.
pub(super) fn holds(node: &Node, bindings: &dyn Bindings) -> Option<bool> {
    match node {
        Node::Not(inner) => holds(inner, bindings).map(|inner| !inner),
        Node::And(parts) => any(parts, false, bindings),
        Node::Or(parts) => any(parts, true, bindings),
        leaf => comparison(leaf, bindings),
    }
}

/// `decisive` if one of the parts is; its opposite if all are known.
fn any(
    parts: &[Node],
    decisive: bool,
    bindings: &dyn Bindings,
) -> Option<bool> {
    let mut known = true;
    for part in parts {
        match holds(part, bindings) {
            Some(holds) if holds == decisive => return Some(decisive),
            part => known &= part.is_some(),
        }
    }
    known.then_some(!decisive)
}

/// Whether a comparison holds, if it is one of those.
pub(super) fn comparison(node: &Node, bindings: &dyn Bindings) -> Option<bool> {
    match node {
        Node::Equal { sides, negated } => {
            let ((Node::Variable(variable), Node::Const(constant))
            | (Node::Const(constant), Node::Variable(variable))) =
                (&sides[0], &sides[1])
            else {
                return None;
            };
            let equal = match constant {
                Value::String(text) => {
                    bindings.text(*variable)? == text.as_str()
                }
                Value::Int(number) => bindings.int(*variable)? == *number,
                _ => return None,
            };
            Some(equal != *negated)
        }
        Node::Order { sides, relation } => {
            let order = match (&sides[0], &sides[1]) {
                (Node::Variable(variable), Node::Const(Value::Int(number))) => {
                    bindings.int(*variable)?.cmp(number)
                }
                (Node::Const(Value::Int(number)), Node::Variable(variable)) => {
                    number.cmp(&bindings.int(*variable)?)
                }
                _ => return None,
            };
            Some(relation.holds(order))
        }
        Node::In(sides) => match (&sides[0], &sides[1]) {
            (Node::Const(Value::String(part)), Node::Variable(variable)) => {
                Some(bindings.text(*variable)?.contains(part.as_str()))
            }
            _ => None,
        },
        Node::Call(function, args) => {
            let [Node::Variable(variable), Node::Const(Value::String(part))] =
                args.as_slice()
            else {
                return None;
            };
            text_test(*function, bindings.text(*variable)?, part)
        }
        Node::MissingHeader(name) => {
            let Node::Const(Value::String(name)) = &**name else { return None };
            let name = name.as_str();
            let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
            let visit = bindings.visit().filter(|_| is_lower)?;
            Some(!visit.headers.has(name))
        }
        Node::InList(list) => bindings.visit()?.lists.in_list(*list),
        Node::InFeed(feed) => bindings.visit()?.lists.in_feed(*feed),
        _ => None,
    }
}

fn text_test(function: Function, text: &str, part: &Text<'_>) -> Option<bool> {
    let part = part.as_str();
    match function {
        Function::Contains => Some(text.contains(part)),
        Function::StartsWith => Some(text.starts_with(part)),
        Function::EndsWith => Some(text.ends_with(part)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use asgard_model::{Asn, Level};

    use super::*;
    use crate::{
        diagnostic::Place,
        gate::{
            expression::{
                Declarations, OfVisit, Program, evaluate,
                value::{Fail, Outcome},
            },
            policy::{Feature, Offered},
            rule::Written,
            visit::{Crawler, Visit},
        },
    };

    /// The variables of a request, as values only.
    struct ByValue<'v>(OfVisit<'v>);

    impl Bindings for ByValue<'_> {
        fn variable(&self, index: usize) -> Outcome<'_> {
            self.0.variable(index)
        }
        fn visit(&self) -> Option<&Visit<'_>> {
            self.0.visit()
        }
    }

    const EXPRESSIONS: [&str; 30] = [
        "asnNumber == 13335",
        "13335 != asnNumber",
        "asnNumber < 13336",
        "13335 >= asnNumber",
        "asnNumber > 13335 || asnNumber <= 0",
        "asnScore < 50",
        "asnScore >= 50 && asnLevel == \"LOW\"",
        "asnLevel != \"UNKNOWN\"",
        "asnOrg.contains(\"flare\")",
        "asnOrg == \"\"",
        "\"flare\" in asnOrg",
        "host == \"shop.example\"",
        "method != \"GET\"",
        "path.startsWith(\"/adm\")",
        "path.endsWith(\"n\")",
        "rawPath.contains(\"\")",
        "userAgent.startsWith(\"\")",
        "\"Firefox\" in userAgent",
        "contentLength > 100",
        "contentLength == -1",
        "0 <= contentLength",
        "verifiedCrawler == \"googlebot\"",
        "verifiedCrawler != \"\"",
        "!(\"x\" in headers) && verifiedCrawler == \"\"",
        "asnScore < 50 || method == \"POST\"",
        "asnScore < 50 && method == \"POST\"",
        "!(asnScore < 50 && (host == \"\" || \"x\" in headers))",
        "missingHeader(headers, \"user-agent\") && !inList(\"office\")",
        "missingHeader(headers, \"X-Upper\")",
        "inFeed(\"bad-nets\") || asnNumber == 0",
    ];

    fn compile(text: &str) -> Program {
        let offered = Offered {
            asn: Feature::On,
            scores: Feature::On,
            crawlers: vec!["googlebot".into()],
            lists: vec!["office".into()],
            feeds: vec!["bad-nets".into()],
            ..Offered::default()
        };
        let place = Place { file: 0, start: 0, end: text.len() };
        let source = Written { value: text.to_owned(), place, map: None };
        let declarations = Declarations::of_rules(&offered);
        Program::compile(&source, &declarations, "").expect(text).0
    }

    #[test]
    fn what_is_said_at_once_is_what_the_evaluator_says() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let nobody = Visit::of(address);
        let pending = Crawler::Pending { name: "googlebot", retry: false };
        let visits = [
            nobody,
            Visit { crawler: pending, ..nobody },
            Visit {
                asn: Some(Asn(13335)),
                asn_org: "Cloudflare",
                score: Some(98),
                level: Some(Level::Low),
                method: "POST",
                host: "shop.example",
                path: "/admin",
                raw_path: "/adm%69n",
                user_agent: "Firefox/140",
                content_length: Some(101),
                crawler: Crawler::Verified("googlebot"),
                ..nobody
            },
        ];
        let (mut quick, mut unknown) = (0, 0);
        for text in EXPRESSIONS {
            let program = compile(text);
            for visit in &visits {
                let variables = OfVisit::new(visit);
                let node = &program.root;
                let by_value = ByValue(variables.clone());
                let want = evaluate::truth(node, &by_value, None);
                let said = evaluate::truth(node, &variables, None);
                assert_eq!(said, want, "{text} for {visit:?}");
                if let Some(holds) = holds(node, &variables) {
                    assert_eq!(Ok(holds), want, "{text} for {visit:?}");
                    quick += 1;
                }
                unknown += usize::from(want == Err(Fail::Unknown));
            }
        }
        assert!(quick > 50, "most are quick: {quick}");
        assert!(unknown > 2, "and what is unknown stays so: {unknown}");
    }
}
