//! `rpki/vrps-DATE.json.gz`: ROAs and ASPAs in the form of rpki-client's JSON,
//! in place of the CSV of the demo, which has no ASPAs.

use asgard_model::Rir;
use serde_json::{Value, json};

use super::scene::Scene;
use crate::{
    network::{Network, Trade},
    random::Random,
};

/// Per thousand of the larger networks that state their providers.
const STATES: u32 = 200;

/// The text of the file.
pub(super) fn render(seed: u64, scene: &Scene) -> String {
    let roas: Vec<Value> = scene
        .world
        .roas
        .vrps
        .iter()
        .map(|vrp| {
            json!({
                "asn": vrp.asn.0,
                "prefix": vrp.prefix.to_string(),
                "maxLength": vrp.max_len,
                "ta": anchor(vrp.anchor),
            })
        })
        .collect();
    let aspas = aspas(seed, scene);
    let text = json!({
        "metadata": { "vrps": roas.len(), "aspas": aspas.len() },
        "roas": roas,
        "aspas": aspas,
    });
    format!("{text}\n")
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

fn anchor(rir: Rir) -> &'static str {
    crate::mirror::registry(rir)
}
