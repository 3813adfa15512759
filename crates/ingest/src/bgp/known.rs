//! What the detectors are told besides the routes.

use asgard_model::Asn;
use asgard_routing::{
    detector::{BlackholeCommunities, Scene},
    relationships::Relationships,
    table::Table,
};
use rustc_hash::FxHashSet;

use super::scenery::Scenery;

/// So many unallocated prefixes are believable, or a hundredth of all that are
/// announced: in 2026 a twentieth per cent was in space that no registry gave.
const MOST_UNALLOCATED: u64 = 100;

/// What is known besides the routes, and stays while they are told.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) relationships: Relationships,
    pub(super) blackholes: BlackholeCommunities,
    exempt: FxHashSet<Asn>,
    registries: Believed,
}

/// Whether registries are believed that nobody holds some space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Believed {
    #[default]
    Yes,
    No,
}

impl Known {
    pub(super) fn scene<'s>(
        &'s self,
        table: &'s Table,
        scenery: &'s Scenery,
    ) -> Scene<'s> {
        Scene {
            table,
            relations: &self.relationships,
            rpki: &scenery.rpki,
            bogons: match self.registries {
                Believed::Yes => &scenery.bogons,
                Believed::No => &scenery.special,
            },
            blackholes: &self.blackholes,
            exempt: &self.exempt,
            rir: &scenery.rir,
            half_life_days: scenery.half_life_days,
        }
    }

    /// Does not believe registries by whose files much of what is announced
    /// would be unallocated: such files are wrong, or not theirs.
    ///
    /// # Errors
    /// Why they are not believed.
    pub(super) fn judge_registries(
        &mut self,
        table: &Table,
        scenery: &Scenery,
    ) -> Result<(), String> {
        let (mut all, mut free) = (0_u64, 0_u64);
        for id in table.prefix_ids() {
            let is_carried = table.spans(id).any(|span| span.peers > 0);
            let prefix = table.prefix(id);
            all += u64::from(is_carried);
            free +=
                u64::from(is_carried && scenery.bogons.is_unallocated(prefix));
        }
        if free <= MOST_UNALLOCATED.max(all / 100) {
            self.registries = Believed::Yes;
            return Ok(());
        }
        self.registries = Believed::No;
        Err(format!(
            "registries are not believed: {free} of {all} announced prefixes \
             would be unallocated"
        ))
    }
}
