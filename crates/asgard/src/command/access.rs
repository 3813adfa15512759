//! `asgard block|protected add|list|remove`, also while a server runs: it
//! notices within a second.
//!
//! A target is read and judged as over HTTP, against the last scores of the
//! data directory; without any, nothing can be judged and nothing is written.

use anyhow::{Result, anyhow, bail};
use asgard_api::feeds::{Rulebook, of_change};
use asgard_policy::{
    Atlas,
    access::{
        Change, Facts, MadeBy, ProtectedDraft, ProtectedSource, Refusal,
        RuleDraft, Target, check_protected, check_rule,
    },
    feed::decision::Standing,
};
use asgard_store::{Committed, RulesWrite, Store};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::{NoContext, Uuid};

use super::keys::{ACTOR, open};
use crate::{
    cli::{AccessAction, Form, NewAccess},
    clock::now,
    config::Config,
    exit::{Exit, missing, usage},
    local,
    output::Out,
};

/// What the command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What is blocked.
    Block,
    /// What no feed may name.
    Protected,
}

pub(crate) async fn run(
    config: &Config,
    side: Side,
    action: AccessAction,
    out: &mut Out,
) -> Result<Exit> {
    let store = open(config).await?;
    let result = act(config, &store, side, action, out).await;
    store.close().await?;
    result
}

async fn act(
    config: &Config,
    store: &Store,
    side: Side,
    action: AccessAction,
    out: &mut Out,
) -> Result<Exit> {
    match action {
        AccessAction::Add(new) => add(config, store, side, new, out).await,
        AccessAction::List { org, output } => {
            let book = book(store, &org).await?;
            list(&book, side, output.output, out)
        }
        AccessAction::Remove { org, id } => remove(store, side, &org, id).await,
    }
}

async fn book(store: &Store, org: &str) -> Result<Rulebook> {
    Ok(Rulebook::new(&store.rules.load(org).await?, &[]))
}

async fn add(
    config: &Config,
    store: &Store,
    side: Side,
    new: NewAccess,
    out: &mut Out,
) -> Result<Exit> {
    if new.org.trim().is_empty() {
        return Err(usage(anyhow!("--org: an organisation needs a name")));
    }
    let snapshot = local::snapshot(config).await?;
    let book = book(store, &new.org).await?;
    let settings = config.api.feeds.settings.clone();
    let (org, base, at) = (new.org.clone(), book.stored.version, now());
    let judged = spawn_blocking(move || {
        let atlas = Atlas::new(&snapshot.world);
        let standing = Standing::default();
        let facts = Facts {
            snapshot: &snapshot,
            atlas: &atlas,
            settings: &settings,
            standing: &standing,
        };
        judge(side, &new, &book, &facts, at)
    });
    let Judged { change, id, warnings } = judged.await??;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let action = match side {
        Side::Block => "rule.create",
        Side::Protected => "protected.create",
    };
    commit(store, &org, base, &change, action, at).await?;
    out.line(id.to_string())?;
    Ok(Exit::Ok)
}

/// What is to be written.
struct Judged {
    change: Change,
    id: Uuid,
    warnings: Vec<String>,
}

fn judge(
    side: Side,
    new: &NewAccess,
    book: &Rulebook,
    facts: &Facts<'_>,
    at: Timestamp,
) -> Result<Judged> {
    let id = new_id(at);
    let expires = match new.expires {
        None => None,
        Some(life) => Some(at.checked_add(life.duration())?.to_string()),
    };
    let refuse = |refusal: Refusal| usage(anyhow!("{refusal}"));
    let mut change = Change::default();
    let mut warnings = Vec::new();
    match side {
        Side::Block => {
            let json = json!({
                "name": new.name.clone().unwrap_or_default(),
                "description": new.reason.clone().unwrap_or_default(),
                "block": block(&new.target),
                "expires_at": expires,
                "confirm_share": new.confirm_share,
            });
            let draft = RuleDraft::read(&json, at).map_err(refuse)?;
            let rule = draft.into_rule(id, MadeBy::Operator, at);
            warnings = check_rule(&rule, None, &book.stored, facts, at)
                .map_err(refuse)?;
            change.put_rules.push(rule);
        }
        Side::Protected => {
            let mut json = target(&new.target);
            json["reason"] = json!(new.reason);
            json["expires_at"] = json!(expires);
            let draft = ProtectedDraft::read(&json, at).map_err(refuse)?;
            let entry = draft.into_entry(id, ProtectedSource::Operator, at);
            check_protected(&entry, &book.stored, facts).map_err(refuse)?;
            change.put_protected.push(entry);
        }
    }
    Ok(Judged { change, id, warnings })
}

/// `AS64496`, two letters, `list:NAME`, `risk:30`, `risk:CRITICAL`, else an
/// address or prefix.
fn block(text: &str) -> Value {
    if let Some(name) = text.strip_prefix("list:") {
        return json!({"lists": [name]});
    }
    if let Some(risk) = text.strip_prefix("risk:") {
        return match risk.parse::<f64>() {
            Ok(score) => json!({"risk": [{"max_score": score}]}),
            Err(_) => json!({"risk": [{"level": risk}]}),
        };
    }
    let object = target(text);
    match (&object["asn"], &object["country"], &object["ip"]) {
        (Value::String(asn), ..) => json!({"asn": [asn]}),
        (_, Value::String(code), _) => json!({"country": [code]}),
        (.., ip) => json!({"ips": [ip]}),
    }
}

fn target(text: &str) -> Value {
    let upper = text.to_ascii_uppercase();
    let digits = upper.strip_prefix("AS").unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return json!({"asn": upper});
    }
    match text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        true => json!({"country": upper}),
        false => json!({"ip": text}),
    }
}

fn new_id(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

async fn remove(
    store: &Store,
    side: Side,
    org: &str,
    id: Uuid,
) -> Result<Exit> {
    let book = book(store, org).await?;
    let mut change = Change::default();
    let (found, action) = match side {
        Side::Block => {
            change.remove_rules.push(id);
            (book.stored.rule(id).is_some(), "rule.remove")
        }
        Side::Protected => {
            change.remove_protected.push(id);
            let mut entries = book.stored.protected.iter();
            (entries.any(|entry| entry.id == id), "protected.remove")
        }
    };
    if !found {
        return Err(missing(anyhow!("{org} has no entry {id}")));
    }
    let base = book.stored.version;
    commit(store, org, base, &change, action, now()).await?;
    Ok(Exit::Ok)
}

async fn commit(
    store: &Store,
    org: &str,
    base: u64,
    change: &Change,
    action: &str,
    at: Timestamp,
) -> Result<()> {
    let (put, remove) = of_change(change);
    let write = RulesWrite {
        org,
        base,
        put,
        remove,
        actor: ACTOR,
        action,
        at,
        answer: None,
        staged: None,
    };
    match store.rules.commit(write).await? {
        Committed::Version(_) => Ok(()),
        Committed::Moved => bail!("somebody else wrote: try again"),
    }
}

fn list(
    book: &Rulebook,
    side: Side,
    form: Form,
    out: &mut Out,
) -> Result<Exit> {
    let end = |end: Option<Timestamp>| {
        end.map(|end| end.to_string()).unwrap_or_default()
    };
    match (side, form) {
        (Side::Block, Form::Json) => out.json(&book.stored.rules)?,
        (Side::Protected, Form::Json) => out.json(&book.stored.protected)?,
        (Side::Block, Form::Table) => {
            let rows = book.stored.rules.iter().map(|rule| {
                let selectors = rule.block.selectors();
                let selectors: Vec<String> =
                    selectors.map(|selector| selector.to_string()).collect();
                vec![
                    rule.id.to_string(),
                    rule.name.clone(),
                    rule.is_active.to_string(),
                    end(rule.expires_at),
                    selectors.join(" "),
                ]
            });
            let header = ["id", "name", "active", "expires", "blocks"];
            out.table(&header, rows.collect())?;
        }
        (Side::Protected, Form::Table) => {
            let rows = book.stored.protected.iter().map(|entry| {
                vec![
                    entry.id.to_string(),
                    Target::to_string(&entry.target),
                    entry.source.as_str().to_owned(),
                    end(entry.expires_at),
                    entry.reason.clone(),
                ]
            });
            let header = ["id", "target", "source", "expires", "reason"];
            out.table(&header, rows.collect())?;
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_told_by_its_form() {
        for (text, expected) in [
            ("AS64496", json!({"asn": ["AS64496"]})),
            ("as64496", json!({"asn": ["AS64496"]})),
            ("nl", json!({"country": ["NL"]})),
            ("203.0.113.0/24", json!({"ips": ["203.0.113.0/24"]})),
            ("2001:db8::/32", json!({"ips": ["2001:db8::/32"]})),
            ("list:spamhaus-drop", json!({"lists": ["spamhaus-drop"]})),
            ("risk:30", json!({"risk": [{"max_score": 30.0}]})),
            ("risk:CRITICAL", json!({"risk": [{"level": "CRITICAL"}]})),
        ] {
            assert_eq!(block(text), expected, "{text}");
        }
    }
}
