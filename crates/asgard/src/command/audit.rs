//! `asgard audit list|verify|export`: who wrote what, also while a server runs.

use anyhow::{Result, bail};
use asgard_store::{AuditEntry, ChainVerdict, Store};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::keys::open;
use crate::{
    cli::{AuditAction, Form},
    config::Config,
    exit::Exit,
    output::Out,
};

/// Entries that are read at a time.
const PAGE: u32 = 1000;

pub(crate) async fn run(
    config: &Config,
    action: AuditAction,
    out: &mut Out,
) -> Result<Exit> {
    let store = open(config).await?;
    let result = act(&store, action, out).await;
    store.close().await?;
    result
}

async fn act(
    store: &Store,
    action: AuditAction,
    out: &mut Out,
) -> Result<Exit> {
    match action {
        AuditAction::List { count, output } => {
            list(&newest(store, count).await?, output.output, out)
        }
        AuditAction::Verify => verify(store, out).await,
        AuditAction::Export => export(store, out).await,
    }
}

/// The last entries, newest last.
async fn newest(store: &Store, count: u32) -> Result<Vec<AuditEntry>> {
    let appended = store.audit.appended().await?;
    let before = appended.saturating_sub(count.into());
    Ok(store.audit.list(before, count).await?)
}

fn list(entries: &[AuditEntry], form: Form, out: &mut Out) -> Result<Exit> {
    match form {
        Form::Json => {
            let views: Result<Vec<_>, _> =
                entries.iter().map(EntryView::new).collect();
            out.json(&views?)?;
        }
        Form::Table => {
            let rows = entries.iter().map(row).collect();
            out.table(&["seq", "at", "actor", "action", "object"], rows)?;
        }
    }
    Ok(Exit::Ok)
}

fn row(entry: &AuditEntry) -> Vec<String> {
    vec![
        entry.seq.to_string(),
        entry.at.to_string(),
        entry.actor.clone(),
        entry.action.clone(),
        entry.object.clone(),
    ]
}

async fn verify(store: &Store, out: &mut Out) -> Result<Exit> {
    match store.audit.verify_chain().await? {
        ChainVerdict::Intact { entries } => {
            out.line(format!("intact, {entries} entries"))?;
            Ok(Exit::Ok)
        }
        ChainVerdict::Broken { seq } => bail!(
            "the audit log is broken: entry {seq} is missing, or was changed \
             or moved"
        ),
    }
}

/// One JSON object a line, so that memory stays flat whatever the length.
async fn export(store: &Store, out: &mut Out) -> Result<Exit> {
    let mut last = 0;
    loop {
        let page = store.audit.list(last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(Exit::Ok) };
        last = end.seq;
        let lines: Result<Vec<_>, _> = page.iter().map(json_line).collect();
        out.line(lines?.join("\n"))?;
    }
}

fn json_line(entry: &AuditEntry) -> serde_json::Result<String> {
    serde_json::to_string(&EntryView::new(entry)?)
}

/// An entry in JSON. `before` and `after` stand there byte for byte as they
/// were sealed, so that the hashes can be checked elsewhere.
#[derive(Serialize)]
struct EntryView<'a> {
    seq: u64,
    at: Timestamp,
    actor: &'a str,
    action: &'a str,
    object: &'a str,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
    prev_hash: String,
    hash: String,
}

impl<'a> EntryView<'a> {
    fn new(entry: &'a AuditEntry) -> serde_json::Result<Self> {
        Ok(Self {
            seq: entry.seq,
            at: entry.at,
            actor: &entry.actor,
            action: &entry.action,
            object: &entry.object,
            before: entry.before.as_deref().map(image).transpose()?,
            after: entry.after.as_deref().map(image).transpose()?,
            prev_hash: hex(entry.prev_hash),
            hash: hex(entry.hash),
        })
    }
}

/// The JSON of an object. What is none, since somebody changed it, is shown as
/// text: a line stays a line.
fn image(text: &str) -> serde_json::Result<Box<RawValue>> {
    if text.contains(['\n', '\r']) {
        return serde_json::value::to_raw_value(text);
    }
    RawValue::from_string(text.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
}

fn hex(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_shown_as_it_was_sealed_and_a_broken_one_as_text() {
        let shown = |text| image(text).unwrap().get().to_owned();
        let sealed = r#"{"b":1,"a":[null]}"#;
        assert_eq!(shown(sealed), sealed);
        assert_eq!(shown("{"), r#""{""#);
        assert_eq!(shown("{\n}"), r#""{\n}""#);
    }

    #[test]
    fn hashes_are_64_lower_case_digits() {
        let mut hash = [0xab; 32];
        hash[0] = 1;
        assert_eq!(hex(hash), format!("01{}", "ab".repeat(31)));
    }
}
