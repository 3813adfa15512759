//! `synth`: what it writes is what it says, and two worlds are never mixed.

use std::{ffi::OsStr, path::Path};

use serde_json::Value;

use crate::program::{Ended, asgard};

fn synth(dir: &Path, more: &[&str]) -> Ended {
    let small = ["--ases", "200", "--prefixes", "800", "--peers", "4"];
    let args = [&small[..], &["--days", "1", "--as-of", "2026-03-01"], more];
    let args = args.concat().into_iter().map(OsStr::new);
    asgard(["synth".as_ref(), dir.as_os_str()].into_iter().chain(args))
}

/// The number before a word.
fn number(text: &str, word: &str) -> usize {
    let words: Vec<&str> = text.split([' ', ',']).collect();
    let at = words.iter().position(|one| *one == word).unwrap();
    words[at - 1].parse().unwrap()
}

#[test]
fn synth_writes_as_many_routes_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let world = dir.path().join("world");
    let said = synth(&world, &[]).exits(0).stdout;
    let rib = world.join("routing/rib.20260228.0000.gz");
    let table = asgard(["mrt".as_ref(), rib.as_os_str()]);
    let lines = table.exits(0).stdout.lines().count();
    assert_eq!(lines, number(&said, "routes"), "{said}");
    assert!(lines > 3_000, "{said}");
}

#[test]
fn synth_refuses_a_directory_in_which_something_is() {
    let dir = tempfile::tempdir().unwrap();
    synth(dir.path(), &["--clean"]).exits(0);
    let truth = std::fs::read(dir.path().join("truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    assert_eq!(truth["incidents"].as_array().unwrap().len(), 0);
    let ended = synth(dir.path(), &[]);
    let ended = ended.exits(1);
    assert!(ended.stderr.contains("is not empty"), "{ended:?}");
}
