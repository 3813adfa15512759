//! `rpki/vrps-DATE.json.gz`: ROAs and ASPAs in the form of rpki-client's JSON,
//! in place of the CSV of the demo, which has no ASPAs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::scene::Scene;
use crate::{
    mirror,
    network::{Network, Trade},
    random::Random,
};

/// Per thousand of the larger networks that state their providers.
const STATES: u32 = 200;

/// The text of the file, an object a line.
pub(super) fn render(seed: u64, scene: &Scene) -> String {
    let vrps = &scene.world.roas.vrps;
    let mut text = format!("{{\"metadata\":{{\"vrps\":{}}},", vrps.len());
    text.push_str("\"roas\":[\n");
    for (vrp, number) in vrps.iter().zip(0u32..) {
        let comma = if number == 0 { "" } else { ",\n" };
        // A million objects: written as they are, not as a tree.
        let _ = write!(
            text,
            "{comma}{{\"asn\":{},\"prefix\":\"{}\",\"maxLength\":{},\
             \"ta\":\"{}\"}}",
            vrp.asn.0,
            vrp.prefix,
            vrp.max_len,
            mirror::registry(vrp.anchor),
        );
    }
    text.push_str("\n],\"aspas\":[\n");
    let aspas: Vec<String> =
        aspas(seed, scene).iter().map(Value::to_string).collect();
    text.push_str(&aspas.join(",\n"));
    text.push_str("\n]}\n");
    text
}

/// All providers of those who state them; siblings too, for they give each
/// other everything. Who has none states the number 0
/// (draft-ietf-sidrops-aspa-profile).
fn aspas(seed: u64, scene: &Scene) -> Vec<Value> {
    let mut random = Random::stream(seed, "aspas");
    let large = |network: &Network| {
        !matches!(network.trade, Trade::Stub | Trade::Hoster | Trade::Internal)
    };
    let mut rows = Vec::new();
    for (network, node) in scene.world.networks.iter().zip(0u32..) {
        let states = random.chance(STATES) && network.signed && large(network);
        if !states || !network.is_routed() {
            continue;
        }
        let graph = &scene.graph;
        let hybrid = scene.hybrids.iter().filter(|&&(_, b)| b == node);
        let mut providers: Vec<u32> = graph
            .providers
            .of_node(node)
            .iter()
            .chain(graph.siblings.of_node(node))
            .chain(hybrid.map(|(a, _)| a))
            .map(|&provider| scene.asn(provider).0)
            .collect();
        providers.sort_unstable();
        if providers.is_empty() {
            providers.push(0);
        }
        rows.push(json!({
            "customer_asid": network.asn.0,
            "providers": providers,
        }));
    }
    rows
}
