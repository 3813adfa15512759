//! A Snapshot for commands that answer without a server.

use std::sync::Arc;

use anyhow::{Result, bail};
use asgard_model::{Snapshot, Whitelist, World};
use asgard_store::Store;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use crate::{
    clock::now,
    command::keys::open_data,
    config::{Config, Origin},
    engine::{judge, learner, load_world, whitelist},
};

/// With `--mirror` or `--demo` a Snapshot is built on the spot; otherwise it
/// is the last one of the data directory, judged with its whitelist.
///
/// # Errors
/// There is none, the sources tell nothing, or the data directory is that of
/// the other world: it is only looked at if it is there.
pub(crate) async fn snapshot(config: &Config) -> Result<Arc<Snapshot>> {
    let judge = judge(config);
    let stored = match config.origin {
        Origin::Network => stored(config).await?,
        Origin::Mirror(_) | Origin::Demo => {
            if config.data_dir.join("asgard.db").exists() {
                open_data(config).await?.close().await?;
            }
            let mut learner = learner(config)?;
            let world = spawn_blocking(move || learner.learn(now())).await??;
            Stored {
                serial: 0,
                created: now(),
                world: Arc::new(world),
                whitelist: Arc::new(Whitelist::new()),
            }
        }
    };
    let Stored { serial, created, world, whitelist } = stored;
    let snapshot = spawn_blocking(move || {
        Snapshot::assess(world, whitelist, &judge, serial, created)
    });
    Ok(Arc::new(snapshot.await?))
}

struct Stored {
    serial: u64,
    created: Timestamp,
    world: Arc<World>,
    whitelist: Arc<Whitelist>,
}

async fn stored(config: &Config) -> Result<Stored> {
    let store = open_data(config).await?;
    let loaded = load(&store).await;
    store.close().await?;
    match loaded? {
        Some(stored) => Ok(stored),
        None => bail!(
            "`{}` holds no scores yet: run `asgard serve` once, or add \
             --mirror DIR or --demo",
            config.data_dir.display()
        ),
    }
}

async fn load(store: &Store) -> Result<Option<Stored>> {
    let Some((serial, world)) = load_world(store).await? else {
        return Ok(None);
    };
    let created = created(store, serial).await?;
    let whitelist = whitelist(store).await?;
    Ok(Some(Stored { serial, created, world, whitelist }))
}

/// When a snapshot was made: its cycle knows, and else its serial, which is
/// the second of its birth.
async fn created(store: &Store, serial: u64) -> Result<Timestamp> {
    let cycle = store.history.last_cycle().await?;
    if let Some(cycle) = cycle.filter(|cycle| cycle.id == serial) {
        return Ok(cycle.at);
    }
    let second = i64::try_from(serial).unwrap_or_default();
    Ok(Timestamp::from_second(second).unwrap_or_else(|_| now()))
}
