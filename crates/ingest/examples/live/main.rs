//! RIS Live at full rate against a local server with faults: is memory flat,
//! and is no message unaccounted for?
//!
//! `live SECONDS MESSAGES_PER_SECOND [RECORDING [MIRROR]]`: the server replays the
//! updates of a recording (or made ones) and now and then hangs up, stalls in a
//! frame, sends a frame that is too large, no JSON, or binary. With a mirror, its
//! table and the detectors are behind the stream, and a World is built every ten
//! seconds. Then there is a line with what came and the resident memory; an error
//! at the end if memory grew or the counts do not add up.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "what it measures")]

mod server;
mod table;

use std::{
    net::SocketAddr,
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use asgard_ingest::{
    live::{
        Backoff, Bound, Counts, Dialler, Follower, Gap, Heard, Inbox, Options,
        Taken, listen,
    },
    supply::Egress,
};
use rustls::RootCertStore;

use server::{Recording, Sent, serve};

/// Memory may breathe this much after the first half minute.
const SLACK_KB: u64 = 16 << 10;
const WARM_UP: Duration = Duration::from_secs(30);
/// Between two lines.
const STEP: Duration = Duration::from_secs(10);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
    let seconds: u64 = number(0).unwrap_or(300);
    let rate: u64 = number(1).unwrap_or(20_000);
    let recording = Recording::of(words.get(2).map(String::as_str));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = Arc::new(Sent::default());
    let address = runtime.block_on(serve(recording, rate, Arc::clone(&sent)));
    let time = Duration::from_secs(seconds);
    let (grew, slack, counts) = match words.get(3) {
        Some(mirror) => table::drive(&runtime, address, &sent, time, mirror),
        None => {
            let inbox = Arc::new(Inbox::new(Bound::default()));
            let filled = Arc::clone(&inbox);
            let listening =
                runtime.spawn(async move { client(address, &filled).await });
            let grew = read(&inbox, &sent, time);
            listening.abort();
            (grew, SLACK_KB, inbox.counters().counts())
        }
    };
    summary(&sent, &counts);
    assert!(grew <= slack, "memory grew by {grew} kB");
}

fn summary(sent: &Sent, counts: &Counts) {
    println!(
        "{} sent, {} received, {} lost, {} gaps, {} connections, {} faults",
        sent.messages.load(Relaxed),
        counts.messages,
        counts.lost,
        counts.gaps,
        counts.connections,
        sent.faults.load(Relaxed)
    );
}

pub(crate) async fn client(address: SocketAddr, inbox: &Inbox) {
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

/// Reads what comes, as a table would; how far memory grew, in kB.
fn read(inbox: &Inbox, sent: &Sent, time: Duration) -> u64 {
    let begun = Instant::now();
    let mut follower = Follower::default();
    let (mut events, mut holes, mut missing) = (0_u64, 0_u64, 0_u64);
    let (mut settled, mut peak) = (0, 0);
    let mut next = STEP;
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
            next += STEP;
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
pub(crate) fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
