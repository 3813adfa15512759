//! What serial hijackers have in common (Testart et al., "Profiling BGP Serial
//! Hijackers", IMC 2019): five features, each compared with networks of the
//! same size.
//!
//! | feature | from |
//! |---|---|
//! | short-lived prefixes | median time for which a prefix was announced |
//! | volatility | prefixes that came and went, of all |
//! | prefixes shared with others | MOAS without a valid ROA |
//! | spread | regional registries of the space |
//! | low visibility | median share of the peers that carry a prefix |
//!
//! Features say "look here": one alone is common. Networks that announce for
//! others by trade are exempt.

use asgard_model::{Asn, Rir};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Findings, Scene, is_global,
    present::{Announced, is_valid},
    size_group::{Groups, count},
};

const DAY: f64 = 86_400.0;
/// Fewer prefixes show no habit.
const FEWEST: usize = 5;
/// Beneath these values a feature says nothing, however quiet the group is:
/// short life (1 / days), share that came and went, share of MOAS, registries,
/// share of peers that do not see it.
const FLOORS: [f64; 5] = [1.0 / 7.0, 0.3, 0.1, 2.0, 0.5];

/// What was seen of one network.
#[derive(Default)]
struct Habit {
    /// Days of each prefix.
    days: Vec<f64>,
    gone: usize,
    shared: usize,
    unseen: Vec<f64>,
    rirs: FxHashSet<Rir>,
}

/// Enters the number of features of each network that originates something.
pub(super) fn measure(
    scene: &Scene<'_>,
    announced: &[Announced],
    now: u32,
    out: &mut Findings,
) {
    let habits = habits(scene, announced, now);
    let mut groups: [Groups; 5] = Default::default();
    let mut features: Vec<(Asn, [f64; 5])> = Vec::new();
    for (asn, habit) in habits {
        let size = out.measures.get(&asn).map_or(0.0, |m| m.size);
        let values = habit.features();
        for (group, value) in groups.iter_mut().zip(values) {
            group.add(size, value);
        }
        features.push((asn, values));
    }
    let p95 = groups.map(|group| group.quantiles(0.95));
    for (asn, values) in features {
        let measures = out.of(asn);
        if scene.exempt.contains(&asn) {
            measures.serial_origin_features = Some(0);
            continue;
        }
        let above = values.iter().zip(&p95).zip(FLOORS).filter(
            |((value, p95), floor)| {
                **value > p95.of(measures.size) && *value > floor
            },
        );
        // At most five.
        let above = u8::try_from(above.count()).unwrap_or(0);
        measures.serial_origin_features = Some(above);
    }
}

fn habits(
    scene: &Scene<'_>,
    announced: &[Announced],
    now: u32,
) -> FxHashMap<Asn, Habit> {
    let mut habits: FxHashMap<Asn, Habit> = FxHashMap::default();
    for id in scene.table.prefix_ids() {
        if !is_global(scene.table.prefix(id)) {
            continue;
        }
        for span in scene.table.spans(id) {
            let habit = habits.entry(span.origin).or_default();
            let end = if span.peers > 0 { now } else { span.last };
            let lasted = f64::from(end.saturating_sub(span.first));
            habit.days.push(lasted / DAY);
            habit.gone += usize::from(span.peers == 0);
        }
    }
    for a in announced {
        let habit = habits.entry(a.origin).or_default();
        habit.shared += usize::from(a.shared && !is_valid(scene, a));
        habit.unseen.push(1.0 - a.seen);
        habit.rirs.extend((scene.rir)(a.prefix));
    }
    habits
}

impl Habit {
    /// Each grows with suspicion.
    fn features(mut self) -> [f64; 5] {
        if self.days.len() < FEWEST {
            return [0.0; 5];
        }
        let all = count(self.days.len());
        let days = median(&mut self.days).max(0.01);
        [
            1.0 / days,
            count(self.gone) / all,
            count(self.shared) / all,
            count(self.rirs.len()),
            median(&mut self.unseen),
        ]
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
