//! The robustness properties of the model, on random cases.

use proptest::{collection::vec, option, prelude::*};

use super::{
    Code, Link, Part,
    fixture::{Case, family, scaled},
    threat,
};
use crate::{
    Assessment, AssessmentState, Level,
    signals::{FamilyEvidence, Rates, Trust, Visibility},
};

/// What one family reports, about addresses that no other family names.
#[derive(Clone, Debug)]
struct Voice {
    trust: Trust,
    contains: u64,
    rates: Rates,
    /// Bit per month with hosting.
    months: u16,
    asn_drop: f64,
    drop_space_share: f64,
}

impl Voice {
    fn evidence(&self, id: u8, voices: &[Self]) -> FamilyEvidence {
        let mut without = Rates::default();
        let mut months_without = 0;
        for (other, voice) in (0..).zip(voices) {
            if other != id {
                without = sum(&without, &voice.rates);
                months_without |= voice.months;
            }
        }
        FamilyEvidence {
            trust: self.trust,
            contains: self.contains,
            alone: self.rates,
            without,
            months_alone: ones(self.months),
            months_without: ones(months_without),
            asn_drop: self.asn_drop,
            drop_space_share: self.drop_space_share,
            ..family(id)
        }
    }
}

fn ones(months: u16) -> u8 {
    u8::try_from((months & 0xFFF).count_ones()).unwrap()
}

fn sum(a: &Rates, b: &Rates) -> Rates {
    Rates {
        hosting: a.hosting + b.hosting,
        phishing: a.phishing + b.phishing,
        spam: a.spam + b.spam,
        attack: a.attack + b.attack,
        hosting_v6: a.hosting_v6 + b.hosting_v6,
        phishing_v6: a.phishing_v6 + b.phishing_v6,
        spam_v6: a.spam_v6 + b.spam_v6,
        attack_v6: a.attack_v6 + b.attack_v6,
    }
}

/// The case with exactly these voices.
fn spoken(mut case: Case, voices: &[Voice]) -> Case {
    case.signals.threats = None;
    if voices.is_empty() {
        return case;
    }
    let threats = case.threats();
    let mut months = 0;
    threats.c2_share = 0.4;
    for (id, voice) in (0..).zip(voices) {
        threats.k = sum(&threats.k, &voice.rates);
        threats.asn_drop = threats.asn_drop.max(voice.asn_drop);
        threats.drop_space_share =
            (threats.drop_space_share + voice.drop_space_share).min(1.0);
        months |= voice.months;
        threats.families.push(voice.evidence(id, voices));
    }
    threats.persistence_months = ones(months);
    case
}

fn threat_units(case: &Case) -> f64 {
    threat::weigh(&case.signals, &case.model).limited
}

/// Counts that are mostly 0, else spread over four decades.
fn count() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => Just(0.0),
        1 => (-2.0..2.6_f64).prop_map(libm::exp10),
    ]
}

fn rates() -> impl Strategy<Value = Rates> {
    let four = || (count(), count(), count(), count());
    (four(), prop_oneof![3 => Just(0.0), 1 => count()]).prop_map(
        |((hosting, phishing, spam, attack), hosting_v6)| Rates {
            hosting,
            phishing,
            spam,
            attack,
            hosting_v6,
            ..Rates::default()
        },
    )
}

fn trust() -> impl Strategy<Value = Trust> {
    prop_oneof![
        Just(Trust::Curated),
        Just(Trust::Community),
        Just(Trust::Attack)
    ]
}

/// A list of addresses, or one of listings.
fn voice() -> impl Strategy<Value = Voice> {
    let contains = prop_oneof![3 => Just(0_u64), 1 => 0..16_u64];
    let listing = prop_oneof![
        4 => Just((0.0, 0.0)),
        1 => (prop_oneof![Just(0.0), Just(1.0), 0.0..1.0], 0.0..1.0),
    ];
    (trust(), contains, rates(), any::<u16>(), listing).prop_map(
        |(trust, contains, rates, months, (asn_drop, drop_space_share))| {
            let trust = if asn_drop > 0.0 { Trust::Curated } else { trust };
            Voice { trust, contains, rates, months, asn_drop, drop_space_share }
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    prop_oneof![Just(Link::Exp), Just(Link::Linear)]
}

/// An AS with every signal but threats.
fn quiet() -> impl Strategy<Value = Case> {
    let space = (
        prop_oneof![Just(0.0), Just(1.0), (0.0..5.3_f64).prop_map(libm::exp10)],
        prop_oneof![Just(0.0), (0.0..6.0_f64).prop_map(libm::exp10)],
        prop_oneof![
            Just(Visibility::NotAnnounced),
            Just(Visibility::Low),
            Just(Visibility::Full),
        ],
    );
    let hygiene = (
        option::of(0.0..100.0_f64),
        option::of(0.0..100.0_f64),
        option::of(0.0..40.0_f64),
        option::of(any::<bool>()),
    );
    let stability = (
        option::of(0.0..2_000.0_f64),
        option::of(0..6_u8),
        option::of(any::<bool>()),
        option::of(0..4_u32),
    );
    let near = (
        option::of(1.0..100.0_f64),
        option::of(0.0..150.0_f64),
        option::of(0.0..150.0_f64),
    );
    let known = (option::of(0..4_000_u32), 0.0..=1.0_f64, any::<bool>());
    (space, hygiene, stability, near, known, link()).prop_map(
        |(space, hygiene, stability, near, known, link)| {
            let mut case = Case::clean(space.0).link(link);
            let signals = &mut case.signals;
            signals.exposure.v6 = space.1;
            signals.exposure.visibility = space.2;
            signals.hygiene.rpki_invalid_percent = hygiene.0;
            signals.hygiene.rpki_unknown_percent = hygiene.1;
            signals.hygiene.route_leak_weight = hygiene.2;
            signals.hygiene.bogon_ads = hygiene.3;
            signals.stability.flap_ratio = stability.0;
            signals.stability.serial_origin_features = stability.1;
            signals.metadata.has_peeringdb_profile = stability.2;
            signals.metadata.upstream_tier1_count = stability.3;
            signals.metadata.age_days = known.0;
            case.neighbours.downstream = near.0;
            case.neighbours.upstream = near.1;
            case.neighbours.sibling = near.2;
            case.health.coverage = known.1;
            case.health.routing_stale = known.2;
            case
        },
    )
}

fn any_case() -> impl Strategy<Value = (Case, Vec<Voice>)> {
    (quiet(), vec(voice(), 0..5))
        .prop_map(|(case, voices)| (spoken(case, &voices), voices))
}

/// One more observation, by a family that spoke before or by a new one.
fn observation() -> impl Strategy<Value = (usize, usize, f64, u16, Voice)> {
    (0..6_usize, 0..5_usize, 0.01..1.0_f64, 0..12_u16, voice())
}

fn observe(
    voices: &[Voice],
    what: (usize, usize, f64, u16, Voice),
) -> Vec<Voice> {
    let (who, category, weight, month, newcomer) = what;
    let mut voices = voices.to_vec();
    match voices.get_mut(who) {
        None => voices.push(newcomer),
        Some(voice) => {
            *match category {
                0 => &mut voice.rates.hosting,
                1 => &mut voice.rates.phishing,
                2 => &mut voice.rates.spam,
                3 => &mut voice.rates.attack,
                _ => &mut voice.rates.hosting_v6,
            } += weight;
            voice.months |= 1 << month;
        }
    }
    voices
}

fn has(assessment: &Assessment, code: Code) -> bool {
    assessment.details.iter().any(|detail| detail.code == code)
}

/// At least so many; `PROPTEST_CASES` may ask for more.
fn cases(least: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: least.max(config.cases),
        failure_persistence: None,
        ..config
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn r1_scaling_space_and_reports_together_only_narrows_the_interval(
        (v4, k, months) in (1.6..4.0_f64, 0.5..4.0_f64, 0..=12_u8),
        factor in 2.0..50.0_f64,
    ) {
        let (v4, k) = (libm::exp10(v4), libm::exp10(k));
        let small = Case::hosting(v4, k, months).families(vec![family(0)]);
        let large = Case::hosting(v4 * factor, k * factor, months)
            .families(vec![family(0)]);
        let [was, is] = [&small, &large].map(|case| {
            let raw = threat::weigh(&case.signals, &case.model).raw;
            let at_most = threat::at_most(&case.signals, &case.model);
            (case.assess(), at_most - raw)
        });
        prop_assert!(is.1 <= was.1 + 1e-9, "wider: {} {}", was.1, is.1);
        prop_assert!(is.0.confidence >= was.0.confidence);
        let ratio = is.0.hosting_rate / was.0.hosting_rate;
        prop_assert!(ratio >= 1.0 - 1e-9, "{ratio}");
        // The prior holds back 4 of v4 + 4 blocks; the bound narrows by about
        // 1.65 standard deviations.
        if k >= 1_000.0 {
            let prior = 1.0 + 4.0 / v4;
            let interval = 1.0 - 1.7 / k.sqrt();
            prop_assert!(ratio <= prior / interval, "{ratio}");
        }
    }

    #[test]
    fn r2_a_cloud_with_many_reports_is_safer_than_a_small_host_with_five(
        (k, months, few) in (5.0..6_000.0_f64, 0..=12_u8, 1..=12_u8),
        link in link(),
    ) {
        let cloud = Case::hosting(200_000.0, k, months)
            .families(vec![family(0), family(1)])
            .link(link);
        let host = Case::hosting(1.0, 5.0, few)
            .families(vec![family(0), family(1)])
            .link(link);
        prop_assert!(cloud.assess().score > host.assess().score);
    }

    #[test]
    fn r3_one_report_on_one_block_is_not_enough_for_high(
        (category, weight, months) in (0..4, 0.0..=1.0_f64, 0..=12_u8),
        (age, coverage) in (option::of(0..4_000_u32), 0.0..=1.0_f64),
        (trust, link) in (trust(), link()),
    ) {
        let mut case = Case::clean(1.0).link(link);
        case.signals.metadata.age_days = age;
        case.health.coverage = coverage;
        let threats = case.threats();
        threats.persistence_months = months;
        *match category {
            0 => &mut threats.k.hosting,
            1 => &mut threats.k.phishing,
            2 => &mut threats.k.spam,
            _ => &mut threats.k.attack,
        } = weight;
        let mut voice = family(0);
        voice.trust = trust;
        let found = case.families(vec![voice]).assess();
        prop_assert!(found.level <= Level::Medium, "{}", found.score);
    }

    #[test]
    fn r4_no_data_is_not_trust(
        (case, age) in (quiet(), option::of(0..=30_u32)),
        coverage in 0.5..=1.0_f64,
    ) {
        let mut case = case;
        case.health.coverage = coverage;
        case.health.routing_stale = false;
        case.signals.metadata.age_days = age;
        let new = case.assess();
        prop_assert!(new.level >= Level::Medium, "{}", new.score);
        prop_assert_eq!(new.state, AssessmentState::InsufficientData);
        prop_assert!(new.confidence < 0.4);
        let mut observed = case.clone();
        observed.health.coverage = 1.0;
        observed.signals.metadata.age_days = Some(3_650);
        observed.signals.exposure.visibility = Visibility::Full;
        let observed = observed.assess();
        prop_assert!(has(&new, Code::Unproven) || has(&new, Code::ThreatSibling));
        prop_assert!(!has(&observed, Code::Unproven) || observed.confidence < 0.4);
        prop_assert!(
            new.score_exact < observed.score_exact
                || has(&new, Code::ThreatSibling)
                || observed.confidence < 0.4
                || new.score == 50
        );
    }

    #[test]
    fn r5_a_family_moves_threat_by_its_limit_and_makes_none_critical(
        (case, voices) in (quiet(), vec(voice(), 1..4)),
        (who, link) in (0..3_usize, link()),
    ) {
        let who = who % voices.len();
        let mut others = voices.clone();
        let poison = others.remove(who);
        let with = spoken(case.clone().link(link), &voices);
        let without = spoken(case, &others);
        let limit = match poison.trust {
            Trust::Curated => 69.0_f64.max(90.0 * poison.asn_drop),
            Trust::Community => 25.0,
            Trust::Attack => 10.0,
        };
        let moved = threat_units(&with) - threat_units(&without);
        prop_assert!(moved <= limit + 1e-9, "{moved} > {limit}");
        let found = with.assess();
        prop_assert!(
            found.level < Level::Critical
                || found.families >= 2
                || voices.iter().any(|voice| voice.asn_drop > 0.0)
        );
    }

    #[test]
    fn r6_order_and_repetition_change_no_byte((case, _) in any_case()) {
        let once = format!("{:?} {:?}", case.assess(), case.direct());
        let mut reversed = case;
        if let Some(threats) = reversed.signals.threats.as_deref_mut() {
            threats.families.reverse();
        }
        let again = format!("{:?} {:?}", reversed.assess(), reversed.direct());
        prop_assert_eq!(once, again);
    }

    #[test]
    fn r8_one_more_observation_never_raises_the_score(
        ((case, voices), what) in (any_case(), observation()),
    ) {
        let before = case.assess();
        let worse = spoken(case.clone(), &observe(&voices, what));
        let after = worse.assess();
        prop_assert!(after.score <= before.score);
        prop_assert!(after.score_exact <= before.score_exact + 2e-6);
        prop_assert!(after.families >= before.families);
        prop_assert!(worse.direct() >= case.direct() - 2e-6);
        prop_assert!(after.hosting_rate >= before.hosting_rate);
    }

    #[test]
    fn points_add_up_and_the_interval_holds_the_score((case, _) in any_case()) {
        let found = case.assess();
        let points: i32 =
            found.details.iter().map(|d| i32::from(d.points)).sum();
        prop_assert_eq!(points, 100 - i32::from(found.score));
        prop_assert!(found.score_low <= found.score);
        prop_assert!(found.score <= found.score_high);
        prop_assert!((0.0..=1.0).contains(&found.confidence));
        let ordered = |pair: &[crate::Detail]| {
            (-pair[0].points, pair[0].code) < (-pair[1].points, pair[1].code)
        };
        prop_assert!(found.details.windows(2).all(ordered));
    }

    #[test]
    fn every_part_keeps_its_cap((case, _) in any_case()) {
        let found = case.assess();
        let part = |part| -> f64 {
            let units = found.details.iter();
            units
                .filter(|d| d.code.part() == Some(part))
                .map(|d| d.units)
                .sum()
        };
        prop_assert!(part(Part::Hygiene) <= 30.0 + 1e-9);
        prop_assert!(part(Part::Stability) <= 35.0 + 1e-9);
        prop_assert!(part(Part::Stability) >= -1e-9);
        if case.model.link == Link::Exp {
            let parts = [found.hygiene, found.threat, found.stability]
                .map(|score| f64::from(score) / 100.0);
            let product = 100.0 * parts.iter().product::<f64>();
            prop_assert!((product - found.score_exact).abs() < 1.6);
        }
    }

    #[test]
    fn halving_every_count_never_lowers_the_score((case, _) in any_case()) {
        let before = case.assess();
        let mut faded = case;
        if let Some(threats) = faded.signals.threats.as_deref_mut() {
            threats.k = scaled(&threats.k, 0.5);
            for family in &mut threats.families {
                family.alone = scaled(&family.alone, 0.5);
                family.without = scaled(&family.without, 0.5);
            }
        }
        prop_assert!(faded.assess().score >= before.score);
    }
}
