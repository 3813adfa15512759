//! The same stream with a table and detectors behind it.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use asgard_ingest::{
    catalogue::Catalogue,
    learner::{AsOf, Learner},
    live::{Bound, Counts, Stream},
    supply::{Mirror, Supply},
};
use asgard_model::{Model, Sessions};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::{STEP, WARM_UP, client, resident_kb, server::Sent};

/// A World more or less, and incidents that are remembered.
const SLACK_KB: u64 = 64 << 10;
#[expect(clippy::disallowed_methods, reason = "the clock of this program")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Replayed again and again, a recording leads into the future.
fn far_away() -> Timestamp {
    Timestamp::MAX
}

/// How far memory grew and how far it may, in kB; what happened to messages.
pub(crate) fn drive(
    runtime: &Runtime,
    address: SocketAddr,
    sent: &Sent,
    time: Duration,
    mirror: &str,
) -> (u64, u64, Counts) {
    let bound = Bound { messages: 1 << 19, bytes: 256 << 20 };
    let stream = Arc::new(Stream::new("bench", bound, Arc::default()));
    let mut learner = Learner::new(
        Catalogue::embedded().unwrap(),
        Supply::Mirror(Mirror::new(Path::new(mirror)).unwrap()),
        Arc::new(Model::default_model()),
        AsOf::Newest,
        None,
    )
    .with_stream(Some(Arc::clone(&stream)));
    learner.learn(now()).unwrap();
    let reader = Arc::clone(&stream);
    let reading = std::thread::spawn(move || reader.follow(&far_away));
    let writer = Arc::clone(&stream);
    let listening =
        runtime.spawn(async move { client(address, writer.inbox()).await });
    let grew = watch(&stream, &mut learner, sent, time);
    listening.abort();
    drain(&stream);
    stream.stop();
    reading.join().unwrap();
    (grew, SLACK_KB, stream.inbox().counters().counts())
}

fn watch(
    stream: &Stream,
    learner: &mut Learner,
    sent: &Sent,
    time: Duration,
) -> u64 {
    let begun = Instant::now();
    let (mut settled, mut peak) = (0, 0);
    let mut next = STEP;
    while begun.elapsed() < time {
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
        let cycle = Instant::now();
        let world = learner.learn(now()).unwrap();
        let took = cycle.elapsed();
        let incidents = world.incidents.len();
        drop(world);
        let memory = resident_kb();
        match begun.elapsed() <= WARM_UP {
            true => settled = settled.max(memory),
            false => peak = peak.max(memory),
        }
        let mut sessions = Sessions::default();
        stream.tell(&mut sessions);
        let status = sessions.ris_live.unwrap();
        println!(
            "{:4} s  {:9} sent  {:9} messages  {:9} events  {:4} bad  \
             {:7} lost  {:4} gaps  {:6} waiting  {incidents:6} incidents  \
             cycle {took:.1?}  {memory} kB",
            next.as_secs(),
            sent.messages.load(Relaxed),
            status.messages,
            status.events,
            status.bad,
            status.lost,
            status.gaps,
            status.waiting,
        );
        next += STEP;
    }
    peak.saturating_sub(settled)
}

/// Waits until all that came is applied.
fn drain(stream: &Stream) {
    let begun = Instant::now();
    while !stream.inbox().is_empty() {
        assert!(begun.elapsed() < STEP, "{} wait", stream.inbox().len());
        std::thread::sleep(Duration::from_millis(50));
    }
}
