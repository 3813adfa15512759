//! Evidence: decay, families, false entries, ownership.

use asgard_model::{TableBuilder, rpki::VrpSet};

use super::*;

const C2_FAMILY: FamilyId = FamilyId(1);
const COPY_FAMILY: FamilyId = FamilyId(2);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn table() -> RoutingTable {
    let mut builder = TableBuilder::default();
    for (prefix, asn) in [
        ("9.0.0.0/16", 1),
        ("9.0.7.0/24", 2),
        ("9.9.0.0/24", 3),
        ("9.9.0.0/24", 4),
        ("2a00::/32", 5),
    ] {
        builder.announce(prefix.parse().unwrap(), Asn(asn), None);
    }
    builder.build(&VrpSet::default())
}

fn ledger(versions: &[(&str, &[&str])], table: &RoutingTable) -> Ledger {
    let mut ledger = Ledger::default();
    for (published, list) in versions {
        let prefixes = list.iter().map(|p| p.parse().unwrap()).collect();
        ledger.merge(prefixes, day(published), |p| origin_of(table, p));
    }
    ledger
}

fn list(ledger: &Ledger, id: u16, family: FamilyId) -> ThreatList<'_> {
    ThreatList {
        source: SourceId(id),
        category: Category::C2,
        family,
        contains: 0,
        trust: Trust::Curated,
        weight: 0.5,
        ledger,
    }
}

fn verdicts(lists: &[ThreatList<'_>], as_of: &str) -> Verdicts {
    let table = table();
    let landmarks = Landmarks::new([
        ("9.0.0.8/32".parse().unwrap(), Class::Resolver),
        ("9.0.0.9/32".parse().unwrap(), Class::Tor),
    ]);
    let model = Model::default_model();
    weigh(
        lists,
        Scales {
            table: &table,
            landmarks: &landmarks,
            model: &model,
            as_of: day(as_of),
        },
    )
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn evidence_belongs_to_the_origin_of_the_longest_match() {
    let table = table();
    let ledger = ledger(
        &[("20260601", &["9.0.0.1", "9.0.7.1", "9.9.0.1", "2a00::1"])],
        &table,
    );
    let found = verdicts(&[list(&ledger, 0, C2_FAMILY)], "20260601");
    for asn in [1, 2, 3, 4] {
        let k = found.by_asn[&Asn(asn)].threats.k;
        assert!(close(k.hosting, 0.5), "AS{asn}: {k:?}");
    }
    assert!(close(found.by_asn[&Asn(5)].threats.k.hosting_v6, 0.5));
}

#[test]
fn lists_that_copy_each_other_are_one_fact() {
    let table = table();
    let ledger = ledger(&[("20260601", &["9.0.0.1", "9.0.0.2"])], &table);
    let one = [list(&ledger, 0, C2_FAMILY)];
    let copies: Vec<_> =
        (0..5).map(|id| list(&ledger, id, COPY_FAMILY)).collect();
    let alone = verdicts(&one, "20260601");
    let copied = verdicts(&copies, "20260601");
    let k = |v: &Verdicts| v.by_asn[&Asn(1)].threats.k.hosting;
    assert!(close(k(&alone), 1.0));
    assert!(close(k(&copied), 1.0));
    assert_eq!(copied.by_asn[&Asn(1)].threats.families.len(), 1);
    assert_eq!(copied.by_asn[&Asn(1)].threats.distinct_ips, 2);
    assert_eq!(copied.by_asn[&Asn(1)].threats.sources, 5);
}

#[test]
fn each_family_is_summed_alone_and_left_out() {
    let table = table();
    let both = ledger(&[("20260601", &["9.0.0.1"])], &table);
    let extra = ledger(&[("20260601", &["9.0.0.1", "9.0.0.2"])], &table);
    let mut aggregate = list(&both, 1, COPY_FAMILY);
    aggregate.weight = 0.8;
    aggregate.contains = C2_FAMILY.bit();
    let lists = [list(&extra, 0, C2_FAMILY), aggregate];
    let found = verdicts(&lists, "20260601");
    let threats = &found.by_asn[&Asn(1)].threats;
    assert!(close(threats.k.hosting, 0.8 + 0.5));
    let c2 = &threats.families[0];
    assert_eq!(c2.family, C2_FAMILY);
    assert!(close(c2.alone.hosting, 1.0));
    // The aggregate repeats the family, but stands under its own limit.
    assert!(close(c2.without.hosting, 0.8));
    assert_eq!(copy_of(threats).contains, C2_FAMILY.bit());
    let copy = &threats.families[1];
    assert!(close(copy.alone.hosting, 0.8));
    assert!(close(copy.without.hosting, 1.0));
}

fn copy_of(threats: &Threats) -> &FamilyEvidence {
    threats.families.iter().find(|f| f.family == COPY_FAMILY).unwrap()
}

#[test]
fn evidence_halves_with_age_and_ends_after_a_year() {
    let table = table();
    let ledger = ledger(&[("20260101", &["9.0.0.1"])], &table);
    let k = |as_of: &str| {
        let found = verdicts(&[list(&ledger, 0, C2_FAMILY)], as_of);
        found.by_asn.get(&Asn(1)).map_or(0.0, |e| e.threats.k.hosting)
    };
    assert!(close(k("20260101"), 0.5));
    assert!(close(k("20260302"), 0.25), "60 days are one half-life of C2");
    assert!(close(k("20270201"), 0.0));
}

#[test]
fn months_of_hosting_make_persistence() {
    let table = table();
    let versions: [(&str, &[&str]); 3] = [
        ("20260115", &["9.0.0.1"]),
        ("20260315", &["9.0.0.1"]),
        ("20260515", &["9.0.0.2"]),
    ];
    let ledger = ledger(&versions, &table);
    let found = verdicts(&[list(&ledger, 0, C2_FAMILY)], "20260601");
    assert_eq!(found.by_asn[&Asn(1)].threats.persistence_months, 3);
    assert_eq!(found.by_asn[&Asn(1)].threats.shown.c2, 2);
}

#[test]
fn false_entries_move_nothing_and_are_counted() {
    let table = table();
    let ledger = ledger(&[("20260601", &["9.0.0.8", "9.0.0.9"])], &table);
    let c2 = verdicts(&[list(&ledger, 0, C2_FAMILY)], "20260601");
    assert_eq!(c2.false_entries, 1, "the resolver");
    assert_eq!(c2.by_asn[&Asn(1)].threats.distinct_ips, 1, "Tor may host C2");
    let mut attacks = list(&ledger, 0, C2_FAMILY);
    attacks.category = Category::Attack;
    let attack = verdicts(&[attacks], "20260601");
    assert_eq!(attack.false_entries, 2, "scans from Tor exits say nothing");
    assert!(attack.by_asn.is_empty());
}

#[test]
fn evidence_does_not_follow_sold_space() {
    let then = {
        let mut builder = TableBuilder::default();
        builder.announce("9.0.0.0/16".parse().unwrap(), Asn(66), None);
        builder.build(&VrpSet::default())
    };
    let ledger = ledger(&[("20260601", &["9.0.0.1"])], &then);
    let found = verdicts(&[list(&ledger, 0, C2_FAMILY)], "20260601");
    assert!(found.by_asn.contains_key(&Asn(66)));
    assert!(!found.by_asn.contains_key(&Asn(1)));
}
