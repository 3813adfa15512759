//! Poisoned and faulty data: each test is an accident that public block lists
//! have had, or one that ours could have. None makes a list worse.
//!
//! The names of incidents are those of public issue trackers: firehol
//! (firehol/blocklist-ipsets), abuseipdb (borestad/blocklist-abuseipdb),
//! ipblocklist (bitwire-it/ipblocklist), ipsum (stamparm/ipsum), csf
//! (csf-firewall), crowdsec (crowdsecurity/crowdsec and importers), mikrotik
//! (`multiduplikator/mikrotik_blocklist`).

use std::sync::Arc;

use asgard_model::Class;
use asgard_policy::{
    access::{Code, ProtectedSource, RuleDraft, Ruleset, admit},
    feed::{
        compile::{Compiled, Fate, LastGood, Options, compile},
        decision::{DecisionParams, Question, SkipReason, decide},
        format::Format,
        guard::{GuardReport, Verdict},
        profile::Profiles,
        select::{FeedParams, select},
    },
};
use serde_json::{Value, json};

use crate::scene::{
    BAD, Bad, Moment, Scene, blocking, holds, hours, now, prefix, protecting,
    rules, texts, up_to,
};

/// A network of 256 scattered /24s, a country, a list of 150 addresses.
fn base() -> Scene {
    let mut scene = Scene::default().country("5.0.0.0/16", "NL");
    for n in 0..256 {
        let route = format!("31.{}.{}.0/24", n / 128, n % 128 * 2);
        scene = scene.route(&route, 1);
    }
    for n in 0..150 {
        scene = scene.named(&format!("45.0.{n}.1"), "list", 0);
    }
    scene.route("45.0.0.0/16", 2).route("2a00:1::/32", 2)
}

fn ruleset() -> Ruleset {
    rules([
        json!({ "name": "networks", "block": { "asn": [1] } }),
        json!({ "name": "countries", "block": { "country": ["NL"] } }),
        json!({ "name": "lists", "block": { "lists": ["list"] } }),
        json!({ "name": "own", "block": { "ips": ["9.0.0.0/24"] } }),
    ])
}

fn remembered() -> LastGood {
    base().at(1).compile(&ruleset()).last_good
}

/// The same rules on the next data.
fn next(scene: Scene) -> Compiled {
    scene.at(2).compile_on(&ruleset(), &remembered())
}

fn verdict(compiled: &Compiled, guard: &str) -> Option<Verdict> {
    let of = compiled.guards.iter().filter(|report| report.name == guard);
    of.map(|report| report.verdict).max()
}

/// The feed is exactly what it was on good data.
fn unharmed(compiled: &Compiled) {
    let good = base().at(1).compile(&ruleset());
    assert_eq!(texts(compiled), texts(&good));
}

/// The list names something more, and the feed is what it was.
fn poisoned_list(entry: &str) {
    let compiled = next(base().named(entry, "list", 0));
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Serve, "{entry}");
}

#[test]
fn good_data_pass_every_guard() {
    let compiled = next(base());
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Serve);
    let bad = |r: &&GuardReport| r.verdict > Verdict::Pass;
    assert_eq!(compiled.guards.iter().find(bad), None);
}

#[test]
fn firehol_12_private_addresses_in_a_list_lock_no_internal_access() {
    for entry in ["10.0.0.1", "172.16.5.0/24", "192.168.1.1", "100.64.0.9"] {
        poisoned_list(entry);
    }
}

#[test]
fn firehol_24_loopback_in_a_list() {
    poisoned_list("127.0.0.1");
    poisoned_list("127.0.0.0/8");
}

#[test]
fn firehol_59_link_local_and_the_metadata_service_in_a_list() {
    poisoned_list("169.254.169.254");
    poisoned_list("fe80::1");
}

#[test]
fn firehol_70_multicast_and_broadcast_in_a_list() {
    poisoned_list("224.0.0.5");
    poisoned_list("255.255.255.255");
    poisoned_list("ff02::1");
}

#[test]
fn firehol_142_documentation_and_benchmark_space_in_a_list() {
    for entry in ["192.0.2.1", "198.18.0.1", "198.51.100.7", "2001:db8::1"] {
        poisoned_list(entry);
    }
}

#[test]
fn firehol_213_reserved_space_in_a_list() {
    poisoned_list("240.0.0.1");
    poisoned_list("0.0.0.1");
    poisoned_list("::1");
}

#[test]
fn firehol_313_unique_local_and_tunnel_space_in_a_list() {
    for entry in ["fd00::1", "2002:0a00:0001::1", "2001::1", "64:ff9b::1"] {
        poisoned_list(entry);
    }
}

#[test]
fn firehol_325_private_space_announced_by_a_blocked_network() {
    let compiled = next(base().route("10.0.0.0/8", 1).route("fd00::/20", 1));
    unharmed(&compiled);
}

#[test]
fn firehol_357_private_space_in_the_country_data() {
    let compiled = next(base().country("192.168.0.0/16", "NL"));
    unharmed(&compiled);
}

#[test]
fn abuseipdb_9_an_entry_that_blocks_almost_the_entire_internet() {
    for entry in ["0.0.0.0/1", "128.0.0.0/2", "0.0.0.0/8", "32.0.0.0/5"] {
        let compiled = next(base().listed_block(entry, "list"));
        unharmed(&compiled);
    }
}

#[test]
fn a_blocked_network_announces_a_default_route() {
    let compiled = next(base().route("0.0.0.0/0", 1).route("::/0", 1));
    unharmed(&compiled);
    assert_eq!(verdict(&compiled, "min_prefix"), Some(Verdict::Withheld));
}

#[test]
fn a_blocked_network_announces_two_halves_of_the_internet() {
    let compiled = next(base().route("0.0.0.0/1", 1).route("128.0.0.0/1", 1));
    unharmed(&compiled);
    let named: Vec<&str> =
        compiled.withheld.iter().map(|w| w.prefix.as_str()).collect();
    assert_eq!(named, ["0.0.0.0/1", "128.0.0.0/1"]);
    assert_eq!(compiled.withheld_count, 2);
}

#[test]
fn firehol_10_a_list_names_38_0_0_0_8() {
    let compiled = next(base().listed_block("38.0.0.0/8", "list"));
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Held);
    assert_eq!(verdict(&compiled, "growth"), Some(Verdict::Hold));
}

#[test]
fn firehol_45_a_public_resolver_is_poisoned_into_a_list() {
    poisoned_list("8.8.8.8");
    poisoned_list("2001:4860:4860::8888");
}

#[test]
fn ipblocklist_11_the_block_of_a_resolver_is_listed() {
    let compiled = next(base().listed_block("8.8.8.0/24", "list"));
    assert!(!holds(&compiled, "8.8.8.8") && holds(&compiled, "8.8.8.9"));
    assert_eq!(verdict(&compiled, "protected"), Some(Verdict::Withheld));
}

#[test]
fn ipblocklist_137_another_public_resolver() {
    for entry in ["1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222"] {
        poisoned_list(entry);
    }
}

#[test]
fn a_root_server_is_listed() {
    for entry in ["198.41.0.4", "193.0.14.129", "2001:7fd::1"] {
        poisoned_list(entry);
    }
}

#[test]
fn the_network_of_a_resolver_is_blocked_and_the_resolver_is_not() {
    let scene = base().route("1.1.1.0/24", 13_335);
    let compiled = scene.at(1).compile(&blocking(json!({"asn": [13_335]})));
    assert!(!holds(&compiled, "1.1.1.1") && holds(&compiled, "1.1.1.2"));
    assert!(compiled.asns.is_empty(), "a router would block all of it");
}

#[test]
fn ipblocklist_13_code_hosting_is_listed() {
    let github = base().landmark("140.82.112.0/20", Class::Service);
    let compiled = next(github.named("140.82.121.4", "list", 0));
    unharmed(&compiled);
}

#[test]
fn crowdsec_38_code_hosting_is_listed_by_its_block() {
    let scene = base().landmark("140.82.112.0/20", Class::Service);
    let compiled = next(scene.named("140.82.112.0/24", "list", 0));
    unharmed(&compiled);
}

#[test]
fn ipblocklist_48_a_cloud_is_listed_as_a_whole() {
    let compiled = next(base().listed_block("52.0.0.0/10", "list"));
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Held);
}

#[test]
fn ipblocklist_27_crawlers_and_delivery_networks_are_listed() {
    let scene = base()
        .landmark("66.249.64.0/19", Class::Crawler)
        .landmark("104.16.0.0/13", Class::Cdn)
        .named("66.249.66.1", "list", 0)
        .named("104.16.9.9", "list", 0);
    unharmed(&next(scene));
}

#[test]
fn crowdsec_3655_the_own_whitelisted_address_is_listed() {
    let office = json!({ "ip": "45.0.200.0/28", "reason": "office" });
    let ruleset = protecting(ruleset(), &[office]);
    let good = base().at(1).compile(&ruleset);
    let scene = base().named("45.0.200.7", "list", 0);
    let compiled = scene.at(2).compile_on(&ruleset, &good.last_good);
    assert_eq!(texts(&compiled), texts(&good));
}

#[test]
fn crowdsec_3656_a_whitelisted_network_is_in_a_blocked_country() {
    let scene = base().route("5.0.8.0/24", 8).whitelist(8);
    let compiled = scene.at(1).compile(&ruleset());
    assert!(!holds(&compiled, "5.0.8.1") && holds(&compiled, "5.0.9.1"));
}

#[test]
fn ipsum_42_a_list_shrinks_unannounced() {
    let mut scene = Scene::default().country("5.0.0.0/16", "NL");
    for n in 0..256 {
        let route = format!("31.{}.{}.0/24", n / 128, n % 128 * 2);
        scene = if n < 100 { scene.route(&route, 1) } else { scene };
    }
    for n in 0..150 {
        scene = scene.named(&format!("45.0.{n}.1"), "list", 0);
    }
    // What is left of the network is less than two fifths.
    let compiled = next(scene);
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Held);
    assert_eq!(verdict(&compiled, "shrink"), Some(Verdict::Hold));
}

fn only(block: Value) -> (Ruleset, LastGood) {
    let ruleset = blocking(block);
    let last_good = base().at(1).compile(&ruleset).last_good;
    (ruleset, last_good)
}

#[test]
fn a_list_that_comes_empty_keeps_its_last_set() {
    let (ruleset, last_good) = only(json!({ "lists": ["list"] }));
    let empty = Scene::default().named("45.0.0.9", "other", 0);
    let compiled = empty.at(2).compile_on(&ruleset, &last_good);
    assert_eq!(compiled.len(), 150);
    assert_eq!(compiled.fate, Fate::Held);
    assert_eq!(verdict(&compiled, "empty"), Some(Verdict::Hold));
}

#[test]
fn a_network_that_withdraws_everything_keeps_its_last_set_for_seven_days() {
    let (ruleset, mut last_good) = only(json!({ "asn": [2] }));
    let gone = Scene::default().silent(2).route("31.0.0.0/16", 1);
    for (hour, left, verdict) in [
        (1, 2, Verdict::Hold),
        (7 * 24 - 1, 2, Verdict::Hold),
        (7 * 24, 0, Verdict::Warn),
    ] {
        let moment = gone.at(2 + u64::try_from(hour).unwrap());
        let options = Options::default();
        let facts = moment.facts();
        let compiled =
            compile(&ruleset, &facts, options, &last_good, hours(hour));
        assert_eq!(self::verdict(&compiled, "empty"), Some(verdict), "{hour}");
        assert_eq!(compiled.len(), left, "{hour}");
        last_good = compiled.last_good;
    }
}

#[test]
fn country_data_that_are_missing_keep_the_last_set() {
    let (ruleset, last_good) = only(json!({ "country": ["NL"] }));
    let missing = Scene::default().route("45.0.0.0/16", 2);
    let compiled = missing.at(2).compile_on(&ruleset, &last_good);
    assert_eq!(texts(&compiled), ["5.0.0.0/16"]);
    assert_eq!(verdict(&compiled, "empty"), Some(Verdict::Hold));
}

#[test]
fn a_world_without_any_route_changes_nothing() {
    let compiled = next(Scene::default().silent(1));
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Held);
}

#[test]
fn csf_79_two_lines_glued_together_are_no_address() {
    for glued in ["1.2.3.45.6.7.8", "1.2.3.4/245.6.7.8/24", "1.2.3.4\n5.6.7.8"]
    {
        let draft = json!({ "block": { "ips": [glued] } });
        assert!(RuleDraft::read(&draft, now()).is_err(), "{glued:?}");
    }
}

fn params(query: &str) -> FeedParams {
    let pairs = query.split('&').map(|p| p.split_once('=').unwrap_or((p, "")));
    FeedParams::parse(pairs, &Profiles::builtin()).unwrap()
}

#[test]
fn an_overlap_does_not_reach_a_device_that_cannot_hold_it() {
    let ips = json!({ "ips": ["9.0.0.0/24", "9.0.0.7", "9.0.0.0/25"] });
    let compiled = base().at(1).compile(&blocking(ips));
    assert_eq!(compiled.len(), 3);
    let squid = params("tr=0").for_format(Format::Squid).unwrap();
    assert_eq!(select(&compiled, &squid).unwrap().lines.len(), 1);
}

#[test]
fn mikrotik_9_a_list_that_is_too_long_is_refused_with_the_numbers() {
    let compiled = base().at(1).compile(&ruleset());
    let error = select(&compiled, &params("max_entries=100")).unwrap_err();
    assert!(error.entries > 100 && error.to_string().contains("100"));
}

#[test]
fn a_list_that_was_cut_says_so() {
    let compiled = base().at(1).compile(&ruleset());
    let cut = params("max_entries=100&overflow=truncate");
    let selected = select(&compiled, &cut).unwrap();
    assert_eq!(selected.lines.len(), 100);
    let truncated = selected.truncated.unwrap();
    assert!(truncated.entries > 0 && truncated.addresses_v4 > 0);
}

#[test]
fn a_blocked_network_hijacks_large_space() {
    let compiled = next(base().route("64.0.0.0/9", 1));
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Held);
    assert_eq!(verdict(&compiled, "growth"), Some(Verdict::Hold));
}

#[test]
fn a_bad_network_hijacks_space_that_its_owner_has_signed() {
    let scene = base().bad(1, BAD).roa("64.0.0.0/24", 9).silent(9);
    let scene = scene.route("64.0.0.0/24", 1);
    let compiled = scene.at(1).compile(&blocking(json!({
        "risk": [{ "max_score": 90 }],
    })));
    assert!(!holds(&compiled, "64.0.0.1"));
}

#[test]
fn one_poisoned_source_condemns_no_network() {
    let bad = Bad { families: 1, hosting: 1_000.0, ..BAD };
    let scene = Scene::default().route("45.0.0.0/24", 2).bad(2, bad);
    let moment = scene.at(1);
    let compiled =
        moment.compile(&blocking(json!({ "risk": [{ "max_score": 100 }] })));
    assert!(compiled.is_empty());
    let question = Question::new(up_to(100.0), DecisionParams::default());
    let decision = decide(&question, moment.ground(), None, now());
    assert_eq!(decision.skipped[0].reason, SkipReason::Corroboration);
}

#[test]
fn a_cloud_with_thousands_of_reports_is_not_blocked() {
    let bad = Bad { hosting: 900_000.0, ..BAD };
    let scene = Scene::default().route("52.0.0.0/11", 16_509).bad(16_509, bad);
    let moment = scene.at(1);
    assert!(moment.score(16_509) < 90);
    let compiled =
        moment.compile(&blocking(json!({ "risk": [{ "max_score": 90 }] })));
    assert!(!holds(&compiled, "52.0.0.1"));
}

#[test]
fn risk_sources_that_fall_silent_do_not_open_the_firewall() {
    let risky = || Scene::default().route("45.0.0.0/24", 2);
    let ruleset = blocking(json!({ "risk": [{ "max_score": 60 }] }));
    let good = risky().bad(2, BAD).at(1).compile(&ruleset);
    assert_eq!(texts(&good), ["45.0.0.0/24"]);
    let compiled = risky().at(2).compile_on(&ruleset, &good.last_good);
    assert_eq!(texts(&compiled), ["45.0.0.0/24"]);
    assert_eq!(verdict(&compiled, "empty"), Some(Verdict::Hold));
}

#[test]
fn while_data_are_held_rules_and_unblocks_and_ends_still_work() {
    let mut ruleset = ruleset();
    ruleset.rules[3].expires_at = Some(hours(1));
    let more = rules([
        json!({}),
        json!({}),
        json!({}),
        json!({}),
        json!({ "block": { "ips": ["9.9.0.0/24"] } }),
    ]);
    ruleset.rules.push(more.rules[4].clone());
    let freed = json!({ "ip": "31.0.0.7", "reason": "unblock signal" });
    let ruleset = protecting(ruleset, &[freed]);
    let poisoned = base().route("64.0.0.0/9", 1).at(2);
    let at = |time| {
        let options = Options::default();
        let facts = poisoned.facts();
        compile(&ruleset, &facts, options, &remembered(), time)
    };
    let held = at(now());
    assert_eq!(held.fate, Fate::Held);
    assert!(!holds(&held, "64.0.0.1"), "data are held");
    assert!(holds(&held, "9.9.0.1"), "a new rule works");
    assert!(!holds(&held, "31.0.0.7"), "an unblock works");
    assert!(holds(&held, "9.0.0.1"));
    assert!(!holds(&at(hours(1)), "9.0.0.1"), "an end works");
}

#[test]
fn held_data_are_released_by_a_word_of_the_operator_only() {
    let grown = base().route("64.0.0.0/9", 1);
    let held = grown.at(2).compile_on(&ruleset(), &remembered());
    assert_eq!(held.fate, Fate::Held);
    let still = grown.at(3).compile_on(&ruleset(), &held.last_good);
    assert_eq!(still.fate, Fate::Held);
    let mut last_good = still.last_good;
    last_good.release(3);
    let released = grown.at(3).compile_on(&ruleset(), &last_good);
    assert_eq!(released.fate, Fate::Serve);
    assert!(holds(&released, "64.0.0.1"));
    let after = grown.at(4).compile_on(&ruleset(), &released.last_good);
    assert_eq!(after.fate, Fate::Serve);
}

#[test]
fn data_that_recover_are_used_at_once() {
    let held = next(base().route("64.0.0.0/9", 1));
    let recovered = base().at(3).compile_on(&ruleset(), &held.last_good);
    unharmed(&recovered);
    assert_eq!(recovered.fate, Fate::Serve);
}

#[test]
fn a_rule_that_drifts_beyond_what_was_confirmed_is_held() {
    let of = |countries: &[&str]| -> Scene {
        countries
            .iter()
            .fold(Scene::default(), |scene, text| scene.country(text, "US"))
    };
    let ruleset = rules([
        json!({ "block": { "country": ["US"] }, "confirm_share": 0.12 }),
    ]);
    let good = of(&["64.0.0.0/4", "80.0.0.0/5"]).at(1).compile(&ruleset);
    assert_eq!(good.fate, Fate::Serve);
    // More than one and a half times what was confirmed; growth alone is
    // allowed here.
    let drifted = of(&["64.0.0.0/3", "128.0.0.0/4"]);
    let mut moment = drifted.at(2);
    moment.settings.limits.growth = 10.0;
    let compiled = moment.compile_on(&ruleset, &good.last_good);
    assert_eq!(compiled.fate, Fate::Held);
    assert_eq!(verdict(&compiled, "share"), Some(Verdict::Hold));
    assert!(!holds(&compiled, "90.0.0.1"));
    assert!(holds(&compiled, "64.0.0.1"));
}

#[test]
fn a_rule_that_is_too_large_without_memory_loses_what_is_derived() {
    let scene = base().country("64.0.0.0/3", "US");
    let ruleset = rules([
        json!({ "name": "all of it", "block": {
            "country": ["US"], "ips": ["9.1.0.0/24"],
        }}),
        json!({ "block": { "asn": [1] } }),
    ]);
    let compiled = scene.at(1).compile(&ruleset);
    assert!(!holds(&compiled, "64.0.0.1"));
    assert!(holds(&compiled, "9.1.0.1") && holds(&compiled, "31.0.0.1"));
    assert_eq!(verdict(&compiled, "share"), Some(Verdict::Hold));
    let says = |r: &&GuardReport| r.verdict == Verdict::Withheld;
    assert!(
        compiled.guards.iter().any(|r| says(&r)
            && r.subject.contains("country:US of rule `all of it`"))
    );
}

#[test]
fn half_the_internet_is_never_served() {
    let rule = |text: &str, share: f64| json!({ "block": { "country": [text] }, "confirm_share": share });
    let scene = Scene::default()
        .country("64.0.0.0/2", "US")
        .country("128.0.0.0/2", "CN")
        .country("16.0.0.0/4", "NL");
    let ruleset = rules([rule("US", 0.3), rule("CN", 0.3), rule("NL", 0.3)]);
    let moment = scene.at(1);
    let compiled = moment.compile(&ruleset);
    assert_eq!(compiled.fate, Fate::Stopped);
    assert!(compiled.is_empty());
    let before = || Arc::new(moment.compile(&rules([rule("US", 0.3)])));
    assert!(admit(&compiled, before).is_err());
}

#[test]
fn a_feed_of_half_the_internet_may_shrink_but_not_grow() {
    let moment = Scene::default()
        .country("64.0.0.0/2", "US")
        .country("128.0.0.0/2", "CN")
        .country("16.0.0.0/4", "NL")
        .country("32.0.0.0/4", "DE")
        .at(1);
    let feed = |countries: &[&str]| {
        let rule = |country: &&str| json!({ "block": { "country": [country] }, "confirm_share": 0.3 });
        Arc::new(moment.compile(&rules(countries.iter().map(rule))))
    };
    let (large, larger) = (["US", "CN", "NL"], ["US", "CN", "NL", "DE"]);
    assert_eq!(admit(&feed(&large), || feed(&larger)), Ok(()));
    assert_eq!(admit(&feed(&large), || feed(&large)), Ok(()));
    assert_eq!(admit(&feed(&["US"]), || feed(&large)), Ok(()));
    let refusal = admit(&feed(&larger), || feed(&large)).unwrap_err();
    assert_eq!(refusal.code, Code::GuardShare);
}

#[test]
fn giant_prefixes_that_somebody_wrote_are_withheld_and_named() {
    let ips = json!({ "ips": ["8.0.0.0/7", "2a00::/18", "9.0.0.0/24"] });
    let compiled = base().at(1).compile(&blocking(ips));
    assert_eq!(texts(&compiled), ["9.0.0.0/24"]);
    assert_eq!(compiled.withheld_count, 2);
    assert_eq!(verdict(&compiled, "min_prefix"), Some(Verdict::Withheld));
}

#[test]
fn the_server_and_those_who_poll_it_are_never_blocked() {
    let mut moment = base().at(1);
    moment.settings.own_addresses.push(prefix("9.0.0.9/32"));
    let poller = json!({ "ip": "9.0.0.77", "reason": "polls the feed" });
    let mut ruleset = protecting(ruleset(), &[poller]);
    ruleset.protected[0].source = ProtectedSource::Poller;
    let compiled = moment.compile(&ruleset);
    assert!(!holds(&compiled, "9.0.0.9") && !holds(&compiled, "9.0.0.77"));
    assert!(holds(&compiled, "9.0.0.8"));
}

#[test]
fn a_restart_remembers_what_good_data_were() {
    let kept = serde_json::to_vec(&remembered()).unwrap();
    let read: LastGood = serde_json::from_slice(&kept).unwrap();
    let poisoned: Moment = base().listed_block("38.0.0.0/8", "list").at(2);
    let compiled = poisoned.compile_on(&ruleset(), &read);
    unharmed(&compiled);
    assert_eq!(compiled.fate, Fate::Held);
}

#[test]
fn a_new_rule_does_not_look_like_growth() {
    let mut ruleset = ruleset();
    let more = rules([
        json!({}),
        json!({}),
        json!({}),
        json!({}),
        json!({ "block": { "asn": [2] } }),
    ]);
    ruleset.rules.push(more.rules[4].clone());
    let compiled = base().at(2).compile_on(&ruleset, &remembered());
    assert_eq!(compiled.fate, Fate::Serve);
    assert!(holds(&compiled, "45.0.250.1"));
}

#[test]
fn a_whitelist_entry_does_not_look_like_a_loss() {
    let compiled = next(base().whitelist(1));
    assert_eq!(compiled.fate, Fate::Serve, "{:?}", compiled.guards);
    assert!(!holds(&compiled, "31.0.0.1") && holds(&compiled, "5.0.0.1"));
}

#[test]
fn small_feeds_may_change_as_they_like() {
    let (ruleset, last_good) = only(json!({ "country": ["NL"] }));
    let scene = base().country("6.0.0.0/12", "NL");
    let compiled = scene.at(2).compile_on(&ruleset, &last_good);
    assert_eq!(compiled.fate, Fate::Serve);
    assert!(holds(&compiled, "6.0.0.1"));
}
