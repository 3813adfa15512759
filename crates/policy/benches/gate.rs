//! What a decision costs: one expression, and 1,000 rules.
//!
//! `cargo bench -p asgard-policy --bench gate`. Targets: at most 60 ns for the
//! expression, at most 20 µs for 99 of 100 decisions at 1,000 rules.

#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::{hint::black_box, time::Instant};

use asgard_model::Asn;
use asgard_policy::{
    Policy,
    diagnostic::Place,
    gate::{
        Feature, NoCounts, Offered, Visit, Written,
        expression::{Declarations, OfVisit, Program},
        read,
    },
    yaml::{self, Reading, Section},
};

const EXPRESSION: &str = "asnNumber == 24940 && userAgent.contains(\"bot\")";
const ROUNDS: u32 = 200_000;

fn main() {
    let offered = Offered {
        asn: Feature::On,
        scores: Feature::On,
        geoip: Feature::On,
        ..Offered::default()
    };
    expression(&offered);
    rules(&offered);
}

fn visit(asn: u32, agent: &str) -> Visit<'_> {
    Visit {
        asn: Some(Asn(asn)),
        user_agent: agent,
        path: "/shop/cart/items/42",
        ..Visit::of("198.51.100.7".parse().expect("an address"))
    }
}

fn expression(offered: &Offered) {
    let end = EXPRESSION.len();
    let source = Written {
        value: EXPRESSION.to_owned(),
        place: Place { file: 0, start: 0, end },
        map: None,
    };
    let declarations = Declarations::of_rules(offered);
    let (program, _) = Program::compile(&source, &declarations, "")
        .expect("the expression is right");
    for (name, asn, agent) in [
        ("match", 24940, "Mozilla/5.0 (compatible; bot/1.0)"),
        ("no bot", 24940, "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"),
        ("other network", 1, "Mozilla/5.0 (compatible; bot/1.0)"),
    ] {
        let visit = visit(asn, agent);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(program.holds(&OfVisit::new(black_box(&visit))));
        }
        let each = start.elapsed() / ROUNDS;
        println!("expression, {name}: {each:?}");
    }
}

fn rules(offered: &Offered) {
    let mut text = String::from(
        "auto_challenge: {thresholds: [{threshold: 1000000, challenge: \
         metarefresh}]}\nrules:\n",
    );
    for n in 0..1_000 {
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
    let root = yaml::parse(0, &text).expect("YAML");
    let mut reading = Reading::default();
    let known: Vec<&str> = read::KEYS.to_vec();
    let mut section =
        Section::open(&mut reading, &root, "", &known).expect("a mapping");
    let source = read::policy(&mut section);
    let (policy, _) =
        Policy::compile(&source, offered).expect("the rules are right");
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 \
                 Firefox/130.0";
    let mut times: Vec<u128> = (0..20_000)
        .map(|n| {
            let visit = visit(n % 2_000, agent);
            let start = Instant::now();
            black_box(policy.decide(black_box(&visit), &mut NoCounts));
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    println!(
        "1,000 rules: median {} ns, p99 {} ns",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}
