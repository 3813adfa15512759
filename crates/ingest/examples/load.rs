//! The bench of `bench/mrt/load.sh`: a mirror with a full table and updates,
//! made, and learnt.
//!
//! `generate DIR PREFIXES PEERS MESSAGES` writes a dump of so many prefixes
//! (a fifth of them IPv6), each carried by every peer, and updates that follow
//! it. Paths are those of an invented Internet: twelve networks at the top,
//! 2,000 that carry transit, 80,000 that originate, so that there are as many
//! different paths as a real table of that size has. `learn DIR` reads it as
//! the server does and prints seconds and the largest memory. `updates DIR` reads
//! the dump, and then the updates on one thread: first only the reader, then with
//! table and all detectors; it prints messages per second of processor time, and
//! ends with 1 if that is less than 100,000.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a bench of numbers that it makes itself"
)]

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    ops::ControlFlow,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use asgard_ingest::{
    catalogue::Catalogue,
    format::mrt::mrt,
    learner::{AsOf, Learner},
    supply::{Mirror, Supply},
};
use asgard_model::{Asn, Model, rpki::Rpki};
use asgard_routing::{
    detector::{BlackholeCommunities, Bogons, Scene, Survey},
    event::Event,
    relationships::{Observed, Options, Relationships},
    table::{Limits, Table},
};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use rustc_hash::FxHashSet;

/// 2026-06-27T00:00:00Z.
const MOMENT: u32 = 1_782_518_400;
const TOPS: u32 = 12;
const TRANSITS: u32 = 2_000;
const ORIGINS: u32 = 80_000;
/// Messages per second that one core must take.
const TARGET: f64 = 100_000.0;

const RIB: &str = "rib.20260627.0000.gz";
const UPDATES: &str = "updates.20260627.0005.gz";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["generate", dir, prefixes, peers, messages] => {
            let folder = Path::new(dir).join("routing");
            fs::create_dir_all(&folder)?;
            let (prefixes, peers) = (prefixes.parse()?, peers.parse()?);
            let rib = packed(&folder.join(RIB))?;
            dump(rib, prefixes, peers)?;
            let updates = packed(&folder.join(UPDATES))?;
            changes(updates, prefixes, peers, messages.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        ["learn", dir] => learn(dir).map(|()| ExitCode::SUCCESS),
        ["updates", dir] => updates(&Path::new(dir).join("routing")),
        _ => Err("generate DIR PREFIXES PEERS MESSAGES | learn DIR | \
                  updates DIR"
            .into()),
    }
}

fn packed(file: &Path) -> io::Result<BufWriter<GzEncoder<File>>> {
    let file = File::create(file)?;
    let packed = GzEncoder::new(file, Compression::fast());
    Ok(BufWriter::with_capacity(1 << 20, packed))
}

fn learn(dir: &str) -> Result<(), Box<dyn Error>> {
    let mut learner = Learner::new(
        Catalogue::embedded()?,
        Supply::Mirror(Mirror::new(dir)?),
        Arc::new(Model::default_model()),
        AsOf::Newest,
        None,
    );
    let begun = Instant::now();
    let world = learner.learn("2026-06-28T00:00:00Z".parse()?)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (down, across) = world.graph.edge_counts();
    writeln!(
        io::stdout(),
        "{seconds:.1} s, {:.1} s of processors, {} MB at most; {} prefixes, \
         {} networks, {down} + {across} links, clique of {}, {} incidents",
        all_processor_seconds(),
        peak_mib(),
        world.table.len(),
        world.asns.len(),
        world.graph.clique().len(),
        world.incidents.len(),
    )?;
    for status in learner.statuses().iter().filter(|s| s.rows.is_some()) {
        writeln!(
            io::stdout(),
            "{}: {} rows{}",
            status.name,
            status.rows.unwrap_or(0),
            status.last_error.as_deref().unwrap_or_default(),
        )?;
    }
    Ok(())
}

/// How many updates a second of processor time are read, and understood.
fn updates(routing: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let begun = processor_seconds();
    let mut messages = 0_u32;
    read(&routing.join(UPDATES), &mut |_| messages += 1)?;
    let rate = f64::from(messages) / (processor_seconds() - begun);
    writeln!(out, "{messages} messages, read: {rate:.0} a second")?;
    let rule = Model::default_model().visibility();
    let mut table = Table::new(rule, Limits::default());
    let mut survey = Survey::default();
    let around = Around::default();
    read(&routing.join(RIB), &mut |event| {
        table.apply(event, &mut |table, t| {
            survey.note(table, &around.blackholes, t);
        });
    })?;
    let around = Around { relations: inferred(&table), ..around };
    table.replay(&mut |table, t| survey.transition(&around.scene(table), t));
    let begun = processor_seconds();
    read(&routing.join(UPDATES), &mut |event| {
        table.apply(event, &mut |table, t| {
            survey.transition(&around.scene(table), t);
        });
    })?;
    let rate = f64::from(messages) / (processor_seconds() - begun);
    writeln!(out, "with table and detectors: {rate:.0} a second")?;
    let met = rate >= TARGET;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(
    file: &Path,
    sink: &mut dyn FnMut(&Event<'_>),
) -> Result<(), Box<dyn Error>> {
    let plain = MultiGzDecoder::new(File::open(file)?);
    let mut input = BufReader::with_capacity(1 << 18, plain);
    mrt(&mut input, &mut |event| {
        sink(event);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// The relationships that the table tells.
fn inferred(table: &Table) -> Relationships {
    let mut routes = vec![0_u32; table.paths().len()];
    for prefix in table.prefix_ids() {
        for (_, path) in table.routes(prefix) {
            routes[path.index()] += 1;
        }
    }
    let carried = table.paths().iter().filter_map(|(id, path)| {
        let prefixes = routes[id.index()];
        let asns = path.as_sequence()?;
        (prefixes > 0).then_some(Observed { asns, prefixes })
    });
    Relationships::infer(carried, Options::default())
}

/// What detectors know besides the routes.
#[derive(Default)]
struct Around {
    relations: Relationships,
    rpki: Rpki,
    bogons: Bogons,
    blackholes: BlackholeCommunities,
    exempt: FxHashSet<Asn>,
}

impl Around {
    fn scene<'s>(&'s self, table: &'s Table) -> Scene<'s> {
        Scene {
            table,
            relations: &self.relations,
            rpki: &self.rpki,
            bogons: &self.bogons,
            blackholes: &self.blackholes,
            exempt: &self.exempt,
            rir: &|_| None,
            half_life_days: 90.0,
        }
    }
}

/// Seconds for which all threads together had processors (`proc(5)`, stat: in
/// hundredths, the 12th and 13th number behind the name).
fn all_processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = text.rsplit(')').next().unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2);
    ticks.filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Seconds for which this thread had a processor (`proc(5)`, schedstat).
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat");
    let text = text.unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
    nanoseconds.unwrap_or(0.0_f64) / 1e9
}

/// The largest resident memory of the process until now (`proc(5)`).
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0_u64) / 1024
}

fn mixed(a: u32, b: u32) -> u32 {
    let mut z =
        (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as u32
}

fn top(number: u32) -> u32 {
    1_000 + number % TOPS
}

/// A carrier of transit, and the networks at the top from which it buys.
fn transit(number: u32) -> (u32, [u32; 2]) {
    let number = number % TRANSITS;
    let first = mixed(number, 1) % TOPS;
    let second = first + 1 + mixed(number, 2) % (TOPS - 1);
    (2_000 + number, [top(first), top(second)])
}

/// The path of a peer (a carrier of transit) to an origin; `choice` tells which
/// of several ways it takes.
fn path(peer: u32, origin: u32, choice: u32) -> Vec<u32> {
    let (own, mine) = transit(peer * 97);
    let carrier = mixed(origin, 3 + mixed(peer, choice) % 2);
    let (carrier, theirs) = transit(carrier);
    // Behind the reserved numbers.
    let originator = 200_000 + origin;
    if carrier == own {
        return vec![own, originator];
    }
    let up = mine[(mixed(peer, origin) % 2) as usize];
    let down = theirs[(mixed(origin, choice) % 2) as usize];
    match theirs.contains(&up) {
        true => vec![own, up, carrier, originator],
        false => vec![own, up, down, carrier, originator],
    }
}

/// Origin of a prefix: a few originate much, most a little.
fn origin(prefix: u32) -> u32 {
    let spread = mixed(prefix, 4) % ORIGINS;
    match mixed(prefix, 5) % 4 {
        0 => spread % 500,
        1 => spread % 8_000,
        _ => spread,
    }
}

fn nlri(prefix: u32, out: &mut Vec<u8>) -> bool {
    let v6 = prefix % 5 == 4;
    if v6 {
        out.push(48);
        out.extend([0x2a, 0x00]);
        out.extend(prefix.to_be_bytes());
    } else {
        out.push(24);
        out.extend(&(0x0100_0000_u32 + (prefix << 8)).to_be_bytes()[..3]);
    }
    v6
}

fn attributes(path: &[u32], prefix: u32, out: &mut Vec<u8>) {
    // One route in four is prepended.
    let again = match mixed(prefix, 6) % 4 {
        0 => 1 + mixed(prefix, 7) % 3,
        _ => 0,
    };
    let last = path.last().copied().unwrap_or(0);
    let length = path.len() as u32 + again;
    out.extend([0x40, 1, 1, 0, 0x50, 2]);
    out.extend((2 + 4 * length as u16).to_be_bytes());
    out.extend([2, length as u8]);
    path.iter().for_each(|asn| out.extend(asn.to_be_bytes()));
    (0..again).for_each(|_| out.extend(last.to_be_bytes()));
    out.extend([0x40, 3, 4, 192, 0, 2, 1]);
    let communities = mixed(prefix, 8) % 11;
    if communities > 0 {
        out.extend([0xc0, 8, 4 * communities as u8]);
        for at in 0..communities {
            let community = mixed(prefix % 1_000, at) & 0x0fff_ffff;
            out.extend(community.to_be_bytes());
        }
    }
}

fn record(
    out: &mut impl Write,
    at: u32,
    kind: [u16; 2],
    body: &[u8],
) -> io::Result<()> {
    out.write_all(&at.to_be_bytes())?;
    kind.iter().try_for_each(|k| out.write_all(&k.to_be_bytes()))?;
    out.write_all(&(body.len() as u32).to_be_bytes())?;
    out.write_all(body)
}

/// `TABLE_DUMP_V2` (RFC 6396, 4.3).
fn dump(mut out: impl Write, prefixes: u32, peers: u32) -> io::Result<()> {
    let mut body = vec![198, 51, 100, 1, 0, 0];
    body.extend((peers as u16).to_be_bytes());
    for peer in 0..peers {
        let [_, _, high, low] = peer.to_be_bytes();
        body.extend([2, 10, 0, high, low, 192, 0, 2 + high, low]);
        body.extend(transit(peer * 97).0.to_be_bytes());
    }
    record(&mut out, MOMENT, [13, 1], &body)?;
    let mut known = Vec::new();
    for prefix in 0..prefixes {
        body.clear();
        body.extend(prefix.to_be_bytes());
        let v6 = nlri(prefix, &mut body);
        body.extend((peers as u16).to_be_bytes());
        let origin = origin(prefix);
        for peer in 0..peers {
            body.extend((peer as u16).to_be_bytes());
            let age = mixed(prefix, peer) % (200 * 86_400);
            body.extend((MOMENT - age).to_be_bytes());
            known.clear();
            let choice = mixed(prefix, 9) % 8 / 7;
            attributes(&path(peer, origin, choice), prefix, &mut known);
            body.extend((known.len() as u16).to_be_bytes());
            body.extend(&known);
        }
        record(&mut out, MOMENT, [13, if v6 { 4 } else { 2 }], &body)?;
    }
    out.flush()
}

/// `BGP4MP` updates (RFC 6396, 4.4.3) of IPv4: one route a message, one in ten
/// withdrawn, spread over ten minutes.
fn changes(
    mut out: impl Write,
    prefixes: u32,
    peers: u32,
    messages: u32,
) -> io::Result<()> {
    let (mut body, mut known, mut route) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..messages {
        let peer = mixed(number, 10) % peers;
        let prefix = mixed(number, 11) % prefixes / 5 * 5;
        let [_, _, high, low] = peer.to_be_bytes();
        body.clear();
        body.extend(transit(peer * 97).0.to_be_bytes());
        body.extend([0, 0, 0xfb, 0xf0, 0, 0, 0, 1]);
        body.extend([192, 0, 2 + high, low, 192, 0, 2, 254]);
        body.extend([0xff; 16]);
        route.clear();
        known.clear();
        nlri(prefix, &mut route);
        let withdraws = number % 10 == 9;
        if !withdraws {
            let choice = mixed(number, 12) % 2;
            attributes(&path(peer, origin(prefix), choice), prefix, &mut known);
        }
        let (withdrawn, announced) = match withdraws {
            true => (&route[..], &[][..]),
            false => (&[][..], &route[..]),
        };
        let length = 23 + withdrawn.len() + known.len() + announced.len();
        body.extend((length as u16).to_be_bytes());
        body.push(2);
        body.extend((withdrawn.len() as u16).to_be_bytes());
        body.extend(withdrawn);
        body.extend((known.len() as u16).to_be_bytes());
        body.extend(&known);
        body.extend(announced);
        let at = MOMENT + 300 + number / (messages / 600 + 1);
        record(&mut out, at, [16, 4], &body)?;
    }
    out.flush()
}
