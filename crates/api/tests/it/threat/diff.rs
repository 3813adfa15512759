//! `GET /threat/feeds/diff`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::office::{FEED, Office, refused};

fn apply(from: &str, diff: &Value) -> BTreeSet<String> {
    let lines = |name: &str| -> BTreeSet<String> {
        let list = diff[name].as_array().unwrap().iter();
        list.map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let (added, removed) = (lines("added"), lines("removed"));
    let from: BTreeSet<String> = from.lines().map(ToOwned::to_owned).collect();
    assert!(removed.is_subset(&from), "{removed:?}");
    from.difference(&removed).cloned().chain(added).collect()
}

#[tokio::test]
async fn an_old_body_and_the_difference_make_the_new_one() {
    let office = Office::open().await;
    let mut served = Vec::new();
    for n in 0..6u32 {
        let ips = [format!("10.0.{n}.0/24"), format!("10.0.{}.1", n / 2)];
        let id = office.block(json!({"ips": ips})).await;
        if n == 3 {
            office.delete(&format!("/v1/access-rules/{id}")).await;
        }
        let reply = office.poll(FEED).await;
        served.push((
            reply.text().to_owned(),
            reply.header("etag").to_owned(),
            reply.header("x-feed-version").to_owned(),
        ));
    }
    let now: BTreeSet<String> =
        served[5].0.lines().map(ToOwned::to_owned).collect();
    for (text, tag, version) in &served {
        let quoted = tag.replace('"', "%22");
        for since in [quoted.as_str(), version] {
            let path = format!("{FEED}/diff?since={since}");
            let diff = office.poll(&path).await.ok();
            assert_eq!(apply(text, &diff), now, "{since}");
            assert_eq!(diff["to"].to_string(), served[5].2);
        }
    }
    let path = format!("{FEED}/diff?since={}", served[5].2);
    let same = office.poll(&path).await.ok();
    assert_eq!((&same["added"], &same["removed"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn an_unknown_base_is_410_and_a_bad_one_422() {
    let office = Office::open().await;
    office.block(json!({"ips": ["10.0.0.1"]})).await;
    for since in ["999", &"0".repeat(32)] {
        let reply = office.poll(&format!("{FEED}/diff?since={since}")).await;
        let details = &refused(&reply, 410)["details"];
        assert_eq!(details["current"], 1);
    }
    for query in ["", "?since=", "?since=x", "?since=1&since=2", "?sinc=1"] {
        let reply = office.poll(&format!("{FEED}/diff{query}")).await;
        refused(&reply, 422);
    }
}
