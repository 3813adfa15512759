//! The engine: cycles of learning, judging and publishing.
//!
//! A *cycle* asks the sources, builds a World, judges it and publishes the
//! Snapshot. A *republication* judges the present World again because the
//! whitelist has changed. Both go through one lock, so serials ascend and no
//! whitelist entry is lost between them.

use std::sync::Arc;

use anyhow::{Context, Result};
use asgard_api::{Live, Republish, RepublishError};
use asgard_ingest::{
    learner::{KeepOld, Learner},
    supply::{Egress, Memory, Mirror, Network, Pace, Progress, Supply, Timing},
};
use asgard_model::{Asn, Day, Delta, Judge, Snapshot, Whitelist, World};
use asgard_store::{Cycle, Store, StoreError};
use asgard_synth::Plan;
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::{
    clock::now,
    config::{Config, Origin},
    exit::usage,
};

/// Publishes Snapshots.
pub(crate) struct Engine {
    live: Arc<Live>,
    store: Store,
    judge: Judge,
    history_days: u16,
    // Held while a Snapshot is judged and published: two publications must
    // not overtake each other.
    turn: Mutex<Turn>,
}

/// What the next publication follows.
#[derive(Default)]
struct Turn {
    serial: u64,
    /// Scores of the last recorded cycle, ascending.
    recorded: Vec<(Asn, u8)>,
    /// A cycle that the store could not take yet.
    unrecorded: Option<Arc<Snapshot>>,
}

/// The judge that the configuration asks for.
pub(crate) fn judge(config: &Config) -> Judge {
    let threads =
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Judge {
        model: Arc::new(config.model.clone()),
        bands: config.bands,
        threads,
    }
}

/// The learner that the configuration asks for.
///
/// # Errors
/// The mirror or the data directory cannot be used.
pub(crate) fn learner(config: &Config) -> Result<Learner> {
    let mut ledgers = None;
    let supply = match &config.origin {
        Origin::Mirror(dir) => {
            let mirror = Mirror::new(dir);
            Supply::Mirror(mirror.map_err(|e| usage(e.into()))?)
        }
        Origin::Demo => {
            let plan = Plan::demo(Day::of(now()));
            Supply::Memory(Memory::new(asgard_synth::files(&plan)))
        }
        Origin::Network => {
            let egress = Egress::new(config.allow_private.clone());
            ledgers = Some(config.data_dir.clone());
            let network =
                Network::new(&config.data_dir, egress, Timing::default())?;
            Supply::Network(network)
        }
    };
    Ok(Learner::new(
        config.catalogue.clone(),
        supply,
        Arc::new(config.model.clone()),
        config.as_of,
        ledgers,
    ))
}

impl Engine {
    pub(crate) fn new(live: Arc<Live>, store: Store, config: &Config) -> Self {
        Self {
            live,
            store,
            judge: judge(config),
            history_days: config.history_days,
            turn: Mutex::default(),
        }
    }

    /// Publishes the last Snapshot of the store, if there is one.
    ///
    /// # Errors
    /// The store cannot be read. A damaged snapshot is only logged: the first
    /// cycle makes a new one.
    pub(crate) async fn resume(&self) -> Result<()> {
        let mut turn = self.turn.lock().await;
        turn.recorded = self.store.history.last_scores().await?;
        if let Some(cycle) = self.store.history.last_cycle().await? {
            turn.serial = cycle.id;
        }
        match load_world(&self.store).await {
            Ok(Some((serial, world))) => {
                turn.serial = turn.serial.max(serial);
                self.judge_and_publish(&mut turn, world).await?;
                tracing::info!(serial, "last snapshot restored");
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("last snapshot not usable: {error:#}");
            }
        }
        Ok(())
    }

    /// One cycle. The learner comes back, whatever happens.
    pub(crate) async fn cycle(
        &self,
        mut learner: Learner,
        progress: &dyn Progress,
    ) -> (Learner, Result<()>) {
        learner.keep_old(self.doubts(now()).await);
        let report = |statuses| self.live.set_sources(statuses);
        let asked =
            learner.refresh(&[], Pace::Due, now(), progress, &report).await;
        if let Err(error) = &asked {
            // What was fetched before, and what could be kept, is learnt from.
            tracing::error!("sources not kept: {error:#}");
            self.live.cycle_kept(false);
        }
        let learnt = spawn_blocking(move || {
            let world = learner.learn(now());
            (learner, world)
        });
        let (learner, world) = match learnt.await {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.live.set_sources(learner.statuses());
        // Whatever becomes of the World: a cycle that fails is when people ask
        // how the sources are doing.
        self.keep_states(&learner).await;
        let result = match world {
            Ok(world) => self.finish_cycle(world, asked.is_ok()).await,
            Err(error) => Err(error.into()),
        };
        (learner, result)
    }

    /// Whether the clock is far from where the history ends, so that nothing may
    /// be forgotten by it.
    async fn doubts(&self, now: Timestamp) -> KeepOld {
        match self.store.history.bears_out(now).await {
            Ok(true) => KeepOld::No,
            Ok(false) => {
                tracing::warn!(
                    "the clock is more than a week after the last cycles; \
                     nothing old is forgotten until cycles have run for a day"
                );
                KeepOld::Yes
            }
            Err(error) => {
                tracing::error!(%error, "history not readable");
                KeepOld::Yes
            }
        }
    }

    /// Stores how the sources are doing. That a store cannot take it must not
    /// keep new scores back.
    async fn keep_states(&self, learner: &Learner) {
        for state in learner.states() {
            if let Err(error) = self.store.sources.put(&state).await {
                tracing::error!(%error, "states of sources not stored");
                return;
            }
        }
    }

    /// Publishes, then stores; `sources_kept` says whether what was fetched
    /// could be stored.
    async fn finish_cycle(
        &self,
        world: World,
        sources_kept: bool,
    ) -> Result<()> {
        // Publication comes first: a full disk must not keep new scores back.
        let (snapshot, recorded) = {
            let mut turn = self.turn.lock().await;
            let snapshot =
                self.judge_and_publish(&mut turn, Arc::new(world)).await?;
            turn.unrecorded = Some(Arc::clone(&snapshot));
            (snapshot, self.record(&mut turn).await)
        };
        // A history that cannot be written is no reason to lose the snapshot.
        let saved = self.save(&snapshot).await;
        self.live.cycle_kept(sources_kept && saved.is_ok());
        recorded?;
        saved?;
        tracing::info!(
            serial = snapshot.serial,
            asns = snapshot.len(),
            as_of = %snapshot.world.as_of,
            coverage = snapshot.world.health.coverage,
            routing = %snapshot.world.routing_source,
            demo = snapshot.world.demo,
            "cycle finished"
        );
        Ok(())
    }

    /// Stores the World of a Snapshot for the next start.
    async fn save(&self, snapshot: &Snapshot) -> Result<()> {
        let world = Arc::clone(&snapshot.world);
        let bytes = spawn_blocking(move || encode(&world)).await??;
        Ok(self.store.snapshots.save(snapshot.serial, bytes).await?)
    }

    async fn judge_and_publish(
        &self,
        turn: &mut Turn,
        world: Arc<World>,
    ) -> Result<Arc<Snapshot>> {
        let whitelist = whitelist(&self.store).await?;
        let judge = self.judge.clone();
        let created = now();
        turn.serial = next_serial(turn.serial, created);
        let serial = turn.serial;
        let snapshot = spawn_blocking(move || {
            Snapshot::assess(world, whitelist, &judge, serial, created)
        })
        .await?;
        let snapshot = Arc::new(snapshot);
        let events = match self.live.snapshot() {
            None => Vec::new(),
            Some(last) => Delta::between(&published_scores(&last), &snapshot)
                .events(&snapshot),
        };
        let (live, next) = (Arc::clone(&self.live), Arc::clone(&snapshot));
        // A new World needs an atlas.
        spawn_blocking(move || live.publish(next, events)).await?;
        Ok(snapshot)
    }

    /// Records a cycle that the store could not take when it was made; called
    /// again and again, so that a store that is back is noticed at once.
    pub(crate) async fn catch_up(&self) {
        // A publication under way records its own cycle.
        let Ok(mut turn) = self.turn.try_lock() else { return };
        match self.record(&mut turn).await {
            Ok(()) => {}
            Err(error) => tracing::debug!("still not recorded: {error:#}"),
        }
    }

    /// Writes the last cycle and its changes into the history, if that is not
    /// done yet.
    async fn record(&self, turn: &mut Turn) -> Result<()> {
        let Some(snapshot) = turn.unrecorded.clone() else { return Ok(()) };
        let written = self.write_cycle(&turn.recorded, &snapshot).await;
        self.live.store_wrote(written.is_ok());
        written?;
        turn.recorded = published_scores(&snapshot);
        turn.unrecorded = None;
        // Old cycles that stay a while longer make nothing wrong.
        if let Err(error) = self.prune(snapshot.created).await {
            tracing::error!("old history not removed: {error:#}");
        }
        Ok(())
    }

    async fn write_cycle(
        &self,
        recorded: &[(Asn, u8)],
        snapshot: &Snapshot,
    ) -> Result<()> {
        let delta = Delta::between(recorded, snapshot);
        let changes: Vec<(Asn, Option<u8>)> =
            delta.changes.iter().map(|c| (c.asn, c.now)).collect();
        let cycle = Cycle {
            id: snapshot.serial,
            at: snapshot.created,
            as_of: snapshot.world.as_of,
            model_version: snapshot.model_version.to_string(),
        };
        let history = &self.store.history;
        match history.record_cycle(&cycle, &changes).await {
            // An earlier attempt went through, and its answer was lost.
            Err(StoreError::Conflict(_))
                if history.last_cycle().await?.map(|c| c.id)
                    == Some(cycle.id) =>
            {
                Ok(())
            }
            written => Ok(written?),
        }
    }

    async fn prune(&self, now: Timestamp) -> Result<()> {
        if !self.store.history.bears_out(now).await? {
            return Ok(());
        }
        let hours = 24 * i64::from(self.history_days);
        let age = jiff::SignedDuration::from_hours(hours);
        self.store.history.prune(now.checked_sub(age)?).await?;
        Ok(())
    }
}

#[async_trait]
impl Republish for Engine {
    async fn republish(&self) -> Result<(), RepublishError> {
        let mut turn = self.turn.lock().await;
        if let Some(snapshot) = self.live.snapshot() {
            let world = Arc::clone(&snapshot.world);
            self.judge_and_publish(&mut turn, world).await?;
        }
        Ok(())
    }
}

/// Ascending, also across restarts that lost the last number.
fn next_serial(last: u64, created: Timestamp) -> u64 {
    let seconds = u64::try_from(created.as_second()).unwrap_or(0);
    seconds.max(last + 1)
}

fn published_scores(snapshot: &Snapshot) -> Vec<(Asn, u8)> {
    snapshot.scores().into_iter().map(|(asn, a)| (asn, a.score)).collect()
}

/// The operator's whitelist, as the store holds it now.
pub(crate) async fn whitelist(store: &Store) -> Result<Arc<Whitelist>> {
    let entries = store.whitelist.list().await?;
    Ok(Arc::new(entries.into_iter().map(|e| (e.asn, e.reason)).collect()))
}

/// The bytes of a World, allocated once: a vector that doubles as it grows
/// would cost as much memory again.
fn encode(world: &World) -> postcard::Result<Vec<u8>> {
    let size = postcard::experimental::serialized_size(world)?;
    postcard::to_extend(world, Vec::with_capacity(size))
}

/// The World of the last Snapshot, with its serial.
pub(crate) async fn load_world(
    store: &Store,
) -> Result<Option<(u64, Arc<World>)>> {
    let Some((serial, bytes)) = store.snapshots.load().await? else {
        return Ok(None);
    };
    let world = spawn_blocking(move || postcard::from_bytes::<World>(&bytes))
        .await?
        .context("the snapshot is of another version of asgard")?;
    Ok(Some((serial, Arc::new(world))))
}

#[cfg(test)]
mod tests;
