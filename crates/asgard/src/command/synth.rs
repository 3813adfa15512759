//! `asgard synth`: an invented Internet as a mirror, with the routes that a
//! collector hears for some days, and the truth about what was planted.
//!
//! It is written into a new or empty directory only: a mirror of two worlds
//! would be true of none.

use std::{fs, io, path::Path};

use anyhow::{Context, Result, bail};
use asgard_ingest::learner::AsOf;
use asgard_synth::{Internet, Plan, Story};

use crate::{cli::Synth, config::Config, exit::Exit, output::Out};

/// The day of the newest file if nobody says another: not the clock's, so that
/// equal commands give equal files.
const NEWEST: &str = "2026-06-27";

pub(crate) fn run(
    config: &Config,
    synth: &Synth,
    out: &mut Out,
) -> Result<Exit> {
    let name = synth.dir.display();
    if !is_free(&synth.dir).with_context(|| format!("cannot open `{name}`"))? {
        bail!("`{name}` is not empty: name a new directory, or empty it");
    }
    let as_of = match config.as_of {
        AsOf::At(day) => day,
        AsOf::Newest | AsOf::Now => NEWEST.parse()?,
    };
    let internet = Internet {
        plan: Plan {
            seed: synth.seed,
            ases: usize::try_from(synth.ases)?,
            as_of,
        },
        prefixes: usize::try_from(synth.prefixes)?,
        peers: usize::try_from(synth.peers)?,
        days: synth.days,
        story: match synth.clean {
            true => Story::Clean,
            false => Story::Planted(usize::try_from(synth.events)?),
        },
    };
    let written = internet
        .write_to(&synth.dir)
        .with_context(|| format!("cannot write below `{name}`"))?;
    out.line(format!(
        "{} networks, {} prefixes, {} routes, {} messages in {name}",
        written.ases, written.prefixes, written.entries, written.messages
    ))?;
    Ok(Exit::Ok)
}

/// Whether a directory is empty, or not there.
fn is_free(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
