//! A hundred databases one after the other, broken ones between, while clients
//! ask without pause: no request fails, and no answer is made of two versions.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use asgard_model::mmdb::{Value, Writer};

use super::{
    Running,
    echo::{Asking, echo, header},
    start_on,
};
use crate::server::{DEADLINE, eventually};

const CLIENT: &str = "9.0.7.1";

fn database(version: u32) -> Vec<u8> {
    let mut writer = Writer::new("Test-ASN", "t", u64::from(version));
    let org = format!("Org {version}");
    let value = Value::Map(vec![
        ("autonomous_system_number", Value::Unsigned(version.into())),
        ("autonomous_system_organization", Value::Text(&org)),
    ]);
    let record = writer.record(&value).unwrap();
    for n in 0..2_000 {
        let text = format!("9.{}.{}.0/24", n / 256, n % 256);
        writer.insert(text.parse().unwrap(), record);
    }
    writer.finish().unwrap()
}

fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    requests: usize,
    versions: BTreeSet<u32>,
    failed: Vec<String>,
}

fn ask_until(stop: &AtomicBool, proxy: SocketAddr) -> Seen {
    let mut seen = Seen::default();
    let mut asking = Asking::of(proxy).unwrap();
    while !stop.load(SeqCst) {
        let head = match asking.ask(CLIENT) {
            Ok(head) => head,
            Err(error) => {
                seen.failed.push(error);
                asking = Asking::of(proxy).unwrap();
                continue;
            }
        };
        seen.requests += 1;
        let number = header(&head, "x-rescaled-asn-number").unwrap_or("");
        let org = header(&head, "x-rescaled-asn-org").unwrap_or("");
        match number.parse() {
            Ok(version) if org == format!("Org {version}") => {
                seen.versions.insert(version);
            }
            _ => seen.failed.push(format!("{number} is {org}")),
        }
    }
    seen
}

fn served(running: &Running) -> u32 {
    let mut asking = Asking::of(running.proxy).unwrap();
    let head = asking.ask(CLIENT).unwrap();
    header(&head, "x-rescaled-asn-number").unwrap().parse().unwrap()
}

fn refused(running: &Running) -> f64 {
    let (_, metrics) = running.admin("/metrics");
    let name = "asgard_gateway_data_failed_refreshes{";
    let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_hundred_swaps_with_broken_ones_between_fail_no_request() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("asn.mmdb");
    replace(&path, &database(1));
    let features = format!(
        "trusted_proxies: [127.0.0.1/32]\n\
         features:\n  asn:\n    enabled: true\n    database: {{source: file, \
         path: '{}', refresh_interval: 20ms, max_age: '0'}}\n    \
         downstream_headers: {{enabled: true}}\n    \
         policy_usage: {{enabled: true}}\n",
        path.display()
    );
    let running = start_on(echo(), &features, &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (stop, proxy) = (Arc::clone(&stop), running.proxy);
            thread::spawn(move || ask_until(&stop, proxy))
        })
        .collect();
    for version in 2..=101 {
        let good = database(version);
        let before = refused(&running);
        replace(&path, &good[..good.len() / 2]);
        let met =
            |more: f64| (refused(&running) >= before + more).then_some(());
        eventually("the cut one is refused", DEADLINE, || met(1.0));
        let mut corrupt = good.clone();
        corrupt[..200].fill(0xEE);
        replace(&path, &corrupt);
        thread::sleep(Duration::from_millis(30));
        assert_eq!(served(&running), version - 1);
        replace(&path, &good);
        eventually("the new one", DEADLINE, || {
            (served(&running) == version).then_some(())
        });
    }
    stop.store(true, SeqCst);
    let took = begun.elapsed();
    let mut all = Seen::default();
    for client in clients {
        let seen = client.join().unwrap();
        all.requests += seen.requests;
        all.versions.extend(seen.versions);
        all.failed.extend(seen.failed);
    }
    println!("{} requests in {took:?}", all.requests);
    let failed = &all.failed;
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), failed[0]);
    assert!(all.versions.len() > 95, "{} versions", all.versions.len());
    assert!(all.requests > 5_000, "{} requests", all.requests);
}
