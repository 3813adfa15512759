//! Which paths are no news, for inference: an anomaly of an hour must not teach
//! who pays whom.

use asgard_routing::{
    path::{PathArena, PathId},
    relationships::Observed,
    table::{Table, Transition},
};

/// Seconds that a path must have been in use.
const SETTLED: u32 = 86_400;

/// Since when each path is in use.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// By path, in seconds since 1970.
    since: Vec<u32>,
}

impl Sightings {
    /// Takes note of a route.
    pub(super) fn note(&mut self, transition: &Transition<'_>) {
        let Some(path) = transition.after else { return };
        let at = path.index();
        if at >= self.since.len() {
            self.since.resize(at + 1, u32::MAX);
        }
        self.since[at] = self.since[at].min(transition.since);
    }

    fn is_settled(&self, path: PathId, now: u32) -> bool {
        let since = self.since.get(path.index()).copied();
        since.is_some_and(|since| since.saturating_add(SETTLED) <= now)
    }

    /// The paths that lead somewhere now and are no news, by the number of
    /// their prefixes. If they are fewer than half, nobody says how old routes
    /// are, and all count.
    pub(super) fn settled<'p>(
        &self,
        paths: &'p PathArena,
        prefixes: &[u32],
        now: u32,
    ) -> Vec<Observed<'p>> {
        let in_use = || {
            paths.iter().filter_map(|(id, view)| {
                let prefixes = prefixes.get(id.index()).copied()?;
                let asns = view.as_sequence()?;
                (prefixes > 0).then_some((id, Observed { asns, prefixes }))
            })
        };
        let routes = |settled: bool| -> u64 {
            in_use()
                .filter(|(id, _)| !settled || self.is_settled(*id, now))
                .map(|(_, path)| u64::from(path.prefixes))
                .sum()
        };
        let all = routes(true) * 2 < routes(false);
        in_use()
            .filter(|(id, _)| all || self.is_settled(*id, now))
            .map(|(_, path)| path)
            .collect()
    }
}

/// Routes by path.
pub(super) fn routes_by_path(table: &Table) -> Vec<u32> {
    let mut routes = vec![0_u32; table.paths().len()];
    for peer in table.peer_ids() {
        for (_, path) in table.routes_of(peer) {
            routes[path.index()] = routes[path.index()].saturating_add(1);
        }
    }
    routes
}
