//! What the scoring rules say about the planted networks, with margins for all
//! that the judge leaves out.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use asgard_model::{Asn, Day, Prefix};
use asgard_synth::{FalseReason, Plan, truth};

use crate::{
    judge::{ATTACK, HOSTING, JUDGES, Judge, SPAM, collect, excused},
    mirror::{DEMO, TINY, today},
};

#[test]
fn bulletproof_hosters_come_out_critical_on_two_families() {
    for judge in JUDGES.iter() {
        for &asn in &judge.truth.bulletproof {
            // CRITICAL begins at 70.3 units.
            let units = judge.units(asn);
            assert!(units > 74.0, "{asn}: {units:.1}");
            let evidence = &judge.evidence[&asn];
            assert!(evidence.months.len() >= 12, "{asn}");
            for k in [evidence.threatfox, evidence.c2tracker] {
                let alone = judge.hosting(asn, k);
                assert!(alone > 25.0, "{asn}: {alone:.1} from one family");
            }
            assert!(judge.space[&asn] <= 4.0, "{asn}");
        }
    }
}

#[test]
fn mid_risk_hosters_come_out_high_and_medium() {
    for judge in JUDGES.iter() {
        for (set, low, high) in
            [(&judge.truth.high, 34.0, 64.0), (&judge.truth.medium, 13.5, 25.0)]
        {
            for &asn in set {
                let units = judge.units(asn);
                assert!((low..high).contains(&units), "{asn}: {units:.1}");
            }
        }
    }
}

#[test]
fn innocent_networks_stay_far_above_90() {
    for judge in JUDGES.iter() {
        let innocent = [
            &judge.truth.clouds,
            &judge.truth.victims,
            &judge.truth.clean_stubs,
            &judge.truth.newcomers,
            &judge.truth.misjudged,
            &judge.truth.squatters,
            &judge.truth.clique,
        ];
        for &asn in innocent.into_iter().flatten() {
            let units = judge.units(asn);
            assert!(units < 1.0, "{asn}: {units:.1}");
        }
    }
}

#[test]
fn nobody_else_is_worse_than_medium() {
    for judge in JUDGES.iter() {
        let truth = &judge.truth;
        for &asn in judge.evidence.keys() {
            let planted = truth.bulletproof.contains(&asn)
                || truth.high.contains(&asn)
                || truth.medium.contains(&asn);
            let units = judge.units(asn);
            assert!(planted || units < 10.0, "{asn}: {units:.1}");
        }
    }
}

#[test]
fn large_clouds_bear_thousands_of_reports() {
    let judge = &JUDGES[1];
    for number in [8_075, 16_509, 396_982] {
        let reports = judge.evidence[&Asn(number)].reports;
        assert!(reports > 2_000, "AS{number}: {reports}");
    }
}

#[test]
fn only_the_excuses_save_the_misjudged() {
    let blind = Judge::new(&DEMO, truth(&Plan::demo(today())), false);
    for &asn in &blind.truth.misjudged {
        assert!(blind.units(asn) > 3.0, "{asn}: {:.1}", blind.units(asn));
    }
}

#[test]
fn every_false_entry_is_listed_and_excused() {
    for (mirror, judge) in [(&*TINY, &JUDGES[0]), (&*DEMO, &JUDGES[1])] {
        let lists = [&HOSTING[..], &ATTACK[..], &SPAM[..]].concat();
        let listed = collect(mirror, &lists, &[]);
        let excused = excused(mirror);
        let mut reasons = BTreeSet::new();
        for entry in &judge.truth.false_entries {
            assert!(listed.contains_key(&entry.address), "{entry:?}");
            let address = IpAddr::V4(entry.address);
            let excuse = excused.iter().any(|p| p.contains(address));
            let private = entry.reason == FalseReason::Private;
            assert!(excuse != private, "{entry:?}");
            assert_eq!(entry.origin.is_none(), private, "{entry:?}");
            reasons.insert(entry.reason);
        }
        assert_eq!(reasons.len(), 5);
        let resolver = judge.truth.false_entries.iter().any(|entry| {
            entry.address == Ipv4Addr::new(8, 8, 8, 8)
                && entry.origin == Some(Asn(15_169))
        });
        assert!(resolver);
    }
}

#[test]
fn the_newest_spamhaus_files_list_what_the_truth_says() {
    let truth = &JUDGES[1].truth;
    let listed = |text: &str| -> BTreeSet<Asn> {
        let lines = text.lines().filter_map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            Some(Asn(u32::try_from(row["asn"].as_u64()?).unwrap()))
        });
        lines.collect()
    };
    assert_eq!(listed(DEMO.newest("threats/asndrop/")), truth.asn_drop);
    let delisted_on: BTreeSet<Day> = DEMO
        .versions("threats/asndrop/")
        .iter()
        .filter(|(_, text)| !truth.delisted.is_disjoint(&listed(text)))
        .map(|(day, _)| *day)
        .collect();
    let age = today().days_since(*delisted_on.last().unwrap());
    assert!((45..=52).contains(&age), "last listed {age} days ago");
    let drop: BTreeSet<Prefix> = DEMO
        .newest("threats/drop_v4/")
        .lines()
        .filter_map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            Some(row["cidr"].as_str()?.parse().unwrap())
        })
        .collect();
    assert_eq!(drop, truth.drop);
}

#[test]
fn newcomers_are_days_old_and_in_no_list() {
    let judge = &JUDGES[1];
    let born: BTreeMap<Asn, Day> = DEMO
        .texts
        .iter()
        .filter(|(path, _)| path.starts_with("names/delegated-"))
        .flat_map(|(_, text)| text.lines())
        .map(|line| line.split('|').collect::<Vec<_>>())
        .filter(|row| row.len() == 8 && row[2] == "asn")
        .map(|row| (row[3].parse().unwrap(), row[5].parse().unwrap()))
        .collect();
    for (asn, day) in &born {
        let is_new = today().days_since(*day) <= 30;
        assert_eq!(is_new, judge.truth.newcomers.contains(asn), "{asn}");
    }
    for asn in &judge.truth.newcomers {
        assert!(!judge.evidence.contains_key(asn), "{asn}");
    }
}
