//! `routing/rib.YYYYMMDD.HHMM.gz`: the table of the collector at the beginning,
//! written prefix by prefix; only one record is in memory.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

use flate2::{Compression, GzBuilder, write::GzEncoder};

use super::{
    atom::draw,
    message::Attributes,
    mrt::{Entry, Session, Table},
    scene::Scene,
};

/// A compressed file, filled from front to back; without a time in its header.
pub(super) type Packed = GzEncoder<BufWriter<File>>;

pub(super) fn packed(path: &Path) -> io::Result<Packed> {
    let file = BufWriter::with_capacity(1 << 18, File::create(path)?);
    Ok(GzBuilder::new().mtime(0).write(file, Compression::fast()))
}

pub(super) fn finish(file: Packed) -> io::Result<()> {
    file.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

/// The sessions of all vantages: those of IPv4, then those of IPv6.
pub(super) fn sessions(scene: &Scene) -> Vec<Session> {
    let of = |v4: bool| {
        let vantages = scene.vantages.iter().enumerate();
        vantages.map(move |(at, vantage)| Session::of(at, vantage, v4))
    };
    of(true).chain(of(false)).collect()
}

/// Writes the table; gives the number of its entries.
pub(super) fn write(scene: &Scene, at: u32, path: &Path) -> io::Result<u64> {
    let sessions = sessions(scene);
    let mut table = Table::new(packed(path)?, at, &sessions)?;
    let width = scene.vantages.len();
    let mut attributes: Vec<Attributes> = Vec::new();
    attributes.resize_with(width, Attributes::default);
    let mut seen: Vec<usize> = Vec::with_capacity(width);
    let mut entries = 0;
    for (place, &(prefix, _)) in scene.announced.prefixes.iter().enumerate() {
        let view = scene.view(place);
        seen.clear();
        for (vantage, into) in attributes.iter_mut().enumerate() {
            let path = view.path(vantage);
            if !path.is_empty() {
                scene.dressing.attributes(&scene.graph, path, into);
                seen.push(vantage);
            }
        }
        if seen.is_empty() {
            continue;
        }
        let first = if prefix.is_v4() { 0 } else { width };
        let age = age(prefix);
        let entry = |&vantage: &usize| Entry {
            session: u16::try_from(first + vantage).unwrap_or(u16::MAX),
            originated: at.saturating_sub(age),
            next_hop: sessions[first + vantage].address,
            attributes: &attributes[vantage],
        };
        entries += u64::try_from(seen.len()).unwrap_or_default();
        table.prefix(prefix, seen.iter().map(entry))?;
    }
    finish(table.finish())?;
    Ok(entries)
}

/// How long the routes of a prefix have been there, in seconds: 40 to 400 days.
fn age(prefix: asgard_model::Prefix) -> u32 {
    const DAY: u32 = 86_400;
    40 * DAY + draw(prefix, 360 * DAY)
}
