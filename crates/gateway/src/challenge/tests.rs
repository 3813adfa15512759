//! What a challenge asks, and everything that does not pass it.

use std::time::Duration;

use super::*;

const NOW: u64 = 1_800_000_000_000;
const AGENT: &str = "Mozilla/5.0";

fn config() -> ChallengeConfig {
    ChallengeConfig {
        key_file: None,
        cookie: "asgard_pass".into(),
        ttl: Duration::from_secs(3600),
        bind: vec![Binding::Network, Binding::UserAgent],
        status: 403,
        exempt_paths: Vec::new(),
    }
}

fn challenger() -> Challenger {
    Challenger::new(&config(), Keys::random().unwrap())
}

fn visitor(address: &str) -> Visitor<'_> {
    Visitor { address: address.parse().unwrap(), user_agent: AGENT }
}

fn spec(kind: ChallengeKind, difficulty: u8) -> ChallengeSpec {
    ChallengeSpec { kind, difficulty }
}

/// What a client without a browser gets: seed, and where to redeem it.
fn ask(
    challenger: &Challenger,
    spec: ChallengeSpec,
    path: &str,
    now: u64,
) -> (String, String) {
    let asked = Asked { spec, path, accept: "application/json" };
    let answer = challenger.ask(&asked, visitor("192.0.2.1"), now);
    assert_eq!(answer.status, 403);
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let field = |name: &str| json["challenge"][name].as_str().unwrap().into();
    let redeem: String = field("redeem");
    let query = redeem.strip_prefix("/.asgard/challenge?").unwrap().to_owned();
    (field("seed"), query)
}

fn solve(seed: &str, difficulty: u8) -> String {
    (0u64..)
        .map(|n| n.to_string())
        .find(|nonce| seed::has_work(seed, nonce, difficulty))
        .unwrap()
}

fn cookie_of(answer: &Answer) -> String {
    let (_, cookie) =
        answer.headers.iter().find(|(name, _)| *name == "set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Passes a proof of work and gives the cookie.
fn earn(challenger: &Challenger, difficulty: u8) -> String {
    let asked = spec(ChallengeKind::Pow, difficulty);
    let (seed, query) = ask(challenger, asked, "/", NOW);
    let query = format!("{query}&nonce={}", solve(&seed, difficulty));
    let (answer, Outcome { result, .. }) =
        challenger.redeem(&query, visitor("192.0.2.9"), true, NOW + 5);
    assert_eq!(result, Ok(asked));
    cookie_of(&answer)
}

#[test]
fn work_earns_a_pass_that_leads_back() {
    let challenger = challenger();
    let asked = spec(ChallengeKind::Pow, 2);
    let (seed, query) = ask(&challenger, asked, "/shop?a=1&b=%2F", NOW);
    let query = format!("{query}&nonce={}", solve(&seed, 2));
    let (answer, Outcome { result, .. }) =
        challenger.redeem(&query, visitor("192.0.2.77"), true, NOW + 1000);
    assert_eq!(result, Ok(asked));
    assert_eq!(answer.status, 303);
    assert!(answer.headers.contains(&("location", "/shop?a=1&b=%2F".into())));
    let set = answer.headers.iter().find(|h| h.0 == "set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(set.1.contains(attribute), "{}", set.1);
    }
    let cookies = format!("a=b; {}; c=d", cookie_of(&answer));
    let pass = challenger.pass(&cookies, visitor("192.0.2.200"), NOW + 2000);
    assert_eq!(pass, Some(asked));
    assert!(pass.unwrap().serves_for(spec(ChallengeKind::MetaRefresh, 9)));
    assert!(!pass.unwrap().serves_for(spec(ChallengeKind::Pow, 3)));
    assert_eq!(challenger.without_pass(&cookies).unwrap(), "a=b; c=d");
    assert_eq!(challenger.without_pass(&cookie_of(&answer)), None);
}

#[test]
fn the_cookie_is_secure_only_under_tls() {
    let challenger = challenger();
    let (seed, query) = ask(&challenger, spec(ChallengeKind::Pow, 1), "/", NOW);
    let query = format!("{query}&nonce={}", solve(&seed, 1));
    let (answer, _) =
        challenger.redeem(&query, visitor("192.0.2.1"), false, NOW);
    let set = answer.headers.iter().find(|h| h.0 == "set-cookie").unwrap();
    assert!(!set.1.contains("Secure"));
}

#[test]
fn patience_is_measured() {
    let challenger = challenger();
    let asked = spec(ChallengeKind::MetaRefresh, 5);
    let (_, query) = ask(&challenger, asked, "/", NOW);
    let redeem = |after| {
        challenger
            .redeem(&query, visitor("192.0.2.1"), true, NOW + after)
            .1
            .result
    };
    assert_eq!(redeem(3_999), Err(Failure::TooSoon));
    assert_eq!(redeem(SEED_LIFE + 1), Err(Failure::Expired));
    assert_eq!(redeem(4_000), Ok(asked));
    assert_eq!(redeem(4_001), Err(Failure::Replayed));
}

#[test]
fn a_refresh_of_no_time_takes_a_second() {
    let challenger = challenger();
    let asked = spec(ChallengeKind::MetaRefresh, 0);
    let (_, query) = ask(&challenger, asked, "/", NOW);
    let (_, Outcome { result, .. }) =
        challenger.redeem(&query, visitor("192.0.2.1"), true, NOW + 10);
    assert_eq!(result, Err(Failure::TooSoon));
}

#[test]
fn a_seed_is_redeemed_once_even_after_a_reload() {
    let challenger = challenger();
    let (seed, query) = ask(&challenger, spec(ChallengeKind::Pow, 1), "/", NOW);
    let query = format!("{query}&nonce={}", solve(&seed, 1));
    let redeem = |challenger: &Challenger| {
        challenger.redeem(&query, visitor("192.0.2.1"), true, NOW + 1).1.result
    };
    assert!(redeem(&challenger).is_ok());
    assert_eq!(redeem(&challenger), Err(Failure::Replayed));
    let reloaded = challenger.reloaded(&config(), challenger.keys.clone());
    assert_eq!(redeem(&reloaded), Err(Failure::Replayed));
}

#[test]
fn changed_seeds_and_answers_are_refused() {
    let challenger = challenger();
    let asked = spec(ChallengeKind::Pow, 3);
    let (seed, query) = ask(&challenger, asked, "/", NOW);
    let good = format!("{query}&nonce={}", solve(&seed, 3));
    let redeem = |query: &str, address: &str| {
        challenger.redeem(query, visitor(address), true, NOW + 1).1.result
    };
    let wrong = format!("{query}&nonce=x");
    assert_eq!(redeem(&wrong, "192.0.2.1"), Err(Failure::NoWork));
    assert_eq!(redeem(&query, "192.0.2.1"), Err(Failure::Malformed));
    assert_eq!(redeem("", "192.0.2.1"), Err(Failure::Malformed));
    assert_eq!(redeem("seed=a.b", "192.0.2.1"), Err(Failure::Malformed));
    // Another network, another family.
    assert_eq!(redeem(&good, "192.0.3.1"), Err(Failure::Forged));
    assert_eq!(redeem(&good, "2001:db8::1"), Err(Failure::Forged));
    // Each character of the seed changed: nothing passes.
    let start = good.find("seed=").unwrap() + 5;
    let end = good.find("&to=").unwrap();
    for at in start..end {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'Q' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(redeem(&changed, "192.0.2.1").is_err(), "{at}");
    }
    // Of another gateway.
    let other = self::challenger();
    let (_, Outcome { result, .. }) =
        other.redeem(&good, visitor("192.0.2.1"), true, NOW + 1);
    assert_eq!(result, Err(Failure::Forged));
    assert_eq!(redeem(&good, "192.0.2.1"), Ok(asked));
}

#[test]
fn a_pass_of_another_network_agent_time_or_key_counts_for_nothing() {
    let challenger = challenger();
    let cookie = earn(&challenger, 1);
    let pass = |address: &str, agent: &str, now: u64| {
        let visitor =
            Visitor { address: address.parse().unwrap(), user_agent: agent };
        challenger.pass(&cookie, visitor, now)
    };
    assert!(pass("192.0.2.1", AGENT, NOW + 10).is_some());
    assert!(pass("::ffff:192.0.2.1", AGENT, NOW + 10).is_some());
    assert_eq!(pass("192.0.3.1", AGENT, NOW + 10), None);
    assert_eq!(pass("192.0.2.1", "curl/8", NOW + 10), None);
    assert_eq!(pass("192.0.2.1", AGENT, NOW + 3_600_001), None);
    assert_eq!(pass("192.0.2.1", AGENT, NOW - 10_000), None);
    let other = self::challenger();
    assert_eq!(other.pass(&cookie, visitor("192.0.2.1"), NOW + 10), None);
}

#[test]
fn what_a_pass_is_bound_to_is_configured() {
    let config = ChallengeConfig { bind: Vec::new(), ..config() };
    let free = Challenger::new(&config, Keys::random().unwrap());
    let cookie = earn(&free, 1);
    let anyone =
        Visitor { address: "203.0.113.5".parse().unwrap(), user_agent: "x" };
    assert!(free.pass(&cookie, anyone, NOW + 10).is_some());
}

#[test]
fn every_changed_character_makes_a_pass_worthless() {
    let challenger = challenger();
    let cookie = earn(&challenger, 1);
    for at in "asgard_pass=".len()..cookie.len() {
        let mut bytes = cookie.clone().into_bytes();
        // Flip a high bit of the six, so that no padding bit hides it.
        bytes[at] = if bytes[at] == b'A' { b'g' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        let pass = challenger.pass(&changed, visitor("192.0.2.1"), NOW + 10);
        assert_eq!(pass, None, "{at}: {changed}");
    }
}

#[test]
fn of_a_hundred_thousand_random_cookies_none_is_accepted() {
    let challenger = challenger();
    let cookie = earn(&challenger, 1);
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let alphabet: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    let mut random = |length: usize| -> String {
        (0..length)
            .map(|_| alphabet[usize::try_from(next() % 62).unwrap()])
            .collect()
    };
    let (head, _) = cookie.rsplit_once('.').unwrap();
    for n in 0..100_000 {
        let forged = if n % 2 == 0 {
            format!("asgard_pass=v1.{}.{}", random(46), random(43))
        } else {
            format!("{head}.{}", random(43))
        };
        let pass = challenger.pass(&forged, visitor("192.0.2.1"), NOW + 10);
        assert_eq!(pass, None, "{forged}");
    }
}

#[test]
fn return_paths_never_lead_to_another_host() {
    for path in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\/evil.example",
        "/a\\..\\evil",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=y",
        "evil",
        "",
        "/.asgard/challenge?to=/",
        "/\u{2028}",
        "javascript:alert(1)",
    ] {
        assert_eq!(local(path), "/", "{path:?}");
    }
    assert_eq!(local(&format!("/{}", "a".repeat(3000))), "/");
    for path in ["/", "/a//b", "/a?x=//y", "/a?to=https://b"] {
        assert_eq!(local(path), path);
    }
    let challenger = challenger();
    let (seed, query) =
        ask(&challenger, spec(ChallengeKind::Pow, 1), "/ok", NOW);
    let query = query.replace("%2Fok", "%2F%2Fevil.example%2F");
    let query = format!("{query}&nonce={}", solve(&seed, 1));
    let (answer, _) =
        challenger.redeem(&query, visitor("192.0.2.1"), true, NOW + 1);
    assert!(answer.headers.contains(&("location", "/".into())));
}

#[test]
fn pages_are_small_closed_and_never_cached() {
    let challenger = challenger();
    for asked in
        [spec(ChallengeKind::MetaRefresh, 3), spec(ChallengeKind::Pow, 4)]
    {
        let path = "/\"><script>alert(1)</script>";
        let answer = challenger.ask(
            &Asked { spec: asked, path, accept: "text/html,*/*;q=0.8" },
            visitor("192.0.2.1"),
            NOW,
        );
        assert_eq!(answer.status, 403);
        assert!(answer.body.len() <= 15 * 1024, "{}", answer.body.len());
        assert!(!answer.body.contains("<script>alert"), "escaped");
        assert!(!answer.body.contains("http://"));
        assert!(!answer.body.contains("https://"));
        let header = |name: &str| {
            let found = answer.headers.iter().find(|h| h.0 == name);
            found.map(|h| h.1.as_str()).unwrap_or_default()
        };
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-robots-tag"), "noindex");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("unsafe"));
    }
}

#[test]
fn who_takes_no_html_gets_json_with_the_same_status() {
    assert!(takes_html("text/html"));
    assert!(takes_html("application/json, text/HTML;q=0.9"));
    assert!(!takes_html("*/*"));
    assert!(!takes_html(""));
    let answer = challenger().ask(
        &Asked { spec: spec(ChallengeKind::Pow, 2), path: "/", accept: "*/*" },
        visitor("192.0.2.1"),
        NOW,
    );
    assert_eq!(answer.status, 403);
    assert_eq!(answer.headers[0].1, "application/json");
}

#[test]
fn an_outcome_names_its_kind_if_the_challenge_is_ours() {
    let challenger = challenger();
    let kind_of = |query: &str, address: &str| {
        challenger.redeem(query, visitor(address), true, NOW + 1).1.kind
    };
    for kind in [ChallengeKind::MetaRefresh, ChallengeKind::Pow] {
        let (_, query) = ask(&challenger, spec(kind, 9), "/", NOW);
        // Too soon, or without work.
        assert_eq!(kind_of(&query, "192.0.2.1"), Some(kind));
        assert_eq!(kind_of(&query, "192.0.3.1"), None, "of somebody else");
    }
    assert_eq!(kind_of("seed=AgIDBA.AA", "192.0.2.1"), None);
}
