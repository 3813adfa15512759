//! What is planted, one kind a module. Every network plays at most one part, and
//! every prefix is in at most one incident, so that the truth about each is
//! plain.

mod bogon;
mod carrier;
mod hijack;
mod leak;
mod unrest;

use super::{stage::Stage, story::Incident};
use crate::space::Form;

/// Plants so many incidents of each kind.
pub(super) fn plant(stage: &mut Stage<'_>, events: usize) {
    squatters(stage);
    if stage.from == stage.to {
        return;
    }
    leak::plant(stage, events);
    hijack::plant(stage, events);
    bogon::plant(stage, events);
    carrier::plant(stage, events);
    unrest::plant(stage, events);
}

/// Networks that announce a part of a stranger's signed block, before the story
/// begins and after it ends.
fn squatters(stage: &mut Stage<'_>) {
    let scene = stage.scene;
    let routes = scene.world.table.routes.iter();
    for route in routes.filter(|route| route.form == Form::Squatted) {
        let place = scene.announced.find(route.prefix);
        let peers = place.map_or(0, |at| scene.view(at).count(|_| true));
        let asn = |index: usize| scene.world.networks[index].asn;
        stage.take(&[route.prefix]);
        stage.plot.incidents.push(Incident {
            kind: "hijack",
            subtype: "sub_prefix",
            asn: asn(route.origin),
            others: vec![asn(route.holder)],
            start: stage.from,
            end: None,
            prefixes: vec![route.prefix],
            peers,
        });
    }
}
