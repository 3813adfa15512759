//! `lookup` and `why` of one address or prefix: what lists say of it, beside
//! the network that it belongs to.

use std::net::IpAddr;

use asgard_model::Prefix;
use serde_json::Value;

use crate::world::World;

fn dropped(world: &World) -> Prefix {
    let truth = world.truth();
    *truth.drop.first().expect("a block is planted in DROP")
}

fn envelope(world: &World, target: &str) -> Value {
    world.run(&["lookup", target, "-o", "json"]).json()
}

#[test]
fn an_address_in_drop_is_told_with_the_block_and_who_lists_it() {
    let world = World::tiny();
    let block = dropped(&world);
    let address = block.network().to_string();
    let text = world.run(&["why", &address]).text();
    let sentence = format!("spamhaus-drop lists {block} now");
    assert!(text.contains(&sentence), "{text}");
    let row = &world.run(&["lookup", &address]).rows()[0];
    assert!(row[8].contains(&format!("spamhaus-drop {block}")), "{row:?}");
    let listed = &envelope(&world, &address)["listed"]["blocks"][0];
    assert_eq!(listed["prefix"], block.to_string());
    assert_eq!(listed["source"], "spamhaus-drop");
}

#[test]
fn a_listed_address_is_told_with_the_lists_that_name_it() {
    let world = World::tiny();
    let bad = world.truth().bulletproof.first().expect("planted").to_string();
    let profile = world.run(&["why", &bad, "-o", "json"]).json();
    let details = profile["results"][0]["details"].as_array().unwrap();
    let botnet = details.iter().find(|d| d["code"] == "THREAT_BOTNET");
    let sample = &botnet.expect("it hosts servers")["evidence"][0];
    let address = sample["prefix"].as_str().unwrap();
    let address = address.strip_suffix("/32").expect("one address");
    let list = sample["source"].as_str().unwrap();
    let named = envelope(&world, address)["listed"]["named_by"].clone();
    let named = named.as_array().unwrap();
    let by = named.iter().find(|n| n["source"] == list).expect(list);
    assert_eq!(by["category"], "c2");
    assert_eq!(by["excused_by"], Value::Null);
    let text = world.run(&["why", address]).text();
    assert!(text.contains(&format!("named by {list} c2")), "{text}");
}

#[test]
fn a_false_entry_is_told_with_what_excuses_it() {
    let world = World::tiny();
    let truth = world.truth();
    let entry = truth.false_entries.iter().find(|entry| {
        let address = IpAddr::V4(entry.address).to_string();
        let listed = &envelope(&world, &address)["listed"];
        listed["named_by"][0]["excused_by"].is_string()
    });
    let address = entry.expect("one is excused").address.to_string();
    let text = world.run(&["why", &address]).text();
    assert!(text.contains("  excused: "), "{text}");
}

#[test]
fn nothing_is_said_of_an_address_that_no_list_names() {
    let world = World::tiny();
    let row = &world.run(&["lookup", "8.8.8.9"]).rows()[0];
    assert_eq!(row[8], "");
    let listed = &envelope(&world, "8.8.8.9")["listed"];
    assert_eq!(listed["blocks"].as_array().map(Vec::len), Some(0));
    assert_eq!(listed["last_seen"], Value::Null);
}

#[test]
fn the_last_snapshot_of_a_server_knows_listed_addresses_too() {
    let world = World::tiny();
    world.serve().settled().stop().exits(0);
    let address = dropped(&world).network().to_string();
    let stored = world.administer(&["lookup", &address]).rows();
    assert_eq!(stored, world.run(&["lookup", &address]).rows());
}

#[test]
fn a_prefix_is_answered_by_the_route_that_covers_it() {
    let world = World::tiny();
    let row = &world.run(&["lookup", "8.8.8.128/25"]).rows()[0];
    assert_eq!(row[..3], ["8.8.8.128/25", "8.8.8.0/24", "AS15169"]);
}

#[test]
fn a_prefix_without_such_a_route_is_answered_by_routes_inside_it() {
    let world = World::tiny();
    let wide = "8.0.0.0/6";
    let inside = world
        .truth()
        .routes
        .iter()
        .filter(|route| wide.parse::<Prefix>().unwrap().covers(route.prefix))
        .map(|route| route.prefix)
        .collect::<std::collections::BTreeSet<_>>();
    assert!(inside.len() > 1, "{inside:?}");
    let told = envelope(&world, wide);
    assert_eq!(told["prefix"], Value::Null);
    assert_eq!(told["routes_inside_count"], inside.len());
    let routes = told["routes_inside"].as_array().unwrap();
    assert_eq!(routes.len(), inside.len().min(10));
    let rows = world.run(&["lookup", wide]).rows();
    let first = inside.first().unwrap().to_string();
    assert_eq!(rows[0][..2], [wide.to_owned(), first], "{rows:?}");
    let text = world.run(&["why", wide]).text();
    let count = format!("{wide} holds {} routes: ", inside.len());
    assert!(text.starts_with(&count), "{text}");
}

#[test]
fn private_space_is_told_as_such_and_still_not_found() {
    let world = World::tiny();
    let ended = world.run(&["lookup", "10.0.0.1"]).exits(3);
    assert!(ended.stderr.contains("special-purpose space"), "{ended:?}");
    assert!(ended.stdout.contains("\tspecial-purpose\t"), "{ended:?}");
    let text = world.run(&["why", "10.0.0.1"]).exits(3).stdout;
    assert!(text.contains("nobody may announce"), "{text}");
}
