//! RIS Live at full rate against a local server with faults: is memory flat,
//! and is no message unaccounted for?
//!
//! `live SECONDS MESSAGES_PER_SECOND [RECORDING]`: the server replays the
//! updates of a recording (or made ones) and now and then hangs up, stalls in a
//! frame, sends a frame that is too large, no JSON, or binary. Every ten seconds a
//! line with what came and the resident memory; an error at the end if memory
//! grew or the counts do not add up.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "what it measures")]

use std::{
    net::SocketAddr,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use asgard_ingest::{
    live::{
        Backoff, Bound, Dialler, Follower, Gap, Heard, Inbox, Options, Taken,
        listen,
    },
    supply::Egress,
};
use futures_util::{SinkExt, StreamExt};
use rustls::RootCertStore;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, Utf8Bytes},
};

/// Memory may breathe this much after the first half minute.
const SLACK_KB: u64 = 16 << 10;
const WARM_UP: Duration = Duration::from_secs(30);
/// Messages between two faults.
const CALM: u64 = 40_000;

/// What the server did.
#[derive(Default)]
struct Sent {
    messages: AtomicU64,
    faults: AtomicU64,
}

fn main() {
    let mut words = std::env::args().skip(1);
    let mut number = || words.next().and_then(|word| word.parse().ok());
    let seconds: u64 = number().unwrap_or(300);
    let rate: u64 = number().unwrap_or(20_000);
    let texts = recording(std::env::args().nth(3));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = Arc::new(Sent::default());
    let inbox = Arc::new(Inbox::new(Bound::default()));
    let address = runtime.block_on(serve(texts, rate, Arc::clone(&sent)));
    let filled = Arc::clone(&inbox);
    let listening =
        runtime.spawn(async move { client(address, &filled).await });
    let grew = read(&inbox, &sent, Duration::from_secs(seconds));
    listening.abort();
    let counts = inbox.counters().counts();
    println!(
        "{} sent, {} received, {} lost, {} gaps, {} connections, {} faults",
        sent.messages.load(Relaxed),
        counts.messages,
        counts.lost,
        counts.gaps,
        counts.connections,
        sent.faults.load(Relaxed)
    );
    assert!(grew <= SLACK_KB, "memory grew by {grew} kB");
}

/// The lines of a recording, or a thousand updates.
fn recording(file: Option<String>) -> Vec<Utf8Bytes> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).unwrap();
        return text.lines().map(Utf8Bytes::from).collect();
    }
    let update = |n: u32| {
        let (a, b) = (n >> 8 & 255, n & 255);
        format!(
            r#"{{"type":"ris_message","data":{{"timestamp":1774778400.25,"peer":"192.0.2.{b}","peer_asn":"{}","id":"{n}","host":"rrc00","type":"UPDATE","path":[{0},3356,1299,{n}],"community":[[3356,{b}],[1299,{a}]],"origin":"IGP","announcements":[{{"next_hop":"192.0.2.1","prefixes":["10.{a}.{b}.0/24","11.{a}.{b}.0/24"]}}]}}}}"#,
            64_500 + b
        )
    };
    (0..1000).map(update).map(Utf8Bytes::from).collect()
}

async fn client(address: SocketAddr, inbox: &Inbox) {
    let options = Options {
        url: format!("ws://{address}/"),
        backoff: Backoff {
            first: Duration::from_millis(100),
            most: Duration::from_secs(1),
        },
        ping: Duration::from_secs(1),
        silence: Duration::from_secs(2),
        ..Options::default()
    };
    let inside = Egress::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let dialler = Dialler::new(inside, RootCertStore::empty());
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
        state
    };
    listen(&options, &dialler, inbox, &mut random).await;
}

type Server = WebSocketStream<TcpStream>;

async fn serve(
    texts: Vec<Utf8Bytes>,
    rate: u64,
    sent: Arc<Sent>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(socket) = accept_async(tcp).await else { continue };
            replay(socket, &texts, rate, &sent).await;
        }
    });
    address
}

/// Sends at a rate until the client is gone, with a fault now and then.
async fn replay(
    mut socket: Server,
    texts: &[Utf8Bytes],
    rate: u64,
    sent: &Sent,
) {
    let batch = (rate / 100).max(1);
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    loop {
        tick.tick().await;
        for _ in 0..batch {
            let n = sent.messages.fetch_add(1, Relaxed);
            let at = usize::try_from(n).unwrap_or(0) % texts.len();
            let text = Message::Text(texts[at].clone());
            if socket.feed(text).await.is_err() {
                sent.messages.fetch_sub(1, Relaxed);
                return;
            }
            if n % CALM == CALM - 1 {
                let kind = sent.faults.fetch_add(1, Relaxed);
                if socket.flush().await.is_err()
                    || fault(&mut socket, kind).await
                {
                    return;
                }
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// One fault; whether the connection is over.
async fn fault(socket: &mut Server, kind: u64) -> bool {
    match kind % 6 {
        0 => {
            let _ = socket.send(Message::text("no JSON")).await;
            false
        }
        1 => {
            let _ = socket.send(Message::binary(vec![0; 1000])).await;
            false
        }
        2 => {
            let _ = socket.send(Message::text("x".repeat(2 << 20))).await;
            while let Some(Ok(_)) = socket.next().await {}
            true
        }
        3 => {
            let _ = socket.close(None).await;
            true
        }
        4 => {
            // Half a frame, and then nothing for longer than a client waits.
            let raw = socket.get_mut();
            let _ = raw.write_all(&[0x81, 126, 16, 0, b'{']).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
            true
        }
        _ => {
            let raw = socket.get_mut();
            let _ = raw.write_all(&[0xff; 64]).await;
            while let Some(Ok(_)) = socket.next().await {}
            true
        }
    }
}

/// Reads what comes, as a table would; how far memory grew, in kB.
fn read(inbox: &Inbox, sent: &Sent, time: Duration) -> u64 {
    let begun = Instant::now();
    let mut follower = Follower::default();
    let (mut events, mut holes, mut missing) = (0_u64, 0_u64, 0_u64);
    let (mut settled, mut peak) = (0, 0);
    let mut next = Duration::from_secs(10);
    while begun.elapsed() < time {
        let mut sink = |heard: Heard<'_>| {
            match heard {
                Heard::Event(_) => events += 1,
                Heard::Gap(Gap::Disconnected) => holes += 1,
                Heard::Gap(Gap::Overflow(lost)) => {
                    holes += 1;
                    missing += lost;
                }
            }
            ControlFlow::Continue(())
        };
        let patience = Duration::from_millis(100);
        if follower.follow(inbox, patience, &mut sink) == Taken::Closed {
            break;
        }
        if begun.elapsed() >= next {
            let memory = resident_kb();
            match begun.elapsed() <= WARM_UP {
                true => settled = settled.max(memory),
                false => peak = peak.max(memory),
            }
            println!(
                "{:4} s  {:9} sent  {:9} messages  {events:9} events  \
                 {:3} bad  {holes:3} gaps  {:6} waiting  {memory} kB",
                next.as_secs(),
                sent.messages.load(Relaxed),
                follower.events,
                follower.bad,
                inbox.len(),
            );
            next += Duration::from_secs(10);
        }
    }
    let counts = inbox.counters().counts();
    let heard = follower.events + follower.ignored + follower.bad;
    let rest = u64::try_from(inbox.len()).unwrap();
    // The reader holds up to a batch that it took, while the socket goes on.
    let unaccounted = counts.messages.abs_diff(heard + rest + counts.lost);
    println!("{unaccounted} on their way, {missing} told as missing");
    assert!(unaccounted <= 2048, "{unaccounted} messages unaccounted for");
    peak.saturating_sub(settled)
}

/// Resident memory of this process, server and all.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
