//! The bench of `bench/detectors`: what asgard finds in an invented Internet,
//! against the truth about it.
//!
//! `judge WORLD CLEAN` reads two directories of `asgard synth`: one in which
//! incidents are planted, and one in which nothing is; each with the true
//! relationships and with those that the table of routes tells. It prints a
//! table, and ends with 1 if a target of the method is missed.

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

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [world, clean] = &args[..] else {
        return Err(
            "usage: judge WORLD CLEAN (directories of asgard synth)".into()
        );
    };
    let (world, clean) =
        (World::read(Path::new(world))?, World::read(Path::new(clean))?);
    let truth = Truth::read(&world.dir)?;
    let mut met = true;
    let both = [
        ("true relationships", Knowledge::True),
        ("inferred relationships", Knowledge::Inferred),
    ];
    for (title, knowledge) in both {
        let found = Found::tell(&world, knowledge, truth.until)?;
        let mut rows = incidents(&truth, &found, knowledge);
        match knowledge {
            Knowledge::True => {
                rows.extend(sets(&truth, &found));
                rows.push(states(&truth, &found));
            }
            Knowledge::Inferred => rows.extend(links(&truth, &found)),
        }
        print(title, &rows)?;
        met &= rows.iter().all(Row::is_met);
    }
    for (title, knowledge) in both {
        let found = Found::tell(&clean, knowledge, truth.until)?;
        met &= quiet(title, &found)?;
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
fn quiet(title: &str, found: &Found) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let count = found.incidents.len();
    writeln!(out, "\n**clean world, {title}**: {count} incidents\n")?;
    for incident in found.incidents.iter().take(20) {
        writeln!(out, "- {}", found::line(incident))?;
    }
    Ok(found.incidents.is_empty())
}
