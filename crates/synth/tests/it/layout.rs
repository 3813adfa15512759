//! Names, syntax and honesty of every file.

use std::collections::BTreeSet;

use asgard_model::Prefix;
use asgard_synth::{Plan, files, truth, write_to};

use crate::mirror::{DEMO, Mirror, TINY, addresses, date, today};

const FOLDERS: [(&str, usize); 23] = [
    ("routing/announced-prefixes-ipv4-20260627.csv.gz", 1),
    ("routing/announced-prefixes-ipv6-20260627.csv.gz", 1),
    ("routing/geo-whois-asn-country-ipv", 2),
    ("names/as-info-20260627.csv.gz", 1),
    ("names/delegated-", 5),
    ("rpki/derived-vrps-20260627.csv.gz", 1),
    ("relations/20260627.as-rel.txt", 1),
    ("peeringdb/asn_network_types_20260627.csv.gz", 1),
    ("peeringdb/net-20260627.json.gz", 1),
    ("threats/asndrop/asndrop-", 13),
    ("threats/drop_v4/drop_v4-", 13),
    ("threats/threatfox-ips/threatfox-ips-", 53),
    ("threats/c2-tracker/c2-tracker-", 14),
    ("threats/firehol/blocklist_de/blocklist_de-", 8),
    ("threats/firehol/blocklist_de_mail/blocklist_de_mail-", 8),
    ("threats/firehol/ipsum_3/ipsum_3-", 4),
    ("threats/firehol/tor_exits/tor_exits-", 4),
    ("ranges/misp-warninglists-20260627/public-dns-v4.json.gz", 1),
    ("ranges/ipranges-20260627/googlebot-ipv4.txt.gz", 1),
    ("ranges/cloud-ips-20260627/aws.json.gz", 1),
    ("ranges/cloud-ips-20260627/googlebot.json.gz", 1),
    ("ranges/borestad-20260627/censys.ipv4", 1),
    ("", 136),
];

#[test]
fn every_file_has_its_place_in_a_mirror() {
    for mirror in [&*DEMO, &*TINY] {
        for (prefix, count) in FOLDERS {
            let found = mirror.texts.keys().filter(|p| p.starts_with(prefix));
            assert_eq!(found.count(), count, "{prefix}");
        }
    }
}

#[test]
fn equal_plans_give_equal_bytes_and_other_seeds_other_ones() {
    let plan = Plan::tiny(today());
    assert_eq!(files(&plan), files(&plan));
    assert_eq!(truth(&plan), truth(&plan));
    let other = Plan { seed: plan.seed + 1, ..plan };
    assert_ne!(files(&plan), files(&other));
}

#[test]
fn writing_to_a_folder_writes_exactly_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::tiny(today());
    write_to(&plan, &dir.path().join("mirror")).unwrap();
    for (path, bytes) in files(&plan) {
        let written = std::fs::read(dir.path().join("mirror").join(&path));
        assert_eq!(written.unwrap(), bytes, "{path}");
    }
}

#[test]
fn no_file_is_newer_than_the_plan() {
    for path in TINY.texts.keys() {
        assert!(date(path) <= today(), "{path}");
    }
    // A plan at the beginning of time does not overflow.
    let early = Plan::tiny("1970-01-03".parse().unwrap());
    assert!(!files(&early).is_empty());
    let late = Plan::tiny(asgard_model::Day(u16::MAX));
    assert!(!files(&late).is_empty());
}

#[test]
fn whatever_has_comments_says_that_it_is_generated() {
    for (path, text) in &DEMO.texts {
        let comments = text.lines().any(|line| line.starts_with('#'));
        let speaks = comments || path.contains("drop");
        if speaks || path.contains("warninglist") {
            assert!(text.contains("generated demo data"), "{path}");
        }
    }
}

#[test]
fn tables_have_the_columns_of_the_real_ones() {
    let header = "asn,handle,company,rir,country,since,category,tier,cone,\
                  ixps,scope,domain_or_site,users";
    let names = DEMO.rows("names/as-info-", header);
    assert_eq!(names.len(), 2_000);
    let google = names.iter().find(|row| row[0] == "15169").unwrap();
    assert_eq!(google[1..6], ["GOOGLE", "Google LLC", "arin", "US", "2000"]);
    let level3 = names.iter().find(|row| row[0] == "3356").unwrap();
    assert_eq!(level3[2], "Level 3 Parent, LLC");
    let types = "peeringdb/asn_network_types_";
    let types = DEMO.rows(types, "asn,network_type,network_name");
    assert!(types.len() > 300);
    let vrps = DEMO.rows("rpki/", "ASN,IP Prefix,Max Length,Trust Anchor");
    assert!(vrps.iter().all(|row| row[0].starts_with("AS")));
}

#[test]
fn profiles_are_objects_of_the_networks_whose_types_are_known() {
    let types = "peeringdb/asn_network_types_";
    let types = DEMO.rows(types, "asn,network_type,network_name");
    let page = DEMO.newest("peeringdb/net-");
    let page: serde_json::Value = serde_json::from_str(page).unwrap();
    let nets = page["data"].as_array().unwrap();
    assert_eq!(nets.len(), types.len());
    for (net, row) in nets.iter().zip(&types) {
        assert_eq!(net["asn"].to_string(), row[0]);
        assert_eq!(net["info_type"], row[1]);
        assert_eq!(net["name"], row[2]);
        assert_eq!(net["status"], "ok");
    }
}

#[test]
fn drop_lists_are_json_lines_with_true_metadata() {
    for folder in ["threats/asndrop/", "threats/drop_v4/"] {
        for (day, text) in DEMO.versions(folder) {
            let (records, last) = text.trim_end().rsplit_once('\n').unwrap();
            let meta: serde_json::Value = serde_json::from_str(last).unwrap();
            assert_eq!(meta["type"], "metadata");
            assert_eq!(meta["records"], records.lines().count());
            assert_eq!(meta["size"], records.len() + 1);
            assert_eq!(meta["timestamp"], day.start().as_second());
            for line in records.lines() {
                let _: serde_json::Value = serde_json::from_str(line).unwrap();
            }
        }
    }
}

#[test]
fn firehol_headers_tell_date_and_entries() {
    for (path, text) in &DEMO.texts {
        if !path.starts_with("threats/firehol/") {
            continue;
        }
        let value = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            line.unwrap().split_once(": ").unwrap().1.to_owned()
        };
        let day = date(path).start().strftime("%a %b %e 00:00:00 UTC %Y");
        assert_eq!(value("# Source File Date"), day.to_string());
        let listed = addresses(text);
        assert_eq!(value("# Entries"), format!("{} unique IPs", listed.len()));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), listed.len(), "{path}: duplicates");
    }
}

#[test]
fn delegations_name_every_public_number_once() {
    let mut seen = BTreeSet::new();
    for (path, text) in &DEMO.texts {
        if !path.starts_with("names/delegated-") {
            continue;
        }
        let mut lines = text.lines().filter(|l| !l.starts_with('#'));
        let head: Vec<&str> = lines.next().unwrap().split('|').collect();
        let records: Vec<Vec<&str>> = lines
            .filter(|line| !line.ends_with("summary"))
            .map(|line| line.split('|').collect())
            .collect();
        assert_eq!(head[3].parse(), Ok(records.len()), "{path}");
        for record in records {
            assert_eq!(record[0], head[1]);
            if record[2] == "asn" {
                assert!(seen.insert(record[3].parse::<u32>().unwrap()));
            }
        }
    }
    // 64496, 64497 and 64512 are reserved: no registry gives them out.
    assert_eq!(seen.len(), 1_997);
}

#[test]
fn ranges_have_the_shapes_of_their_publishers() {
    let mirror: &Mirror = &DEMO;
    let json = |prefix| -> serde_json::Value {
        serde_json::from_str(mirror.newest(prefix)).unwrap()
    };
    let dns = json("ranges/misp-");
    assert!(dns["list"].as_array().unwrap().contains(&"8.8.8.8".into()));
    assert_eq!(dns["type"], "cidr");
    let aws = json("ranges/cloud-ips-20260627/aws");
    let first = aws["prefixes"][0]["ip_prefix"].as_str().unwrap();
    assert!(first.parse::<Prefix>().is_ok());
    let crawler = json("ranges/cloud-ips-20260627/googlebot");
    assert_eq!(crawler["prefixes"][0]["ipv4Prefix"], "66.249.64.0/27");
    for folder in ["ranges/ipranges-", "ranges/borestad-"] {
        for line in mirror.newest(folder).lines() {
            assert!(line.parse::<Prefix>().is_ok(), "{line}");
        }
    }
}
