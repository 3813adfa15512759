//! `kill -9` at random moments of start, cycle and whitelist writes: a restart
//! always serves, and nothing that was acknowledged is lost.
//!
//! Rounds of one lane share a data directory, so that damage would add up.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, sleep},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    http::Request,
    server::{DEADLINE, Server, eventually},
    world::World,
};

const LANES: u64 = 5;
const ROUNDS: u64 = 10;
/// Start of the random numbers of every lane.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// Private numbers from here on are whitelisted (RFC 6996).
const FIRST: u32 = 4_200_000_000;

/// When a server dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// After it was started: mostly before it listens.
    Start,
    /// After it listens: while it reads, judges and records.
    Cycle,
    /// After the first entry that a client added to the whitelist was
    /// acknowledged, while it adds more.
    Write,
}

/// A death.
#[derive(Clone, Copy, Debug)]
struct Death {
    lane: u64,
    round: u64,
    moment: Moment,
    after: Duration,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lane, round, moment, after } = self;
        write!(f, "lane {lane}, round {round}: {moment:?} + {after:?}")
    }
}

/// xorshift64: the same deaths in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn death(&mut self, lane: u64, round: u64) -> Death {
        let (moment, limit) = match self.below(3) {
            0 => (Moment::Start, 60),
            1 => (Moment::Cycle, 120),
            _ => (Moment::Write, 40),
        };
        let after = Duration::from_micros(self.below(limit * 1000));
        Death { lane, round, moment, after }
    }
}

/// What a client knows of the whitelist: whether an entry is there, as far as
/// was acknowledged; `None` while a write is under way.
type Known = BTreeMap<u32, Option<bool>>;

/// A data directory that lives through ten deaths.
struct Lane {
    world: World,
    keys: Vec<String>,
    known: Mutex<Known>,
    starts: u64,
}

impl Lane {
    fn new() -> Self {
        let world = World::tiny();
        let keys = vec![world.key("admin")];
        Self { world, keys, known: Mutex::default(), starts: 0 }
    }

    fn die(&mut self, death: Death) {
        self.starts += 1;
        match death.moment {
            Moment::Start => self.world.serve().dies_after(death.after),
            Moment::Cycle => {
                let server = self.world.serve().start();
                sleep(death.after);
                server.kill();
            }
            Moment::Write => {
                let server = self.world.serve().ready();
                self.write_until_dead(server, death.after);
            }
        }
    }

    /// Entries and a key are written until the server is gone.
    fn write_until_dead(&mut self, server: Server, after: Duration) {
        let (address, key) = (server.address, self.keys[0].clone());
        let (before, stop) = (self.acknowledged(), AtomicBool::new(false));
        let (known, world) = (&self.known, &self.world);
        let fresh = thread::scope(|scope| {
            scope.spawn(|| write(address, &key, known, &stop));
            let fresh = scope.spawn(|| world.key("read"));
            eventually("a write is acknowledged", DEADLINE, || {
                (self.acknowledged() > before).then_some(())
            });
            sleep(after);
            server.kill();
            stop.store(true, Ordering::Release);
            fresh.join().expect("a key is made without a server")
        });
        self.keys.push(fresh);
    }

    fn acknowledged(&self) -> usize {
        let known = self.known.lock().expect("never poisoned");
        known.values().filter(|present| present.is_some()).count()
    }

    /// A restart serves, and holds what was acknowledged.
    fn check(&mut self, death: Death) {
        self.starts += 1;
        let server = self.world.serve().ready();
        let key = &self.keys[0];
        let list = server.read("/v1/whitelist", key);
        let listed = |asn: u32| {
            let entries = list["data"].as_array().expect("a list");
            entries.iter().any(|entry| entry["asn"] == asn)
        };
        let known = self.known.lock().expect("never poisoned").clone();
        let asns: Vec<u32> = known.keys().copied().collect();
        let scores = server.bulk(key, &asns);
        for ((asn, present), result) in known.into_iter().zip(scores) {
            let trusted = result["score"] == 100;
            assert_eq!(trusted, listed(asn), "{death}: AS{asn} {result}");
            if let Some(present) = present {
                assert_eq!(listed(asn), present, "{death}: AS{asn} lost");
            }
        }
        for key in &self.keys {
            let reply = server.ask(Request::get("/v1/status").key(key));
            assert_eq!(reply.status, 200, "{death}: a key was lost");
        }
        self.check_history(&server, death);
        assert_eq!(server.get("/feeds/edl").status, 200, "{death}");
        server.kill();
    }

    fn check_history(&self, server: &Server, death: Death) {
        let page = server.read("/v1/asn/15169/history", &self.keys[0]);
        let points = page["data"].as_array().expect("a list");
        let total = page["total"].as_u64().expect("a number");
        assert!(total <= self.starts, "{death}: {total} points");
        let time = |point: &Value| point["timestamp"].to_string();
        let newest_first = points.is_sorted_by(|a, b| time(a) >= time(b));
        assert!(newest_first, "{death}: {page}");
    }
}

/// Adds entries, and removes every fourth again, until nobody answers.
fn write(
    address: SocketAddr,
    key: &str,
    known: &Mutex<Known>,
    stop: &AtomicBool,
) {
    let set = |asn, present| {
        known.lock().expect("never poisoned").insert(asn, present);
    };
    while !stop.load(Ordering::Acquire) {
        let next = known.lock().expect("never poisoned").len();
        let asn = FIRST + u32::try_from(next).expect("few");
        let body = json!({ "asn": asn, "reason": "ours" }).to_string();
        let add = Request::post("/v1/whitelist", &body).key(key);
        set(asn, None);
        match add.send(address) {
            Ok(reply) if reply.status == 200 => set(asn, Some(true)),
            _ => return,
        }
        if asn.is_multiple_of(4) {
            let path = format!("/v1/whitelist/{asn}");
            set(asn, None);
            match Request::delete(&path).key(key).send(address) {
                Ok(reply) if reply.status == 200 => set(asn, Some(false)),
                _ => return,
            }
        }
    }
}

#[test]
fn fifty_deaths_lose_nothing_that_was_acknowledged() {
    println!("seed {SEED:#x}, {LANES} lanes of {ROUNDS} rounds");
    let written: usize = thread::scope(|scope| {
        let lanes: Vec<_> =
            (0..LANES).map(|lane| scope.spawn(move || live(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().expect("a lane")).sum()
    });
    assert!(written >= 10, "{written} writes were acknowledged");
}

#[test]
fn a_first_start_may_die_at_any_moment() {
    println!("seed {SEED:#x}");
    let mut random = Random(SEED);
    for _ in 0..12 {
        let world = World::tiny();
        let after = Duration::from_micros(random.below(50_000));
        println!("after {after:?}");
        world.serve().dies_after(after);
        let key = world.key("read");
        let server = world.serve().ready();
        let profile = server.read("/v1/asn/15169", &key);
        assert_eq!(profile["risk_level"], "LOW", "{after:?}: {profile}");
    }
}

/// Ten deaths; returns how many writes were acknowledged.
fn live(number: u64) -> usize {
    let mut random = Random(SEED.wrapping_mul(2 * number + 3));
    let mut lane = Lane::new();
    for round in 0..ROUNDS {
        let death = random.death(number, round);
        println!("{death}");
        lane.die(death);
        lane.check(death);
    }
    lane.acknowledged()
}
