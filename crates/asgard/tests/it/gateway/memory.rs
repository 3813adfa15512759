//! What a gateway with a table of the whole Internet takes, from `/proc`: after
//! its start, and after twenty reloads under load.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use asgard_model::{
    Prefix,
    mmdb::{Value, Writer},
};

use super::{Load, Running, start};
use crate::{
    http::Request,
    server::{DEADLINE, eventually, signal},
};

/// Networks of the largest free ASN database (June 2026).
const NETWORKS: u32 = 732_483;
/// Of them of IPv6.
const NETWORKS6: u32 = 182_000;
/// Records of the same.
const RECORDS: u32 = 91_065;
/// What the gateway may take with it.
const LIMIT_KIB: u64 = 40 * 1024;
/// What 800 reloads may add, in the noise of an allocator: 2.5 KiB each.
const GROWTH_KIB: u64 = 2 * 1024;
/// How long after a change its memory may be looked at.
const SETTLED: Duration = Duration::from_secs(20);

const FIRST_BUILD: u64 = 1_781_654_400;

/// A database as large as a real one, no two neighbours of which are alike.
fn whole_internet() -> Vec<u8> {
    let mut writer = Writer::new("GeoLite2-ASN", "a test", FIRST_BUILD);
    let records: Vec<_> = (1..=RECORDS)
        .map(|asn| {
            let name = format!("Network {asn} of Somewhere Ltd");
            let value = Value::Map(vec![
                ("autonomous_system_number", Value::Unsigned(asn.into())),
                ("autonomous_system_organization", Value::Text(&name)),
            ]);
            writer.record(&value).unwrap()
        })
        .collect();
    let mut put = |address: std::net::IpAddr, length, n: u32| {
        // Neighbours are far apart among the records.
        let record = u64::from(n) * 7919 % u64::from(RECORDS);
        let record = records[usize::try_from(record).unwrap()];
        writer.insert(Prefix::new(address, length).unwrap(), record);
    };
    for n in 0..NETWORKS - NETWORKS6 {
        let address = Ipv4Addr::from_bits(0x0100_0000 + (n << 8));
        put(address.into(), 24, n);
    }
    for n in 0..NETWORKS6 {
        let high = 0x2a00_u128 << 112 | u128::from(n) << 80;
        put(Ipv6Addr::from_bits(high).into(), 48, n);
    }
    writer.finish().unwrap()
}

/// The same database, built later.
fn built_at(database: &[u8], epoch: u64) -> Vec<u8> {
    let key = b"build_epoch";
    let at = database.windows(key.len()).rposition(|w| w == key).unwrap();
    // After the key: a control byte, the type, and the number in 4 bytes.
    let number = at + key.len() + 2..at + key.len() + 6;
    let mut database = database.to_vec();
    let was: [u8; 4] = database[number.clone()].try_into().unwrap();
    assert!(u64::from(u32::from_be_bytes(was)) >= FIRST_BUILD);
    let epoch = u32::try_from(epoch).unwrap().to_be_bytes();
    database[number].copy_from_slice(&epoch);
    database
}

fn resident_kib(running: &Running) -> u64 {
    let path = format!("/proc/{}/status", running.child.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let cells: Vec<&str> = line.unwrap().split_whitespace().collect();
    cells[1].parse().unwrap()
}

/// It may take a moment until what a swap took is given back.
fn is_small(running: &Running, when: &str) {
    let mut seen = 0;
    let begun = std::time::Instant::now();
    while begun.elapsed() < SETTLED {
        seen = resident_kib(running);
        if seen <= LIMIT_KIB {
            println!("{when}: {seen} KiB");
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("{when}: {seen} KiB resident, at most {LIMIT_KIB} are allowed");
}

fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

fn in_use(running: &Running) -> u64 {
    let (_, metrics) = running.admin("/metrics");
    let name = "asgard_gateway_db_build_timestamp_seconds{db=\"asn\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |number| number.parse().unwrap())
}

fn waits_for(running: &Running, epoch: u64) {
    eventually("the new table", DEADLINE, || {
        (in_use(running) == epoch).then_some(())
    });
}

fn asn_of(source: &str) -> String {
    format!(
        "features:\n  asn:\n    enabled: true\n    database: {{{source}, \
         max_age: '0'}}\n    policy_usage: {{enabled: true}}\n\
         rules: [{{name: one, action: DENY, network: 64511}}]\n"
    )
}

fn by_file(path: &Path) -> String {
    let path = path.display();
    asn_of(&format!("source: file, path: '{path}', refresh_interval: '0'"))
}

#[test]
fn a_table_of_the_internet_fits_into_40_mib_also_after_twenty_reloads() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("asn.mmdb");
    let database = whole_internet();
    replace(&path, &database);
    let running = start(&by_file(&path));
    is_small(&running, "after the start");
    let load = Load::on(&running, 4);
    for n in 1..=20 {
        let epoch = FIRST_BUILD + n;
        replace(&path, &built_at(&database, epoch));
        signal("HUP", running.child.id());
        waits_for(&running, epoch);
    }
    let good = load.ends();
    assert!(good > 1_000, "{good} requests");
    is_small(&running, "after twenty reloads");
}

/// Rules of every kind: what a reload makes anew and must give back.
const RULES: &str = "\
ip_lists: {office: {source: inline, entries: [192.0.2.0/24]}}
crawlers: {robot: {user_agent_regex: robot, ip_list: office}}
rules:
  - {name: a, action: DENY, user_agent_regex: '(curl|wget)/[0-9.]+'}
  - {name: b, action: DENY, path_regex: '^/(admin|wp-login)'}
  - {name: c, action: DENY, ip_list: office}
  - {name: d, action: DENY, expression: 'userAgent.matches(\"(a|b)+c\")'}
  - {name: e, action: DENY, headers_regex: {accept: '^x{1,20}$'}}
  - {name: f, action: DENY, expression: 'path.size() > 90'}
";

/// Each compiles all rules anew. The first fill the pools of the allocator;
/// what they leave behind must not grow with their number.
#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let running = start(RULES);
    let load = Load::on(&running, 1);
    let reload = || {
        let request = Request::post("/-/reload", "");
        let reply = request.send(running.admin).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    (0..200).for_each(|_| reload());
    let before = resident_kib(&running);
    (0..800).for_each(|_| reload());
    let after = resident_kib(&running);
    println!("after 200 reloads: {before} KiB, after 1,000: {after} KiB");
    let good = load.ends();
    assert!(good > 1_000, "{good} requests");
    assert!(after < before + GROWTH_KIB, "{before} KiB became {after} KiB");
    assert_eq!(running.rules(), 6);
}

#[test]
fn a_real_table_fits_into_40_mib() {
    let Some(packed) = real_table() else {
        println!("SKIP real-data: ASGARD_TEST_MIRROR names no mirror");
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("asn.mmdb");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap())
        .read_to_end(&mut plain)
        .unwrap();
    replace(&path, &plain);
    let running = start(&by_file(&path));
    is_small(&running, "after the start, real");
    for _ in 0..3 {
        // The same again: another file, so it is read.
        replace(&path, &plain);
        signal("HUP", running.child.id());
        thread::sleep(Duration::from_secs(2));
    }
    is_small(&running, "after three reloads, real");
}

fn real_table() -> Option<PathBuf> {
    let mirror = std::env::var_os("ASGARD_TEST_MIRROR")?;
    let files = std::fs::read_dir(PathBuf::from(mirror).join("mmdb")).ok()?;
    let paths = files.map_while(Result::ok).map(|file| file.path());
    paths.filter(|path| path.to_string_lossy().contains("-asn-")).max()
}

#[test]
fn a_table_that_came_over_http_fits_into_40_mib() {
    let database = whole_internet();
    let served = Arc::new(Mutex::new(database.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/asn.mmdb", listener.local_addr().unwrap());
    let says = Arc::clone(&served);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream, &says.lock().unwrap().clone());
        }
    });
    let source = format!("source: url, url: '{url}', refresh_interval: 1s");
    let running = start(&asn_of(&source));
    is_small(&running, "after the start, by URL");
    for n in 1..=5 {
        *served.lock().unwrap() = built_at(&database, FIRST_BUILD + n);
        waits_for(&running, FIRST_BUILD + n);
    }
    is_small(&running, "after five refreshes, by URL");
}

/// One answer, with a tag made of the moment of the build.
fn serve(mut stream: TcpStream, body: &[u8]) {
    let mut asked = String::new();
    let mut lines = BufReader::new(&stream);
    while lines.read_line(&mut asked).unwrap_or(0) > 2 {}
    let key = b"build_epoch";
    let at = body.windows(key.len()).rposition(|w| w == key).unwrap();
    let tag: String =
        body[at + 11..at + 17].iter().map(|b| format!("{b:02x}")).collect();
    let (head, body) = match asked.contains(&tag) {
        true => ("304 Not Modified".to_owned(), &[][..]),
        false => (format!("200 OK\r\ncontent-length: {}", body.len()), body),
    };
    let head = format!(
        "HTTP/1.1 {head}\r\netag: \"{tag}\"\r\nconnection: close\r\n\r\n"
    );
    // Who asked may be gone.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}
