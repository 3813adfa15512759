//! Route origin validation (RFC 6811) of every announced prefix of a mirror.
//!
//! `rov MIRROR` reads the newest `routing/announced-prefixes-*` and
//! `rpki/*vrps*.csv`, validates all routes on one core, and prints how long the
//! best of five runs took; compares the states with those that the mirror
//! states, and a hundred thousand random routes with the definition applied to
//! all VRPs. Ends with 1 if it took a second, or if anything differs that the
//! VRPs determine: the VRPs of a mirror may be fewer than those behind the states
//! that it states, so that what is stated invalid may be found unknown.

use std::{
    collections::BTreeMap, env, error::Error, io, process::ExitCode,
    time::Instant,
};

use asgard_ingest::{
    catalogue::Catalogue,
    reader::{Rows, read},
    supply::{Mirror, Supply},
};
use asgard_model::{
    Asn, Prefix, RoutingTable, RpkiState, TableBuilder,
    rpki::{Vrp, VrpSet},
};
use io::Write as _;

/// Runs of which the fastest counts: others may want the processor too.
const RUNS: usize = 5;
/// Seconds in which all routes must be validated.
const TARGET: f64 = 1.0;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mirror = env::args().nth(1).ok_or("rov MIRROR")?;
    let catalogue = Catalogue::embedded()?;
    let supply = Supply::Mirror(Mirror::new(mirror)?);
    let rows = |name: &str| -> Result<Vec<Rows>, Box<dyn Error>> {
        let source = catalogue.get(name).ok_or("not in the catalogue")?;
        let versions = supply.versions(source)?;
        let newest = versions.iter().map(|version| version.day).max();
        let newest = newest.ok_or_else(|| format!("no file of `{name}`"))?;
        let files = versions.iter().filter(|version| version.day == newest);
        files
            .map(|version| {
                Ok(read(source, &mut supply.open(source, version)?)?.0)
            })
            .collect()
    };
    let mut table = TableBuilder::default();
    for rows in rows("announced-prefixes")? {
        if let Rows::Origins(rows) = rows {
            table.append(rows.table);
        }
    }
    let table = table.build(&VrpSet::default());
    let mut vrps = Vec::new();
    for rows in rows("vrps-csv")? {
        if let Rows::Rpki(rows) = rows {
            vrps.extend(rows.vrps);
        }
    }
    let set = VrpSet::new(vrps.clone());
    let mut seconds = f64::INFINITY;
    let mut states = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        states = validated(&table, &set);
        seconds = seconds.min(begun.elapsed().as_secs_f64());
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} routes x {} VRPs: {seconds:.3} s on one core",
        states.len(),
        set.len()
    )?;
    let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let stated = table.iter().flat_map(|route| route.rpki.to_vec());
    for (stated, found) in stated.zip(&states) {
        *pairs.entry((stated.as_str(), found.as_str())).or_default() += 1;
    }
    let mut unexplained = 0;
    for ((stated, found), count) in pairs {
        let is_determined = stated == found || (stated, found) == UNDETERMINED;
        let fault = if is_determined { "" } else { "  **not explained**" };
        unexplained += if is_determined { 0 } else { count };
        writeln!(out, "stated {stated:10} found {found:10} {count:9}{fault}")?;
    }
    let wrong = oracle(&set, &vrps);
    writeln!(out, "100,000 random routes, differing: {wrong}")?;
    let met = seconds < TARGET && unexplained == 0 && wrong == 0;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a mirror that has not all VRPs cannot determine.
const UNDETERMINED: (&str, &str) = ("invalid", "not_found");

/// The state of each route of the table, in its order.
fn validated(table: &RoutingTable, set: &VrpSet) -> Vec<RpkiState> {
    let mut sweep = set.sweep();
    let mut states = Vec::with_capacity(table.len());
    for route in table.iter() {
        sweep.advance(route.prefix);
        for &origin in route.origins {
            states.push(sweep.state(route.prefix.len(), Some(origin)));
        }
    }
    states
}

/// Compares random routes, half of them inside the space of a VRP, with the
/// definition applied to every VRP.
fn oracle(set: &VrpSet, vrps: &[Vrp]) -> usize {
    let mut state = 20_260_822_u64;
    let mut random = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound.max(1) as u64).unwrap_or(0)
    };
    // All VRPs for each route would take hours: those of the same /8, because
    // no VRP is shorter.
    let bucket = |prefix: Prefix| match prefix {
        Prefix::V4(bits, _) => (4, bits >> 24),
        Prefix::V6(bits, _) => (6, u32::try_from(bits >> 120).unwrap_or(0)),
    };
    let mut buckets: BTreeMap<(u8, u32), Vec<&Vrp>> = BTreeMap::new();
    for vrp in vrps {
        buckets.entry(bucket(vrp.prefix)).or_default().push(vrp);
    }
    let mut wrong = 0;
    for _ in 0..100_000 {
        let near = &vrps[random(vrps.len())];
        let longest = if near.prefix.is_v4() { 24 } else { 48 };
        let len = near
            .prefix
            .len()
            .max(u8::try_from(random(longest + 1)).unwrap_or(0));
        let Some(prefix) = Prefix::new(near.prefix.last(), len) else {
            continue;
        };
        let origin = match random(2) {
            0 => near.asn,
            _ => vrps[random(vrps.len())].asn,
        };
        let same = buckets.get(&bucket(prefix)).into_iter().flatten();
        let covering = same.filter(|vrp| vrp.prefix.covers(prefix));
        let (mut covered, mut valid) = (false, false);
        for vrp in covering {
            covered = true;
            let named = vrp.asn == origin && origin != Asn(0);
            valid |= named && prefix.len() <= vrp.max_len;
        }
        let expected = match (covered, valid) {
            (false, _) => RpkiState::NotFound,
            (true, true) => RpkiState::Valid,
            (true, false) => RpkiState::Invalid,
        };
        wrong += usize::from(set.state(prefix, Some(origin)) != expected);
    }
    wrong
}
