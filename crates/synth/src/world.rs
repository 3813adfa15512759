//! The whole world, built in one order: who, with whom, where, signed, seen.
//!
//! Each step draws from its own stream of random numbers and only adds to what
//! the steps before it made. A later step (BGP messages, say) goes at the end.

use crate::{
    Plan, abuse::Abuse, network::Network, roa::Roas, roster, space,
    space::Table, topology::Links,
};

/// Everything that [`crate::files()`] and [`crate::truth()`] tell about.
pub(crate) struct World {
    pub(crate) plan: Plan,
    /// The famous first, then by number.
    pub(crate) networks: Vec<Network>,
    pub(crate) links: Links,
    pub(crate) table: Table,
    pub(crate) roas: Roas,
    pub(crate) abuse: Abuse,
}

impl World {
    pub(crate) fn build(plan: &Plan) -> Self {
        let mut networks = roster::networks(plan);
        let links = Links::of(plan, &networks);
        let table = space::settle(plan, &mut networks, &links);
        Self::of(plan, networks, links, table)
    }

    /// Signs what is announced, and looks who was seen.
    pub(crate) fn of(
        plan: &Plan,
        networks: Vec<Network>,
        links: Links,
        table: Table,
    ) -> Self {
        let roas = Roas::of(plan, &networks, &table);
        let abuse = Abuse::of(plan, &networks, &table);
        Self { plan: *plan, networks, links, table, roas, abuse }
    }
}
