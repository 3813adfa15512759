//! A small Internet that is invented, deterministic and known to the last bit.
//!
//! [`files()`] writes it as *source files* in the layout of a mirror, so that the
//! real parsers read it: for `asgard serve --demo`, and as fixture of tests.
//! [`truth()`] tells what was planted. It refuses to be random: equal plans give
//! equal bytes, and no clock is read.
//!
//! | question | module |
//! |---|---|
//! | how large, which seed, which day | [`Plan`] |
//! | who exists | `network`, `famous`, `invented`, `roster` |
//! | who connects to whom | `topology` |
//! | who holds and announces what | `address`, `space`, `roa` |
//! | who was seen doing what | `abuse` |
//! | all of it together | `world` |
//! | as files | `mirror` |
//! | what its routers say for some days | `bgp` |
//! | what was planted | [`Truth`] |
//!
//! Invented networks bear numbers from 500000 upwards, which no registry has
//! been given, names that are no words, and domains under `.example`. Every
//! network planted as bad lives in 30.0.0.0/8, which nobody announces: a feed
//! of this world, loaded into a real firewall by mistake, blocks nobody.

mod abuse;
mod address;
mod bgp;
mod famous;
mod invented;
mod mirror;
mod network;
mod plan;
mod random;
mod roa;
mod roster;
mod space;
mod topology;
mod truth;
mod world;

pub use bgp::{Internet, Story, Written};
pub use plan::Plan;
pub use roa::Rov;
pub use truth::{FalseEntry, FalseReason, RouteTruth, Truth};

use std::{collections::BTreeMap, fs, io, path::Path};

/// The whole mirror: relative path → bytes, compressed where a mirror's file
/// is.
pub fn files(plan: &Plan) -> BTreeMap<String, Vec<u8>> {
    mirror::render(&world::World::build(plan))
}

/// Writes [`files()`] below `dir`, which is created when it is missing.
///
/// # Errors
/// Those of the file system; files written before the error stay.
pub fn write_to(plan: &Plan, dir: &Path) -> io::Result<()> {
    for (path, bytes) in files(plan) {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// What is planted in [`files()`] of the same plan.
pub fn truth(plan: &Plan) -> Truth {
    Truth::of(&world::World::build(plan))
}
