//! Which networks a risk selector blocks: each guard takes out exactly what it
//! is for.

use asgard_model::{Asn, Class};
use asgard_policy::{
    access::RiskSelector,
    feed::{
        Selection,
        decision::{
            Decision, DecisionParams, Question, SkipReason, Standing, decide,
        },
    },
};
use serde_json::json;

use crate::scene::{
    BAD, Bad, Moment, Scene, blocking, hours, now, texts, up_to,
};

/// Six bad networks, each with its own flaw, and a good one.
fn scene() -> Scene {
    Scene::default()
        .route("31.0.0.0/24", 1)
        .bad(1, BAD)
        .route("31.0.1.0/24", 2)
        .bad(2, Bad { families: 1, ..BAD })
        .route("32.0.0.0/15", 3)
        .bad(3, Bad { hosting: 40_000.0, ..BAD })
        .route("33.0.0.0/24", 4)
        .bad(4, BAD)
        .landmark("33.0.0.0/24", Class::Scanner)
        .route("9.9.9.0/24", 5)
        .bad(5, BAD)
        .route("34.0.0.0/24", 6)
        .bad(6, Bad { families: 1, asn_drop: 1.0, ..BAD })
        .route("35.0.0.0/16", 7)
}

fn plain() -> DecisionParams {
    DecisionParams::plain()
}

fn ask(moment: &Moment, params: DecisionParams) -> Decision {
    let question = Question::new(up_to(60.0), params);
    decide(&question, moment.ground(), None, now())
}

fn listed(decision: &Decision) -> Vec<u32> {
    decision.listed.iter().map(|listed| listed.asn.0).collect()
}

fn skipped(decision: &Decision) -> Vec<(u32, SkipReason)> {
    decision.skipped.iter().map(|s| (s.asn.0, s.reason)).collect()
}

#[test]
fn without_guards_the_decision_is_the_plain_list() {
    let moment = scene().at(1);
    let decision = ask(&moment, plain());
    let list = Selection::up_to(60.0).of(&moment.snapshot);
    assert_eq!(listed(&decision), [1, 2, 3, 4, 5, 6]);
    assert_eq!(list.iter().map(|a| a.0).collect::<Vec<_>>(), listed(&decision));
    assert!(decision.skipped.is_empty() && decision.blocks.is_empty());
    assert!(plain().is_plain() && !DecisionParams::default().is_plain());
}

#[test]
fn corroboration_leaves_out_what_one_family_says_unless_asn_drop_does() {
    let params = DecisionParams { min_sources: 2, ..plain() };
    let decision = ask(&scene().at(1), params);
    assert_eq!(skipped(&decision), [(2, SkipReason::Corroboration)]);
    assert_eq!(listed(&decision), [1, 3, 4, 5, 6]);
}

#[test]
fn confidence_leaves_out_what_is_not_sure() {
    let moment = scene().at(1);
    let confidence = |asn| {
        let profile = moment.snapshot.profile(Asn(asn)).unwrap();
        profile.assessment.confidence
    };
    let least = (1..=6).map(confidence).fold(1.0, f64::min);
    let params = DecisionParams { min_confidence: least + 0.001, ..plain() };
    let decision = ask(&moment, params);
    for (asn, reason) in skipped(&decision) {
        assert_eq!(reason, SkipReason::Confidence);
        assert!(confidence(asn) <= least, "{asn}");
    }
    assert!(!decision.skipped.is_empty());
    assert_eq!(decision.listed.len() + decision.skipped.len(), 6);
}

#[test]
fn the_large_the_benign_and_the_critical_are_protected() {
    let params = DecisionParams { protected: true, ..plain() };
    let decision = ask(&scene().at(1), params);
    let expected = [
        (3, SkipReason::ProtectedSize),
        (4, SkipReason::ProtectedBenign),
        (5, SkipReason::ProtectedCritical),
    ];
    assert_eq!(skipped(&decision), expected);
    assert_eq!(listed(&decision), [1, 2, 6]);
    let dropped = scene().bad(3, Bad { asn_drop: 1.0, ..BAD }).at(1);
    assert!(listed(&ask(&dropped, params)).contains(&3));
}

#[test]
fn the_budget_is_spent_by_the_rate_of_servers() {
    let scene = Scene::default()
        .route("31.0.0.0/24", 1)
        .bad(1, Bad { hosting: 100.0, ..BAD })
        .route("31.0.2.0/23", 2)
        .bad(2, Bad { hosting: 80.0, ..BAD })
        .route("31.0.4.0/24", 3)
        .bad(3, Bad { hosting: 30.0, ..BAD })
        .route("64.0.0.0/10", 9);
    let moment = scene.at(1);
    let announced = f64::from(4 * 256 + (1 << 22));
    let budget = |addresses: f64| {
        let share = Some((addresses + 0.5) / announced);
        ask(&moment, DecisionParams { max_space_share: share, ..plain() })
    };
    assert_eq!(listed(&budget(1_024.0)), [1, 2, 3]);
    let cut = budget(1_023.0);
    assert_eq!(listed(&cut), [1, 2]);
    assert_eq!(skipped(&cut), [(3, SkipReason::Budget)]);
    assert_eq!([cut.addresses_v4, cut.budget_v4.unwrap()], [768, 1_023]);
    // The next would overrun, and that is the end, though a smaller one fits.
    assert_eq!(listed(&budget(600.0)), [1]);
    // What exceeds the whole budget alone ends nothing.
    assert_eq!(listed(&budget(511.0)), [1]);
    assert_eq!(listed(&budget(255.0)), [] as [u32; 0]);
}

#[test]
fn a_score_at_the_threshold_does_not_flap() {
    // Scores around the threshold, by the number of servers.
    let of = |hosting: f64| {
        Scene::default()
            .route("31.0.0.0/24", 1)
            .bad(1, Bad { hosting, asn_drop: 0.2, ..BAD })
            .route("35.0.0.0/16", 7)
    };
    let scored = |score: u8| {
        let mut hosting = 1.0;
        while of(hosting).at(1).score(1) > score && hosting < 500.0 {
            hosting += 0.25;
        }
        let moment = of(hosting).at(1);
        assert!(moment.score(1).abs_diff(score) <= 1, "{}", moment.score(1));
        moment
    };
    let low = scored(48);
    let high = scored(52);
    let gone = of(1.0).at(1);
    assert!(gone.score(1) >= 60, "{}", gone.score(1));
    let question = Question::new(up_to(50.0), DecisionParams::default());
    let questions = [question.clone()];
    let mut standing = Standing::default();
    let mut changes = 0;
    let mut was = false;
    for hour in 0..48 {
        let moment = if hour % 2 == 0 { &low } else { &high };
        standing = standing.advance(&questions, moment.ground(), hours(hour));
        let is = !standing.get(&question).unwrap().listed.is_empty();
        changes += u32::from(is != was);
        was = is;
    }
    assert_eq!(changes, 1);
    // Far above the threshold it stays for its 24 hours, then leaves.
    let start = standing.get(&question).unwrap().listed[0].since;
    assert_eq!(start, hours(0));
    let mut fresh =
        Standing::default().advance(&questions, low.ground(), hours(0));
    for (hour, is_listed) in [(1, true), (23, true), (24, false), (25, false)] {
        fresh = fresh.advance(&questions, gone.ground(), hours(hour));
        let decision = fresh.get(&question).unwrap();
        assert_eq!(!decision.listed.is_empty(), is_listed, "{hour}");
    }
    // A whitelist entry ends it at once.
    let trusted = of(40.0).whitelist(1).at(1);
    let after = standing.advance(&questions, trusted.ground(), hours(48));
    assert!(after.get(&question).unwrap().listed.is_empty());
}

#[test]
fn bad_blocks_are_named_inside_networks_that_are_not() {
    let hosts = |scene: Scene, block: &str, count: u32| {
        (1..=count).fold(scene, |scene, host| {
            scene.named(&format!("{block}.{host}"), "c2", 0)
        })
    };
    let mut scene = scene().listed_block("35.0.8.0/22", "drop");
    scene = hosts(scene, "35.0.1", 3);
    scene = hosts(scene, "35.0.2", 2);
    scene = hosts(scene, "31.0.0", 9);
    scene = hosts(scene, "33.0.0", 9);
    let params = DecisionParams { blocks: true, ..plain() };
    let decision = ask(&scene.at(1), params);
    let blocks: Vec<String> =
        decision.blocks.iter().map(|b| b.prefix.to_string()).collect();
    assert_eq!(blocks, ["35.0.1.0/24", "35.0.8.0/22"]);
    assert!((decision.blocks[0].hosting - 3.0).abs() < 1e-9);
    assert!(decision.blocks[1].listed);
}

#[test]
fn a_listed_block_that_a_listed_network_hijacks_is_blocked_all_the_same() {
    let scene = Scene::default()
        .route("31.0.0.0/24", 1)
        .bad(1, BAD)
        .route("44.0.0.0/22", 1)
        .roa("44.0.0.0/22", 9)
        .silent(9)
        .route("35.0.0.0/16", 7)
        .listed_block("44.0.0.0/22", "drop")
        .listed_block("31.0.0.0/25", "drop");
    let moment = scene.at(1).deciding(60.0);
    let risk = json!({ "risk": [{ "max_score": 60 }] });
    let compiled = moment.compile(&blocking(risk));
    assert_eq!(texts(&compiled), ["31.0.0.0/24", "44.0.0.0/22"]);
}

#[test]
fn servers_count_for_a_block_from_when_their_own_list_last_named_them() {
    // An attack list goes on naming what the list of servers dropped.
    let scene = (1..=3).fold(scene(), |scene, host| {
        let address = format!("35.0.1.{host}");
        let scene = scene.named(&address, "c2", 60);
        scene.seen_attacking(&address, "attacks", 0)
    });
    let params = DecisionParams { blocks: true, ..plain() };
    assert_eq!(ask(&scene.at(1), params).blocks, []);
}

#[test]
fn old_reports_count_less_for_a_block() {
    let scene = (1..=3).fold(scene(), |scene, host| {
        scene.named(&format!("35.0.1.{host}"), "c2", 60)
    });
    let params = DecisionParams { blocks: true, ..plain() };
    assert_eq!(ask(&scene.at(1), params).blocks, []);
}

#[test]
fn a_risk_rule_blocks_what_the_guarded_list_names_and_nothing_else() {
    let moment = scene().at(1).deciding(60.0);
    let ruleset = blocking(json!({ "risk": [{ "max_score": 60 }] }));
    let compiled = moment.compile(&ruleset);
    assert_eq!(texts(&compiled), ["31.0.0.0/24", "34.0.0.0/24"]);
    let asns: Vec<u32> = compiled.asns.iter().map(|asn| asn.0).collect();
    assert_eq!(asns, [1, 6]);
}

#[test]
fn a_network_that_announces_stolen_space_does_not_get_its_owner_blocked() {
    let scene = Scene::default()
        .route("31.0.0.0/24", 1)
        .bad(1, BAD)
        .route("44.0.0.0/24", 1)
        .roa("44.0.0.0/24", 9)
        .silent(9)
        .route("35.0.0.0/16", 7);
    let moment = scene.at(1);
    let risk = moment.compile(&blocking(json!({"risk": [{"max_score": 60}]})));
    assert_eq!(texts(&risk), ["31.0.0.0/24"]);
    // Who names the network gets what it announces.
    let asn = moment.compile(&blocking(json!({ "asn": [1] })));
    assert_eq!(texts(&asn), ["31.0.0.0/24", "44.0.0.0/24"]);
}

#[test]
fn a_level_is_a_risk_too() {
    let moment = scene().at(1);
    let critical = json!({ "risk": [{ "level": "CRITICAL" }] });
    let compiled = moment.compile(&blocking(critical));
    let read: RiskSelector =
        serde_json::from_value(json!({ "level": "critical" })).unwrap();
    let question = Question::new(read, DecisionParams::default());
    let decision = decide(&question, moment.ground(), None, now());
    assert_eq!(
        compiled.asns.iter().map(|a| a.0).collect::<Vec<_>>(),
        listed(&decision)
    );
    assert!(!decision.listed.is_empty());
}

#[test]
fn poor_coverage_lists_fewer_and_never_more() {
    let good = ask(&scene().at(1), DecisionParams::default());
    let poor = ask(&scene().coverage(0.2).at(1), DecisionParams::default());
    let good = listed(&good);
    assert!(listed(&poor).iter().all(|asn| good.contains(asn)));
}
