//! Demo and real data never mix, whatever the command: `--demo` on a real
//! directory is refused, and so are questions about a demo without it.

use crate::world::World;

/// Commands that `--demo` makes ones about the generated Internet.
const COMMANDS: [&[&str]; 8] = [
    &["keys", "create", "--scope", "read"],
    &["keys", "list"],
    &["whitelist", "add", "AS64500", "--reason", "x"],
    &["whitelist", "list"],
    &["audit", "list"],
    &["source", "status"],
    &["top"],
    &["lookup", "8.8.8.8"],
];

#[test]
fn demo_commands_are_refused_on_real_data() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    for command in COMMANDS {
        let ended = world.administer(&[command, &["--demo"]].concat());
        assert_ne!(ended.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.contains("holds real data"), "{ended:?}");
    }
    let keys = world.administer(&["keys", "list"]).rows();
    assert!(keys.is_empty(), "{keys:?}");
}

#[test]
fn questions_about_a_demo_need_to_say_so() {
    let world = World::demo();
    world.serve().settled().stop().exits(0);
    for command in [&["top"][..], &["lookup", "8.8.8.8"], &["source", "status"]]
    {
        let ended = world.administer(command);
        assert_ne!(ended.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.contains("holds demo data"), "{ended:?}");
    }
}

#[test]
fn a_demo_is_administered_with_and_without_saying_so() {
    let world = World::demo();
    world.serve().settled().stop().exits(0);
    let create = ["keys", "create", "--scope", "read"];
    world.administer(&create).exits(0);
    world.run(&create).exits(0);
    let add = ["whitelist", "add", "AS64500", "--reason", "ours"];
    world.administer(&add).exits(0);
    assert_eq!(world.run(&["keys", "list"]).rows().len(), 2);
    assert_eq!(world.run(&["whitelist", "list"]).rows().len(), 1);
}

#[test]
fn a_mirror_that_is_not_there_exits_2() {
    let world = World::tiny();
    std::fs::remove_dir_all(world.mirror()).unwrap();
    let ended = world.run(&["lookup", "8.8.8.8"]).exits(2);
    assert!(ended.stderr.contains("mirror `"), "{ended:?}");
    world.serve().ends().exits(2);
}

#[test]
fn removing_what_is_not_there_says_so() {
    let world = World::tiny();
    let ended = world.administer(&["whitelist", "remove", "AS64500"]).exits(3);
    assert!(ended.stderr.contains("AS64500 is not on"), "{ended:?}");
    let ended = world.administer(&["keys", "revoke", "abcdefgh"]).exits(3);
    assert!(ended.stderr.contains("no key abcdefgh"), "{ended:?}");
}
