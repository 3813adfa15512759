//! API keys in SQLite: see [`crate::keys`] for the promises.

use asgard_model::Prefix;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, SqliteConnection};

use super::{
    Embedded,
    audit::{self, Deed, image},
    column::{maybe_moment, micros, moment},
    entropy,
};
use crate::{
    ApiKey, KeyDigest, KeyId, KeyRecord, KeyRefusal, KeyRing, Keys, NewKey,
    Rotation, RotationRefusal, StoreError, StoredKey,
};

const INSERT: &str = "INSERT INTO api_key \
     (id, digest, scope, org, label, created_at, created_by, expires_at, \
     rate_class, client_cidrs) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const LIST: &str = "SELECT id, digest, scope, org, label, created_at, \
     created_by, expires_at, revoked_at, rate_class, replaced_by, client_cidrs \
     FROM api_key ORDER BY created_at, id";
const GET: &str = "SELECT id, digest, scope, org, label, created_at, \
     created_by, expires_at, revoked_at, rate_class, replaced_by, client_cidrs \
     FROM api_key WHERE id = ?1";
const REVOKE: &str = "UPDATE api_key SET revoked_at = ?2 WHERE id = ?1";
const REPLACE: &str = "UPDATE api_key SET expires_at = ?2, replaced_by = ?3 \
     WHERE id = ?1";

#[async_trait]
impl Keys for Embedded {
    async fn create(
        &self,
        key: NewKey,
        actor: &str,
        now: Timestamp,
    ) -> Result<(KeyRecord, ApiKey), StoreError> {
        let secret = ApiKey::from_entropy(&entropy::draw()?);
        let record = record(key, secret.id(), actor, now);
        let digest = self.pepper.digest(secret.reveal());
        let mut write = self.database.begin().await?;
        insert(&mut write, &record, &digest).await?;
        let deed = Deed {
            at: now,
            actor,
            action: "key.create",
            object: record.id.to_string(),
            before: None,
            after: Some(image(&record)),
        };
        audit::append(&mut write, deed).await?;
        write.commit().await?;
        Ok((record, secret))
    }

    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let keys = self.stored().await?;
        Ok(keys.into_iter().map(|key| key.record).collect())
    }

    async fn revoke(
        &self,
        id: KeyId,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.database.begin().await?;
        let Some(before) = get(&mut write, id).await? else {
            return Ok(false);
        };
        if before.revoked_at.is_some() {
            return Ok(false);
        }
        sqlx::query(REVOKE)
            .bind(id.as_str())
            .bind(micros(now))
            .execute(&mut *write)
            .await?;
        let after = KeyRecord { revoked_at: Some(now), ..before.clone() };
        let deed = Deed {
            at: now,
            actor,
            action: "key.revoke",
            object: id.to_string(),
            before: Some(image(&before)),
            after: Some(image(&after)),
        };
        audit::append(&mut write, deed).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn rotate(
        &self,
        id: KeyId,
        end: Timestamp,
        actor: &str,
        now: Timestamp,
    ) -> Result<Result<Rotation, RotationRefusal>, StoreError> {
        let mut write = self.database.begin().await?;
        let Some(before) = get(&mut write, id).await? else {
            return Ok(Err(KeyRefusal::Unknown.into()));
        };
        if let Err(refusal) = rotatable(&before, now) {
            return Ok(Err(refusal));
        }
        let key = ApiKey::from_entropy(&entropy::draw()?);
        let new = record(like(&before), key.id(), actor, now);
        let digest = self.pepper.digest(key.reveal());
        insert(&mut write, &new, &digest).await?;
        let old = replace(&mut write, &before, new.id, end).await?;
        let deed = Deed {
            at: now,
            actor,
            action: "key.rotate",
            object: id.to_string(),
            before: Some(image(&before)),
            after: Some(image(&Replaced { old: &old, successor: &new })),
        };
        audit::append(&mut write, deed).await?;
        write.commit().await?;
        Ok(Ok(Rotation { old, new, key }))
    }

    async fn load(&self) -> Result<KeyRing, StoreError> {
        Ok(KeyRing::new(self.pepper.clone(), self.stored().await?))
    }
}

impl Embedded {
    async fn stored(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as(LIST).fetch_all(self.database.readers()?).await?;
        rows.into_iter().map(StoredKey::try_from).collect()
    }
}

/// The image of a key that was rotated. Who looks for the new key finds it
/// whole, for it has no entry of its own.
#[derive(Serialize)]
struct Replaced<'a> {
    #[serde(flatten)]
    old: &'a KeyRecord,
    successor: &'a KeyRecord,
}

/// A new key that may do what an old one may, for as long.
fn like(old: &KeyRecord) -> NewKey {
    NewKey {
        scopes: old.scopes,
        org: old.org.clone(),
        label: old.label.clone(),
        expires_at: old.expires_at,
        rate_class: old.rate_class.clone(),
        client_cidrs: old.client_cidrs.clone(),
    }
}

fn rotatable(key: &KeyRecord, now: Timestamp) -> Result<(), RotationRefusal> {
    match key.replaced_by {
        Some(successor) => Err(RotationRefusal::Replaced(successor)),
        None => Ok(key.standing(now)?),
    }
}

/// Names the successor of a key and brings its end forward; never puts it off.
async fn replace(
    connection: &mut SqliteConnection,
    key: &KeyRecord,
    successor: KeyId,
    end: Timestamp,
) -> Result<KeyRecord, StoreError> {
    let end = key.expires_at.map_or(end, |planned| planned.min(end));
    sqlx::query(REPLACE)
        .bind(key.id.as_str())
        .bind(micros(end))
        .bind(successor.as_str())
        .execute(connection)
        .await?;
    let replaced_by = Some(successor);
    Ok(KeyRecord { expires_at: Some(end), replaced_by, ..key.clone() })
}

fn record(key: NewKey, id: KeyId, actor: &str, now: Timestamp) -> KeyRecord {
    KeyRecord {
        id,
        scopes: key.scopes,
        org: key.org,
        label: key.label,
        created_at: now,
        created_by: actor.to_owned(),
        expires_at: key.expires_at,
        revoked_at: None,
        rate_class: key.rate_class,
        client_cidrs: key.client_cidrs,
        replaced_by: None,
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    record: &KeyRecord,
    digest: &KeyDigest,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(record.id.as_str())
        .bind(digest.as_slice())
        .bind(record.scopes.to_string())
        .bind(&record.org)
        .bind(&record.label)
        .bind(micros(record.created_at))
        .bind(&record.created_by)
        .bind(record.expires_at.map(micros))
        .bind(&record.rate_class)
        .bind(joined(&record.client_cidrs))
        .execute(connection)
        .await?;
    Ok(())
}

/// Networks in one column; `None` for none.
fn joined(networks: &[Prefix]) -> Option<String> {
    let texts: Vec<_> = networks.iter().map(Prefix::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

async fn get(
    connection: &mut SqliteConnection,
    id: KeyId,
) -> Result<Option<KeyRecord>, StoreError> {
    let row: Option<Row> = sqlx::query_as(GET)
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(StoredKey::try_from).transpose()?.map(|key| key.record))
}

#[derive(FromRow)]
struct Row {
    id: String,
    digest: Vec<u8>,
    scope: String,
    org: Option<String>,
    label: Option<String>,
    created_at: i64,
    created_by: String,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    rate_class: Option<String>,
    replaced_by: Option<String>,
    client_cidrs: Option<String>,
}

impl TryFrom<Row> for StoredKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |e: String| StoreError::corrupt("the key table", e);
        let record = KeyRecord {
            id: row.id.parse().map_err(|e| corrupt(format!("{e}")))?,
            scopes: row.scope.parse().map_err(|e| corrupt(format!("{e}")))?,
            org: row.org,
            label: row.label,
            created_at: moment(row.created_at)?,
            created_by: row.created_by,
            expires_at: maybe_moment(row.expires_at)?,
            revoked_at: maybe_moment(row.revoked_at)?,
            rate_class: row.rate_class,
            client_cidrs: row
                .client_cidrs
                .iter()
                .flat_map(|texts| texts.split(','))
                .map(|text| text.parse().map_err(|e| corrupt(format!("{e}"))))
                .collect::<Result<_, _>>()?,
            replaced_by: row
                .replaced_by
                .map(|id| id.parse().map_err(|e| corrupt(format!("{e}"))))
                .transpose()?,
        };
        let digest = row.digest.try_into().map_err(|d: Vec<u8>| {
            corrupt(format!("a digest of {} bytes", d.len()))
        })?;
        Ok(Self { record, digest })
    }
}
