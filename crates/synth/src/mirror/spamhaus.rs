//! `threats/asndrop/` and `threats/drop_v4/`: JSON lines with a last line of
//! metadata, weekly over three months (<https://www.spamhaus.org/drop/>).

use asgard_model::Day;
use serde_json::json;

use crate::world::World;

use super::{Files, NOTICE, pack::gz, stamp};

/// Versions of each list, one a week, the newest one day old.
const WEEKS: u16 = 13;

pub(super) fn render(world: &World, files: &mut Files) {
    for week in 0..WEEKS {
        let day = world.plan.back(1 + 7 * week);
        let date = stamp(day);
        files.insert(
            format!("threats/asndrop/asndrop-{date}.json.gz"),
            gz(&with_metadata(asn_drop(world, day), day)),
        );
        files.insert(
            format!("threats/drop_v4/drop_v4-{date}.json.gz"),
            gz(&with_metadata(drop(world), day)),
        );
    }
}

fn asn_drop(world: &World, day: Day) -> Vec<String> {
    let listed = world.abuse.asn_drop.iter();
    let mut networks: Vec<_> = listed
        .filter(|listing| (listing.from..=listing.to).contains(&day))
        .map(|listing| &world.networks[listing.network])
        .collect();
    networks.sort_by_key(|network| network.asn);
    let line = |network: &&crate::network::Network| {
        let rir = super::names::registry(network.rir.as_str());
        let asn = network.asn.0;
        format!(
            r#"{{"asn":{asn},"rir":{},"domain":{},"cc":{},"asname":{}}}"#,
            json!(rir),
            json!(network.domain),
            json!(network.country),
            json!(network.handle),
        )
    };
    networks.iter().map(line).collect()
}

fn drop(world: &World) -> Vec<String> {
    let line = |(position, prefix): (usize, &asgard_model::Prefix)| {
        // The registry of the block is that of whoever announces it.
        let at = world.table.routes.partition_point(|r| r.prefix < *prefix);
        let rir = world.table.routes.get(at).map_or("", |route| {
            let holder = &world.networks[route.holder];
            super::names::registry(holder.rir.as_str())
        });
        let sbl = 900_000 + position;
        format!(r#"{{"cidr":"{prefix}","sblid":"SBL{sbl}","rir":"{rir}"}}"#)
    };
    world.abuse.drop.iter().enumerate().map(line).collect()
}

fn with_metadata(records: Vec<String>, day: Day) -> String {
    let count = records.len();
    let mut text: String =
        records.into_iter().map(|record| record + "\n").collect();
    text += &format!(
        r#"{{"type":"metadata","timestamp":{},"size":{},"records":{count},"copyright":"{NOTICE}","terms":"https://demo.example/terms"}}"#,
        day.start().as_second(),
        text.len(),
    );
    text + "\n"
}
