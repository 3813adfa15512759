//! The whitelist in SQLite: see [`crate::whitelist`] for the promises.

use asgard_model::Asn;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::{
    Embedded,
    audit::{self, Deed, image},
    column::{micros, moment},
};
use crate::{StoreError, Whitelist, WhitelistEntry};

const GET: &str = "SELECT asn, reason, added_at, added_by FROM whitelist \
     WHERE asn = ?1";
const LIST: &str = "SELECT asn, reason, added_at, added_by FROM whitelist \
     ORDER BY asn";
const PUT: &str = "INSERT INTO whitelist (asn, reason, added_at, added_by) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (asn) DO UPDATE SET \
     reason = excluded.reason, added_at = excluded.added_at, \
     added_by = excluded.added_by";
const REMOVE: &str = "DELETE FROM whitelist WHERE asn = ?1";

#[async_trait]
impl Whitelist for Embedded {
    async fn put(
        &self,
        entry: &WhitelistEntry,
        actor: &str,
    ) -> Result<(), StoreError> {
        let mut write = self.database.begin().await?;
        let before = get(&mut write, entry.asn).await?;
        sqlx::query(PUT)
            .bind(entry.asn.0)
            .bind(&entry.reason)
            .bind(micros(entry.added_at))
            .bind(&entry.added_by)
            .execute(&mut *write)
            .await?;
        let deed = Deed {
            at: entry.added_at,
            actor,
            action: "whitelist.put",
            object: entry.asn.to_string(),
            before: before.as_ref().map(image),
            after: Some(image(entry)),
        };
        audit::append(&mut write, deed).await?;
        Ok(write.commit().await?)
    }

    async fn remove(
        &self,
        asn: Asn,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.database.begin().await?;
        let Some(before) = get(&mut write, asn).await? else {
            return Ok(false);
        };
        sqlx::query(REMOVE).bind(asn.0).execute(&mut *write).await?;
        let deed = Deed {
            at: now,
            actor,
            action: "whitelist.remove",
            object: asn.to_string(),
            before: Some(image(&before)),
            after: None,
        };
        audit::append(&mut write, deed).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn list(&self) -> Result<Vec<WhitelistEntry>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as(LIST).fetch_all(self.database.readers()?).await?;
        rows.into_iter().map(WhitelistEntry::try_from).collect()
    }
}

async fn get(
    connection: &mut SqliteConnection,
    asn: Asn,
) -> Result<Option<WhitelistEntry>, StoreError> {
    let row: Option<Row> =
        sqlx::query_as(GET).bind(asn.0).fetch_optional(connection).await?;
    row.map(WhitelistEntry::try_from).transpose()
}

#[derive(FromRow)]
struct Row {
    asn: u32,
    reason: String,
    added_at: i64,
    added_by: Option<String>,
}

impl TryFrom<Row> for WhitelistEntry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            asn: Asn(row.asn),
            reason: row.reason,
            added_at: moment(row.added_at)?,
            added_by: row.added_by,
        })
    }
}
