//! The bench of `bench/detectors`: what asgard finds in invented Internets,
//! against the truth about them.
//!
//! `judge WORLD CLEAN [WORLD CLEAN…]` reads pairs of directories of `asgard
//! synth`: one in which incidents are planted, and one in which nothing is; each
//! with the true relationships and with those that the table of routes tells. It
//! prints tables over all pairs, with the worst of them, and ends with 1 if all
//! together miss a target of the method, or anything is found where nothing is.

mod found;
mod tally;
mod truth;
mod world;

use std::{
    env,
    error::Error,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use found::{Found, Knowledge};
use tally::{Row, incidents, links, sets, states};
use truth::Truth;
use world::World;

const BOTH: [(&str, Knowledge); 2] = [
    ("true relationships", Knowledge::True),
    ("inferred relationships", Knowledge::Inferred),
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (pairs, rest) = args.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err("usage: judge WORLD CLEAN [WORLD CLEAN…] (directories \
                    of asgard synth)"
            .into());
    }
    let mut tables: [Vec<Row>; 2] = [Vec::new(), Vec::new()];
    let mut met = true;
    for [world, clean] in pairs {
        let world = World::read(Path::new(world))?;
        let truth = Truth::read(&world.dir)?;
        for (table, (_, knowledge)) in tables.iter_mut().zip(BOTH) {
            let found = Found::tell(&world, knowledge, truth.until)?;
            let rows = rows(&truth, &found, knowledge);
            faults(&world, &rows)?;
            match table.is_empty() {
                true => *table = rows,
                false => table.iter_mut().zip(rows).for_each(|(all, row)| {
                    all.add(row);
                }),
            }
        }
        let clean = World::read(Path::new(clean))?;
        for (title, knowledge) in BOTH {
            let found = Found::tell(&clean, knowledge, truth.until)?;
            met &= quiet(&clean, title, &found)?;
        }
    }
    for (rows, (title, _)) in tables.iter().zip(BOTH) {
        print(title, rows)?;
        met &= rows.iter().all(Row::is_met);
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rows(truth: &Truth, found: &Found, knowledge: Knowledge) -> Vec<Row> {
    let mut rows = incidents(truth, found, knowledge);
    match knowledge {
        Knowledge::True => {
            rows.extend(sets(truth, found));
            rows.push(states(truth, found));
        }
        Knowledge::Inferred => rows.extend(links(truth, found)),
    }
    rows
}

/// Tells what went wrong in one world, beside the tables.
fn faults(world: &World, rows: &[Row]) -> io::Result<()> {
    let mut out = io::stderr().lock();
    let with_target = rows.iter().filter(|row| row.has_target());
    for fault in with_target.flat_map(Row::faults) {
        writeln!(out, "{}: {fault}", world.dir.display())?;
    }
    Ok(())
}

fn print(title: &str, rows: &[Row]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n**{title}**\n")?;
    writeln!(out, "{}", Row::HEADER)?;
    for row in rows {
        writeln!(out, "{row}")?;
    }
    Ok(())
}

/// Whether nothing was found where there is nothing.
fn quiet(world: &World, title: &str, found: &Found) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let (place, count) = (world.dir.display(), found.incidents.len());
    writeln!(out, "clean world {place}, {title}: {count} incidents")?;
    for incident in found.incidents.iter().take(20) {
        writeln!(out, "- {}", found::line(incident))?;
    }
    Ok(found.incidents.is_empty())
}
