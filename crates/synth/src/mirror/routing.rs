//! `routing/announced-prefixes-{ipv4,ipv6}-DATE.csv.gz`: one row a (prefix,
//! origin), with its RPKI state; `cc` and `since` stay empty, as they do there.

use std::fmt::Write;

use crate::world::World;

use super::{Files, pack::gz, stamp};

pub(super) fn render(world: &World, files: &mut Files) {
    for (family, is_v4) in [("ipv4", true), ("ipv6", false)] {
        let date = stamp(world.plan.as_of);
        files.insert(
            format!("routing/announced-prefixes-{family}-{date}.csv.gz"),
            gz(&table(world, is_v4)),
        );
    }
}

fn table(world: &World, is_v4: bool) -> String {
    let mut text = "prefix,asn,rpki,roas,rir,cc,since\n".to_owned();
    let routes = &world.table.routes;
    for route in routes.iter().filter(|r| r.prefix.is_v4() == is_v4) {
        let origin = &world.networks[route.origin];
        let rir = world.networks[route.holder].rir.as_str();
        let (rov, roas) = world.roas.verdict(route.prefix, origin.asn);
        let _ = writeln!(
            text,
            "{},{},{},{roas},{},,",
            route.prefix,
            origin.asn.0,
            rov.as_str(),
            super::names::registry(rir),
        );
    }
    text
}
