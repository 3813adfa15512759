//! Prefix-set algebra on a real table: what a rule change costs, and a new
//! atlas.
//!
//! `bench/feeds` runs it: `cargo bench -p asgard-policy --bench algebra -- DIR`,
//! where DIR holds `v4.csv`, `v6.csv` (`prefix,asn,…` with a header) and
//! `country4.csv`, `country6.csv` (`first,last,CC`). Figures are milliseconds of
//! CPU of this thread (the machine may be busy), medians of rounds. Before
//! anything is timed, the atlas is held against the longest match of a million
//! random addresses.

#![expect(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a bench prints figures"
)]

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use asgard_model::{
    Asn, CountryBuilder, CountryCode, CountrySpace, Prefix, RoutingTable,
    TableBuilder, rpki::VrpSet, world::Announced,
};
use asgard_policy::{
    AddressSet, Atlas, SpaceView,
    space::{
        coarsen::{EntryForm, Limits, coarsen},
        text::{Input, push_lines},
    },
};

/// Rounds, of which the median counts.
const ROUNDS: usize = 15;
/// Random addresses of each family.
const PROBES: usize = 1_000_000;

fn main() -> ExitCode {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let Some(folder) = folder.map(PathBuf::from) else {
        println!("SKIP algebra: no folder given; see bench/feeds");
        return ExitCode::SUCCESS;
    };
    let table = table(&folder);
    let countries = countries(&folder);
    let mut asns: Vec<Asn> =
        table.iter().flat_map(|route| route.origins.to_vec()).collect();
    asns.sort_unstable();
    asns.dedup();
    let announced = Announced::new(&asns, &table);
    let draw = || Atlas::draw(&asns, (&table, &announced), &countries);
    let atlas = draw();
    println!(
        "{} routes, {} networks, {} countries; atlas {} KiB, countries {} KiB",
        table.len(),
        asns.len(),
        countries.codes().len(),
        atlas.heap_bytes() >> 10,
        countries.heap_bytes() >> 10,
    );
    agrees(&atlas, &table);
    let mut missed = false;
    let mut row = |name: &str, millis: f64, limit: f64| {
        let verdict = if millis < limit { "ok" } else { "MISSED" };
        println!("{name:<44} {millis:>8.2} ms   limit < {limit}  {verdict}");
        missed |= millis >= limit;
    };
    row("atlas of a new World", median(|| drop(black_box(draw()))), 150.0);
    rule_change(&atlas, &asns, &mut row);
    coarse(&atlas, &asns, &mut row);
    if let Ok(text) = std::fs::read(folder.join("mixed.txt")) {
        let merge = || {
            let mut input = Input::default();
            input.read(&text);
            assert_eq!(input.bad_count(), 0);
            let mut out = Vec::new();
            push_lines(&mut out, input.into_set().view());
            drop(black_box(out));
        };
        row("1,000,000 mixed lines, in memory", median(merge), 140.0);
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A rule of 5,000 networks and 5 countries, 1,000 protected prefixes: from
/// the atlas to the body of the feed.
fn rule_change(
    atlas: &Atlas,
    asns: &[Asn],
    row: &mut impl FnMut(&str, f64, f64),
) {
    let mut random = Random(1);
    let chosen: Vec<Asn> =
        (0..5_000).map(|_| asns[random.below(asns.len())]).collect();
    let codes: Vec<CountryCode> = ["CN", "RU", "BR", "NL", "KR"]
        .iter()
        .filter_map(|code| code.parse().ok())
        .collect();
    let everything: Vec<Prefix> = chosen
        .iter()
        .flat_map(|&asn| atlas.asn(asn).prefixes().take(3))
        .collect();
    let protected = AddressSet::from_prefixes((0..1_000).map(|_| {
        let within = everything[random.below(everything.len())];
        let longer = within.len() + if within.is_v4() { 4 } else { 16 };
        let most = if within.is_v4() { 32 } else { 128 };
        Prefix::new(within.last(), longer.min(most)).expect("within bounds")
    }));
    let select = || {
        let networks = chosen.iter().map(|&asn| atlas.asn(asn));
        let countries = codes.iter().map(|&code| atlas.country(code));
        networks.chain(countries).collect::<Vec<SpaceView<'_>>>()
    };
    let body = || {
        let set = AddressSet::union_of(select()).subtract(&protected);
        let mut text = Vec::new();
        push_lines(&mut text, set.view());
        text
    };
    let lines = body().iter().filter(|&&byte| byte == b'\n').count();
    let name = format!("5,000 networks + 5 countries: {lines} lines");
    row(&name, median(|| drop(black_box(body()))), 20.0);
}

/// A feed of half of all networks, made to fit a firewall of 50,000 entries.
fn coarse(atlas: &Atlas, asns: &[Asn], row: &mut impl FnMut(&str, f64, f64)) {
    let set =
        AddressSet::union_of(asns.iter().step_by(2).map(|&a| atlas.asn(a)));
    let limits =
        Limits { min_prefix4: 8, min_prefix6: 19, max_extra: f64::MAX };
    let none = AddressSet::EMPTY;
    for (form, budget) in
        [(EntryForm::Prefixes, 50_000), (EntryForm::Ranges, 20_000)]
    {
        let run = || coarsen(&set, form, budget, &none, limits);
        let extra = run().map(|coarse| coarse.extra.to_string());
        let name = format!(
            "{} {form:?} to {budget}",
            asgard_policy::space::coarsen::entries(&set, form, limits)
        );
        row(&name, median(|| drop(black_box(run()))), 500.0);
        println!("  extra: {}", extra.unwrap_or_else(|e| e.to_string()));
    }
}

/// `ip ∈ atlas.asn(a) ⇔ table.lookup(ip).origins ∋ a`, for those `a` that the
/// table names there and for one that it does not.
fn agrees(atlas: &Atlas, table: &RoutingTable) {
    let mut random = Random(7);
    let routes: Vec<Prefix> = table.iter().map(|r| r.prefix).collect();
    let (v4, v6) = routes.split_at(table.len_v4());
    let mut inside = 0;
    for at in 0..2 * PROBES {
        // Half at random, half in and beside announced space.
        let of = if at % 2 == 0 { v4 } else { v6 };
        let near = of[random.below(of.len())];
        let bits =
            (u128::from(random.next()) << 64) | u128::from(random.next());
        let address: IpAddr = match (near, at % 4 < 2) {
            (Prefix::V4(..), true) => {
                Ipv4Addr::from_bits((bits >> 96) as u32).into()
            }
            (Prefix::V4(net, len), false) => {
                let host = (bits >> 96) as u32;
                let low = host.checked_shr(u32::from(len)).unwrap_or(0);
                Ipv4Addr::from_bits(net.wrapping_add(2 * low)).into()
            }
            (Prefix::V6(..), true) => {
                Ipv6Addr::from_bits((1 << 125) | (bits >> 3)).into()
            }
            (Prefix::V6(net, len), false) => {
                let low = bits.checked_shr(u32::from(len)).unwrap_or(0);
                Ipv6Addr::from_bits(net.wrapping_add(low)).into()
            }
        };
        let route = table.lookup(address);
        let origins = route.map(|r| r.origins).unwrap_or_default();
        for &origin in origins {
            assert!(atlas.asn(origin).contains(address), "{address} {origin}");
        }
        inside += usize::from(!origins.is_empty());
        let parent = table.covering(near).map(|r| r.origins.to_vec());
        for origin in parent.into_iter().flatten() {
            let expected = origins.contains(&origin);
            let found = atlas.asn(origin).contains(address);
            assert_eq!(found, expected, "{address} {origin}");
        }
    }
    println!(
        "atlas agrees with the longest match of {} addresses, {inside} routed",
        2 * PROBES
    );
}

fn table(folder: &Path) -> RoutingTable {
    let mut builder = TableBuilder::default();
    for name in ["v4.csv", "v6.csv"] {
        for line in text(folder, name).lines().skip(1) {
            let mut cells = line.split(',');
            let mut next = || cells.next().expect("a cell");
            let (prefix, asn) = (next(), next());
            let asn: u32 = asn.parse().expect("an AS number");
            if asn != 0 {
                builder.announce(
                    prefix.parse().expect("a prefix"),
                    Asn(asn),
                    None,
                );
            }
        }
    }
    builder.build(&VrpSet::default())
}

fn countries(folder: &Path) -> CountrySpace {
    let mut builder = CountryBuilder::default();
    for name in ["country4.csv", "country6.csv"] {
        for line in text(folder, name).lines() {
            let cells: Vec<&str> = line.split(',').collect();
            let [first, last, code] = cells[..] else { panic!("{line}") };
            let address = |text: &str| text.parse().expect("an address");
            let code = code.parse().expect("a country");
            builder.add(address(first), address(last), code);
        }
    }
    builder.build()
}

fn text(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Median milliseconds of CPU of this thread.
fn median(mut run: impl FnMut()) -> f64 {
    let mut rounds: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let begun = on_cpu();
            run();
            on_cpu() - begun
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2] as f64 / 1e6
}

/// Nanoseconds that this thread has run (proc(5), `schedstat`).
fn on_cpu() -> u64 {
    // The kernel counts at ticks and switches; giving way makes it count.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let text = text.expect("Linux counts the time of threads");
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    nanos.expect("the first number")
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
