//! `asgard keys create|list|show|rotate|revoke`, also while a server runs.

mod view;

use anyhow::{Result, anyhow};
use asgard_store::{
    KeyId, KeyRecord, NewKey, Rotation, Scopes, Store, StoreConfig, StoreError,
    WorldKind,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::{CreateKey, KeysAction},
    clock::now,
    config::{Config, Origin},
    exit::{Exit, missing, usage},
    output::Out,
};

/// Who writes, in the audit trail.
pub(crate) const ACTOR: &str = "cli";

/// Opens the store for administration: either world will do, unless `--demo`
/// says which.
pub(crate) async fn open(config: &Config) -> Result<Store> {
    let dir = config.data_dir.clone();
    let store = asgard_store::open(&StoreConfig { dir, world: None }).await?;
    match config.origin {
        Origin::Demo => expect(store, WorldKind::Demo).await,
        Origin::Network | Origin::Mirror(_) => Ok(store),
    }
}

/// Opens the store for what was learnt: only the world that is asked about.
pub(crate) async fn open_data(config: &Config) -> Result<Store> {
    expect(open(config).await?, config.origin.world()).await
}

async fn expect(store: Store, world: WorldKind) -> Result<Store> {
    if let Err(error) = store.expect_world(world).await {
        store.close().await?;
        return Err(error.into());
    }
    Ok(store)
}

pub(crate) async fn run(
    config: &Config,
    action: KeysAction,
    out: &mut Out,
) -> Result<Exit> {
    let store = open(config).await?;
    let result = act(&store, action, out).await;
    store.close().await?;
    result
}

async fn act(store: &Store, action: KeysAction, out: &mut Out) -> Result<Exit> {
    match action {
        KeysAction::Create(key) => create(store, key, out).await,
        KeysAction::List { output } => {
            view::list(store.keys.list().await?, output.output, out)
        }
        KeysAction::Show { id, output } => {
            let key = find(store, parse(&id)?).await?;
            view::show(&key, now(), output.output, out)
        }
        KeysAction::Rotate { id, grace } => {
            rotate(store, parse(&id)?, grace, out).await
        }
        KeysAction::Revoke { id } => {
            let id = parse(&id)?;
            match store.keys.revoke(id, ACTOR, now()).await? {
                true => Ok(Exit::Ok),
                false => Err(missing(anyhow!(
                    "there is no key {id}, or it was revoked before"
                ))),
            }
        }
    }
}

async fn create(store: &Store, key: CreateKey, out: &mut Out) -> Result<Exit> {
    let new = NewKey {
        scopes: scopes(&key)?,
        expires_at: end(&key)?,
        // `--org ''` is a key of no organisation.
        org: key.org.filter(|name| !name.is_empty()),
        label: key.label,
        rate_class: key.rate_class.map(|class| class.0),
        client_cidrs: key.client_cidr.into_iter().map(|c| c.0).collect(),
    };
    let (_, key) = store.keys.create(new, ACTOR, now()).await?;
    wait_for_server(store).await;
    // The key alone, so that scripts can take it.
    out.line(key.reveal())?;
    Ok(Exit::Ok)
}

fn scopes(key: &CreateKey) -> Result<Scopes> {
    key.scope
        .iter()
        .copied()
        .reduce(Scopes::union)
        .ok_or_else(|| usage(anyhow!("--scope is missing")))
}

fn end(key: &CreateKey) -> Result<Option<Timestamp>> {
    let days = |days| SignedDuration::from_hours(24 * i64::from(days));
    let life = match (key.expires, key.expires_days) {
        (Some(lifetime), _) => Some(lifetime.duration()),
        (None, count) => count.map(days),
    };
    Ok(life.map(|life| now().checked_add(life)).transpose()?)
}

async fn rotate(
    store: &Store,
    id: KeyId,
    grace: u16,
    out: &mut Out,
) -> Result<Exit> {
    let now = now();
    let end = now.checked_add(SignedDuration::from_hours(grace.into()))?;
    let rotation = store.keys.rotate(id, end, ACTOR, now).await?;
    let Rotation { old, key, .. } =
        rotation.map_err(|refusal| missing(anyhow!("key {id}: {refusal}")))?;
    tracing::info!(id = %old.id, end = ?old.expires_at, "the old key ends");
    wait_for_server(store).await;
    out.line(key.reveal())?;
    Ok(Exit::Ok)
}

fn parse(id: &str) -> Result<KeyId> {
    id.parse().map_err(|error| usage(anyhow::Error::new(error)))
}

async fn find(store: &Store, id: KeyId) -> Result<KeyRecord> {
    let keys = store.keys.list().await?;
    let key = keys.into_iter().find(|key| key.id == id);
    key.ok_or_else(|| missing(anyhow!("there is no key {id}")))
}

/// Gives a running server the time to notice the key, so that whoever reads it
/// can use it at once.
async fn wait_for_server(store: &Store) {
    if matches!(store.lock_serving(), Err(StoreError::AlreadyServing { .. })) {
        tokio::time::sleep(2 * super::serve::WATCH).await;
    }
}
