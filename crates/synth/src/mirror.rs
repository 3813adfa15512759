//! The world as source files, in the layout of a mirror: one module a folder.
//!
//! Syntax and names are those of the publishers, so that a parser sees no
//! difference; comments, titles and copyright lines say what the content is.

mod lists;
mod names;
mod pack;
mod peeringdb;
mod ranges;
mod relations;
mod routing;
mod rpki;
mod spamhaus;

use std::collections::BTreeMap;

use asgard_model::Day;

use crate::world::World;

/// What every comment says.
const NOTICE: &str = "generated demo data";

/// Relative path → bytes.
type Files = BTreeMap<String, Vec<u8>>;

/// All files.
pub(crate) fn render(world: &World) -> Files {
    let mut files = Files::new();
    routing::render(world, &mut files);
    names::render(world, &mut files);
    rpki::render(world, &mut files);
    relations::render(world, &mut files);
    peeringdb::render(world, &mut files);
    spamhaus::render(world, &mut files);
    lists::render(world, &mut files);
    ranges::render(world, &mut files);
    files
}

/// The name of a registry in files.
pub(crate) fn registry(rir: asgard_model::Rir) -> &'static str {
    names::registry(rir.as_str())
}

/// The gzip form of a text, the same at every time.
pub(crate) fn gz(text: &str) -> Vec<u8> {
    pack::gz(text)
}

/// `20260627`, as in file names.
pub(crate) fn stamp(day: Day) -> String {
    day.to_string().replace('-', "")
}
