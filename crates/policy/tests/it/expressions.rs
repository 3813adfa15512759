//! Expressions of rules: every function, what is not known, what is refused,
//! and properties on random ones.

use std::{borrow::Cow, collections::BTreeMap};

use asgard_model::{Asn, Level};
use asgard_policy::{
    diagnostic::Place,
    gate::{
        Crawler, Feature, HeaderMap, Offered, RequestLimits, Visit, Written,
        expression::Truth,
        expression::{
            Declarations, Fault, MAX_COST, OfVisit, Program, declare::VARIABLES,
        },
    },
};

fn offered() -> Offered {
    Offered {
        asn: Feature::On,
        scores: Feature::On,
        geoip: Feature::On,
        lists: vec!["office".into()],
        feeds: vec!["bad-nets".into()],
        crawlers: vec!["googlebot".into()],
        ..Offered::default()
    }
}

pub(crate) fn compile(text: &str) -> Result<Program, Vec<&'static str>> {
    let offered = offered();
    let declarations = Declarations::of_rules(&offered);
    let place = Place { file: 0, start: 0, end: text.len() };
    let source = Written { value: text.to_owned(), place, map: None };
    Program::compile(&source, &declarations, "")
        .map(|(program, _)| program)
        .map_err(|faults| faults.iter().map(|fault| fault.code).collect())
}

fn headers() -> HeaderMap {
    let pairs = [("accept", "text/html"), ("x-a", "1, 2")];
    HeaderMap(BTreeMap::from(pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))))
}

/// AS24940 without a score asks for `/a/b%20c?q=1&r=x+y`.
fn holds(text: &str) -> Truth {
    let program = compile(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    let headers = headers();
    let visit = Visit {
        asn: Some(Asn(24940)),
        asn_org: "Hetzner Online GmbH",
        country: "DE".parse().ok(),
        host: "shop.example",
        path: "/a/b c",
        raw_path: "/a/b%20c",
        query: "q=1&r=x+y",
        user_agent: "a bot/1.0",
        headers: &headers,
        ..Visit::of("95.216.1.1".parse().unwrap())
    };
    program.holds(&OfVisit::new(&visit))
}

#[test]
fn every_row_of_the_variables_holds() {
    for text in [
        "asnNumber == 24940",
        "asnOrg.startsWith('Hetzner')",
        "asnLevel == 'UNKNOWN'",
        "!asnScored",
        "geoCountry == 'DE'",
        "remoteAddress == '95.216.1.1'",
        "cidr('95.216.0.0/15').containsIP(ip(remoteAddress))",
        "method == 'GET' && host == 'shop.example'",
        "path == '/a/b c' && rawPath == '/a/b%20c'",
        "userAgent.contains('bot')",
        "query['q'] == '1' && query.r == 'x y'",
        "'q' in query && !('z' in query) && has(query.q)",
        "headers['accept'] == 'text/html'",
        "headers['Accept'].endsWith('html')",
        "size(headers) == 2 && headers.all(h, h != 'cookie')",
        "contentLength == -1",
        "verifiedCrawler == ''",
    ] {
        assert_eq!(holds(text), Truth::True, "{text}");
    }
}

#[test]
fn what_is_not_known_matches_neither_a_condition_nor_its_opposite() {
    for text in [
        "asnScore <= 30",
        "!(asnScore > 30)",
        "asnScore > 30",
        "headers['x-none'] == 'a'",
        "headers['x-none'] != 'a'",
        "query.none == ''",
        "inList('office')",
        "!inFeed('bad-nets')",
        "verifyFCrDNS(remoteAddress)",
        "asnScore / 0 == 1 && asnScore > 1",
    ] {
        assert_eq!(holds(text), Truth::Unknown, "{text}");
    }
    for (text, truth) in [
        ("false && asnScore > 1", Truth::False),
        ("asnScore > 1 && false", Truth::False),
        ("true || asnScore > 1", Truth::True),
        ("asnScore > 1 || true", Truth::True),
        ("[1, 2].exists(x, x == 2 || asnScore > x)", Truth::True),
        ("[1, 2].all(x, x == 3 && asnScore > x)", Truth::False),
        ("asnScored ? asnScore < 50 : true", Truth::True),
    ] {
        assert_eq!(holds(text), truth, "{text}");
    }
}

#[test]
fn what_cannot_be_computed_is_an_error_and_no_panic() {
    for (text, fault) in [
        ("asnNumber / (asnNumber - asnNumber) == 1", Fault::DivisionByZero),
        ("asnNumber % (asnNumber - 24940) == 1", Fault::ModulusByZero),
        ("(asnNumber + 9223372036854775807) > 0", Fault::Overflow),
        ("path.split('/')[9] == ''", Fault::OutOfBounds(9)),
        ("{'a': 1}[path] == 1", Fault::NoSuchKey("/a/b c".into())),
    ] {
        assert_eq!(holds(text), Truth::Error(fault), "{text}");
    }
    assert_eq!(
        holds("asnNumber / (asnNumber - 24940) == 1 || true"),
        Truth::True
    );
}

#[test]
fn our_functions_do_what_they_say() {
    for text in [
        "'bot' in userAgent && !('Bot' in userAgent)",
        "missingHeader('x-none') && !missingHeader('Accept')",
        "missingHeader(headers, 'x-none')",
        "segments(path) == ['a', 'b c'] && '/x//y/'.segments().size() == 2",
        "userAgent.matches('^a .ot')",
        "regex(userAgent, '[0-9]\\\\.[0-9]$')",
        "regexSafe('a.b') == 'a\\\\.b'",
        "randInt(1) == 0",
        "'A,b'.lowerAscii().split(',') == ['a', 'b']",
        "'abc'.substring(1, 2) == 'b' && 'abc'.indexOf('c') == 2",
        "' x '.trim() == 'x' && 'aXb'.replace('X', '-') == 'a-b'",
        "isIP('::1') && !isIP('1.2.3') && ip('::1').isLoopback()",
        "asnNumber in [24940, 1] && asnLevel in ['UNKNOWN']",
        "['a', 'b'].exists_one(x, x == 'a')",
        "[1, 2, 3].filter(x, x > 1).map(x, x * 2) == [4, 6]",
        "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026",
        "duration('1h') > duration('59m')",
    ] {
        assert_eq!(holds(text), Truth::True, "{text}");
    }
}

#[test]
fn faults_are_found_before_the_first_request() {
    let deep = format!("{}true{}", "!(".repeat(70), ")".repeat(70));
    let long = vec!["path == 'x'"; 500].join(" || ");
    let huge = format!("path.matches('{}')", "a".repeat(1_000_000));
    let sum = "asnNumber == ".to_owned() + &"1 + ".repeat(900) + "1";
    let grown = format!(
        "userAgent{}.split('').size() > 0",
        ".replace('a', userAgent)".repeat(5)
    );
    for (text, code) in [
        ("asnNumbr == 1", "E104"),
        ("path.startWith('a')", "E105"),
        ("asnNumber == 'x'", "E110"),
        ("asnNumber == 1.0", "E110"),
        ("path < 1", "E110"),
        ("asnNumber && true", "E110"),
        ("path + 1 == ''", "E110"),
        ("size(1) == 1", "E111"),
        ("asnNumber", "E112"),
        ("path.x == 1", "E113"),
        ("path in ['a', 1]", "E114"),
        ("1 / 0 == 1", "E115"),
        ("path.matches(host)", "E130"),
        ("path.matches('(')", "E131"),
        ("path.matches('(\\\\w{100}){100}')", "E131"),
        ("inList('nowhere')", "E102"),
        ("inFeed('nowhere')", "E107"),
        ("dyn(1) == 2", "E105"),
        ("headers.all(a, headers.all(b, headers.all(c, a == b)))", "E142"),
        ("userAgent.split('').all(a, userAgent.contains(a))", "E140"),
        (&grown, "E140"),
        ("headers.?x == 'a'", "E101"),
        ("path == ", "E101"),
        ("google.protobuf.Int32Value{value: 1} == 1", "E106"),
        (&deep, "E141"),
        (&long, "E141"),
        (&huge, "E141"),
        (&sum, "E141"),
    ] {
        let found = compile(text).map(|_| ()).unwrap_err();
        let start: String = text.chars().take(60).collect();
        assert_eq!(found.first(), Some(&code), "{start}: {found:?}");
    }
}

#[test]
fn a_pattern_that_explodes_elsewhere_takes_linear_time() {
    let program = compile("userAgent.matches('^(a+)+$')").unwrap();
    let agent = "a".repeat(30_000) + "!";
    let visit =
        Visit { user_agent: &agent, ..Visit::of("::1".parse().unwrap()) };
    let start = std::time::Instant::now();
    assert_eq!(program.holds(&OfVisit::new(&visit)), Truth::False);
    assert!(start.elapsed().as_millis() < 500);
}

#[test]
fn costs_grow_with_what_is_gone_through() {
    let cost = |text: &str| compile(text).unwrap().cost();
    assert!(cost("asnNumber == 1") < 10);
    let all = cost("headers.all(h, h != 'x')");
    assert!((100..MAX_COST).contains(&all), "{all}");
    assert!(cost("userAgent.contains('bot')") > cost("method == 'GET'"));
    // Also behind a choice.
    let chosen = "(method == 'GET' ? headers : headers).all(h, h != 'x')";
    assert!(cost(chosen) >= all, "{} < {all}", cost(chosen));
}

#[test]
fn what_a_gateway_lets_through_counts_for_the_cost() {
    let cost = |limits: RequestLimits, text: &str| {
        let offered = Offered { limits, ..offered() };
        let declarations = Declarations::of_rules(&offered);
        let place = Place { file: 0, start: 0, end: text.len() };
        let source = Written { value: text.to_owned(), place, map: None };
        Program::compile(&source, &declarations, "")
            .map(|(program, _)| program.cost())
            .map_err(|faults| faults[0].clone())
    };
    let usual = RequestLimits::default();
    let large = RequestLimits {
        headers: 512,
        header_bytes: 1 << 20,
        uri_bytes: 65_536,
    };
    for text in [
        "'a' in userAgent",
        "size(headers) > 1",
        "path == rawPath",
        "'a' in query",
        "query.a == 'b'",
    ] {
        let (less, more) = (cost(usual, text), cost(large, text));
        assert!(less.unwrap() * 5 < more.unwrap(), "{text}");
    }
    let each = "headers.exists(h, h.contains('bot'))";
    assert!(cost(usual, each).is_ok());
    let fault = cost(large, each).unwrap_err();
    assert_eq!(fault.code, "E140");
    assert!(fault.hint.contains("limits"), "{}", fault.hint);
}

/// Seeded, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

#[derive(Clone, Copy)]
enum Want {
    Bool,
    Int,
    Text,
    List,
}

/// An expression of a kind, mostly well formed.
#[expect(clippy::too_many_lines, reason = "one flat match over all kinds")]
fn expression(random: &mut Random, want: Want, depth: usize) -> String {
    let part = |random: &mut Random, want| {
        expression(random, want, depth.saturating_sub(1))
    };
    if depth == 0 {
        return match want {
            Want::Bool => random.pick(&["true", "false", "asnScored"]),
            Want::Int => random.pick(&[
                "0",
                "1",
                "24940",
                "-7",
                "asnNumber",
                "contentLength",
                "asnScore",
            ]),
            Want::Text => random.pick(&[
                "''",
                "'bot'",
                "'/a'",
                "userAgent",
                "path",
                "asnOrg",
                "headers['accept']",
                "query.q",
            ]),
            Want::List => {
                random.pick(&["['a', 'bot']", "segments(path)", "['']"])
            }
        }
        .to_owned();
    }
    match want {
        Want::Bool => match random.below(10) {
            0 => format!(
                "({} && {})",
                part(random, Want::Bool),
                part(random, Want::Bool)
            ),
            1 => format!(
                "({} || {})",
                part(random, Want::Bool),
                part(random, Want::Bool)
            ),
            2 => format!("!({})", part(random, Want::Bool)),
            3 => {
                let op = random.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!(
                    "({} {op} {})",
                    part(random, Want::Int),
                    part(random, Want::Int)
                )
            }
            4 => {
                let op = random.pick(&["==", "!=", "<", "in"]);
                format!(
                    "({} {op} {})",
                    part(random, Want::Text),
                    part(random, Want::Text)
                )
            }
            5 => format!(
                "({} in {})",
                part(random, Want::Text),
                part(random, Want::List)
            ),
            6 => {
                let f = random.pick(&["contains", "startsWith", "endsWith"]);
                format!(
                    "{}.{f}({})",
                    part(random, Want::Text),
                    part(random, Want::Text)
                )
            }
            7 => {
                let m = random.pick(&["all", "exists", "exists_one"]);
                format!(
                    "{}.{m}(v, v == {})",
                    part(random, Want::List),
                    part(random, Want::Text)
                )
            }
            8 => format!(
                "({} ? {} : {})",
                part(random, Want::Bool),
                part(random, Want::Bool),
                part(random, Want::Bool)
            ),
            // Not of the kind: most of these must be refused.
            _ => part(random, Want::Int),
        },
        Want::Int => match random.below(4) {
            0 => {
                let op = random.pick(&["+", "-", "*", "/", "%"]);
                format!(
                    "({} {op} {})",
                    part(random, Want::Int),
                    part(random, Want::Int)
                )
            }
            1 => format!("size({})", part(random, Want::Text)),
            2 => format!("{}.size()", part(random, Want::List)),
            _ => format!(
                "{}.indexOf({})",
                part(random, Want::Text),
                part(random, Want::Text)
            ),
        },
        Want::Text => match random.below(4) {
            0 => format!(
                "({} + {})",
                part(random, Want::Text),
                part(random, Want::Text)
            ),
            1 => format!("{}.lowerAscii()", part(random, Want::Text)),
            2 => format!("string({})", part(random, Want::Int)),
            _ => format!(
                "{}[{}]",
                part(random, Want::List),
                part(random, Want::Int)
            ),
        },
        Want::List => match random.below(3) {
            0 => format!(
                "{}.split({})",
                part(random, Want::Text),
                part(random, Want::Text)
            ),
            1 => format!(
                "{}.filter(v, v != {})",
                part(random, Want::List),
                part(random, Want::Text)
            ),
            _ => format!(
                "[{}, {}]",
                part(random, Want::Text),
                part(random, Want::Text)
            ),
        },
    }
}

/// 1,000,000 by hand: `ASGARD_FUZZ_CASES=1000000`.
fn cases(default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a longer run by hand")]
    let wanted = std::env::var("ASGARD_FUZZ_CASES").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn what_the_checker_accepts_never_fails_for_its_types() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let headers = headers();
    let (mut accepted, mut refused) = (0, 0);
    let total = cases(10_000);
    for _ in 0..total {
        let depth = 1 + random.below(4);
        let text = expression(&mut random, Want::Bool, depth);
        let Ok(program) = compile(&text) else {
            refused += 1;
            continue;
        };
        accepted += 1;
        let scored = random.below(2) == 0;
        let visit = Visit {
            asn: Some(Asn(24940)),
            score: scored.then_some(10),
            level: scored.then_some(Level::Critical),
            user_agent: random.pick(&["", "a bot", "\u{e9}\u{1f600}"]),
            path: random.pick(&["/", "/a/b", "/bot"]),
            query: random.pick(&["", "q=a%20b", "q", "=&&="]),
            headers: &headers,
            crawler: Crawler::None,
            ..Visit::of("192.0.2.1".parse().unwrap())
        };
        let truth = program.holds(&OfVisit::new(&visit));
        let mistyped = matches!(&truth, Truth::Error(Fault::NoSuchOverload(_)));
        assert!(!mistyped, "{text}: {truth:?}");
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > total / 4 && refused > total / 50);
}

#[test]
fn random_text_never_panics_and_is_refused_quickly() {
    let words = [
        "asnNumber",
        "path",
        "'a'",
        "\"",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "&&",
        "||",
        "!",
        "==",
        "in",
        "?",
        ":",
        "1",
        "0x",
        "1u",
        "1.5e9",
        "b'\\xff'",
        "r'\\'",
        "has(",
        ".map(x, ",
        ".all(",
        "-",
        "%",
        "\u{e9}",
        " ",
        "\n",
        "//",
        "headers",
        ".matches('(a+)+')",
        "null",
        "`",
        "\\",
        "9223372036854775808",
        "'''",
        "@",
        "#",
        ".format([",
    ];
    let mut random = Random(88_172_645_463_325_252);
    for _ in 0..cases(10_000) {
        let count = 1 + random.below(24);
        let text: String = (0..count).map(|_| random.pick(&words)).collect();
        let start = std::time::Instant::now();
        if let Ok(program) = compile(&text) {
            let visit = Visit::of("192.0.2.1".parse().unwrap());
            let _ = program.holds(&OfVisit::new(&visit));
        }
        // 50 ms of a quiet machine; builds share this one.
        assert!(start.elapsed().as_millis() < 1_000, "{text}");
    }
}

/// The library's evaluator, where it gives a truth value.
fn oracle(text: &str, agent: &str, path: &str) -> Option<bool> {
    let program = cel::Program::compile(text).ok()?;
    let mut context = cel::Context::default();
    context.add_variable_from_value("asnNumber", 24940_i64);
    context.add_variable_from_value("contentLength", -1_i64);
    context.add_variable_from_value("asnScored", false);
    context.add_variable_from_value("asnOrg", "");
    context.add_variable_from_value("userAgent", agent.to_owned());
    context.add_variable_from_value("path", path.to_owned());
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        _ => None,
    }
}

#[test]
fn where_the_library_gives_a_value_it_is_ours() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut compared = 0;
    for _ in 0..cases(3_000) {
        let depth = 1 + random.below(3);
        let text = expression(&mut random, Want::Bool, depth);
        let agent = random.pick(&["", "a bot", "x"]);
        let path = random.pick(&["/", "/a/b"]);
        let (Ok(program), Some(theirs)) =
            (compile(&text), oracle(&text, agent, path))
        else {
            continue;
        };
        let visit = Visit {
            asn: Some(Asn(24940)),
            user_agent: agent,
            path,
            ..Visit::of("192.0.2.1".parse().unwrap())
        };
        let ours = match program.holds(&OfVisit::new(&visit)) {
            Truth::True => true,
            Truth::False => false,
            _ => continue,
        };
        compared += 1;
        assert_eq!(ours, theirs, "{text} with {agent:?} and {path:?}");
    }
    println!("{compared} compared");
    assert!(compared > 300);
}

#[test]
fn every_variable_of_the_table_is_documented() {
    let page = include_str!("../../../../docs/gateway/rules.md");
    for (name, _) in VARIABLES {
        assert!(page.contains(name), "{name}");
    }
    let functions: Cow<'_, str> =
        asgard_policy::gate::expression::signature::TABLE.into();
    for line in functions.lines() {
        let name = line.split('(').next().unwrap();
        let name = name.rsplit('.').next().unwrap();
        let receiver = line.split(").").nth(1);
        let name = receiver.map_or(name, |r| r.split('(').next().unwrap());
        assert!(page.contains(name) || name == "dyn", "{line}");
    }
}
