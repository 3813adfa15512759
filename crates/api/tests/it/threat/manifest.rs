//! Manifests and their signatures, checked by Debian's `minisign`.

use std::process::Command;

use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::office::{FEED, Office};

async fn office() -> Office {
    let office = Office::open().await;
    office
        .block(json!({"ips": ["10.0.0.0/8", "2001:db8::/32"], "asn": [64496]}))
        .await;
    office
}

#[tokio::test]
async fn the_manifest_is_about_the_body_of_the_same_parameters() {
    let office = office().await;
    for (query, path) in [
        ("", FEED.to_owned()),
        ("?ipv4only", format!("{FEED}?ipv4only")),
        ("?format=nft", format!("{FEED}/nft")),
    ] {
        let body = office.poll(&path).await;
        let manifest =
            office.poll(&format!("{FEED}/manifest{query}")).await.ok();
        let digest: String = Sha256::digest(&body.body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(manifest["sha256"], digest, "{path}");
        assert_eq!(manifest["bytes"], body.body.len());
        let url = manifest["url"].as_str().unwrap();
        assert_eq!(office.poll(url).await.body, body.body, "{url}");
    }
}

#[tokio::test]
async fn minisign_verifies_what_was_served_and_refuses_a_wrong_byte() {
    let office = office().await;
    let dir = TempDir::new().unwrap();
    let key = office.poll(&format!("{FEED}/key")).await;
    let manifest = office.poll(&format!("{FEED}/manifest")).await;
    let signature = office.poll(&format!("{FEED}/manifest.minisig")).await;
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    };
    write("key.pub", &key.body);
    write("manifest", &manifest.body);
    write("manifest.minisig", &signature.body);
    let verify = || {
        let mut command = Command::new("minisign");
        command.args(["-V", "-m", "manifest", "-p", "key.pub"]);
        command.current_dir(dir.path()).output()
    };
    let Ok(good) = verify() else {
        println!("SKIP minisign: not installed");
        return;
    };
    assert!(good.status.success(), "{good:?}");
    let mut wrong = manifest.body.to_vec();
    wrong[3] ^= 1;
    write("manifest", &wrong);
    assert!(!verify().unwrap().status.success());
    let raw = office.poll(&format!("{FEED}/manifest.sig")).await;
    assert_eq!(raw.body.len(), 64);
}
