//! The embedded catalogue keeps its promises, and a bad one is refused.

use std::collections::BTreeMap;

use super::*;

fn embedded() -> Catalogue {
    Catalogue::embedded().unwrap()
}

/// One source, with lines added to it.
fn one(lines: &str) -> String {
    format!(
        "[[source]]\nname = \"a\"\ndescription = \"\"\nkind = \"ip_list\"\n\
         role = {{ threat = \"c2\" }}\nlicence = \"MIT\"\nfamily = \"f\"\n\
         weight = 0.5\n{lines}"
    )
}

fn refusal(text: &str) -> String {
    Catalogue::parse(text).unwrap_err().to_string()
}

#[test]
fn the_embedded_catalogue_is_whole() {
    let catalogue = embedded();
    assert!(catalogue.sources.len() > 90, "{}", catalogue.sources.len());
    assert!(catalogue.families().len() < 64);
    for source in &catalogue.sources {
        let name = &source.name;
        assert!((0.0..=1.0).contains(&source.weight), "{name}");
        assert!(!source.licence.is_empty(), "{name}");
        assert!(!source.description.is_empty(), "{name}");
        let reachable =
            |part: &Part| !part.urls.is_empty() || !part.mirror.is_empty();
        assert!(source.parts.iter().all(reachable), "{name}");
        assert!(source.enabled || source.description.contains("off"), "{name}");
    }
    for entry in &catalogue.left_out {
        assert!(!entry.reason.is_empty(), "{:?}", entry.pattern);
    }
}

#[test]
fn what_terms_reserve_for_non_commercial_use_is_off() {
    for source in embedded().enabled() {
        let terms = source.licence.to_lowercase();
        for word in ["-nc", "non-commercial", "no commercial"] {
            assert!(!terms.contains(word), "{}: {terms}", source.name);
        }
    }
}

#[test]
fn every_weight_of_the_scoring_model_is_that_of_a_source() {
    let (catalogue, model) = (embedded(), Model::default_model());
    assert!(model.weighed_sources().count() > 10);
    for name in model.weighed_sources() {
        let source = catalogue.find(name).unwrap();
        let of_model = model.source_weight(name).unwrap();
        assert!((source.weight - of_model).abs() < 1e-9, "{name}");
    }
    assert_eq!(embedded().weighed(&model), catalogue);
    let near = catalogue.find("c2tracker").unwrap_err().to_string();
    assert!(near.contains("did you mean `c2-tracker`"), "{near}");
}

#[test]
fn age_limits_are_those_of_the_groups() {
    let catalogue = embedded();
    for (name, hours) in [
        ("announced-prefixes", 24),
        ("rpki-client-vrps", 24),
        ("threatfox", 48),
        ("spamhaus-drop", 168),
        ("rir-delegated", 336),
        ("c2-tracker", 336),
        ("caida-as-rel", 2160),
    ] {
        let limit = catalogue.get(name).unwrap().max_stale;
        assert_eq!(limit.as_secs(), hours * 3600, "{name}");
    }
}

#[test]
fn an_aggregate_names_what_it_repeats() {
    let catalogue = embedded();
    let bits = catalogue.contains_bits(catalogue.get("ipsum").unwrap());
    let bit = |family| catalogue.family_id(family).unwrap().bit();
    assert_ne!(bits & bit("blocklist_de"), 0);
    assert_eq!(bits & bit("spamhaus"), 0);
    assert_eq!(bits & bit("ipsum"), 0);
    assert_eq!(catalogue.family_id("nobody"), None);
}

#[test]
fn class_names_are_those_of_the_file() {
    for (index, (class, name)) in Class::VALUES.into_iter().enumerate() {
        assert_eq!(class as usize, index);
        assert_eq!(class.as_str(), name);
        let text = one("urls = [\"https://x.test\"]")
            .replace("threat = \"c2\"", &format!("ranges = \"{name}\""));
        let source = Catalogue::parse(&text).unwrap().sources.remove(0);
        assert_eq!(source.role, Role::Ranges(class));
    }
}

#[test]
fn unknown_words_are_refused_with_their_line() {
    let url = "urls = [\"https://x.test\"]\n";
    for (text, line, word) in [
        (one(&format!("{url}colour = 1")), "line 10", "colour"),
        (one(url).replace("ip_list", "ip_lisst"), "line 4", "ip_lisst"),
        (one(url).replace("c2", "c3"), "line 5", "c3"),
        (one("urls = ["), "line 9", ""),
        (one("[source.parts.v4]\nurl = 1"), "line 10", "url"),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.contains(line), "{refusal}");
        assert!(refusal.contains(word), "{refusal}");
    }
}

#[test]
fn entries_that_contradict_themselves_are_refused_by_name() {
    let url = "urls = [\"https://x.test\"]\n";
    let twice = format!("{}\n{}", one(url), one(url));
    for (text, word) in [
        (twice, "twice"),
        (one(""), "either urls"),
        (one(&format!("{url}[source.parts.v4]\nurls = []")), "either urls"),
        (one("urls = [\"file:///etc/passwd\"]"), "http"),
        (one("mirror = [\"../x\"]"), "mirror"),
        (one("mirror = [\"mrt/x\"]"), "mirror"),
        (one(url).replace("0.5", "1.5"), "weight"),
        (one(url).replace("0.5", "nan"), "weight"),
        (one(url).replace("\"a\"", "\"A b\""), "name"),
        (one(url).replace("MIT", " "), "licence"),
        (one(&format!("{url}cadence = \"0s\"")), "cadence"),
        (one(&format!("{url}cadence = \"49h\"")), "max_stale"),
        (one(&format!("{url}max_mib = 0")), "max_mib"),
        (one(&format!("{url}contains = [\"f\"]")), "itself"),
        (one(&format!("{url}contains = [\"g\"]")), "`g`"),
        (
            format!(
                "{}\n{}trust = \"attack\"\n",
                one(url),
                one(url).replace("\"a\"", "\"b\"")
            ),
            "trust",
        ),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
}

#[test]
fn an_operator_redirects_and_switches_sources() {
    let change = Override {
        enabled: Some(true),
        url: Some("https://mirror.test/{yyyymmdd}.txt".to_owned()),
        cadence: Some(Duration::from_secs(60)),
    };
    let changes = BTreeMap::from([("bds-atif".to_owned(), change)]);
    let catalogue = embedded().with_overrides(&changes).unwrap();
    let source = catalogue.get("bds-atif").unwrap();
    assert!(source.enabled);
    assert_eq!(source.parts[0].urls, ["https://mirror.test/{yyyymmdd}.txt"]);
    assert_eq!(source.cadence.as_secs(), 60);
    assert!(!embedded().get("bds-atif").unwrap().enabled);
}

#[test]
fn an_override_that_cannot_be_is_refused() {
    let url = |text: &str| Override {
        url: Some(text.to_owned()),
        ..Override::default()
    };
    let zero =
        Override { cadence: Some(Duration::ZERO), ..Override::default() };
    for (name, change, word) in [
        ("threatfx", Override::default(), "did you mean `threatfox`?"),
        ("zzzzzzzzzzz", Override::default(), "asgard source list"),
        ("threatfox", url("ftp://x.test"), "not an http"),
        ("spamhaus-drop", url("https://x.test"), "2 files"),
        ("threatfox", zero, "cadence"),
    ] {
        let changes = BTreeMap::from([(name.to_owned(), change)]);
        let refusal = embedded().with_overrides(&changes).unwrap_err();
        assert!(refusal.to_string().contains(word), "{refusal}");
    }
}

#[test]
fn a_source_or_a_whole_family_is_excluded() {
    let names = ["spamhaus".to_owned(), "feodo".to_owned()];
    let catalogue = embedded().exclude(&names).unwrap();
    let enabled: Vec<&str> =
        catalogue.enabled().map(|source| source.name.as_str()).collect();
    assert!(!enabled.iter().any(|name| name.starts_with("spamhaus")));
    assert!(!enabled.contains(&"feodo") && enabled.contains(&"sslbl"));
    assert_eq!(catalogue.families(), embedded().families());
    let refusal = embedded().exclude(&["spamhouse".to_owned()]).unwrap_err();
    assert!(refusal.to_string().contains("`spamhaus`"), "{refusal}");
}
