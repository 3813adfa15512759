//! The audit log in SQLite: see [`crate::audit`] for the promises.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, SqliteConnection};

use super::{
    Embedded,
    column::{micros, moment, signed, unsigned},
};
use crate::{
    StoreError,
    audit::{Audit, AuditEntry, GENESIS},
};

const LAST: &str = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
const INSERT: &str = "INSERT INTO audit \
     (seq, at, actor, action, object, before, after, prev_hash, hash) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const LIST: &str = "SELECT seq, at, actor, action, object, before, after, \
     prev_hash, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const APPENDED: &str = "SELECT coalesce( \
     (SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)";

/// A write that is about to be committed.
pub(super) struct Deed<'a> {
    pub(super) at: Timestamp,
    pub(super) actor: &'a str,
    pub(super) action: &'a str,
    pub(super) object: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// The JSON of an object for `before` and `after`.
pub(super) fn image(object: &impl Serialize) -> String {
    serde_json::to_string(object)
        .expect("strings, numbers and moments are valid JSON")
}

/// Appends in the caller's transaction: no write without its entry.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    deed: Deed<'_>,
) -> Result<(), StoreError> {
    let last: Option<(i64, Vec<u8>)> =
        sqlx::query_as(LAST).fetch_optional(&mut *connection).await?;
    let (seq, prev_hash) = match last {
        Some((seq, hash)) => (unsigned(seq)? + 1, hash32(hash)?),
        None => (1, GENESIS),
    };
    let mut entry = AuditEntry {
        seq,
        at: deed.at,
        actor: deed.actor.to_owned(),
        action: deed.action.to_owned(),
        object: deed.object,
        before: deed.before,
        after: deed.after,
        prev_hash,
        hash: GENESIS,
    };
    entry.hash = entry.seal();
    insert(connection, &entry).await
}

async fn insert(
    connection: &mut SqliteConnection,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(signed(entry.seq)?)
        .bind(micros(entry.at))
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.object)
        .bind(&entry.before)
        .bind(&entry.after)
        .bind(entry.prev_hash.as_slice())
        .bind(entry.hash.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

#[async_trait]
impl Audit for Embedded {
    async fn list(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(LIST)
            .bind(signed(after)?)
            .bind(limit)
            .fetch_all(self.database.readers()?)
            .await?;
        rows.into_iter().map(AuditEntry::try_from).collect()
    }

    async fn appended(&self) -> Result<u64, StoreError> {
        let readers = self.database.readers()?;
        unsigned(sqlx::query_scalar(APPENDED).fetch_one(readers).await?)
    }
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    at: i64,
    actor: String,
    action: String,
    object: String,
    before: Option<String>,
    after: Option<String>,
    prev_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl TryFrom<Row> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: unsigned(row.seq)?,
            at: moment(row.at)?,
            actor: row.actor,
            action: row.action,
            object: row.object,
            before: row.before,
            after: row.after,
            prev_hash: hash32(row.prev_hash)?,
            hash: hash32(row.hash)?,
        })
    }
}

fn hash32(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let reason = format!("a hash of {} bytes", bytes.len());
        StoreError::corrupt("the audit log", reason)
    })
}
