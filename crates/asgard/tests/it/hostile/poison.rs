//! Lists that parse and lie: everything, or somebody everybody knows.

use super::scene::{FILES, Scene, gzip};

/// The file of a source.
fn file(source: &str) -> &'static str {
    let found = FILES.into_iter().find(|(name, _)| *name == source);
    found.expect("a source of the mirror").1
}

/// Adds lines to a list; neither scores nor the block list may move.
fn moves_nothing(scene: &Scene, source: &str, lines: &str) {
    let file = file(source);
    let text = scene.good_text(file);
    let poisoned = format!("{}\n{lines}", text.trim_end());
    stays(scene, file, &poisoned);
}

fn stays(scene: &Scene, file: &str, poisoned: &str) {
    let picture = scene.with(file, &gzip(poisoned.as_bytes()));
    assert_eq!(picture.edl, scene.good.edl, "{file}");
    picture.assert_close(&scene.good, file);
}

#[test]
fn a_threat_list_with_everything_and_a_resolver_moves_nothing() {
    let scene = Scene::cold();
    for source in [
        "threatfox",
        "c2-tracker",
        "ipsum",
        "blocklist-de",
        "blocklist-de-mail",
    ] {
        moves_nothing(&scene, source, "0.0.0.0/0\n8.8.8.8\n::/0\n");
    }
}

#[test]
fn drop_with_everything_and_a_resolver_moves_nothing() {
    let scene = Scene::cold();
    let lines = "{\"cidr\":\"0.0.0.0/0\",\"sblid\":\"SBL1\",\"rir\":\"arin\"}\n\
                 {\"cidr\":\"8.8.8.8/32\",\"sblid\":\"SBL2\",\"rir\":\"arin\"}\n";
    moves_nothing(&scene, "spamhaus-drop", lines);
}

#[test]
fn a_list_of_exits_or_scanners_with_everything_excuses_nobody() {
    let scene = Scene::cold();
    for source in ["tor-exits", "censys"] {
        moves_nothing(&scene, source, "0.0.0.0/0\n::/0\n");
    }
}

#[test]
fn a_list_of_resolvers_with_everything_excuses_nobody() {
    let scene = Scene::cold();
    let file = file("public-dns");
    let text = scene.good_text(file);
    let poisoned = text.replacen("\"list\": [", "\"list\": [\"0.0.0.0/0\",", 1);
    assert_ne!(poisoned, text);
    stays(&scene, file, &poisoned);
}

#[test]
fn ranges_of_a_cloud_that_hold_everything_excuse_nobody() {
    let scene = Scene::cold();
    let file = file("aws");
    let text = scene.good_text(file);
    let entry = "\"prefixes\": [{\"ip_prefix\": \"0.0.0.0/0\", \"region\": \"x\", \
                 \"service\": \"AMAZON\", \"network_border_group\": \"x\"},";
    let poisoned = text.replacen("\"prefixes\": [", entry, 1);
    assert_ne!(poisoned, text);
    stays(&scene, file, &poisoned);
}

#[test]
fn a_default_route_makes_no_hoster_large() {
    let scene = Scene::cold();
    let bad = scene.truth().bulletproof;
    let bad = bad.first().expect("one is planted").0;
    let line = format!("0.0.0.0/0,{bad},valid,1,arin,US,2020\n");
    moves_nothing(&scene, "announced-prefixes", &line);
}
