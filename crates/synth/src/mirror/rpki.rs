//! `rpki/derived-vrps-DATE.csv.gz`: the CSV of rpki-client and Routinator.

use std::fmt::Write;

use crate::world::World;

use super::{Files, names::registry, pack::gz, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    let mut text = "ASN,IP Prefix,Max Length,Trust Anchor\n".to_owned();
    for vrp in &world.roas.vrps {
        let anchor = registry(vrp.anchor.as_str());
        let _ = writeln!(
            text,
            "{},{},{},{anchor}",
            vrp.asn, vrp.prefix, vrp.max_len
        );
    }
    let date = stamp(world.plan.as_of);
    files.insert(format!("rpki/derived-vrps-{date}.csv.gz"), gz(&text));
}
