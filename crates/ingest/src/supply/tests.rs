//! Mirrors on disk and in memory list and open the same files alike.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use super::*;
use crate::catalogue::{Catalogue, Part};

const TOML: &str = r#"
[[source]]
name = "lists"
description = "many days"
kind = "ip_list"
role = { threat = "c2" }
mirror = ["threats/lists/list-*.txt*", "threats/old/list-*.txt*"]
licence = "MIT"
family = "f"
weight = 0.5
history = true
[[source]]
name = "table"
description = "newest day"
kind = "range_csv"
role = { routing = "range" }
licence = "MIT"
family = "g"
weight = 1.0
max_mib = 1
[source.parts.ipv4]
mirror = ["routing/table-ipv4-*.csv*"]
[source.parts.ipv6]
mirror = ["routing/table-ipv6-*.csv*"]
"#;

const FILES: [(&str, &str); 9] = [
    ("threats/lists/list-20260102.txt", "2"),
    ("threats/lists/list-20260101.txt", "1"),
    ("threats/old/list-2025-12-31.txt", "0"),
    ("threats/lists/other-20260101.txt", "x"),
    ("threats/samples/list-20260101.txt", "x"),
    ("routing/table-ipv4-20260101.csv", "v4"),
    ("routing/table-ipv4-20260102.csv", "v4 new"),
    ("routing/table-ipv6-20260101.csv", "v6"),
    ("routing/formats/table-ipv6-20260109.csv", "x"),
];

fn catalogue() -> Catalogue {
    Catalogue::parse(TOML).unwrap()
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn mirror() -> (tempfile::TempDir, Supply) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        write(root.path(), path, text.as_bytes());
    }
    let mirror = Mirror::new(root.path()).unwrap();
    (root, Supply::Mirror(mirror))
}

fn memory() -> Supply {
    let files = FILES.map(|(path, text)| (path.to_owned(), text.into()));
    Supply::Memory(Memory::new(BTreeMap::from(files)))
}

fn labels(versions: &[Version]) -> Vec<&str> {
    versions.iter().map(|version| version.label.as_str()).collect()
}

fn read(supply: &Supply, source: &Source, label: &str) -> String {
    let version = Version {
        day: None,
        part: Part::WHOLE.to_owned(),
        label: label.to_owned(),
    };
    let mut text = String::new();
    match supply.open(source, &version) {
        Ok(mut plain) => match plain.read_to_string(&mut text) {
            Ok(_) => text,
            Err(error) => format!("reading: {error}"),
        },
        Err(error) => format!("opening: {error}"),
    }
}

#[test]
fn versions_come_oldest_first_from_disk_and_from_memory() {
    let (_root, mirror) = mirror();
    for supply in [mirror, memory()] {
        let catalogue = catalogue();
        let lists = catalogue.get("lists").unwrap();
        let versions = supply.versions(lists).unwrap();
        assert_eq!(
            labels(&versions),
            [
                "threats/old/list-2025-12-31.txt",
                "threats/lists/list-20260101.txt",
                "threats/lists/list-20260102.txt",
            ]
        );
        assert_eq!(versions[2].day, "2026-01-02".parse().ok());
        assert_eq!(read(&supply, lists, &versions[2].label), "2");
        assert!(supply.offers(lists));
    }
}

#[test]
fn a_table_counts_with_the_newest_day_of_each_part() {
    let (_root, supply) = mirror();
    let catalogue = catalogue();
    let table = catalogue.get("table").unwrap();
    let versions = supply.versions(table).unwrap();
    assert_eq!(versions.len(), 3);
    assert_eq!(
        labels(&select(table, &versions, None)),
        ["routing/table-ipv6-20260101.csv", "routing/table-ipv4-20260102.csv"]
    );
    let then = "2026-01-01".parse().ok();
    assert_eq!(
        labels(&select(table, &versions, then)),
        ["routing/table-ipv4-20260101.csv", "routing/table-ipv6-20260101.csv"]
    );
    assert!(select(table, &versions, "2025-01-01".parse().ok()).is_empty());
}

#[test]
fn history_counts_up_to_the_day() {
    let supply = memory();
    let catalogue = catalogue();
    let lists = catalogue.get("lists").unwrap();
    let versions = supply.versions(lists).unwrap();
    let then = "2026-01-01".parse().ok();
    assert_eq!(select(lists, &versions, then).len(), 2);
    assert_eq!(select(lists, &versions, None).len(), 3);
}

#[test]
fn a_bad_file_is_its_own_error_and_the_others_go_on() {
    let (root, supply) = mirror();
    let folder = root.path().join("threats/lists");
    fs::create_dir(folder.join("list-20260103.txt")).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let link = folder.join("list-20260104.txt");
    std::os::unix::fs::symlink(outside.path(), link).unwrap();
    let inside = folder.join("list-20260105.txt");
    std::os::unix::fs::symlink("list-20260101.txt", inside).unwrap();
    let broken = folder.join("list-20260106.txt");
    std::os::unix::fs::symlink("nowhere", broken).unwrap();

    let catalogue = catalogue();
    let lists = catalogue.get("lists").unwrap();
    let versions = supply.versions(lists).unwrap();
    let texts: Vec<String> = versions
        .iter()
        .map(|version| read(&supply, lists, &version.label))
        .collect();
    assert_eq!(texts[..3], ["0", "1", "2"]);
    assert!(texts[3].contains("`threats/lists/list-20260103.txt` is not a"));
    assert!(texts[4].contains("leads out of the mirror"), "{}", texts[4]);
    assert_eq!(texts[5], "1");
    assert!(texts[6].contains("source `lists`"), "{}", texts[6]);
}

#[test]
fn a_missing_mirror_is_named() {
    let (root, supply) = mirror();
    let gone = root.path().join("gone");
    let refusal = Mirror::new(&gone).unwrap_err().to_string();
    assert!(refusal.contains(gone.to_str().unwrap()), "{refusal}");
    drop(root);
    let catalogue = catalogue();
    let lists = catalogue.get("lists").unwrap();
    let refusal = supply.versions(lists).unwrap_err();
    assert!(matches!(refusal, SupplyError::NoMirror { .. }));
}

#[test]
fn plain_bytes_stop_at_the_limit_of_the_source() {
    let (root, supply) = mirror();
    let mut pack = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let chunk: Vec<u8> = (0..=255).collect();
    for _ in 0..8192 {
        io::Write::write_all(&mut pack, &chunk).unwrap();
    }
    let bytes = pack.finish().unwrap();
    write(root.path(), "routing/table-ipv4-20260103.csv.zst", &bytes);
    let catalogue = catalogue();
    let table = catalogue.get("table").unwrap();
    let label = "routing/table-ipv4-20260103.csv.zst";
    let said = read(&supply, table, label);
    assert!(said.starts_with("reading: "), "{said:.80}");
}

#[test]
fn a_file_that_nothing_reads_is_found() {
    let (root, _) = mirror();
    let mirror = Mirror::new(root.path()).unwrap();
    let catalogue = catalogue();
    let parts = catalogue.sources.iter().flat_map(|source| &source.parts);
    let patterns = parts.flat_map(|part| &part.mirror);
    assert_eq!(
        mirror.unclaimed(&["threats", "routing"], patterns).unwrap(),
        [
            "routing/formats/table-ipv6-20260109.csv",
            "threats/lists/other-20260101.txt",
            "threats/samples/list-20260101.txt",
        ]
    );
}

/// With `ASGARD_TEST_MIRROR=DIR`: what each source finds there, and that every file
/// is read or left out on purpose.
#[test]
fn every_file_of_a_real_mirror_is_read_or_left_out_on_purpose() {
    let Some(root) = std::env::var_os("ASGARD_TEST_MIRROR") else {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
        return;
    };
    let mirror = Mirror::new(root).unwrap();
    let supply = Supply::Mirror(mirror.clone());
    let catalogue = Catalogue::embedded().unwrap();
    for source in &catalogue.sources {
        let versions = supply.versions(source).unwrap();
        let state = if source.enabled { "on" } else { "off" };
        let span = |version: Option<&Version>| {
            version
                .and_then(|v| v.day)
                .map_or_else(String::new, |d| d.to_string())
        };
        println!(
            "{:24} {state:3} {:4} {:10} {:10} read {:3}",
            source.name,
            versions.len(),
            span(versions.first()),
            span(versions.last()),
            select(source, &versions, None).len(),
        );
        for version in select(source, &versions, None) {
            let mut plain = supply.open(source, &version).unwrap();
            io::copy(&mut plain, &mut io::sink()).unwrap();
        }
    }
    let parts = catalogue.sources.iter().flat_map(|source| &source.parts);
    let read = parts.flat_map(|part| &part.mirror);
    let left = catalogue.left_out.iter().map(|entry| &entry.pattern);
    let folders = [
        "threats",
        "routing",
        "names",
        "rpki",
        "relations",
        "peeringdb",
        "ranges",
    ];
    let mut open = mirror.unclaimed(&folders, read.chain(left)).unwrap();
    open.retain(|file| {
        !file.contains("/formats/") && !file.contains("/samples/")
    });
    assert_eq!(open, Vec::<String>::new());
}
