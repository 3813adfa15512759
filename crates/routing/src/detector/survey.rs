//! All detectors over one stream.

use asgard_model::Incident;

use crate::table::{Table, Transition};

use super::{
    BlackholeCommunities, Detector, Findings, Scene, blackhole::Blackholes,
    bogon::BogonRoutes, carrier::Carriers, churn::Churn, flap::Flaps,
    hijack::Hijacks, leak::Leaks, present, serial,
};

/// Everything that is watched for.
///
/// While a dump is read and relationships are not known yet, [`Self::note`]
/// keeps what only attributes tell. Then [`Table::replay`] and all that follows
/// goes to [`Self::transition`].
#[derive(Clone, Debug, Default)]
pub struct Survey {
    leaks: Leaks,
    hijacks: Hijacks,
    bogons: BogonRoutes,
    carriers: Carriers,
    blackholes: Blackholes,
    flaps: Flaps,
    churn: Churn,
}

impl Survey {
    /// Keeps what only the attributes of a new route tell.
    pub fn note(
        &mut self,
        table: &Table,
        communities: &BlackholeCommunities,
        t: &Transition<'_>,
    ) {
        self.leaks.note(table, t);
        self.blackholes.note(table, communities, t);
    }

    /// Takes a transition. Those of one peer come in the order of time.
    pub fn transition(&mut self, scene: &Scene<'_>, t: &Transition<'_>) {
        self.blackholes.note(scene.table, scene.blackholes, t);
        let detectors: [&mut dyn Detector; 6] = [
            &mut self.leaks,
            &mut self.hijacks,
            &mut self.bogons,
            &mut self.carriers,
            &mut self.flaps,
            &mut self.churn,
        ];
        for detector in detectors {
            detector.transition(scene, t);
        }
    }

    /// What was found until now (seconds since 1970). The survey goes on: it
    /// can be asked again later.
    pub fn finish(&self, scene: &Scene<'_>, now: u32) -> Findings {
        let mut out = Findings::default();
        let announced = present::announced(scene);
        present::measure(scene, &announced, &mut out);
        let detectors: [&dyn Detector; 6] = [
            &self.leaks,
            &self.hijacks,
            &self.bogons,
            &self.carriers,
            &self.flaps,
            &self.churn,
        ];
        for detector in detectors {
            detector.finish(scene, now, &mut out);
        }
        self.blackholes.finish(now, &mut out);
        serial::measure(scene, &announced, now, &mut out);
        present::compare(&mut out);
        out.incidents.sort_by_key(Incident::order);
        out
    }
}
