//! The bench of `bench/mrt`: a table, made, and read in three ways.
//!
//! `generate FILE ENTRIES` writes a `TABLE_DUMP_V2` of 20 peers with paths of
//! two to nine numbers, some prepended, and up to ten communities. `asgard`,
//! `route` and `elem` read such a file by our reader and by the two iterators
//! of bgpkit-parser; each looks at prefix, path and peer of every route, and
//! prints how many there were and a sum that is the same for all three.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a bench of numbers that it makes itself"
)]

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    net::IpAddr,
    ops::ControlFlow,
};

use asgard_ingest::format::mrt::mrt;
use asgard_routing::event::{Event, What};
use bgpkit_parser::{BgpkitParser, models::AsPath};

const PEERS: u16 = 20;
const MOMENT: u32 = 1_782_518_400;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (count, sum) = match args[..] {
        ["generate", file, entries] => {
            let file = BufWriter::new(File::create(file)?);
            return Ok(generate(file, entries.parse()?)?);
        }
        ["asgard", file] => asgard(file)?,
        ["route", file] => route(file)?,
        ["elem", file] => elem(file)?,
        _ => {
            return Err("generate FILE ENTRIES | asgard|route|elem FILE".into());
        }
    };
    writeln!(io::stdout(), "{count} {sum:016x}")?;
    Ok(())
}

fn open(file: &str) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(1 << 16, File::open(file)?))
}

/// What is looked at: enough that no reader can leave anything out.
fn look(address: IpAddr, length: u8, peer: u32, hops: (usize, u32)) -> u64 {
    let address = match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let folded = (address >> 64) as u64 ^ address as u64;
    folded
        .wrapping_mul(31)
        .wrapping_add(length.into())
        .wrapping_mul(31)
        .wrapping_add(peer.into())
        .wrapping_mul(31)
        .wrapping_add(hops.0 as u64)
        .wrapping_mul(31)
        .wrapping_add(hops.1.into())
}

fn asgard(file: &str) -> Result<(u64, u64), Box<dyn Error>> {
    let (mut count, mut sum) = (0_u64, 0_u64);
    mrt(&mut open(file)?, &mut |event: &Event<'_>| {
        if let What::Rib { route, attributes, .. } = event.what {
            let asns = attributes.path().map_or(&[][..], |path| path.asns());
            let last = asns.last().map_or(0, |asn| asn.0);
            let hops = (asns.len(), last);
            let prefix = route.prefix;
            count += 1;
            sum = sum.wrapping_add(look(
                prefix.network(),
                prefix.len(),
                event.peer.asn.0,
                hops,
            ));
        }
        ControlFlow::Continue(())
    })?;
    Ok((count, sum))
}

fn hops(path: Option<&AsPath>) -> (usize, u32) {
    let Some(path) = path else {
        return (0, 0);
    };
    let (mut count, mut last) = (0, 0);
    for segment in path.iter_segments() {
        let asns: &[_] = segment.as_ref();
        count += asns.len();
        last = asns.last().map_or(last, |asn| asn.to_u32());
    }
    (count, last)
}

fn route(file: &str) -> Result<(u64, u64), Box<dyn Error>> {
    let (mut count, mut sum) = (0_u64, 0_u64);
    for route in BgpkitParser::from_reader(open(file)?).into_route_iter() {
        let net = route.prefix.prefix;
        count += 1;
        sum = sum.wrapping_add(look(
            net.addr(),
            net.prefix_len(),
            route.peer_asn.to_u32(),
            hops(route.as_path.as_deref()),
        ));
    }
    Ok((count, sum))
}

fn elem(file: &str) -> Result<(u64, u64), Box<dyn Error>> {
    let (mut count, mut sum) = (0_u64, 0_u64);
    for elem in BgpkitParser::from_reader(open(file)?) {
        let net = elem.prefix.prefix;
        count += 1;
        sum = sum.wrapping_add(look(
            net.addr(),
            net.prefix_len(),
            elem.peer_asn.to_u32(),
            hops(elem.as_path.as_ref()),
        ));
    }
    Ok((count, sum))
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(bound)) as u32
    }
}

fn record(out: &mut impl Write, subtype: u16, body: &[u8]) -> io::Result<()> {
    out.write_all(&MOMENT.to_be_bytes())?;
    out.write_all(&13_u16.to_be_bytes())?;
    out.write_all(&subtype.to_be_bytes())?;
    out.write_all(&(body.len() as u32).to_be_bytes())?;
    out.write_all(body)
}

fn generate(mut out: impl Write, entries: u32) -> io::Result<()> {
    let mut body = vec![198, 51, 100, 1, 0, 0];
    body.extend(PEERS.to_be_bytes());
    for peer in 0..PEERS {
        let [high, low] = peer.to_be_bytes();
        body.extend([2, 10, 0, high, low, 192, 0, 2 + high, low]);
        body.extend((1_000 + u32::from(peer)).to_be_bytes());
    }
    record(&mut out, 1, &body)?;
    let mut random = Random(2026);
    for sequence in 0..entries / u32::from(PEERS) {
        body.clear();
        body.extend(sequence.to_be_bytes());
        let prefix = 0x0100_0000_u32.wrapping_add(sequence << 8);
        body.push(24);
        body.extend(&prefix.to_be_bytes()[..3]);
        body.extend(PEERS.to_be_bytes());
        let origin = 1 + random.below(400_000);
        for peer in 0..PEERS {
            body.extend(peer.to_be_bytes());
            body.extend((MOMENT - random.below(1 << 20)).to_be_bytes());
            let known = attributes(&mut random, peer, origin);
            body.extend((known.len() as u16).to_be_bytes());
            body.extend(known);
        }
        record(&mut out, 2, &body)?;
    }
    out.flush()
}

fn attributes(random: &mut Random, peer: u16, origin: u32) -> Vec<u8> {
    let mut path = vec![1_000 + u32::from(peer)];
    for _ in 0..random.below(5) {
        path.push(1 + random.below(400_000));
    }
    // One route in four is prepended.
    let again = if random.below(4) == 0 { random.below(4) } else { 0 };
    path.extend((0..=again).map(|_| origin));
    let mut out = vec![0x40, 1, 1, 0, 0x50, 2];
    out.extend((2 + 4 * path.len() as u16).to_be_bytes());
    out.extend([2, path.len() as u8]);
    path.iter().for_each(|asn| out.extend(asn.to_be_bytes()));
    out.extend([0x40, 3, 4, 192, 0, 2, peer as u8]);
    let communities = random.below(11);
    if communities > 0 {
        out.extend([0xc0, 8, 4 * communities as u8]);
        for _ in 0..communities {
            out.extend(random.below(u32::MAX).to_be_bytes());
        }
    }
    out
}
