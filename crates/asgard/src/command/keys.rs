//! `asgard keys create|list|revoke`, also while a server runs.

use anyhow::Result;
use asgard_store::{KeyId, KeyRecord, NewKey, Store, StoreConfig, StoreError};
use jiff::SignedDuration;

use crate::{
    cli::{Form, KeysAction},
    clock::now,
    config::Config,
    exit::{Exit, usage},
    output::Out,
};

/// Who writes, in the audit trail.
pub(crate) const ACTOR: &str = "cli";

/// Opens the store for administration: either world will do.
pub(crate) async fn open(config: &Config) -> Result<Store> {
    let dir = config.data_dir.clone();
    Ok(asgard_store::open(&StoreConfig { dir, world: None }).await?)
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
        KeysAction::Create { scope, org, label, expires_days } => {
            let expires_at = match expires_days {
                None => None,
                Some(days) => {
                    let hours = 24 * i64::from(days);
                    Some(now().checked_add(SignedDuration::from_hours(hours))?)
                }
            };
            // `--org ''` is a key of no organisation.
            let org = org.filter(|name| !name.is_empty());
            let new = NewKey { scope, org, label, expires_at };
            let (_, key) = store.keys.create(new, ACTOR, now()).await?;
            wait_for_server(store).await;
            // The key alone, so that scripts can take it.
            out.line(key.reveal())?;
            Ok(Exit::Ok)
        }
        KeysAction::List { output } => {
            list(store.keys.list().await?, output.output, out)
        }
        KeysAction::Revoke { id } => {
            let id: KeyId =
                id.parse().map_err(|e| usage(anyhow::Error::new(e)))?;
            match store.keys.revoke(id, ACTOR, now()).await? {
                true => Ok(Exit::Ok),
                false => Ok(Exit::NotFound),
            }
        }
    }
}

/// Gives a running server the time to notice the key, so that whoever reads it
/// can use it at once.
async fn wait_for_server(store: &Store) {
    if matches!(store.lock_serving(), Err(StoreError::AlreadyServing { .. })) {
        tokio::time::sleep(2 * super::serve::WATCH).await;
    }
}

fn list(keys: Vec<KeyRecord>, form: Form, out: &mut Out) -> Result<Exit> {
    let text = |value: Option<String>| value.unwrap_or_default();
    match form {
        Form::Json => {
            let rows: Vec<_> = keys
                .iter()
                .map(|key| {
                    serde_json::json!({
                        "id": key.id.to_string(),
                        "scope": key.scope.as_str(),
                        "org": key.org,
                        "label": key.label,
                        "created_at": key.created_at,
                        "expires_at": key.expires_at,
                        "revoked_at": key.revoked_at,
                    })
                })
                .collect();
            out.json(&rows)?;
        }
        Form::Table => {
            let rows = keys
                .into_iter()
                .map(|key| {
                    vec![
                        key.id.to_string(),
                        key.scope.to_string(),
                        text(key.org),
                        text(key.label),
                        key.created_at.to_string(),
                        text(key.expires_at.map(|t| t.to_string())),
                        text(key.revoked_at.map(|t| t.to_string())),
                    ]
                })
                .collect();
            let header = [
                "id", "scope", "org", "label", "created", "expires", "revoked",
            ];
            out.table(&header, rows)?;
        }
    }
    Ok(Exit::Ok)
}
