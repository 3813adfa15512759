//! Parameters of a request: they restrict, merge, order and limit.

use asgard_policy::{
    AddressSet,
    feed::{
        compile::Compiled,
        entry::{Line, Origin, Range, Span},
        format::Format,
        profile::Profiles,
        select::{FeedParams, Order, Overflow, Selected, Translation, select},
    },
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use crate::scene::{BAD, Scene, blocking, prefix, protecting, rules};

fn parse(query: &str) -> Result<FeedParams, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    FeedParams::parse(pairs, &Profiles::builtin())
        .map_err(|error| error.to_string())
}

fn compiled() -> Compiled {
    let scene = Scene::default()
        .route("31.0.0.0/24", 1)
        .route("32.0.0.0/24", 2)
        .route("2a00:1::/32", 2)
        .bad(2, BAD)
        .country("5.0.0.0/24", "NL")
        .named("33.0.0.7", "feodo", 0);
    let ruleset = rules([
        json!({ "block": {
            "ips": ["9.0.0.0/25", "9.0.0.128/25", "9.0.0.3", "10.0.0.0/8"],
            "asn": [1], "lists": ["feodo"],
        }}),
        json!({ "block": {
            "country": ["NL"], "risk": [{ "max_score": 60 }],
            "ips": ["9.0.0.0/25"],
        }}),
    ]);
    scene.at(1).compile(&ruleset)
}

fn text(line: &Line) -> String {
    match line.span {
        Span::Prefix(prefix) => prefix.to_string(),
        Span::Range(Range::V4(a, b)) => format!(
            "{}-{}",
            std::net::Ipv4Addr::from_bits(a),
            std::net::Ipv4Addr::from_bits(b)
        ),
        Span::Range(Range::V6(a, b)) => format!(
            "{}-{}",
            std::net::Ipv6Addr::from_bits(a),
            std::net::Ipv6Addr::from_bits(b)
        ),
    }
}

fn texts(selected: &Selected) -> Vec<String> {
    selected.lines.iter().map(text).collect()
}

fn of(query: &str) -> Vec<String> {
    texts(&select(&compiled(), &parse(query).unwrap()).unwrap())
}

#[test]
fn without_parameters_a_feed_is_all_its_entries_in_numeric_order() {
    let expected = [
        "5.0.0.0/24",
        "9.0.0.0/25",
        "9.0.0.3/32",
        "9.0.0.128/25",
        "10.0.0.0/8",
        "31.0.0.0/24",
        "32.0.0.0/24",
        "33.0.0.7/32",
        "2a00:1::/32",
    ];
    assert_eq!(of(""), expected);
}

#[test]
fn each_filter_keeps_its_part() {
    for (query, expected) in [
        ("ipv6only", vec!["2a00:1::/32"]),
        ("ipv4only=1&origin=asn,risk", vec!["31.0.0.0/24", "32.0.0.0/24"]),
        ("origin=country", vec!["5.0.0.0/24"]),
        ("asn=AS2", vec!["32.0.0.0/24", "2a00:1::/32"]),
        ("asn=2&ipv4only", vec!["32.0.0.0/24"]),
        ("country=nl", vec!["5.0.0.0/24"]),
        ("list=FEODO", vec!["33.0.0.7/32"]),
        ("max_score=60", vec!["32.0.0.0/24", "2a00:1::/32"]),
        ("level=LOW,MEDIUM&asn=1", vec!["31.0.0.0/24"]),
        ("level=CRITICAL&asn=1", vec![]),
        ("mc=25&origin=ip", vec!["9.0.0.0/25", "9.0.0.3/32", "9.0.0.128/25"]),
        ("min_prefix6=33&ipv6only", vec![]),
        ("n=2&s=1", vec!["9.0.0.0/25", "9.0.0.3/32"]),
        ("s=100", vec![]),
        ("n=1&order=severity&origin=country,asn", vec!["31.0.0.0/24"]),
        (
            "exclude_private&origin=ip&ipv4only",
            vec!["9.0.0.0/25", "9.0.0.3/32", "9.0.0.128/25"],
        ),
        (
            "rule=00000000-0000-0000-0000-000000000002&origin=ip,country",
            vec!["5.0.0.0/24", "9.0.0.0/25"],
        ),
    ] {
        assert_eq!(of(query), expected, "{query}");
    }
}

#[test]
fn merging_loses_and_adds_nothing() {
    let ips = "origin=ip&mc=24";
    assert_eq!(of(&format!("{ips}&aggregate")), ["9.0.0.0/24"]);
    assert_eq!(of(&format!("{ips}&tr=1")), ["9.0.0.0-9.0.0.255"]);
    assert_eq!(of(&format!("{ips}&tr=2")), ["9.0.0.0/24"]);
    let all = select(&compiled(), &FeedParams::default()).unwrap();
    let merged = select(&compiled(), &parse("tr=1").unwrap()).unwrap();
    assert_eq!(merged.addresses_v4, all.addresses_v4);
    assert_eq!([merged.entries_v4, merged.entries_v6], [6, 1]);
}

#[test]
fn neighbours_never_become_shorter_than_allowed() {
    let ips = json!({ "ips": ["8.0.0.0/8", "9.0.0.0/9", "9.128.0.0/9"] });
    let compiled = Scene::default().at(1).compile(&blocking(ips));
    let merged = select(&compiled, &parse("aggregate").unwrap()).unwrap();
    let wide = merged.lines.iter().all(|line| match line.span {
        Span::Prefix(prefix) => prefix.len() >= 8,
        Span::Range(_) => false,
    });
    assert!(wide, "{:?}", texts(&merged));
}

#[test]
fn a_parameter_that_cannot_be_read_is_refused_with_what_it_takes() {
    for (query, words) in [
        ("ipv4onyl", "known are ipv4only"),
        ("ipv4only=yes", "true"),
        ("ipv4only&ipv6only", "exclude"),
        ("tr=3", "0, 1 or 2"),
        ("tr=", "0, 1 or 2"),
        ("tr=1&aggregate=false", "merge"),
        ("n=0", "1 or more"),
        ("n=+1", "1 or more"),
        ("n=1&n=2", "more than once"),
        ("s=-1", "0 or more"),
        ("max_entries=0", "1 or more"),
        ("overflow=drop", "coarsen"),
        ("order=random", "severity"),
        ("profile=toaster", "fortigate"),
        ("mc=7", "8 to 32"),
        ("mc=33", "8 to 32"),
        ("mc=9&min_prefix4=10", "differ"),
        ("min_prefix6=18", "19 to 128"),
        ("max_score=101", "0 to 100"),
        ("max_score=NaN", "0 to 100"),
        ("level=BAD", "CRITICAL"),
        ("level=", "CRITICAL"),
        ("asn=ASX", "AS numbers"),
        ("asn=", "AS numbers"),
        ("country=NLD", "two letters"),
        ("list=", "names"),
        ("rule=7", "ids"),
        ("origin=dns", "country"),
        ("expand=all", "announced"),
        ("allow=maybe", "ignore"),
        ("version=0", "1 or more"),
        ("version=3&channel=canary", "channel"),
        ("channel=beta", "canary"),
        ("api_key=secret", "unknown"),
    ] {
        let error = parse(query).unwrap_err();
        assert!(error.contains(words), "{query}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    for good in ["", "ipv4only=0&ipv6only=false", "mc=9&min_prefix4=9"] {
        assert!(parse(good).is_ok(), "{good}");
    }
}

#[test]
fn equal_parameters_have_one_spelling() {
    let canonical = |query: &str| parse(query).unwrap().canonical();
    for (a, b) in [
        ("", "ipv4only=0&tr=0&order=numeric&overflow=error&channel=stable"),
        ("ipv4only", "ipv4only=true"),
        ("asn=2,AS1", "asn=1&asn=AS2&asn=2"),
        ("mc=24", "min_prefix4=24"),
        ("min_prefix4=8&min_prefix6=19", ""),
        ("tr=2", "aggregate"),
        ("level=high,critical", "level=CRITICAL,HIGH"),
        ("overflow=truncate", ""),
        ("expand=effective&allow=subtract", ""),
    ] {
        assert_eq!(canonical(a), canonical(b), "{a} | {b}");
    }
    let different = [
        "",
        "ipv4only",
        "ipv6only",
        "aggregate",
        "tr=1",
        "n=5",
        "s=5",
        "max_entries=5",
        "max_entries=5&overflow=truncate",
        "max_entries=5&overflow=coarsen",
        "order=severity",
        "mc=9",
        "min_prefix6=20",
        "host_suffix=0",
        "exclude_private",
        "max_score=5",
        "level=HIGH",
        "asn=1",
        "country=NL",
        "list=a",
        "rule=00000000-0000-0000-0000-000000000002",
        "origin=ip",
        "expand=announced",
        "allow=ignore",
        "comments",
        "version=1",
        "channel=canary",
        "profile=synapse",
    ];
    let mut spellings: Vec<String> = different.map(canonical).to_vec();
    spellings.sort_unstable();
    spellings.dedup();
    assert_eq!(spellings.len(), different.len());
}

#[test]
fn a_profile_gives_defaults_that_a_parameter_overrides() {
    let pan = parse("profile=pan-50k").unwrap();
    assert_eq!(pan.max_entries, Some(50_000));
    assert_eq!(pan.tr, Translation::Ranges);
    assert_eq!(pan.order, Order::Severity);
    assert_eq!(pan.overflow, Overflow::Error);
    let own = parse("profile=pan-50k&max_entries=10&tr=0&aggregate=0").unwrap();
    assert_eq!(own.max_entries, Some(10));
    assert_eq!(own.tr, Translation::None);
    assert!(!own.aggregate);
}

#[test]
fn what_a_format_cannot_hold_is_refused_or_restricted() {
    let fit = |query: &str, format| parse(query).unwrap().for_format(format);
    let sophos = fit("", Format::Sophos).unwrap();
    let selected = select(&compiled(), &sophos).unwrap();
    assert_eq!(selected.entries_v6, 0);
    assert!(fit("ipv6only", Format::Sophos).is_err());
    assert!(fit("tr=1", Format::Ipset).is_err());
    assert!(fit("tr=1", Format::Panos).is_ok());
    assert!(fit("tr=1", Format::Plain).is_ok());
    let device = fit("profile=pan-50k", Format::Ipset).unwrap();
    assert_eq!(device.tr, Translation::Prefixes);
    assert!(fit("", Format::Squid).unwrap().aggregate);
    assert!(fit("", Format::Exabgp).is_err());
    assert!(fit("max_entries=100", Format::Exabgp).is_ok());
}

#[test]
fn a_budget_is_an_error_unless_cutting_was_asked_for() {
    let over = parse("max_entries=3&order=severity").unwrap();
    let error = select(&compiled(), &over).unwrap_err();
    assert_eq!((error.entries, error.max_entries), (7, 3));
    let cut = parse("max_entries=3&order=severity&overflow=truncate").unwrap();
    let selected = select(&compiled(), &cut).unwrap();
    assert_eq!(texts(&selected), ["9.0.0.0/24", "10.0.0.0/8", "33.0.0.7/32"]);
    let truncated = selected.truncated.unwrap();
    assert_eq!((truncated.entries, truncated.addresses_v4), (4, 3 * 256));
}

#[test]
fn before_anything_is_lost_entries_are_merged_then_become_ranges() {
    let ips = ["9.0.0.0/25", "9.0.0.128/25", "9.0.1.0/25", "9.0.4.0/24"];
    let compiled =
        Scene::default().at(1).compile(&blocking(json!({ "ips": ips })));
    let lines = |max: usize, format| {
        let params = parse(&format!("max_entries={max}")).unwrap();
        select(&compiled, &params.for_format(format).unwrap())
            .map(|selected| texts(&selected))
    };
    assert_eq!(lines(4, Format::Plain).unwrap(), ips);
    let merged = ["9.0.0.0/24", "9.0.1.0/25", "9.0.4.0/24"];
    assert_eq!(lines(3, Format::Ipset).unwrap(), merged);
    assert!(lines(2, Format::Ipset).is_err());
    let ranges = ["9.0.0.0-9.0.1.127", "9.0.4.0-9.0.4.255"];
    assert_eq!(lines(2, Format::Panos).unwrap(), ranges);
}

#[test]
fn a_budget_of_each_family_counts_them_apart() {
    let ips = ["9.0.0.1", "9.0.0.3", "2a00::1", "2a00::3", "2a00::5"];
    let compiled =
        Scene::default().at(1).compile(&blocking(json!({ "ips": ips })));
    let mut params = parse("profile=synapse&overflow=truncate").unwrap();
    params.max_entries = Some(2);
    let selected = select(&compiled, &params).unwrap();
    assert_eq!([selected.entries_v4, selected.entries_v6], [2, 2]);
    assert_eq!(selected.truncated.unwrap().entries, 1);
}

/// A feed of explicit, network and country entries.
fn random() -> impl Strategy<Value = (Vec<u16>, Vec<u16>, Vec<u16>, usize)> {
    let block = || prop::collection::vec(0u16..400, 0..60);
    (block(), block(), block(), 1usize..60)
}

fn feed(ips: &[u16], asn: &[u16], country: &[u16]) -> Compiled {
    let at = |n: &u16| format!("31.{}.{}.0/24", n >> 8, n & 255);
    let mut scene = Scene::default().silent(1);
    for route in asn {
        scene = scene.route(&at(route), 1);
    }
    for range in country {
        scene = scene.country(&at(range), "NL");
    }
    let ips: Vec<String> = ips.iter().map(at).collect();
    let ruleset = blocking(json!({
        "ips": ips, "asn": [1], "country": ["NL"],
    }));
    let entry = json!({ "ip": "31.0.77.0/28", "reason": "office" });
    scene.at(1).compile(&protecting(ruleset, &[entry]))
}

#[test]
fn truncation_keeps_exactly_the_worst() {
    TestRunner::new(ProptestConfig::with_cases(300))
        .run(&random(), |(ips, asn, country, max)| {
            let compiled = feed(&ips, &asn, &country);
            let query =
                format!("aggregate&max_entries={max}&overflow=truncate");
            let selected = select(&compiled, &parse(&query).unwrap()).unwrap();
            let all = select(&compiled, &parse("aggregate").unwrap()).unwrap();
            let mut oracle = all.lines.clone();
            let class = |line: &Line| match line.cause.origin {
                Origin::Ip => (0, 0),
                Origin::List => (1, 0),
                Origin::Asn | Origin::Risk => {
                    (2, line.cause.score.map_or(255, u32::from))
                }
                Origin::Country => (3, 0),
            };
            oracle.sort_by_key(class);
            oracle.truncate(max);
            let mut oracle: Vec<String> = oracle.iter().map(text).collect();
            let mut found = texts(&selected);
            oracle.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, oracle);
            let lost = all.addresses_v4 - selected.addresses_v4;
            let cut = all.lines.len().saturating_sub(max);
            let said = selected.truncated.unwrap_or_default();
            prop_assert_eq!((said.entries, said.addresses_v4), (cut, lost));
            Ok(())
        })
        .unwrap();
}

#[test]
fn coarsening_covers_everything_protected_nothing_and_counts_its_cost() {
    let fitted = std::cell::Cell::new(0u32);
    TestRunner::new(ProptestConfig::with_cases(1_000))
        .run(&random(), |(ips, asn, country, max)| {
            let compiled = feed(&ips, &asn, &country);
            let merged = parse("aggregate").unwrap();
            let merged = select(&compiled, &merged).unwrap().lines.len();
            let max = merged.saturating_sub(max % 4).max(1);
            let query = format!("max_entries={max}&overflow=coarsen");
            let params = parse(&query).unwrap();
            let Ok(selected) = select(&compiled, &params) else {
                return Ok(());
            };
            prop_assert!(selected.lines.len() <= max);
            let before = compiled.space();
            let lines = selected.lines.iter().map(|line| line.span.range());
            let after = AddressSet::from_ranges(
                lines
                    .filter_map(|range| match range {
                        Range::V4(a, b) => Some((a, b)),
                        Range::V6(..) => None,
                    })
                    .collect(),
                Vec::new(),
            );
            prop_assert!(before.subtract(&after).is_empty());
            prop_assert!(!after.overlaps(prefix("31.0.77.0/28")));
            let extra = after.subtract(&before).addresses_v4();
            prop_assert_eq!(selected.extra.unwrap_or_default().v4, extra);
            fitted.set(fitted.get() + u32::from(extra > 0));
            Ok(())
        })
        .unwrap();
    assert!(fitted.get() > 20, "{}", fitted.get());
}
