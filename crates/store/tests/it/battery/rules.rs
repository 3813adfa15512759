//! Contract of the rules of organisations.

use asgard_store::{
    Answer, ChainVerdict, Committed, Document, DocumentKind, OrgRules,
    RulesWrite, Store, rules,
};
use jiff::{SignedDuration, Timestamp};

use crate::{Random, at};

fn rule(id: &str, text: &str) -> Document {
    Document {
        kind: DocumentKind::Rule,
        id: id.to_owned(),
        active: true,
        expires_at: None,
        document: text.to_owned(),
    }
}

fn write(org: &str, base: u64, put: Vec<Document>) -> RulesWrite<'_> {
    RulesWrite {
        org,
        base,
        put,
        remove: Vec::new(),
        actor: "cli",
        action: "rule.create",
        at: at(1_000),
        answer: None,
        staged: Some(SignedDuration::ZERO),
    }
}

async fn put(store: &Store, org: &str, base: u64, id: &str, text: &str) {
    let write = write(org, base, vec![rule(id, text)]);
    let committed = store.rules.commit(write).await.unwrap();
    assert_eq!(committed, Committed::Version(base + 1));
}

pub(crate) async fn an_organisation_is_there_from_its_first_write_on(
    store: Store,
) {
    let nothing = OrgRules {
        org: "acme".into(),
        version: 0,
        at: Timestamp::UNIX_EPOCH,
        documents: vec![],
    };
    assert_eq!(store.rules.load("acme").await.unwrap(), nothing);
    assert_eq!(store.rules.versions().await.unwrap(), []);
    assert_eq!(store.rules.history("acme").await.unwrap(), []);
    put(&store, "acme", 0, "b", "{}").await;
    put(&store, "zeta", 0, "a", "{}").await;
    put(&store, "acme", 1, "a", "[1]").await;
    let versions = store.rules.versions().await.unwrap();
    assert_eq!(versions, [("acme".into(), 2), ("zeta".into(), 1)]);
    let loaded = store.rules.load("acme").await.unwrap();
    assert_eq!((loaded.version, loaded.at), (2, at(1_000)));
    assert_eq!(loaded.documents, [rule("a", "[1]"), rule("b", "{}")]);
}

pub(crate) async fn a_document_reads_back_whole_and_is_replaced_whole(
    store: Store,
) {
    let odd = Document {
        kind: DocumentKind::Protected,
        id: "'; DROP TABLE rule; --".into(),
        active: false,
        expires_at: Some("1969-07-20T20:17:40.123456Z".parse().unwrap()),
        document: "\u{202e}\n\"🦀\"".into(),
    };
    let first = write("o'brien 🦀", 0, vec![odd.clone()]);
    store.rules.commit(first).await.unwrap();
    let loaded = store.rules.load("o'brien 🦀").await.unwrap();
    assert_eq!(loaded.documents, std::slice::from_ref(&odd));
    let new = Document { active: true, expires_at: None, ..odd };
    let second = write("o'brien 🦀", 1, vec![new.clone()]);
    store.rules.commit(second).await.unwrap();
    let loaded = store.rules.load("o'brien 🦀").await.unwrap();
    assert_eq!(loaded.documents, [new]);
}

pub(crate) async fn the_same_id_of_two_kinds_is_two_documents(store: Store) {
    let other =
        Document { kind: DocumentKind::Protected, ..rule("a", "{\"p\":1}") };
    let both = vec![other.clone(), rule("a", "{}")];
    store.rules.commit(write("acme", 0, both)).await.unwrap();
    let removal = RulesWrite {
        remove: vec![(DocumentKind::Rule, "a".into())],
        ..write("acme", 1, vec![])
    };
    store.rules.commit(removal).await.unwrap();
    let loaded = store.rules.load("acme").await.unwrap();
    assert_eq!(loaded.documents, [other]);
}

pub(crate) async fn a_write_on_an_old_version_changes_nothing(store: Store) {
    put(&store, "acme", 0, "a", "1").await;
    for base in [0, 2] {
        let late = write("acme", base, vec![rule("b", "2")]);
        let committed = store.rules.commit(late).await.unwrap();
        assert_eq!(committed, Committed::Moved, "{base}");
    }
    let loaded = store.rules.load("acme").await.unwrap();
    assert_eq!(loaded.documents, [rule("a", "1")]);
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 1 });
}

pub(crate) async fn writes_at_once_make_one_version_each(store: Store) {
    let race = (0..20).map(|number: u32| {
        let store = store.clone();
        tokio::spawn(async move {
            let id = number.to_string();
            loop {
                let base = store.rules.load("acme").await.unwrap().version;
                let write = write("acme", base, vec![rule(&id, "{}")]);
                match store.rules.commit(write).await.unwrap() {
                    Committed::Version(version) => return version,
                    Committed::Moved => {}
                }
            }
        })
    });
    let mut versions = Vec::new();
    for writer in race.collect::<Vec<_>>() {
        versions.push(writer.await.unwrap());
    }
    versions.sort_unstable();
    assert!(versions.into_iter().eq(1..=20));
    let loaded = store.rules.load("acme").await.unwrap();
    assert_eq!(loaded.documents.len(), 20);
}

pub(crate) async fn a_write_is_one_entry_of_the_audit_log(store: Store) {
    put(&store, "acme", 0, "a", "1").await;
    let many = RulesWrite {
        remove: vec![(DocumentKind::Rule, "a".into())],
        actor: "key",
        action: "signal",
        ..write("acme", 1, vec![rule("b", "2"), rule("c", "3")])
    };
    store.rules.commit(many).await.unwrap();
    let log = store.audit.list(0, 10).await.unwrap();
    let last = &log[1];
    let who = (&*last.actor, &*last.action, &*last.object);
    assert_eq!(who, ("key", "signal", "acme"));
    let before = last.before.as_deref().unwrap();
    assert!(before.contains("\"a\"") && !before.contains("\"b\""), "{before}");
    let after = last.after.as_deref().unwrap();
    assert!(after.contains("\"b\"") && after.contains("\"version\":2"));
    let verdict = store.audit.verify_chain().await.unwrap();
    assert_eq!(verdict, ChainVerdict::Intact { entries: 2 });
}

pub(crate) async fn history_names_who_did_what_newest_first(store: Store) {
    put(&store, "acme", 0, "a", "1").await;
    let second = RulesWrite {
        actor: "key",
        action: "signal",
        at: at(2_000),
        ..write("acme", 1, vec![])
    };
    store.rules.commit(second).await.unwrap();
    let history = store.rules.history("acme").await.unwrap();
    let lines: Vec<_> = history
        .iter()
        .map(|v| (v.version, v.at, &*v.actor, &*v.action))
        .collect();
    let expected =
        [(2, at(2_000), "key", "signal"), (1, at(1_000), "cli", "rule.create")];
    assert_eq!(lines, expected);
}

/// Against a model that keeps every version whole.
pub(crate) async fn every_kept_version_reads_as_it_was(store: Store) {
    let mut random = Random(7);
    let mut past: Vec<OrgRules> = Vec::new();
    let mut now: Vec<Document> = Vec::new();
    for version in 1..=80u64 {
        let mut put = Vec::new();
        let mut remove = Vec::new();
        for _ in 0..random.below(4) {
            let id = random.below(12).to_string();
            now.retain(|document| document.id != id);
            if random.below(3) == 0 {
                remove.push((DocumentKind::Rule, id));
            } else {
                put.retain(|document: &Document| document.id != id);
                put.push(rule(&id, &version.to_string()));
            }
        }
        // Removals come first in a write.
        remove.retain(|(_, id)| put.iter().all(|d| d.id != *id));
        put.retain(|d| remove.iter().all(|(_, id)| *id != d.id));
        now.extend(put.iter().cloned());
        now.sort_by(|a, b| a.id.cmp(&b.id));
        let when = at(i64::try_from(version).unwrap() * 86_400);
        let write =
            RulesWrite { remove, at: when, ..write("acme", version - 1, put) };
        store.rules.commit(write).await.unwrap();
        past.push(OrgRules {
            org: "acme".into(),
            version,
            at: when,
            documents: now.clone(),
        });
    }
    for was in past {
        let read = store.rules.at_version("acme", was.version).await.unwrap();
        let kept = was.version > 80 - rules::VERSIONS_KEPT;
        assert_eq!(read, kept.then_some(was));
    }
    assert_eq!(store.rules.at_version("acme", 81).await.unwrap(), None);
    for (org, version) in [("zeta", 1), ("acme", 0), ("acme", u64::MAX)] {
        let never = store.rules.at_version(org, version).await.unwrap();
        assert_eq!(never, None, "{org} {version}");
    }
    let history = store.rules.history("acme").await.unwrap();
    assert_eq!(history.len() as u64, rules::VERSIONS_KEPT);
}

pub(crate) async fn versions_of_the_last_day_are_kept_however_many(
    store: Store,
) {
    for version in 0..100 {
        put(&store, "acme", version, "a", &version.to_string()).await;
    }
    let first = store.rules.at_version("acme", 1).await.unwrap().unwrap();
    assert_eq!(first.documents, [rule("a", "0")]);
    let late = RulesWrite { at: at(100_000), ..write("acme", 100, vec![]) };
    store.rules.commit(late).await.unwrap();
    assert_eq!(store.rules.at_version("acme", 71).await.unwrap(), None);
    assert!(store.rules.at_version("acme", 72).await.unwrap().is_some());
}

/// A feed that waits so long is made from the newest version that is as old.
pub(crate) async fn what_a_stage_waits_for_is_kept_while_it_waits(
    store: Store,
) {
    let staged = SignedDuration::from_hours(48);
    let ripe = |version: i64| at(version * 5_000 - 48 * 3_600);
    for version in 1..=90u64 {
        let number = i64::try_from(version).unwrap();
        let write = RulesWrite {
            at: at(number * 5_000),
            staged: Some(staged),
            ..write("acme", version - 1, vec![rule("a", &version.to_string())])
        };
        store.rules.commit(write).await.unwrap();
        let history = store.rules.history("acme").await.unwrap();
        let newest = history.iter().find(|record| record.at <= ripe(number));
        let expected = (number * 5 - 173) / 5;
        let found = newest.map(|record| i64::try_from(record.version).unwrap());
        assert_eq!(found, (expected > 0).then_some(expected), "{version}");
    }
    let oldest = store.rules.at_version("acme", 55).await.unwrap().unwrap();
    assert_eq!(oldest.documents, [rule("a", "55")]);
    assert_eq!(store.rules.at_version("acme", 54).await.unwrap(), None);
}

pub(crate) async fn a_writer_that_knows_no_stage_forgets_nothing_for_its_age(
    store: Store,
) {
    for version in 0..60u64 {
        let at = at(i64::try_from(version).unwrap() * 86_400);
        let put = vec![rule("a", &version.to_string())];
        let write =
            RulesWrite { at, staged: None, ..write("acme", version, put) };
        store.rules.commit(write).await.unwrap();
    }
    assert_eq!(store.rules.history("acme").await.unwrap().len(), 60);
}

pub(crate) async fn an_answer_is_written_with_its_write_or_not_at_all(
    store: Store,
) {
    let answer = Answer { key: "k", request: [1; 32], status: 201, body: "{}" };
    let first = RulesWrite {
        answer: Some(answer),
        ..write("acme", 0, vec![rule("a", "1")])
    };
    store.rules.commit(first).await.unwrap();
    let find = async |key, now| {
        store.idempotency.find("acme", key, at(now)).await.unwrap()
    };
    let kept = find("k", 1_000).await.unwrap();
    assert_eq!((kept.status, &*kept.body), (201, "{}"));
    let moved = RulesWrite {
        answer: Some(Answer { key: "other", ..answer }),
        ..write("acme", 0, vec![])
    };
    store.rules.commit(moved).await.unwrap();
    assert_eq!(find("other", 1_000).await, None);
}
