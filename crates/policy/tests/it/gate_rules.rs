//! Rules of the gateway: order, actions, weights, shadow, what is not known.

use std::{collections::BTreeMap, fmt};

use asgard_model::Asn;
use asgard_policy::{
    Policy, Sources,
    gate::{
        Action, ChallengeKind, ChallengeSpec, Counts, Crawler, Decision,
        Feature, ListIndex, Lists, NoCounts, Offered, PolicySource, RuleIndex,
        Said, Visit, read,
    },
    yaml::{self, Reading, Section},
};

fn source(text: &str) -> PolicySource {
    let mut sources = Sources::default();
    let file = sources.add("rules.yaml", text);
    let root = yaml::parse(file, text).unwrap_or_else(|f| panic!("{f:?}"));
    let mut reading = Reading::default();
    let known: Vec<&str> = read::KEYS.to_vec();
    let mut section = Section::open(&mut reading, &root, "", &known).unwrap();
    let source = read::policy(&mut section);
    let errors = reading.found.iter().any(|found| found.is_error());
    assert!(!errors, "{}", sources.render_all(&reading.found));
    source
}

fn offered() -> Offered {
    Offered {
        asn: Feature::On,
        scores: Feature::On,
        geoip: Feature::On,
        lists: vec!["office".into(), "never-loaded".into()],
        feeds: vec!["bad".into()],
        crawlers: vec!["googlebot".into()],
        ..Offered::default()
    }
}

fn policy(text: &str) -> Policy {
    match Policy::compile(&source(text), &offered()) {
        Ok((policy, _)) => policy,
        Err(faults) => panic!("{faults:#?}"),
    }
}

fn lints(text: &str) -> Vec<&'static str> {
    let (_, lints) = Policy::compile(&source(text), &offered()).unwrap();
    lints.iter().map(|lint| lint.code).collect()
}

struct Office;

impl Lists for Office {
    fn in_list(&self, list: ListIndex) -> Option<bool> {
        (list.0 == 0).then_some(true)
    }
    fn in_feed(&self, _: asgard_policy::gate::FeedIndex) -> Option<bool> {
        Some(false)
    }
}

fn visit() -> Visit<'static> {
    Visit {
        asn: Some(Asn(24940)),
        user_agent: "a bot",
        path: "/shop/cart",
        raw_path: "/shop/cart",
        lists: &Office,
        ..Visit::of("198.51.100.7".parse().unwrap())
    }
}

fn by<'p>(policy: &'p Policy, decision: &Decision<'_>) -> Option<&'p str> {
    decision.rule.map(|rule| policy.rule_name(rule))
}

#[test]
fn the_first_terminal_match_wins_and_matchers_are_anded() {
    let policy = policy(
        "rules:
  - {name: other-path, action: DENY, network: 24940, path: /admin}
  - {name: other-agent, action: DENY, network: 24940, user_agent: a}
  - {name: other-country, action: DENY, network: 24940, geoip: [NL]}
  - {name: wins, action: ALLOW, network: [1, 24940], path_regex: ^/shop/, user_agent_regex: bot$, ip_list: [never-loaded, office]}
  - {name: late, action: DENY, all: {}}
",
    );
    let visit = visit();
    let decision = policy.decide(&visit, &mut NoCounts);
    assert_eq!(by(&policy, &decision), Some("wins"));
    assert_eq!(decision.action, Action::Allow);
    let trace = policy.explain(&visit);
    let said: Vec<Said> = trace.rules.iter().map(|r| r.said.clone()).collect();
    assert_eq!(
        said,
        [
            Said::NotMatched("path"),
            Said::NotMatched("user_agent"),
            Said::NotMatched("geoip"),
            Said::Decided,
            Said::NotReached,
        ]
    );
}

#[test]
fn a_list_that_was_never_loaded_matches_nothing() {
    let policy =
        policy("rules: [{name: a, action: DENY, ip_list: never-loaded}]");
    let visit = visit();
    assert_eq!(policy.decide(&visit, &mut NoCounts).action, Action::Allow);
    let trace = policy.explain(&visit);
    assert_eq!(trace.rules[0].said, Said::Unknown("ip_list"));
}

const WEIGHTS: &str = "
auto_challenge:
  thresholds:
    - {name: light, threshold: 10, challenge: metarefresh}
    - {name: heavy, threshold: 30, challenge: pow, difficulty: 4}
rules:
  - {name: bot, action: WEIGH, weight: 15, expression: '\"bot\" in userAgent'}
  - {name: cart, action: WEIGH, weight: 15, path_regex: cart}
  - {name: known, action: WEIGH, weight: -25, ip_list: office}
";

#[test]
fn weights_add_up_and_the_highest_threshold_wins() {
    let policy = policy(WEIGHTS);
    let heavy =
        Visit { lists: &asgard_policy::gate::visit::Nothing, ..visit() };
    let decision = policy.decide(&heavy, &mut NoCounts);
    assert_eq!((decision.action, decision.weight), (Action::Challenge, 30));
    let pow = ChallengeSpec { kind: ChallengeKind::Pow, difficulty: 4 };
    assert_eq!(decision.challenge, Some(pow));
    assert_eq!(policy.threshold_name(decision.threshold.unwrap()), "heavy");
    let light = visit();
    let decision = policy.decide(&light, &mut NoCounts);
    assert_eq!((decision.action, decision.weight), (Action::Allow, 5));
    // Who has worked passes; a weaker proof does not serve.
    let passed = Visit { pass: Some(pow), ..heavy };
    assert_eq!(policy.decide(&passed, &mut NoCounts).action, Action::Allow);
    let weak = ChallengeSpec { difficulty: 3, ..pow };
    let passed = Visit { pass: Some(weak), ..heavy };
    let decision = policy.decide(&passed, &mut NoCounts);
    assert_eq!(decision.action, Action::Challenge);
}

#[test]
fn exempt_paths_are_not_challenged_but_may_be_refused() {
    let policy = policy(
        "rules:
  - {name: all, action: CHALLENGE, all: {}, challenge: metarefresh}
  - {name: deny, action: DENY, path: /robots.txt}
",
    );
    for (path, action, rule) in [
        ("/", Action::Challenge, Some("all")),
        ("/robots.txt", Action::Deny, Some("deny")),
        ("/.well-known/acme-challenge/t", Action::Allow, None),
        ("/favicon.ico", Action::Allow, None),
        ("/favicon.icon", Action::Challenge, Some("all")),
    ] {
        let visit = Visit { path, ..visit() };
        let decision = policy.decide(&visit, &mut NoCounts);
        assert_eq!(decision.action, action, "{path}");
        assert_eq!(by(&policy, &decision), rule, "{path}");
    }
}

#[derive(Default)]
struct Counted {
    hits: BTreeMap<usize, u32>,
    changes: BTreeMap<usize, u32>,
    errors: Vec<String>,
}

impl Counts for Counted {
    fn hit(&mut self, rule: RuleIndex) {
        *self.hits.entry(rule.0).or_default() += 1;
    }
    fn would_change(&mut self, rule: RuleIndex) {
        *self.changes.entry(rule.0).or_default() += 1;
    }
    fn error(&mut self, _: RuleIndex, error: &dyn fmt::Display) {
        self.errors.push(error.to_string());
    }
}

#[test]
fn a_shadow_counts_and_changes_nothing() {
    let policy = policy(
        "rules:
  - {name: would, action: DENY, mode: shadow, network: 24940}
  - {name: same, action: ALLOW, mode: shadow, network: 24940}
  - {name: pass, action: ALLOW, path_regex: ^/shop}
",
    );
    let mut counts = Counted::default();
    let visit = visit();
    let decision = policy.decide(&visit, &mut counts);
    assert_eq!(by(&policy, &decision), Some("pass"));
    assert_eq!(counts.hits, BTreeMap::from([(0, 1), (1, 1), (2, 1)]));
    assert_eq!(counts.changes, BTreeMap::from([(0, 1)]));
}

#[test]
fn a_policy_in_shadow_lets_everybody_pass_and_says_what_it_would_do() {
    let policy =
        policy("mode: shadow\nrules: [{name: no, action: DENY, all: {}}]");
    let mut counts = Counted::default();
    let visit = visit();
    let decision = policy.decide(&visit, &mut counts);
    assert_eq!(decision.action, Action::Allow);
    assert_eq!(decision.intended, Action::Deny);
    assert_eq!(counts.changes, BTreeMap::from([(0, 1)]));
}

#[test]
fn an_error_skips_or_refuses_as_the_rule_says_and_is_counted() {
    let text = |on_error: &str| {
        format!(
            "rules: [{{name: a, action: ALLOW, on_error: {on_error}, \
             expression: '1 / (asnNumber - 24940) > 0'}}]"
        )
    };
    for (on_error, action) in [("skip", Action::Allow), ("deny", Action::Deny)]
    {
        let policy = policy(&text(on_error));
        let mut counts = Counted::default();
        let visit = visit();
        assert_eq!(policy.decide(&visit, &mut counts).action, action);
        assert_eq!(counts.errors, ["division by zero"]);
    }
}

#[test]
fn a_crawler_under_proof_is_skipped_or_asked_to_come_again() {
    let policy = policy(
        "rules:
  - {name: crawlers, action: ALLOW, expression: \"verifiedCrawler != ''\"}
  - {name: rest, action: DENY, all: {}}
",
    );
    let decide = |crawler| {
        let visit = Visit { crawler, ..visit() };
        let decision = policy.decide(&visit, &mut NoCounts);
        (decision.action, decision.retry)
    };
    let name = "googlebot";
    assert_eq!(decide(Crawler::Verified(name)), (Action::Allow, false));
    assert_eq!(decide(Crawler::None), (Action::Deny, false));
    let pending = Crawler::Pending { name, retry: false };
    assert_eq!(decide(pending), (Action::Deny, false));
    let pending = Crawler::Pending { name, retry: true };
    assert_eq!(decide(pending), (Action::Deny, true));
    assert!(policy.needs().crawler && !policy.needs().asn);
}

#[test]
fn remarks_tell_whom_a_rule_would_hit() {
    let deny = "rules: [{name: google, action: DENY, network: 15169}]";
    assert_eq!(lints(deny), ["W221"]);
    let allowed = "rules:
  - {name: crawlers, action: ALLOW, expression: \"verifiedCrawler != ''\"}
  - {name: google, action: DENY, network: 15169}";
    assert_eq!(lints(allowed), [""; 0]);
    let private = "rules: [{name: p, action: DENY, expression: \
                   'cidr(\"10.0.0.0/8\").containsIP(remoteAddress)'}]";
    assert_eq!(lints(private), ["W222"]);
    // Whatever it asks for, and whatever else it would refuse.
    let deny = |matcher: &str| {
        lints(&format!("rules: [{{name: x, action: DENY, {matcher}}}]"))
    };
    let both = ["W221", "W221"];
    assert_eq!(deny("user_agent_regex: 'bot|crawl'"), both);
    assert_eq!(deny("geoip: [US, RU]"), both);
    let at_home = "expression: '!(geoCountry in [\"DE\", \"AT\"])'";
    assert_eq!(deny(at_home), ["W221", "W221", "W222", "W223"]);
    assert_eq!(deny("expression: 'asnOrg.contains(\"Google\")'"), ["W221"]);
    let speechless = "expression: 'missingHeader(\"accept-language\")'";
    assert_eq!(deny(speechless), ["W221", "W221", "W223"]);
    assert_eq!(deny("network: 0"), ["W222"], "nobody announces them");
    // Who refuses everybody means it.
    assert_eq!(deny("path: /"), [""; 0]);
    assert_eq!(deny("expression: 'host != \"shop.example\"'"), ["W223"]);
    assert_eq!(deny("user_agent_regex: 'sqlmap|nikto'"), [""; 0]);
    let acme = "rules: [{name: dots, action: DENY, path_regex: '/\\.'}]";
    assert_eq!(lints(acme), ["W223"]);
    let after = "rules:
  - {name: all, action: ALLOW, all: {}}
  - {name: late, action: DENY, path: /x}";
    assert_eq!(lints(after), ["W224"]);
}

/// 1,000 rules of every kind.
fn many(count: usize) -> String {
    let mut text = String::from(
        "auto_challenge: {thresholds: [{threshold: 1000000, challenge: \
         metarefresh}]}\nrules:\n",
    );
    for n in 0..count {
        let matcher = match n % 5 {
            0 => format!("network: [{}, {}]", n + 1, n + 70_000),
            1 => format!("path_regex: '^/section{n}/'"),
            2 => format!("user_agent_regex: 'crawler{n}/'"),
            3 => format!("expression: 'asnNumber == {n} && path != \"/\"'"),
            _ => format!("path: /page{n}"),
        };
        text += &format!(
            "  - {{name: r{n}, action: WEIGH, weight: 1, {matcher}}}\n"
        );
    }
    text
}

#[test]
fn dispatch_and_the_long_way_come_to_the_same_decision() {
    let policy = policy(&many(300));
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2_000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let n = seed % 320;
        let (path, agent) = (format!("/section{n}/x"), format!("crawler{n}/1"));
        let visit = Visit {
            asn: Some(Asn(u32::try_from(seed % 400).unwrap())),
            path: if seed & 1024 == 0 { &path } else { "/page4" },
            user_agent: &agent,
            ..visit()
        };
        let fast = policy.decide(&visit, &mut NoCounts);
        assert_eq!(policy.explain(&visit).decision, fast);
    }
}

/// 1,000,000 by hand: `ASGARD_FUZZ_CASES=1000000`.
fn cases(default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a longer run by hand")]
    let wanted = std::env::var("ASGARD_FUZZ_CASES").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A file with something of every kind that rules can say.
const EVERYTHING: &str = r#"mode: enforce
default_action: ALLOW
on_error: skip
auto_challenge: {enabled: true, thresholds: [{name: t, threshold: 10, challenge: pow, difficulty: 4}]}
rules:
  - {name: crawlers, action: ALLOW, expression: "verifiedCrawler != ''"}
  - name: bots
    action: DENY
    mode: shadow
    expression: {all: ['asnNumber == 24940', '"bot" in userAgent']}
  - {name: nets, action: DENY, networks: [24940, 64496], path_regex: '^/a(b|c)+/'}
  - {name: office, action: ALLOW, ip_list: office, geoip: [NL, DE]}
  - {name: heavy, action: WEIGH, weight: 15, expression: 'asnLevel in ["HIGH"]'}
  - {name: worst, action: DENY, on_error: deny, expression: 'asnScore <= 20 || inFeed("bad")', response: {status: 403, body: "x", headers: {X-Why: policy}}}
  - {name: agent, action: CHALLENGE, user_agent_regex: 'curl|wget', challenge: {kind: pow, difficulty: 4}}
  - {name: heads, action: DENY, headers_regex: {accept: '^$', x-a: "b+"}}
tests:
  - {name: t1, request: {ip: 192.0.2.9, asn: 24940, path: /ab/}, expect: {action: DENY, rule: nets}}
"#;

/// What a policy is made of, to be put anywhere.
const PIECES: [&str; 24] = [
    "name: x",
    "action: DENY",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "'",
    "\"",
    "&a ",
    "*a",
    "\n",
    "  ",
    "24940",
    "-1",
    "!!str ",
    "null",
    "(a+)+",
    "\\",
    "expression: ",
    "path: /",
    "\u{0}",
    "\u{1f600}",
];

/// Letters that are in names, numbers and patterns anyway.
const LETTERS: &[u8] = b"abcxyz019-_./ ";

/// Half of them cut, doubled and mixed, which few survive as a policy; half with
/// one letter that is another, of which many go all the way through the compiler.
/// None panics, and none takes long.
#[test]
fn a_policy_changed_anywhere_is_read_or_refused_and_never_panics() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap() % limit.max(1)
    };
    let (mut taken, total) = (0, cases(2_000));
    let mut slowest = (std::time::Duration::ZERO, String::new());
    for _ in 0..total {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        let is_gentle = next(2) == 0;
        if is_gentle {
            let at = next(text.len());
            text[at] = char::from(LETTERS[next(LETTERS.len())]);
        }
        for _ in 0..if is_gentle { 0 } else { 1 + next(3) } {
            let at = next(text.len());
            let end = (at + next(12)).min(text.len());
            let piece = match next(4) {
                0 => String::new(),
                1 => text[next(text.len())..].iter().take(20).collect(),
                _ => PIECES[next(PIECES.len())].to_owned(),
            };
            text.splice(at..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        let begun = std::time::Instant::now();
        taken += usize::from(is_taken(&text));
        let took = begun.elapsed();
        if took > slowest.0 {
            slowest = (took, text);
        }
    }
    // Once more: a busy machine may have stopped us in the middle.
    let again = (0..5).map(|_| {
        let begun = std::time::Instant::now();
        is_taken(&slowest.1);
        begun.elapsed()
    });
    let took = again.min().unwrap_or_default();
    println!("{taken} of {total} taken, the slowest in {took:?}");
    assert!(taken > total / 20 && taken < total, "{taken}");
    assert!(took.as_secs() < 2, "{took:?} for {:?}", slowest.1);
}

fn is_taken(text: &str) -> bool {
    let mut sources = Sources::default();
    let file = sources.add("rules.yaml", text);
    let Ok(root) = yaml::parse(file, text) else { return false };
    let mut reading = Reading::default();
    let known: Vec<&str> = read::KEYS.to_vec();
    let section = Section::open(&mut reading, &root, "", &known);
    let Some(mut section) = section else { return false };
    let source = read::policy(&mut section);
    let compiled = Policy::compile(&source, &offered());
    for found in &reading.found {
        assert!(!sources.render(found).is_empty());
    }
    match compiled {
        Ok((policy, _)) => {
            policy.decide(&visit(), &mut NoCounts);
            !reading.found.iter().any(|found| found.is_error())
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            false
        }
    }
}

#[test]
fn ten_thousand_rules_load_and_one_more_is_refused() {
    let start = std::time::Instant::now();
    let source = source(&many(10_000));
    let read = start.elapsed();
    let (policy, _) = Policy::compile(&source, &offered()).unwrap();
    println!("10,000 rules: read in {read:?}, all in {:?}", start.elapsed());
    assert_eq!(policy.rule_count(), 10_000);
    let text = many(10_001);
    let mut sources = Sources::default();
    let file = sources.add("rules.yaml", &text);
    let refused = match yaml::parse(file, &text) {
        Err(fault) => fault.code,
        Ok(root) => {
            let mut reading = Reading::default();
            let known: Vec<&str> = read::KEYS.to_vec();
            let mut section =
                Section::open(&mut reading, &root, "", &known).unwrap();
            let _ = read::policy(&mut section);
            reading.found[0].code
        }
    };
    assert_eq!(refused, "E006");
}
