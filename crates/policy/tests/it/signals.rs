//! Events that block and unblock: every row of the agreed table.

use asgard_policy::access::{
    Batch, Code, MadeBy, Ruleset, SignalError, Status, apply,
};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scene::{
    Moment, Scene, holds, hours, now, protecting, rules, texts,
};

fn moment() -> Moment {
    Scene::default()
        .route("31.0.0.0/24", 64_600)
        .route("32.0.0.0/24", 64_601)
        .silent(64_602)
        .whitelist(64_601)
        .country("5.0.0.0/16", "NL")
        .country("64.0.0.0/3", "US")
        .at(1)
}

fn event(action: &str, fields: Value) -> Value {
    let mut event = json!({ "type": "access_rules", "action": action });
    let Value::Object(fields) = fields else { panic!("an object") };
    event.as_object_mut().unwrap().extend(fields);
    event
}

fn block(fields: Value) -> Value {
    event("block", fields)
}

fn unblock(fields: Value) -> Value {
    event("unblock", fields)
}

/// What an organisation has, while events come in.
struct Desk {
    ruleset: Ruleset,
    moment: Moment,
    next: u128,
}

impl Desk {
    fn new() -> Self {
        Self::with(rules([]))
    }

    fn with(ruleset: Ruleset) -> Self {
        Self { ruleset, moment: moment(), next: 100 }
    }

    fn send(&mut self, events: Vec<Value>) -> Batch {
        let next = &mut self.next;
        let mut ids = || {
            *next += 1;
            Uuid::from_u128(*next)
        };
        let body = Value::Array(events);
        let facts = self.moment.facts();
        let batch =
            apply(&self.ruleset, &body, &facts, &mut ids, now()).unwrap();
        self.ruleset = self.ruleset.with(&batch.change);
        batch
    }

    fn one(&mut self, event: Value) -> asgard_policy::access::EventResult {
        self.send(vec![event]).results.remove(0)
    }

    fn feed(&self) -> Vec<String> {
        texts(&self.moment.compile(&self.ruleset))
    }

    fn blocks(&self, ip: &str) -> bool {
        holds(&self.moment.compile(&self.ruleset), ip)
    }
}

#[test]
fn the_body_is_an_array_of_1_to_1000_events() {
    let (ruleset, moment) = (rules([]), moment());
    let send = |body: Value| {
        let mut ids = || Uuid::from_u128(1);
        apply(&ruleset, &body, &moment.facts(), &mut ids, now()).err()
    };
    for body in [json!({}), json!("x"), json!(null)] {
        assert_eq!(send(body), Some(SignalError::NotAnArray));
    }
    assert_eq!(send(json!([])), Some(SignalError::Count(0)));
    let many = vec![block(json!({ "ip": "9.0.0.1" })); 1_001];
    assert_eq!(send(json!(many)), Some(SignalError::Count(1_001)));
    assert_eq!(send(json!(many[..1_000])), None);
}

#[test]
fn a_bad_event_never_refuses_the_others() {
    let mut desk = Desk::new();
    let batch = desk.send(vec![
        block(json!({ "ip": "9.0.0.1" })),
        json!(7),
        block(json!({ "ip": "nonsense" })),
        block(json!({ "asn": "AS64999" })),
        block(json!({ "ip": "9.0.0.2" })),
    ]);
    assert_eq!((batch.accepted, batch.rejected), (2, 3));
    let indexes: Vec<usize> = batch.results.iter().map(|r| r.index).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4]);
    assert_eq!(desk.feed(), ["9.0.0.1/32", "9.0.0.2/32"]);
    assert_eq!(desk.ruleset.version, 2);
    let shown = serde_json::to_value(&batch.results[3]).unwrap();
    let expected = json!({
        "index": 3, "status": "rejected", "code": "UNKNOWN_ASN",
        "error": "ASN 64999 is not in the database",
    });
    assert_eq!(shown, expected);
}

#[test]
fn each_fault_has_its_code() {
    let with = |name: &str, value: Value| {
        let mut event = block(json!({ "ip": "9.0.0.1" }));
        event[name] = value;
        event
    };
    for (event, code) in [
        (with("expiration", json!(0)), Code::BadExpiration),
        (with("expiration", json!(-5)), Code::BadExpiration),
        (with("expiration", json!(1.5)), Code::BadExpiration),
        (with("expiration", json!("60")), Code::BadExpiration),
        (with("expiration", json!(315_360_001)), Code::BadExpiration),
        (with("type", json!("waf")), Code::BadType),
        (with("type", json!(null)), Code::BadType),
        (with("action", json!("ban")), Code::BadAction),
        (with("asn", json!(64_600)), Code::BadSelector),
        (with("ip", json!(null)), Code::BadSelector),
        (with("ip", json!("9.0.0.0/33")), Code::BadSelector),
        (with("ip", json!(9)), Code::BadSelector),
        (with("colour", json!("red")), Code::BadField),
        (with("name", json!(1)), Code::BadField),
        (with("ip", json!("0.0.0.0/0")), Code::NeverBlock),
        (with("ip", json!("127.0.0.1")), Code::NeverBlock),
        (block(json!({ "asn": "AS0" })), Code::BadSelector),
        (block(json!({ "asn": 64_999 })), Code::UnknownAsn),
        (unblock(json!({ "asn": 64_999 })), Code::UnknownAsn),
        (block(json!({ "country": "XX" })), Code::UnknownCountry),
        (block(json!({ "country": "EU" })), Code::UnknownCountry),
        (block(json!({ "country": "T1" })), Code::UnknownCountry),
        (block(json!({ "country": "UK" })), Code::UnknownCountry),
        (block(json!({ "asn": 64_601 })), Code::Protected),
        (block(json!({ "ip": "32.0.0.9" })), Code::Protected),
        (block(json!({ "ip": "8.8.8.8" })), Code::Protected),
        (block(json!({ "country": "US" })), Code::GuardShare),
    ] {
        let mut desk = Desk::new();
        let result = desk.one(event.clone());
        assert_eq!(result.status, Status::Rejected, "{event}");
        assert_eq!(result.code, Some(code), "{event} {:?}", result.error);
        assert!(desk.ruleset.rules.is_empty());
    }
}

#[test]
fn three_spellings_of_a_network_and_two_of_a_country_are_one() {
    let mut desk = Desk::new();
    let of = |result: asgard_policy::access::EventResult| {
        (result.status, result.rule_id)
    };
    let (first, id) = of(desk.one(block(json!({ "asn": "AS64600" }))));
    assert_eq!(first, Status::Created);
    for asn in [json!("64600"), json!(64_600), json!("as64600")] {
        let again = of(desk.one(block(json!({ "asn": asn }))));
        assert_eq!(again, (Status::Noop, id));
    }
    assert_eq!(
        of(desk.one(block(json!({ "country": "nl" })))).0,
        Status::Created
    );
    assert_eq!(of(desk.one(block(json!({ "country": "NL" })))).0, Status::Noop);
}

#[test]
fn the_same_selector_again_has_a_new_end_and_text() {
    let mut desk = Desk::new();
    let ip = "203.0.113.7/24";
    let made = desk.one(block(json!({ "ip": ip, "expiration": 3_600 })));
    assert_eq!(made.status, Status::Created);
    assert_eq!((made.entries, made.expires_at), (Some(1), Some(hours(1))));
    let later = json!({ "ip": ip, "expiration": 7_200, "name": "n" });
    let updated = desk.one(block(later));
    assert_eq!(updated.status, Status::Updated);
    assert_eq!(updated.rule_id, made.rule_id);
    let for_ever = desk.one(block(json!({ "ip": "203.0.113.0/24" })));
    assert_eq!(for_ever.expires_at, None);
    assert_eq!(desk.ruleset.rules.len(), 1);
    assert_eq!(desk.ruleset.rules[0].expires_at, None);
    assert_eq!(desk.ruleset.rules[0].made_by, MadeBy::Signal);
}

#[test]
fn a_network_without_addresses_is_taken_with_a_warning() {
    let result = Desk::new().one(block(json!({ "asn": 64_602 })));
    assert_eq!(result.status, Status::Created);
    assert_eq!(result.entries, Some(0));
    assert!(result.warning.unwrap().contains("no addresses"));
}

#[test]
fn unblock_removes_what_a_signal_made_and_names_what_an_operator_made() {
    let operators = rules([json!({
        "name": "mine", "block": { "ips": ["9.0.0.1"] },
    })]);
    let mut desk = Desk::with(operators);
    desk.one(block(json!({ "ip": "9.0.0.1" })));
    let result = desk.one(unblock(json!({ "ip": "9.0.0.1" })));
    assert_eq!(result.status, Status::Removed);
    assert!(result.warning.unwrap().contains("`mine`"));
    assert_eq!(desk.feed(), ["9.0.0.1/32"]);
    let nothing = desk.one(unblock(json!({ "ip": "9.0.0.2" })));
    assert_eq!(nothing.status, Status::Noop);
    desk.one(block(json!({ "asn": 64_600 })));
    let asn = desk.one(unblock(json!({ "asn": "AS64600" })));
    assert_eq!(asn.status, Status::Removed);
    let again = desk.one(unblock(json!({ "asn": "AS64600" })));
    assert_eq!(again.status, Status::Noop);
}

#[test]
fn unblock_inside_a_larger_block_makes_an_exception() {
    for larger in [json!({ "ip": "31.0.0.0/24" }), json!({ "asn": 64_600 })] {
        let mut desk = Desk::new();
        let rule = desk.one(block(larger)).rule_id.unwrap();
        let host = json!({ "ip": "31.0.0.77", "expiration": 60 });
        let result = desk.one(unblock(host));
        assert_eq!(result.status, Status::Exception);
        assert_eq!(result.covered_by, [rule.to_string()]);
        assert!(!desk.blocks("31.0.0.77") && desk.blocks("31.0.0.76"));
        assert_eq!(desk.feed().len(), 8, "a /24 without a host");
        let entry = &desk.ruleset.protected[0];
        assert_eq!(entry.reason, "unblock signal");
        assert_eq!(entry.expires_at, result.expires_at);
        // Again, for ever: one entry still.
        let again = desk.one(unblock(json!({ "ip": "31.0.0.77" })));
        assert_eq!(again.status, Status::Exception);
        assert_eq!(desk.ruleset.protected.len(), 1);
        assert_eq!(desk.ruleset.protected[0].expires_at, None);
    }
    let mut desk = Desk::new();
    desk.one(block(json!({ "country": "NL" })));
    let result = desk.one(unblock(json!({ "ip": "5.0.7.7" })));
    assert_eq!(result.status, Status::Exception);
    assert!(!desk.blocks("5.0.7.7") && desk.blocks("5.0.7.8"));
}

#[test]
fn block_inside_an_exception_takes_the_exception_away() {
    let mut desk = Desk::new();
    desk.one(block(json!({ "ip": "31.0.0.0/24" })));
    desk.one(unblock(json!({ "ip": "31.0.0.64/30" })));
    assert!(!desk.blocks("31.0.0.65"));
    let result = desk.one(block(json!({ "ip": "31.0.0.65" })));
    assert_eq!(result.status, Status::Created);
    assert!(desk.blocks("31.0.0.65"));
    for spared in ["31.0.0.64", "31.0.0.66", "31.0.0.67"] {
        assert!(!desk.blocks(spared), "{spared} was not asked for");
    }
    let whole = desk.one(block(json!({ "ip": "31.0.0.66" })));
    assert_eq!(whole.status, Status::Created);
    assert!(desk.blocks("31.0.0.66") && !desk.blocks("31.0.0.67"));
}

#[test]
fn block_of_what_is_partly_protected_counts_what_stays_out() {
    let entry = json!({ "ip": "31.0.0.0/25", "reason": "office" });
    let mut desk = Desk::with(protecting(rules([]), &[entry]));
    let result = desk.one(block(json!({ "asn": 64_600 })));
    assert_eq!(result.status, Status::Created);
    assert_eq!(result.entries, Some(1));
    assert!(result.warning.unwrap().contains("128 of 256"));
    let refused = desk.one(block(json!({ "ip": "31.0.0.5" })));
    assert_eq!(refused.code, Some(Code::Protected));
    assert!(refused.error.unwrap().contains("office"));
}

#[test]
fn a_large_share_needs_the_confirmation_that_the_answer_shows() {
    let mut desk = Desk::new();
    let result = desk.one(block(json!({ "country": "US" })));
    assert!((result.share_v4.unwrap() - 0.125).abs() < 1e-9);
    let confirm = result.confirm_share.unwrap();
    let event = json!({ "country": "US", "confirm_share": confirm });
    let result = desk.one(block(event));
    assert_eq!(result.status, Status::Created);
    assert!(result.warning.unwrap().contains("12.50 %"));
}

#[test]
fn events_work_in_order_each_on_what_the_one_before_left() {
    let mut desk = Desk::new();
    let batch = desk.send(vec![
        block(json!({ "ip": "9.0.0.1" })),
        unblock(json!({ "ip": "9.0.0.1" })),
        unblock(json!({ "ip": "9.0.0.1" })),
        block(json!({ "ip": "9.0.0.0/24" })),
        unblock(json!({ "ip": "9.0.0.9" })),
        block(json!({ "ip": "9.0.0.9" })),
    ]);
    let statuses: Vec<Status> =
        batch.results.iter().map(|r| r.status).collect();
    use Status::{Created, Exception, Noop, Removed};
    assert_eq!(statuses, [Created, Removed, Noop, Created, Exception, Created]);
    assert_eq!(desk.feed(), ["9.0.0.0/24", "9.0.0.9/32"]);
    assert!(desk.ruleset.protected.is_empty());
}

#[test]
fn a_prefix_that_no_feed_names_is_taken_with_a_warning() {
    let mut desk = Desk::new();
    let result = desk.one(block(json!({ "ip": "8.0.0.0/7" })));
    assert_eq!(result.status, Status::Created);
    assert!(result.warning.unwrap().contains("withheld"));
    assert_eq!(desk.feed(), [] as [&str; 0]);
    let private = desk.one(block(json!({ "ip": "10.0.0.0/8" })));
    assert!(private.warning.unwrap().contains("special-purpose"));
    assert_eq!(desk.feed(), ["10.0.0.0/8"]);
}

#[test]
fn an_exception_cannot_empty_the_feed() {
    let mut desk = Desk::new();
    desk.one(block(json!({ "ip": "9.0.0.0/24" })));
    let result = desk.one(unblock(json!({ "ip": "8.0.0.0/6" })));
    assert_eq!(result.code, Some(Code::BadSelector));
    assert_eq!(desk.feed(), ["9.0.0.0/24"]);
}

fn for_seconds(event: Value, seconds: u32) -> Value {
    let mut event = event;
    event["expiration"] = json!(seconds);
    event
}

#[test]
fn a_block_that_is_rejected_keeps_the_exceptions_around_it() {
    let mut desk = Desk::new();
    desk.one(block(json!({ "ip": "52.1.0.0/16" })));
    for half in ["52.1.3.0/25", "52.1.3.128/25"] {
        desk.one(for_seconds(unblock(json!({ "ip": half })), 600));
    }
    let whole = json!({ "ip": "52.1.3.0/24" });
    desk.one(for_seconds(unblock(whole.clone()), 86_400));
    let before = desk.ruleset.clone();
    let batch = desk.send(vec![block(whole)]);
    assert_eq!(batch.results[0].code, Some(Code::Protected));
    assert!(batch.change.is_empty(), "{:?}", batch.change);
    assert_eq!(before.protected.len(), 3);
}

#[test]
fn unblock_removes_the_rule_also_where_no_exception_can_be_made() {
    let mut desk = Desk::new();
    desk.one(block(json!({ "ip": "50.0.0.0/7" })));
    desk.one(block(json!({ "ip": "50.1.0.0/16", "name": "inner" })));
    let result = desk.one(unblock(json!({ "ip": "50.0.0.0/7" })));
    assert_eq!(result.status, Status::Removed);
    let warning = result.warning.unwrap();
    assert!(warning.contains("`inner`") && warning.contains("/8"), "{warning}");
    assert_eq!(result.covered_by, [desk.ruleset.rules[0].id.to_string()]);
    assert_eq!(desk.feed(), ["50.1.0.0/16"]);
}

#[test]
fn a_renewal_keeps_the_confirmation_that_the_rule_has() {
    let mut desk = Desk::new();
    let confirmed = json!({ "country": "US", "confirm_share": 0.13 });
    let made = desk.one(block(confirmed));
    let event = for_seconds(block(json!({ "country": "US" })), 60);
    let renewed = desk.one(event);
    assert_eq!(renewed.status, Status::Updated, "{:?}", renewed.error);
    assert_eq!(renewed.rule_id, made.rule_id);
    assert_eq!(desk.ruleset.rules[0].confirm_share, Some(0.13));
}

/// Events close together, so that they meet; some that must be rejected.
fn any_event() -> impl Strategy<Value = Value> {
    let nested = prop::sample::select(vec![
        "52.1.0.0/16",
        "52.1.3.0/24",
        "52.1.3.0/25",
        "52.1.3.128/25",
        "52.1.3.7",
        "50.0.0.0/7",
        "50.1.0.0/16",
    ]);
    let others = prop::sample::select(vec![
        json!({ "ip": "31.0.0.77" }),
        json!({ "ip": "32.0.0.9" }),
        json!({ "asn": 64_600 }),
        json!({ "asn": 64_999 }),
        json!({ "country": "NL" }),
        json!({ "country": "US" }),
        json!({ "country": "US", "confirm_share": 0.2 }),
    ]);
    let target = prop_oneof![4 => nested.prop_map(|ip| json!({ "ip": ip })), 1 => others];
    let seconds = prop::sample::select(vec![0, 600, 86_400]);
    let action = prop::sample::select(vec!["block", "unblock"]);
    (action, target, seconds).prop_map(|(action, target, seconds)| match event(
        action, target,
    ) {
        event if seconds == 0 => event,
        event => for_seconds(event, seconds),
    })
}

#[test]
fn a_rejected_event_leaves_everything_as_if_it_had_never_come() {
    let events = prop::collection::vec(any_event(), 1..14);
    let in_parts = std::cell::Cell::new(0usize);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(ProptestConfig::with_cases(500), rng)
        .run(&events, |events| {
            let (mut one_by_one, mut good) = (Desk::new(), Vec::new());
            for event in &events {
                let batch = one_by_one.send(vec![event.clone()]);
                let result = &batch.results[0];
                if result.status != Status::Rejected {
                    good.push(event.clone());
                    continue;
                }
                prop_assert!(batch.change.is_empty(), "{event}");
                let error = result.error.as_deref().unwrap_or_default();
                let partly = usize::from(error.contains("in parts"));
                in_parts.set(in_parts.get() + partly);
            }
            let (mut all, mut without) = (Desk::new(), Desk::new());
            all.send(events);
            if good.is_empty() {
                prop_assert_eq!(all.ruleset.rules.len(), 0);
                return Ok(());
            }
            without.send(good);
            prop_assert_eq!(&all.ruleset, &without.ruleset);
            prop_assert_eq!(&all.ruleset.rules, &one_by_one.ruleset.rules);
            let protected = &one_by_one.ruleset.protected;
            prop_assert_eq!(&all.ruleset.protected, protected);
            Ok(())
        })
        .unwrap();
    assert!(in_parts.get() > 0, "no exception was ever at stake");
}
