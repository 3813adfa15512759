//! A Snapshot for commands that answer without a server.

use std::sync::Arc;

use anyhow::{Result, bail};
use asgard_model::{Snapshot, Whitelist};
use tokio::task::spawn_blocking;

use crate::{
    clock::now,
    command::keys::open,
    config::{Config, Origin},
    engine::{judge, learner, load_world, whitelist},
};

/// With `--mirror` or `--demo` a Snapshot is built on the spot; otherwise it
/// is the last one of the data directory, judged with its whitelist.
///
/// # Errors
/// There is none, or the sources tell nothing.
pub(crate) async fn snapshot(config: &Config) -> Result<Arc<Snapshot>> {
    let judge = judge(config);
    let (serial, world, whitelist) = match config.origin {
        Origin::Network => stored(config).await?,
        Origin::Mirror(_) | Origin::Demo => {
            let mut learner = learner(config)?;
            let world = spawn_blocking(move || learner.learn(now())).await??;
            (0, Arc::new(world), Arc::new(Whitelist::new()))
        }
    };
    let snapshot = spawn_blocking(move || {
        Snapshot::assess(world, whitelist, &judge, serial, now())
    });
    Ok(Arc::new(snapshot.await?))
}

type Stored = (u64, Arc<asgard_model::World>, Arc<Whitelist>);

async fn stored(config: &Config) -> Result<Stored> {
    let store = open(config).await?;
    let loaded = load_world(&store).await;
    let whitelist = whitelist(&store).await;
    store.close().await?;
    match loaded? {
        Some((serial, world)) => Ok((serial, world, whitelist?)),
        None => bail!(
            "`{}` holds no scores yet: run `asgard serve` once, or add \
             --mirror DIR or --demo",
            config.data_dir.display()
        ),
    }
}
