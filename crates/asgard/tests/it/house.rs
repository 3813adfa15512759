//! House rules that a machine can check: edges between crates, names of
//! rooms, the map, the lock file.
//!
//! Reads the checkout and asks `cargo metadata` without the network; builds
//! nothing. What only a reader can judge is in `docs/STYLE.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Names that say nothing about what lies behind them.
const EMPTY_NAMES: [&str; 11] = [
    "common", "core", "data", "helper", "helpers", "info", "manager", "misc",
    "types", "util", "utils",
];

/// First folders of a path that `docs/ARCHITECTURE.md` may name.
const ROOTS: [&str; 8] =
    [".cargo", ".ci", ".config", "bench", "crates", "docs", "etc", "scripts"];

/// What a crate must never see, directly or through another crate.
const FORBIDDEN: [(&str, &str); 6] = [
    // The gateway survives a dead database.
    ("asgard-gateway", "asgard-store"),
    // The API answers while nothing can be learnt.
    ("asgard-api", "asgard-ingest"),
    // Memory has no opinion.
    ("asgard-store", "asgard-policy"),
    ("asgard-store", "asgard-ingest"),
    // Arithmetic waits for nobody.
    ("asgard-model", "tokio"),
    ("asgard-synth", "tokio"),
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).expect("crates/asgard has a root");
    root.to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `dir`, without build output and version control.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("a folder of ours") {
            let path = entry.expect("a folder of ours").path();
            match path.file_name().and_then(|name| name.to_str()) {
                Some(".git" | "target") => {}
                _ if path.is_symlink() => {}
                _ if path.is_dir() => open.push(path),
                _ => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    let root = root();
    path.strip_prefix(&root).unwrap_or(path).display().to_string()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn rust_files() -> Vec<PathBuf> {
    let mut files = files_below(&root());
    files.retain(|path| has_extension(path, "rs"));
    assert!(files.len() > 50, "only {} Rust files found", files.len());
    files
}

fn text_files() -> Vec<(String, String)> {
    files_below(&root())
        .iter()
        .filter_map(|path| Some((relative(path), fs::read(path).ok()?)))
        .filter_map(|(name, bytes)| {
            Some((name, String::from_utf8(bytes).ok()?))
        })
        .collect()
}

/// Our crates, each with what it depends on outside of tests.
fn our_crates() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs, or this test would not have been built");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .expect("cargo metadata writes JSON");
    list(&metadata["packages"])
        .map(|package| (name(package), needs(package)))
        .collect()
}

fn needs(package: &Value) -> BTreeSet<String> {
    let all = list(&package["dependencies"]);
    all.filter(|needed| needed["kind"] != "dev").map(name).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list of cargo metadata").iter()
}

fn name(value: &Value) -> String {
    value["name"].as_str().expect("everything has a name").to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Packages of `Cargo.lock` from registries, with what they depend on;
/// versions of one name fall together.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let lock = read(&root().join("Cargo.lock"));
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let mut words = package.lines().filter_map(quoted);
        let name = words.next().expect("a locked package begins with its name");
        let needed = package
            .lines()
            .filter(|line| line.starts_with(" \""))
            .filter_map(quoted)
            .filter_map(|needed| needed.split(' ').next());
        let of_name = packages.entry(name.to_owned()).or_default();
        of_name.extend(needed.map(str::to_owned));
    }
    packages
}

fn quoted(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('"')?;
    rest.split_once('"').map(|(inside, _)| inside)
}

/// Everything that `start` sees: ours as declared, others as locked.
fn seen_by(
    start: &str,
    ours: &BTreeMap<String, BTreeSet<String>>,
    locked: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(package) = open.pop() {
        let edges = ours.get(package).or_else(|| locked.get(package));
        for needed in edges.into_iter().flatten() {
            if seen.insert(needed.clone()) {
                open.push(needed);
            }
        }
    }
    seen
}

#[test]
fn no_crate_sees_what_it_must_survive_without() {
    let (ours, locked) = (our_crates(), locked());
    for (from, to) in FORBIDDEN {
        assert!(ours.contains_key(from), "there is no crate {from}");
        let seen = seen_by(from, &ours, &locked);
        assert!(!seen.contains(to), "{from} must not depend on {to}");
    }
    // The check would notice: these edges are there.
    assert!(seen_by("asgard-store", &ours, &locked).contains("sqlx-sqlite"));
    assert!(seen_by("asgard", &ours, &locked).contains("asgard-model"));
}

#[test]
fn the_model_knows_nothing_of_the_other_crates() {
    let ours = our_crates();
    let wanted: Vec<&String> = ours["asgard-model"]
        .iter()
        .filter(|name| name.starts_with("asgard"))
        .collect();
    assert!(wanted.is_empty(), "asgard-model depends on {wanted:?}");
}

#[test]
fn only_crates_io_is_in_the_lock_file() {
    let lock = read(&root().join("Cargo.lock"));
    let mut sources = lock.lines().filter(|l| l.starts_with("source = "));
    let stranger = sources.find(|line| quoted(line) != Some(CRATES_IO));
    assert_eq!(stranger, None);
    assert!(lock.contains(CRATES_IO));
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    for path in files_below(&root().join("crates")) {
        if path.ends_with("Cargo.toml") {
            let obeys = read(&path).contains("[lints]\nworkspace = true");
            assert!(obeys, "{} lacks `[lints]`", relative(&path));
        }
    }
}

#[test]
fn every_rust_file_opens_with_what_it_is() {
    let silent: Vec<String> = rust_files()
        .iter()
        .filter(|path| !read(path).starts_with("//! "))
        .map(|path| relative(path))
        .collect();
    assert!(silent.is_empty(), "without a leading `//!`: {silent:#?}");
}

#[test]
fn no_file_has_an_empty_name() {
    let is_empty_name = |path: &PathBuf| {
        let name = relative(path);
        name.ends_with("/mod.rs")
            || name
                .split('/')
                .any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs")))
    };
    let empty: Vec<PathBuf> =
        rust_files().into_iter().filter(is_empty_name).collect();
    assert!(empty.is_empty(), "name the thing instead: {empty:#?}");
}

#[test]
fn nothing_is_left_to_do() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    for path in rust_files() {
        let source = read(&path);
        let mark = marks.iter().find(|mark| source.contains(**mark));
        assert_eq!(mark, None, "in {}", relative(&path));
    }
}

#[test]
fn only_the_store_speaks_sql() {
    let client = concat!("sq", "lx::");
    for path in files_below(&root().join("crates")) {
        let name = relative(&path);
        if name.starts_with("crates/store/") {
            continue;
        }
        assert!(!has_extension(&path, "sql"), "{name} is SQL");
        if has_extension(&path, "rs") {
            assert!(!read(&path).contains(client), "{name} speaks SQL");
        }
    }
}

#[test]
fn no_file_knows_somebodys_machine() {
    let homes =
        [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
    // A URL may have such a folder; a path starts after a space or a quote.
    let is_path = |before: Option<char>| {
        before.is_none_or(|c| c.is_whitespace() || "\"'`=(:".contains(c))
    };
    for (name, text) in text_files() {
        for home in homes {
            for (at, _) in text.match_indices(home) {
                let before = text[..at].chars().next_back();
                assert!(!is_path(before), "{name} has a path below {home}");
            }
        }
    }
}

#[test]
fn no_file_knows_a_private_registry() {
    let redirections =
        ["[registries", "replace-with", concat!("sparse", "+http")];
    for (name, text) in text_files() {
        let is_cargo = name.ends_with(".toml") || name == "Cargo.lock";
        if is_cargo && name != "deny.toml" {
            let found = redirections.iter().find(|r| text.contains(**r));
            assert_eq!(found, None, "in {name}");
        }
    }
}

/// Code spans of a Markdown text.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A path that the map names, from the root. Below a heading that names a
/// crate, paths without a known first folder are relative to it.
fn path_in_map(span: &str, section: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if span.is_empty() || span.starts_with('/') || !span.chars().all(plain) {
        return None;
    }
    let first = span.split('/').next().unwrap_or(span);
    if ROOTS.contains(&first) && span.contains('/') {
        return Some(span.to_owned());
    }
    let endings = [".rs", ".toml", ".md", ".sql", ".yaml", "/"];
    let is_file = endings.iter().any(|ending| span.ends_with(ending));
    let at_root = first == span && root().join(span).exists();
    match is_file {
        true if at_root || section.is_empty() => Some(span.to_owned()),
        true => Some(format!("{section}/{span}")),
        false => None,
    }
}

/// Every path that `docs/ARCHITECTURE.md` names, from the root.
fn map() -> BTreeSet<String> {
    let map = read(&root().join("docs/ARCHITECTURE.md"));
    let mut section = String::new();
    let mut paths = BTreeSet::new();
    for line in map.lines() {
        if line.starts_with('#') {
            section = code_spans(line)
                .find(|span| span.starts_with("crates/"))
                .unwrap_or_default()
                .to_owned();
        }
        paths.extend(code_spans(line).filter_map(|s| path_in_map(s, &section)));
    }
    paths
}

#[test]
fn the_map_names_only_rooms_that_exist() {
    let map = map();
    let missing: Vec<&String> =
        map.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "in docs/ARCHITECTURE.md: {missing:#?}");
    assert!(map.len() > 50, "only {} paths were recognised", map.len());
}

#[test]
fn the_map_names_every_room() {
    let map = map();
    // A folder is described by itself, or by the file of its name.
    let is_known_folder = |folder: &str| {
        folder.contains("/src/")
            && (map.contains(&format!("{folder}/"))
                || map.contains(&format!("{folder}.rs")))
    };
    let is_named = |path: &str| {
        let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        map.contains(path) || folders.any(is_known_folder)
    };
    let unnamed: Vec<String> = rust_files()
        .iter()
        .map(|path| relative(path))
        .filter(|path| path.contains("/src/") && !path.ends_with("/tests.rs"))
        .filter(|path| !is_named(path))
        .collect();
    assert!(unnamed.is_empty(), "not in docs/ARCHITECTURE.md: {unnamed:#?}");
}
