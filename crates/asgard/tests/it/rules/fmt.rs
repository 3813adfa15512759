//! Spellings of others, in braces and in blocks, become ours; comments stay,
//! and what is written means the same.

use std::{fs, path::Path};

use asgard_gateway::config::{Loaded, Overrides, load};

use super::{asgard, stdout};

const HEAD: &str = "\
features:
  asn: {enabled: true, policy_usage: {enabled: true}, database: {path: x}}
  geoip: {enabled: true, policy_usage: {enabled: true}, database: {path: y}}
auto_challenge: {thresholds: [{threshold: 10, challenge: metarefresh}]}
rules:
";

/// Every spelling that is rewritten, and what it becomes.
const SPELLINGS: [(&str, &str); 27] = [
    ("{name: r, action: DENY, networks: [1, 2]}", "network: [1, 2]"),
    ("{name: r, action: DENY, asns: [7]}", "network: [7]"),
    ("{name: r, action: DENY, asns: {match: [7]}}", "network: [7]"),
    ("{name: r, action: DENY, \"asns\": { \"match\": 7, }}", "\"network\": 7"),
    ("{name: r, action: DENY, asns: {match: &n [7]}}", "network: &n [7]"),
    ("{name: r, action: DENY, geoip: [7]}", "network: [7]"),
    ("{name: r, action: DENY, geoip: {countries: [NL]}}", "geoip: [NL]"),
    ("{name: r, action: DENY, geoip: {countries: \"NL\"}}", "geoip: \"NL\""),
    ("{name: r, action: DENY, geoip: {countries: [7]}}", "network: [7]"),
    ("{name: r, action: deny, network: 7}", "action: DENY,"),
    ("{name: r, action: 'deny', network: 7}", "action: 'DENY',"),
    (
        "{name: r, action: CHALLENGE, network: 7, challenge: preact}",
        "challenge: {kind: pow, difficulty: 0}",
    ),
    (
        "{name: r, action: CHALLENGE, network: 7, challenge: \"preact\"}",
        "challenge: {kind: pow, difficulty: 0}",
    ),
    (
        "{name: r, action: CHALLENGE, network: 7, challenge: preact, \
         difficulty: 3}",
        "challenge: pow, difficulty: 0}",
    ),
    (
        "{name: r, action: CHALLENGE, network: 7, challenge: {kind: preact}}",
        "challenge: {kind: pow, difficulty: 0}",
    ),
    (
        "{name: r, action: CHALLENGE, network: 7, challenge: {kind: preact, \
         difficulty: 3}}",
        "challenge: {kind: pow, difficulty: 0}",
    ),
    (
        "{name: r, action: WEIGH, network: 7, weight: {adjust: -5}}",
        "weight: -5",
    ),
    (
        "
    name: r
    action: DENY
    asns:
      match: [7]   # bad
    mode: shadow
",
        "    network: [7]   # bad\n    mode",
    ),
    (
        "
    asns:
      # found in the log
      match: [7,
        8]
    action: DENY
    name: r
",
        "network:\n      # found in the log\n      [7,\n        8]\n",
    ),
    (
        "
    name: r
    action: DENY
    asns:   # these:
      match:
        - 7  # one
        - 8
    mode: shadow
",
        "    network:   # these:\n        - 7  # one\n        - 8\n",
    ),
    (
        "
    name: r
    action: DENY
    asns:
      match:
      - 7
    mode: shadow
",
        "    network:\n      - 7\n    mode",
    ),
    (
        "
    name: r
    action: DENY
    geoip:
      countries: [NL, DE]

    # the end
",
        "    geoip: [NL, DE]\n\n    # the end\n",
    ),
    (
        "
    name: r
    action: DENY
    geoip:
      - 7
",
        "    network:\n      - 7\n",
    ),
    (
        "
    name: r
    action: weigh
    all: {}
    weight:
      adjust: 5
",
        "    action: WEIGH\n    all: {}\n    weight: 5\n",
    ),
    (
        "
    name: r
    action: CHALLENGE
    all: {}
    challenge:
      kind: preact  # no work
",
        "    challenge:\n      kind: pow\n      difficulty: 0  # no work\n",
    ),
    (
        "
    name: r
    action: CHALLENGE
    all: {}
    challenge: preact # no work
",
        "    challenge: {kind: pow, difficulty: 0} # no work\n",
    ),
    (
        "
    name: r
    action: CHALLENGE
    all: {}
    challenge:
      difficulty: 2
      kind: preact
",
        "    challenge:\n      difficulty: 0\n      kind: pow\n",
    ),
];

fn loaded(file: &Path) -> Loaded {
    load(file, &Overrides::default())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn every_spelling_in_braces_and_in_blocks_is_rewritten_and_means_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("g.yaml");
    for (rule, wanted) in SPELLINGS {
        let head = format!("{HEAD}  # ours\n  -");
        let text = match rule.strip_prefix('\n') {
            Some(block) => format!("{head} {}", block.trim_start()),
            None => format!("{head} {rule} # this one\n"),
        };
        fs::write(&file, &text).unwrap();
        let before = loaded(&file);
        let output = asgard(dir.path(), &["rules", "fmt", "g.yaml"]);
        let told = format!("{rule}\n{}{output:?}", stdout(&output));
        assert_eq!(output.status.code(), Some(0), "{told}");
        let written = fs::read_to_string(&file).unwrap();
        assert!(written.contains(wanted), "{told}\n{written}");
        let comments = |text: &str| text.matches('#').count();
        assert_eq!(comments(&written), comments(&text), "{written}");
        let after = loaded(&file);
        assert!(after.config.means_the_same(&before.config), "{written}");
        let codes: Vec<&str> = after.lints.iter().map(|l| l.code).collect();
        assert!(!codes.iter().any(|c| c.starts_with("W20")), "{written}");
    }
}

#[test]
fn what_cannot_be_rewritten_whole_is_left_whole() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("g.yaml");
    // There is no place for the comment without its braces.
    let rule = "{name: r, action: deny, asns: { # these\n    match: [7]}}";
    let text = format!("{HEAD}  - {rule}\n");
    fs::write(&file, &text).unwrap();
    let output = asgard(dir.path(), &["rules", "fmt", "g.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, text.replace("deny", "DENY"));
}

#[test]
fn files_of_rules_are_rewritten_behind_their_links() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let rule = "- {name: r, action: deny, path: /x}\n";
    fs::write(path("real.txt"), rule).unwrap();
    std::os::unix::fs::symlink("real.txt", path("r.yaml")).unwrap();
    fs::write(path("g.yaml"), "rule_files: [r.yaml]\n").unwrap();
    let output = asgard(dir.path(), &["rules", "fmt", "g.yaml"]);
    assert_eq!(stdout(&output), "r.yaml: 1 changes\n");
    let written = fs::read_to_string(path("real.txt")).unwrap();
    assert_eq!(written, rule.replace("deny", "DENY"));
    assert!(fs::symlink_metadata(path("r.yaml")).unwrap().is_symlink());
}

#[test]
fn a_rewritten_file_keeps_its_owner_and_its_rights() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("g.yaml");
    let rule = "- {name: r, action: deny, path: /x}\n";
    fs::write(&file, format!("{HEAD}  {rule}")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&file).unwrap();
    // Only root can give a file away.
    let owner = if before.uid() == 0 { 65_534 } else { before.uid() };
    std::os::unix::fs::chown(&file, Some(owner), None).unwrap();
    // What a run that was ended has left is in nobody's way.
    fs::write(dir.path().join(".g.yaml.asgard-fmt"), "half").unwrap();
    let output = asgard(dir.path(), &["rules", "fmt", "g.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(fs::read_to_string(&file).unwrap().contains("DENY"));
    let after = fs::metadata(&file).unwrap();
    assert_eq!((after.uid(), after.gid()), (owner, before.gid()));
    assert_eq!(after.mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
