//! What the weight of a source is worth: each that the model states moves the
//! score of a network that only this source names, and at 0 it moves nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, sync::Arc};

use asgard_ingest::{
    catalogue::{Catalogue, Role},
    learner::{AsOf, Learner},
    supply::{Mirror, Supply},
};
use asgard_model::{Asn, Bands, Judge, Model, Snapshot};

const NOW: &str = "2026-06-28T12:00:00Z";
const TABLE: &str = "routing/announced-prefixes-ipv4-20260627.csv";
/// One network that a list names, and one that nobody does.
const ROUTES: &str =
    "prefix,asn,rpki\n20.1.0.0/22,39501,\n21.0.0.0/16,39502,\n";

/// Where a mirror keeps each source that the shipped model weighs.
const FILES: [(&str, &str); 14] = [
    ("spamhaus-asndrop", "asndrop/asndrop-20260627.json"),
    ("spamhaus-asndrop-legacy", "asndrop-legacy/asndrop-legacy-20260627.txt"),
    ("spamhaus-drop", "drop_v4/drop_v4-20260627.json"),
    ("spamhaus-drop-legacy", "drop-legacy/drop-legacy-20260627.txt"),
    ("sslbl", "sslbl/sslbl-20260627.txt"),
    ("threatfox", "threatfox-ips/threatfox-ips-20260627.txt"),
    ("feodo", "firehol/feodo/feodo-20260627.ipset"),
    ("c2-tracker", "c2-tracker/c2-tracker-20260627.txt"),
    ("ipsum", "firehol/ipsum_3/ipsum_3-20260627.ipset"),
    ("blocklist-de", "firehol/blocklist_de/blocklist_de-20260627.ipset"),
    (
        "blocklist-de-ssh",
        "firehol/blocklist_de_ssh/blocklist_de_ssh-20260627.ipset",
    ),
    (
        "blocklist-de-bruteforce",
        "firehol/blocklist_de_bruteforce/blocklist_de_bruteforce-20260627.ipset",
    ),
    (
        "blocklist-de-bots",
        "firehol/blocklist_de_bots/blocklist_de_bots-20260627.ipset",
    ),
    (
        "blocklist-de-mail",
        "firehol/blocklist_de_mail/blocklist_de_mail-20260627.ipset",
    ),
];

/// The network or hosts of it, in the form of the source.
fn list(role: Role, path: &str) -> String {
    let meta = "{\"type\":\"metadata\",\"timestamp\":1782582242,\"size\":1,\"records\":1}\n";
    match (role, path.ends_with(".json")) {
        (Role::AsnDrop, true) => format!("{{\"asn\":39501}}\n{meta}"),
        (Role::AsnDrop, false) => "AS39501 ; US | BAD\n".to_owned(),
        (Role::Drop, true) => format!("{{\"cidr\":\"20.1.0.0/22\"}}\n{meta}"),
        (Role::Drop, false) => "20.1.0.0/22 ; SBL1\n".to_owned(),
        _ => (0..800)
            .map(|n| format!("20.1.{}.{}\n", n / 256, n % 256))
            .collect(),
    }
}

fn write(mirror: &Path, path: &str, text: &str) {
    let path = mirror.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The shipped model with another weight of one source.
fn weighing(source: &str, weight: &str) -> Model {
    let shipped = include_str!("../../model/model.toml");
    let line = shipped.lines().find(|l| l.starts_with(&format!("{source} = ")));
    let line = line.unwrap_or_else(|| panic!("{source} is not weighed"));
    let changed = format!("{source} = {weight}");
    Model::from_toml(&shipped.replace(line, &changed)).unwrap()
}

/// The score of the network that the list of a mirror names, and whether
/// Spamhaus is said to list it.
fn judged(mirror: &Path, model: Model) -> (f64, bool) {
    let model = Arc::new(model);
    let now = NOW.parse().unwrap();
    let mut learner = Learner::new(
        Catalogue::embedded().unwrap(),
        Supply::Mirror(Mirror::new(mirror).unwrap()),
        Arc::clone(&model),
        AsOf::Now,
        None,
    );
    let world = Arc::new(learner.learn(now).unwrap());
    let judge = Judge { model, bands: Bands::default(), threads: 1 };
    let snapshot = Snapshot::assess(world, Arc::default(), &judge, 1, now);
    let profile = snapshot.profile(Asn(39_501)).unwrap();
    let listed = profile.signals.threats.as_ref().is_some_and(|t| t.listed_now);
    (profile.assessment.direct_units, listed)
}

#[test]
fn every_weight_of_the_model_moves_what_only_its_source_names() {
    let (catalogue, shipped) =
        (Catalogue::embedded().unwrap(), Model::default_model());
    let named: Vec<&str> = shipped.weighed_sources().collect();
    let mut tested = FILES.map(|(source, _)| source);
    tested.sort_unstable();
    assert_eq!(named, tested);
    let nobody = tempfile::tempdir().unwrap();
    write(nobody.path(), TABLE, ROUTES);
    let (clean, _) = judged(nobody.path(), Model::default_model());
    for (source, path) in FILES {
        let role = catalogue.find(source).unwrap().role;
        let mirror = tempfile::tempdir().unwrap();
        write(mirror.path(), TABLE, ROUTES);
        let path = format!("threats/{path}");
        write(mirror.path(), &path, &list(role, &path));
        let (full, listed) = judged(mirror.path(), Model::default_model());
        let (none, still) = judged(mirror.path(), weighing(source, "0"));
        assert!(full > clean + 1.0, "{source}: {full} {clean}");
        assert!((none - clean).abs() < 1e-9, "{source}: {none} {clean}");
        let spamhaus = matches!(role, Role::AsnDrop | Role::Drop);
        assert_eq!((listed, still), (spamhaus, spamhaus), "{source}");
    }
}

#[test]
fn half_the_weight_of_a_listing_is_less_than_all_of_it() {
    let mirror = tempfile::tempdir().unwrap();
    write(mirror.path(), TABLE, ROUTES);
    let path = "threats/asndrop/asndrop-20260627.json";
    write(mirror.path(), path, &list(Role::AsnDrop, path));
    let units =
        |weight| judged(mirror.path(), weighing("spamhaus-asndrop", weight)).0;
    assert!(units("0.5") < units("1") - 1.0);
    assert!(units("0.5") > units("0") + 1.0);
}
