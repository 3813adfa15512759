//! `asgard whitelist add|list|remove`, also while a server runs: it notices
//! within a second.

use anyhow::{Result, anyhow, bail};
use asgard_store::{Store, WhitelistEntry};

use super::keys::{ACTOR, open};
use crate::{
    cli::{Form, WhitelistAction},
    clock::now,
    config::Config,
    exit::{Exit, missing, usage},
    output::Out,
};

/// Longest reason, in characters.
const REASON_MAX: usize = 500;

pub(crate) async fn run(
    config: &Config,
    action: WhitelistAction,
    out: &mut Out,
) -> Result<Exit> {
    let store = open(config).await?;
    let result = act(&store, action, out).await;
    store.close().await?;
    result
}

async fn act(
    store: &Store,
    action: WhitelistAction,
    out: &mut Out,
) -> Result<Exit> {
    match action {
        WhitelistAction::Add { asn, reason } => {
            check(&reason).map_err(usage)?;
            let entry = WhitelistEntry {
                asn,
                reason,
                added_at: now(),
                added_by: Some(ACTOR.to_owned()),
            };
            store.whitelist.put(&entry, ACTOR).await?;
            Ok(Exit::Ok)
        }
        WhitelistAction::Remove { asn } => {
            match store.whitelist.remove(asn, ACTOR, now()).await? {
                true => Ok(Exit::Ok),
                false => Err(missing(anyhow!("{asn} is not on the whitelist"))),
            }
        }
        WhitelistAction::List { output } => {
            list(store.whitelist.list().await?, output.output, out)
        }
    }
}

fn check(reason: &str) -> Result<()> {
    let length = reason.chars().count();
    if !(1..=REASON_MAX).contains(&length) {
        bail!("--reason: {length} characters, 1 to {REASON_MAX} are allowed");
    }
    Ok(())
}

fn list(
    entries: Vec<WhitelistEntry>,
    form: Form,
    out: &mut Out,
) -> Result<Exit> {
    match form {
        Form::Json => {
            let rows: Vec<_> = entries
                .iter()
                .map(|entry| {
                    serde_json::json!({
                        "asn": entry.asn,
                        "reason": entry.reason,
                        "added_at": entry.added_at,
                        "added_by": entry.added_by,
                    })
                })
                .collect();
            out.json(&rows)?;
        }
        Form::Table => {
            let rows = entries
                .into_iter()
                .map(|entry| {
                    vec![
                        entry.asn.to_string(),
                        entry.added_at.to_string(),
                        entry.added_by.unwrap_or_default(),
                        entry.reason,
                    ]
                })
                .collect();
            out.table(&["asn", "added", "by", "reason"], rows)?;
        }
    }
    Ok(Exit::Ok)
}
