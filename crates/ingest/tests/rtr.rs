//! RTR from a local cache that is well, restarts, contradicts itself, or is no
//! cache at all.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use asgard_ingest::{
    live::Backoff,
    rtr::{Notice, Options, Validated, follow},
};
use asgard_model::{
    Asn, Prefix, ValidatorState, ValidatorStatus,
    rpki::{Vrp, VrpSet},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const PATIENCE: Duration = Duration::from_secs(20);
const SESSION: u16 = 77;

const QUERY_SERIAL: u8 = 1;
const QUERY_RESET: u8 = 2;

/// PDUs of one version (RFC 8210, section 5).
#[derive(Clone, Copy)]
struct Pdu(u8);

impl Pdu {
    fn head(self, kind: u8, session: u16, length: u32) -> Vec<u8> {
        let mut bytes = vec![self.0, kind];
        bytes.extend(session.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes
    }

    fn response(self) -> Vec<u8> {
        self.head(3, SESSION, 8)
    }

    fn reset(self) -> Vec<u8> {
        self.head(8, 0, 8)
    }

    fn notify(self, serial: u32) -> Vec<u8> {
        [self.head(0, SESSION, 12), serial.to_be_bytes().into()].concat()
    }

    /// Refresh after an hour, expire after `expire` seconds.
    fn end(self, serial: u32, expire: u32) -> Vec<u8> {
        if self.0 == 0 {
            let head = self.head(7, SESSION, 12);
            return [head, serial.to_be_bytes().into()].concat();
        }
        let mut bytes = self.head(7, SESSION, 24);
        for number in [serial, 3600, 600, expire] {
            bytes.extend(number.to_be_bytes());
        }
        bytes
    }

    fn vrp(self, announce: bool, text: &str, max_len: u8, asn: u32) -> Vec<u8> {
        let (address, len) = text.split_once('/').unwrap();
        let address: std::net::IpAddr = address.parse().unwrap();
        let (kind, length, address) = match address {
            std::net::IpAddr::V4(v4) => (4, 20, v4.octets().to_vec()),
            std::net::IpAddr::V6(v6) => (6, 32, v6.octets().to_vec()),
        };
        let mut bytes = self.head(kind, 0, length);
        let len: u8 = len.parse().unwrap();
        bytes.extend([u8::from(announce), len, max_len, 0]);
        bytes.extend(address);
        bytes.extend(asn.to_be_bytes());
        bytes
    }

    fn aspa(self, customer: u32, providers: &[u32]) -> Vec<u8> {
        let length = 12 + 4 * u32::try_from(providers.len()).unwrap();
        let mut bytes = self.head(11, 0x0100, length);
        bytes.extend(customer.to_be_bytes());
        providers.iter().for_each(|p| bytes.extend(p.to_be_bytes()));
        bytes
    }

    fn error(self, code: u16) -> Vec<u8> {
        let mut bytes = self.head(10, code, 16);
        bytes.extend([0; 8]);
        bytes
    }
}

/// What a client asks: version and type.
async fn question(tcp: &mut TcpStream) -> Option<(u8, u8)> {
    let mut head = [0; 8];
    tcp.read_exact(&mut head).await.ok()?;
    if head[1] == QUERY_SERIAL {
        tcp.read_exact(&mut [0; 4]).await.ok()?;
    }
    Some((head[0], head[1]))
}

async fn say(tcp: &mut TcpStream, pdus: &[Vec<u8>]) {
    // A client that is gone hears nothing.
    let _ = tcp.write_all(&pdus.concat()).await;
}

async fn serve<F>(
    script: impl Fn(usize, TcpStream) -> F + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for n in 0.. {
            let (tcp, _) = listener.accept().await.unwrap();
            script(n, tcp).await;
        }
    });
    address
}

struct Follower {
    notice: Arc<Notice>,
    task: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    fn start(address: SocketAddr) -> Self {
        let notice = Arc::new(Notice::new(address.to_string(), Arc::default()));
        let options = Options {
            connect: Duration::from_secs(5),
            transfer: Duration::from_secs(1),
            backoff: Backoff {
                first: Duration::from_millis(10),
                most: Duration::from_millis(50),
            },
            ..Options::new(address.to_string())
        };
        let filled = Arc::clone(&notice);
        let task = tokio::spawn(async move {
            follow(&options, &filled, &mut || 3).await;
        });
        Self { notice, task }
    }

    async fn until(
        &self,
        enough: impl Fn(&ValidatorStatus) -> bool,
    ) -> ValidatorStatus {
        let begun = Instant::now();
        loop {
            let verdicts = self.notice.status();
            if enough(&verdicts) {
                return verdicts;
            }
            assert!(begun.elapsed() < PATIENCE, "only {verdicts:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn said(&self) -> Arc<Validated> {
        self.notice.current().unwrap()
    }
}

fn texts(said: &Validated) -> Vec<String> {
    let show =
        |Vrp { prefix, max_len, asn }| format!("{prefix}-{max_len} {asn}");
    said.rpki.vrps.iter().map(show).collect()
}

/// Keeps the connection as long as the client does.
async fn stay(mut tcp: TcpStream) {
    let mut rest = [0; 64];
    while tcp.read(&mut rest).await.is_ok_and(|n| n > 0) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn records_and_their_changes_are_taken_over() {
    let address = serve(|_, mut tcp| async move {
        let pdu = Pdu(2);
        assert_eq!(question(&mut tcp).await, Some((2, QUERY_RESET)));
        let first = [
            pdu.response(),
            pdu.vrp(true, "192.0.2.0/24", 24, 64_496),
            pdu.vrp(true, "2001:db8::/32", 48, 64_497),
            pdu.vrp(true, "0.0.0.0/0", 0, 0),
            pdu.aspa(64_496, &[64_500, 64_499]),
            pdu.end(1, 7200),
        ];
        say(&mut tcp, &first).await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        say(&mut tcp, &[pdu.notify(2)]).await;
        assert_eq!(question(&mut tcp).await, Some((2, QUERY_SERIAL)));
        let second = [
            pdu.response(),
            pdu.vrp(false, "192.0.2.0/24", 24, 64_496),
            pdu.vrp(true, "192.0.2.0/24", 25, 64_498),
            pdu.aspa(64_496, &[0]),
            pdu.end(2, 7200),
        ];
        say(&mut tcp, &second).await;
        stay(tcp).await;
    })
    .await;
    let follower = Follower::start(address);
    let verdicts = follower.until(|v| v.updates == 1).await;
    assert_eq!((verdicts.vrps, verdicts.aspas, verdicts.ignored), (2, 1, 1));
    let first = follower.said();
    assert_eq!(
        texts(&first),
        ["192.0.2.0/24-24 AS64496", "2001:db8::/32-48 AS64497"]
    );
    let providers = first.rpki.aspas.providers_of(Asn(64_496));
    assert_eq!(providers, Some(&[Asn(64_499), Asn(64_500)][..]));
    let synced = follower.until(|v| v.serial == Some((SESSION, 2))).await;
    assert_eq!((synced.updates, synced.state), (2, ValidatorState::Synced));
    assert!(synced.expires_in_seconds > Some(7000), "{synced:?}");
    let second = follower.said();
    assert!(second.generation > first.generation);
    assert_eq!(
        texts(&second),
        ["192.0.2.0/24-25 AS64498", "2001:db8::/32-48 AS64497"]
    );
    assert_eq!(
        second.rpki.aspas.providers_of(Asn(64_496)),
        Some(&[Asn(0)][..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_cache_is_asked_in_its_version_however_it_says_so() {
    for hangs_up in [false, true] {
        let address = serve(move |_, mut tcp| async move {
            let (mut version, _) = question(&mut tcp).await.unwrap();
            if version == 2 && !hangs_up {
                say(&mut tcp, &[Pdu(1).error(4)]).await;
                (version, _) = question(&mut tcp).await.unwrap();
            }
            let pdu = Pdu(version);
            if version < 2 {
                let vrp = pdu.vrp(true, "192.0.2.0/24", 24, 64_496);
                let all = [pdu.response(), vrp, pdu.end(1, 7200)];
                say(&mut tcp, &all).await;
                stay(tcp).await;
            }
        })
        .await;
        let follower = Follower::start(address);
        let verdicts = follower.until(|v| v.updates == 1).await;
        assert_eq!(verdicts.vrps, 1, "{hangs_up}");
        assert_eq!(verdicts.failures, u64::from(hangs_up));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_rest_is_asked_for_and_all_of_it_if_need_be() {
    let address = serve(|n, mut tcp| async move {
        let pdu = Pdu(1);
        let (_, kind) = question(&mut tcp).await.unwrap();
        let one = pdu.vrp(true, "192.0.2.0/24", 24, 64_496);
        let two = pdu.vrp(true, "198.51.100.0/24", 24, 64_496);
        match n {
            0 => {
                let all = [pdu.response(), one, pdu.end(1, 7200)];
                say(&mut tcp, &all).await;
            }
            1 => {
                assert_eq!(kind, QUERY_SERIAL);
                let rest = [pdu.response(), two, pdu.end(2, 7200)];
                say(&mut tcp, &rest).await;
            }
            _ => {
                assert_eq!(kind, QUERY_SERIAL);
                say(&mut tcp, &[pdu.reset()]).await;
                assert_eq!(question(&mut tcp).await.unwrap().1, QUERY_RESET);
                let all = [pdu.response(), two, pdu.end(3, 7200)];
                say(&mut tcp, &all).await;
                stay(tcp).await;
            }
        }
    })
    .await;
    let follower = Follower::start(address);
    follower.until(|v| v.updates == 2).await;
    assert_eq!(follower.said().rpki.vrps.len(), 2);
    follower.until(|v| v.updates == 3).await;
    assert_eq!(texts(&follower.said()), ["198.51.100.0/24-24 AS64496"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_contradicts_itself_is_refused_and_asked_for_anew() {
    let address = serve(|n, mut tcp| async move {
        let pdu = Pdu(1);
        let (_, kind) = question(&mut tcp).await.unwrap();
        assert_eq!(kind, QUERY_RESET, "{n}");
        let vrp = |announce| pdu.vrp(announce, "192.0.2.0/24", 24, 64_496);
        let body = match n {
            0 => [vrp(true), vrp(true)].concat(),
            1 => vrp(false),
            _ => vrp(true),
        };
        say(&mut tcp, &[pdu.response(), body, pdu.end(1, 7200)]).await;
        stay(tcp).await;
    })
    .await;
    let follower = Follower::start(address);
    let verdicts = follower.until(|v| v.updates == 1).await;
    assert_eq!((verdicts.vrps, verdicts.failures), (1, 2));
    let why = verdicts.last_error.unwrap();
    assert_eq!(why, "the validator withdraws unknown 192.0.2.0/24-24 AS64496");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_run_out_does_not_count() {
    let address = serve(|n, mut tcp| async move {
        let pdu = Pdu(1);
        question(&mut tcp).await.unwrap();
        if n == 0 {
            let vrp = pdu.vrp(true, "192.0.2.0/24", 24, 64_496);
            say(&mut tcp, &[pdu.response(), vrp, pdu.end(1, 1)]).await;
            stay(tcp).await;
        }
    })
    .await;
    let follower = Follower::start(address);
    follower.until(|v| v.vrps == 1).await;
    let run_out = follower.until(|v| v.vrps == 0).await;
    assert_eq!(run_out.state, ValidatorState::Down);
    assert_eq!((run_out.serial, run_out.age_seconds), (None, None));
    assert!(follower.notice.current().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_give_nothing_and_do_no_harm() {
    let pdu = Pdu(1);
    let scripts: Vec<Vec<u8>> = vec![
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        // Lengths that are too small or far too large.
        [pdu.response(), pdu.head(4, 0, 7)].concat(),
        [pdu.response(), pdu.head(4, 0, u32::MAX), vec![1; 64]].concat(),
        [pdu.response(), pdu.head(9, 0, u32::MAX), vec![1; 64]].concat(),
        [pdu.response(), pdu.head(11, 0, u32::MAX), vec![1; 64]].concat(),
        // Lengths of prefixes that cannot be.
        [pdu.response(), pdu.vrp(true, "192.0.2.0/33", 33, 1), pdu.end(1, 9)]
            .concat(),
        [pdu.response(), pdu.vrp(true, "192.0.2.0/24", 23, 1), pdu.end(1, 9)]
            .concat(),
        [pdu.response(), pdu.vrp(true, "2001:db8::/32", 129, 1), pdu.end(1, 9)]
            .concat(),
        // Another version in the middle, an unknown type, an error.
        [pdu.response(), Pdu(0).vrp(true, "192.0.2.0/24", 24, 1)].concat(),
        [pdu.response(), pdu.head(99, 0, 8)].concat(),
        pdu.error(2),
        // An answer that does not end.
        [pdu.response(), pdu.vrp(true, "192.0.2.0/24", 24, 1)].concat(),
    ];
    let count = u64::try_from(scripts.len()).unwrap();
    let address = serve(move |n, mut tcp| {
        let script = scripts.get(n).cloned();
        async move {
            question(&mut tcp).await;
            let pdu = Pdu(1);
            let vrp = pdu.vrp(true, "192.0.2.0/24", 24, 64_496);
            let good = [pdu.response(), vrp, pdu.end(1, 7200)].concat();
            say(&mut tcp, &[script.unwrap_or(good)]).await;
            stay(tcp).await;
        }
    })
    .await;
    let follower = Follower::start(address);
    let verdicts = follower.until(|v| v.failures >= count - 1).await;
    assert_eq!((verdicts.vrps, verdicts.updates), (0, 0), "{verdicts:?}");
    follower.until(|v| v.updates == 1 && v.vrps == 1).await;
}

/// A program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The n-th payload of a made RPKI.
fn made(n: u32) -> Vrp {
    let asn = Asn(64_496 + n % 16);
    match n % 3 {
        0 => {
            let prefix =
                Prefix::V6(0x2001_0db8 << 96 | u128::from(n) << 64, 64);
            Vrp { prefix, max_len: 64, asn }
        }
        _ => {
            let prefix = Prefix::V4(0x0b00_0000 + (n << 8), 24);
            Vrp { prefix, max_len: 24 + u8::from(n.is_multiple_of(5)), asn }
        }
    }
}

/// What rpki-client would write.
fn document(numbers: impl Iterator<Item = u32>) -> (String, VrpSet) {
    let all: Vec<Vrp> = numbers.map(made).collect();
    let roas: Vec<_> = all
        .iter()
        .map(|Vrp { prefix, max_len, asn }| {
            json!({"asn": asn.0, "prefix": prefix.to_string(),
                "maxLength": max_len, "ta": "made"})
        })
        .collect();
    let metadata = json!({"buildtime": "2026-03-29T10:00:00Z"});
    let text = json!({"metadata": metadata, "roas": roas}).to_string();
    (text, VrpSet::new(all))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cache_is_followed_through_a_change() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rpki.json");
    let (text, before) = document(0..20_000);
    fs::write(&file, text).unwrap();
    let spawned = Command::new("stayrtr")
        .args(["-checktime=false", "-refresh", "1", "-metrics.addr", ""])
        .arg("-bind")
        .arg(address.to_string())
        .arg("-cache")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = spawned else {
        println!("SKIP stayrtr: not installed");
        return;
    };
    let _cache = Program(child);
    let follower = Follower::start(address);
    follower.until(|v| v.vrps == before.len() as u64).await;
    assert_eq!(follower.said().rpki.vrps, before);
    let (text, after) = document(1000..21_500);
    fs::write(&file, text).unwrap();
    follower.until(|v| v.vrps == after.len() as u64).await;
    assert_eq!(follower.said().rpki.vrps, after);
    let verdicts = follower.notice.status();
    assert!(verdicts.updates >= 2, "{verdicts:?}");
}
