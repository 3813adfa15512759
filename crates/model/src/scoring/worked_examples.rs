//! The examples by which the model was agreed, with their numbers.

use super::{
    Code, Link,
    fixture::{Case, family},
};
use crate::{Assessment, AssessmentState, Level};

fn bulletproof(k: [f64; 3], months: u8) -> Case {
    let mut case = Case::hosting(1.0, k[0], months);
    let threats = case.threats();
    threats.k.phishing = k[1];
    threats.k.attack = k[2];
    threats.c2_share = 0.75;
    case.families(vec![family(0), family(1)])
}

fn units(assessment: &Assessment) -> f64 {
    assessment.details.iter().map(|detail| detail.units).sum()
}

fn units_of(assessment: &Assessment, code: Code) -> f64 {
    assessment
        .details
        .iter()
        .find(|detail| detail.code == code)
        .map_or(0.0, |detail| detail.units)
}

fn points(assessment: &Assessment) -> Vec<(&'static str, i8)> {
    assessment.details.iter().map(|d| (d.code.as_str(), d.points)).collect()
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    let off = (found - expected).abs();
    assert!(off <= tolerance, "{found} is not {expected} ± {tolerance}");
}

#[test]
fn a_bulletproof_host_on_one_block_is_critical() {
    let found = bulletproof([40.0, 8.0, 20.0], 12).assess();
    near(units_of(&found, Code::ThreatBotnet), 52.5, 0.01);
    near(units_of(&found, Code::ThreatMalware), 17.5, 0.01);
    near(units_of(&found, Code::ThreatPhishing), 13.3, 0.1);
    near(units_of(&found, Code::ThreatAttackSource), 2.5, 0.1);
    near(units(&found), 85.9, 0.1);
    assert_eq!((found.score, found.level), (42, Level::Critical));
    assert_eq!((found.threat, found.hygiene, found.stability), (42, 100, 100));
    near(found.confidence, 0.86, 1e-9);
    assert_eq!((found.score_low, found.score_high), (36, 42));
    assert_eq!((found.families, found.state), (2, AssessmentState::Ok));
    near(found.hosting_rate, 6.06, 0.005);
    assert_eq!(
        points(&found),
        [
            ("THREAT_BOTNET", 35),
            ("THREAT_MALWARE", 12),
            ("THREAT_PHISHING", 9),
            ("THREAT_ATTACK_SOURCE", 2),
        ]
    );
}

#[test]
fn the_same_host_in_asn_drop_is_near_the_bottom() {
    let mut case = bulletproof([40.0, 8.0, 20.0], 12);
    let threats = case.threats();
    threats.asn_drop = 1.0;
    let mut spamhaus = family(2);
    spamhaus.asn_drop = 1.0;
    spamhaus.without = threats.k;
    spamhaus.months_without = 12;
    threats.families.push(spamhaus);
    let found = case.assess();
    near(units(&found), 175.9, 0.1);
    assert_eq!((found.score, found.families), (17, 3));
    let points: Vec<i8> = found.details.iter().map(|d| d.points).collect();
    assert_eq!(points, [43, 25, 8, 6, 1]);
    assert_eq!(found.details[0].code, Code::ThreatSpamhaus);
}

#[test]
fn the_same_host_three_months_old_is_high() {
    let found = bulletproof([20.0, 3.0, 5.0], 3).age(90).assess();
    near(found.hosting_rate, 2.67, 0.005);
    near(units_of(&found, Code::ThreatPhishing), 2.4, 0.1);
    near(units(&found), 41.1 + 2.4, 0.2);
    assert_eq!((found.score, found.level), (65, Level::High));
    assert_eq!(found.score_low, 49);
}

#[test]
fn a_hyperscaler_with_thousands_of_reports_is_low() {
    let mut case = Case::hosting(200_000.0, 5_000.0, 12);
    let threats = case.threats();
    threats.k.phishing = 2_000.0;
    threats.k.attack = 20_000.0;
    let mut case = case.families(vec![family(0), family(1)]);
    case.signals.hygiene.rpki_invalid_percent = Some(1.0);
    let found = case.assess();
    near(found.hosting_rate, 0.024, 0.001);
    near(units(&found), 1.2, 1e-9);
    assert_eq!((found.score, found.level), (99, Level::Low));
    near(found.confidence, 1.0, 1e-9);
}

#[test]
fn a_newcomer_without_data_is_not_trusted() {
    let found = Case::clean(4.0).age(5).assess();
    near(units_of(&found, Code::Unproven), 11.7, 0.05);
    assert_eq!((found.score, found.level), (89, Level::Medium));
    near(found.confidence, 0.22, 1e-9);
    assert_eq!(found.state, AssessmentState::InsufficientData);
    assert_eq!(found.score_high, 100);
}

#[test]
fn one_report_never_condemns_a_newcomer() {
    let found =
        Case::hosting(1.0, 1.0, 1).families(vec![family(0)]).age(5).assess();
    near(found.hosting_rate, 0.015, 0.0005);
    near(units_of(&found, Code::ThreatBotnet), 0.0, 0.0);
    near(units_of(&found, Code::Unproven), 12.0, 0.5);
    assert_eq!(found.score, 89);
    near(found.confidence, 0.20, 1e-9);
}

#[test]
fn five_reports_on_a_small_host_make_it_medium() {
    let case = Case::hosting(1.0, 5.0, 2).families(vec![family(0)]);
    for case in [case.clone().age(60), case.age(0)] {
        let found = case.assess();
        near(units(&found), 16.8, 0.1);
        assert_eq!((found.score, found.level), (85, Level::Medium));
    }
    let known = Case::hosting(1.0, 5.0, 2).families(vec![family(0)]).age(60);
    near(f64::from(known.assess().score_low), 56.4, 0.5);
}

#[test]
fn a_victim_of_attacks_is_clean() {
    let mut case = Case::clean(32.0);
    case.signals.stability.ddos_blackhole_count = Some(400);
    case.threats().k.attack = 0.4;
    let found = case.assess();
    assert_eq!(found.score, 100);
    assert_eq!(points(&found), [("STABILITY_BLACKHOLE", 0)]);
}

#[test]
fn without_any_source_nothing_but_ignorance_counts() {
    let found = Case::empty().assess();
    assert_eq!(points(&found), [("UNPROVEN", 14)]);
    assert_eq!(found.score, 86);
    assert_eq!(found.state, AssessmentState::InsufficientData);
}

#[test]
fn the_whitelist_overrides_everything() {
    let mut case = bulletproof([40.0, 8.0, 20.0], 12);
    case.neighbours.downstream = Some(60.0);
    let found = case.assess_as(true);
    assert_eq!(points(&found), [("WHITELISTED", 0)]);
    assert_eq!(
        (found.score, found.score_low, found.score_high),
        (100, 100, 100)
    );
    assert_eq!((found.threat, found.downstream), (100, Some(100)));
    assert!(found.whitelisted && found.direct_units == 0.0);
}

#[test]
fn asn_drop_alone_condemns_and_fades_after_delisting() {
    let listed = |strength: f64| {
        let mut case = Case::clean(1.0);
        let threats = case.threats();
        threats.asn_drop = strength;
        let mut spamhaus = family(0);
        spamhaus.asn_drop = strength;
        threats.families.push(spamhaus);
        case.assess()
    };
    near(units(&listed(1.0)), 90.0, 1e-9);
    assert_eq!(listed(1.0).level, Level::Critical);
    near(units(&listed(0.9)), 81.0, 1e-9);
    near(units(&listed(0.5)), 45.0, 1e-9);
}

#[test]
fn drop_space_grows_with_the_root_of_its_share() {
    let mut case = Case::clean(100.0);
    let threats = case.threats();
    threats.drop_space_share = 0.25;
    let mut spamhaus = family(0);
    spamhaus.drop_space_share = 0.25;
    threats.families.push(spamhaus);
    near(units(&case.assess()), 30.0, 1e-9);
}

#[test]
fn neighbours_move_a_score_but_not_what_flows_on() {
    let mut case =
        Case::hosting(1.0, 10.0, 12).families(vec![family(0), family(1)]);
    let alone = case.assess();
    case.neighbours.sibling = Some(100.0);
    case.neighbours.upstream = Some(50.0);
    case.neighbours.downstream = Some(50.0);
    let near_bad = case.assess();
    near(units(&near_bad) - units(&alone), 15.0 + 4.0 + 8.0, 1e-6);
    near(near_bad.direct_units, alone.direct_units, 0.0);
    near(case.direct(), alone.direct_units, 0.0);
    assert_eq!(near_bad.downstream, Some(50));
}

#[test]
fn one_family_alone_never_makes_an_as_critical() {
    for link in [Link::Exp, Link::Linear] {
        let mut case = Case::hosting(1.0, 400.0, 12);
        case.threats().k.phishing = 400.0;
        let mut case = case.families(vec![family(0)]).link(link);
        case.signals.hygiene.bogon_ads = Some(true);
        let found = case.assess();
        assert_eq!((found.score, found.level), (50, Level::High));
        assert!(units_of(&found, Code::BogonAd) < 8.0, "scaled pro rata");
    }
}
