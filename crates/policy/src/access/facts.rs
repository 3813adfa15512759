//! What rules are resolved against: one argument for all of it.

use asgard_model::Snapshot;

use crate::{Atlas, access::Settings, feed::decision::Standing};

/// What rules are resolved against. All of it is of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Scores, routes, lists, the whitelist.
    pub snapshot: &'a Snapshot,
    /// The space of networks and countries, drawn from the same World.
    pub atlas: &'a Atlas,
    /// What the operator of the server has set.
    pub settings: &'a Settings,
    /// Decisions about risk selectors, with what they remember. A selector
    /// that is not in it is decided afresh, without memory.
    pub standing: &'a Standing,
}
