//! `truth.json`: what was planted, against which detectors are measured.

use asgard_model::{Day, Prefix};
use serde_json::{Value, json};

use super::{
    Internet,
    scene::Scene,
    story::{Habit, Hop, Incident, Plot},
};
use crate::network::{Network, Trade};

/// The text of the file.
pub(super) fn render(options: &Internet, scene: &Scene, plot: &Plot) -> String {
    let (start, end) = options.span();
    let incidents: Vec<Value> = plot.incidents.iter().map(incident).collect();
    let carriers: Vec<u32> = plot
        .incidents
        .iter()
        .filter(|one| one.kind == "stub_transit")
        .map(|one| one.asn.0)
        .collect();
    let truth = json!({
        "as_of": moment(end),
        "from": moment(start),
        "seed": options.plan.seed,
        "incidents": incidents,
        "stub_transit": carriers,
        "prepending": prepending(scene),
        "blackholes": plot.blackholes.iter().map(habit).collect::<Vec<_>>(),
        "flaps": plot.flaps.iter().map(habit).collect::<Vec<_>>(),
        "hops": plot.hops.iter().map(hop).collect::<Vec<_>>(),
        "hybrid": scene.hybrids.iter().map(|&(a, b)| {
            [scene.asn(a).0, scene.asn(b).0]
        }).collect::<Vec<_>>(),
        "siblings": siblings(scene),
        "route_servers": servers(scene),
        "resets": plot.resets.iter().map(|reset| json!({
            "peer": scene.vantages[reset.vantage].asn.0,
            "start": moment(reset.from),
            "end": moment(reset.to),
        })).collect::<Vec<_>>(),
        "peers": scene.vantages.iter().map(|one| one.asn.0).collect::<Vec<_>>(),
    });
    format!("{truth:#}\n")
}

fn incident(incident: &Incident) -> Value {
    let others: Vec<u32> = incident.others.iter().map(|asn| asn.0).collect();
    json!({
        "type": incident.kind,
        "subtype": incident.subtype,
        "asn": incident.asn.0,
        "others": others,
        "start": moment(incident.start),
        "end": incident.end.map(moment),
        "prefixes": texts(&incident.prefixes),
        "peers": incident.peers,
    })
}

fn habit(habit: &Habit) -> Value {
    json!({ "asn": habit.asn.0, "prefixes": texts(&habit.prefixes) })
}

fn hop(hop: &Hop) -> Value {
    json!({
        "from": hop.from.0,
        "to": hop.to.0,
        "at": moment(hop.at),
        "prefixes": texts(&hop.prefixes),
    })
}

fn prepending(scene: &Scene) -> Vec<Value> {
    let row = |(node, prefixes): &(u32, Vec<Prefix>)| json!({ "asn": scene.asn(*node).0, "prefixes": texts(prefixes) });
    scene.repeaters.iter().map(row).collect()
}

fn siblings(scene: &Scene) -> Vec<[u32; 2]> {
    let asn = |index: usize| scene.world.networks[index].asn.0;
    let pairs = scene.world.links.siblings.iter();
    pairs.map(|&(a, b)| [asn(a), asn(b)]).collect()
}

fn servers(scene: &Scene) -> Vec<u32> {
    let is_server = |network: &&Network| network.trade == Trade::Exchange;
    let networks = scene.world.networks.iter();
    networks.filter(is_server).map(|network| network.asn.0).collect()
}

fn texts(prefixes: &[Prefix]) -> Vec<String> {
    prefixes.iter().map(ToString::to_string).collect()
}

/// RFC 3339, in whole seconds.
fn moment(at: u32) -> String {
    let day = Day(u16::try_from(at / 86_400).unwrap_or(u16::MAX));
    let rest = at % 86_400;
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{day}T{hour:02}:{minute:02}:{second:02}Z")
}
