//! Every faulty file of the gateway's crate, by the binary: exit code 2 and the
//! stored diagnostic, from `gateway` and from `rules check`.

use std::path::{Path, PathBuf};

use crate::program::{Ended, program};

fn faulty() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../gateway/testdata/faulty");
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut all: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    all.sort();
    all
}

fn gateway(file: &Path) -> Ended {
    let mut command = program();
    command.args(["gateway", "--config"]).arg(file);
    command.output().unwrap().into()
}

fn check(file: &Path) -> Ended {
    let mut command = program();
    command.args(["rules", "check"]).arg(file);
    command.output().unwrap().into()
}

#[test]
fn every_faulty_file_ends_with_2_and_its_diagnostic() {
    let all = faulty();
    assert!(all.len() >= 85, "only {} files", all.len());
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("gateway.yaml");
    let place = format!("{}/", home.path().display());
    let mut wrong = Vec::new();
    for path in all {
        std::fs::copy(&path, &copy).unwrap();
        let stored = std::fs::read_to_string(path.with_extension("txt"));
        let stored = stored.unwrap().trim_end().to_owned();
        for ended in [gateway(&copy), check(&copy)] {
            let said = format!("{}{}", ended.stdout, ended.stderr);
            let said = said.replace(&place, "");
            if ended.code() != Some(2) || !said.contains(&stored) {
                wrong.push(format!("{}: {ended:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are not: {}", wrong.len(), wrong[0]);
}

#[test]
fn a_file_of_rules_alone_can_be_checked_and_not_served() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("rules.yaml");
    let rules = "rules: [{name: a, action: DENY, path: /a}]\n";
    std::fs::write(&file, rules).unwrap();
    check(&file).exits(0);
    let ended = gateway(&file).exits(2);
    assert!(ended.stderr.contains("nothing to listen on"), "{ended:?}");
}
