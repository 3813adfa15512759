//! Rules in SQLite: see [`crate::rules`] for the promises.
//!
//! The present is whole; the past is what each version replaced.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{FromRow, SqliteConnection};

use super::{
    Embedded,
    audit::{self, Deed, image},
    column::{maybe_moment, micros, moment, signed, unsigned},
    idempotency,
};
use crate::{
    Committed, Document, DocumentKind, OrgRules, Rules, RulesWrite, StoreError,
    VersionRecord,
    rules::{VERSIONS_AGE, VERSIONS_KEPT, VERSIONS_MAX},
};

const VERSIONS: &str = "SELECT org, version FROM ruleset ORDER BY org";
const PRESENT: &str = "SELECT version, at FROM ruleset WHERE org = ?1";
const STAND: &str = "INSERT INTO ruleset (org, version, at) \
     VALUES (?1, ?2, ?3) ON CONFLICT (org) DO UPDATE SET \
     version = excluded.version, at = excluded.at";
const DOCUMENTS: &str = "SELECT kind, id, active, expires_at, document \
     FROM rule WHERE org = ?1 ORDER BY kind, id";
const DOCUMENT: &str = "SELECT kind, id, active, expires_at, document \
     FROM rule WHERE org = ?1 AND kind = ?2 AND id = ?3";
const PUT: &str = "INSERT INTO rule \
     (org, kind, id, active, expires_at, document) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (org, kind, id) DO UPDATE \
     SET active = excluded.active, expires_at = excluded.expires_at, \
     document = excluded.document";
const REMOVE: &str =
    "DELETE FROM rule WHERE org = ?1 AND kind = ?2 AND id = ?3";
const RECORD: &str = "INSERT INTO rule_version \
     (org, version, at, actor, action) VALUES (?1, ?2, ?3, ?4, ?5)";
/// A write may name a document twice; what it replaced is the first word.
const BEFORE: &str = "INSERT INTO rule_before \
     (org, version, kind, id, active, expires_at, document) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
const HISTORY: &str = "SELECT version, at, actor, action FROM rule_version \
     WHERE org = ?1 ORDER BY version DESC";
const RECORDED: &str = "SELECT version, at, actor, action FROM rule_version \
     WHERE org = ?1 AND version = ?2";
const UNDO: &str = "SELECT kind, id, active, expires_at, document \
     FROM rule_before WHERE org = ?1 AND version > ?2 ORDER BY version DESC";
/// The newest version that nobody needs any more. The newest of the old ones is
/// what a feed that waits for a version to be old enough is made from.
const FORGOTTEN: &str = "SELECT coalesce(max(version), 0) FROM rule_version \
     WHERE org = ?1 AND version <= ?2 AND (version <= ?4 OR version < \
     (SELECT max(version) FROM rule_version WHERE org = ?1 AND at < ?3))";
const FORGET_VERSIONS: &str =
    "DELETE FROM rule_version WHERE org = ?1 AND version <= ?2";
const FORGET_DOCUMENTS: &str =
    "DELETE FROM rule_before WHERE org = ?1 AND version <= ?2 + 1";

#[async_trait]
impl Rules for Embedded {
    async fn versions(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(VERSIONS)
            .fetch_all(self.database.readers()?)
            .await?;
        rows.into_iter().map(|(org, v)| Ok((org, unsigned(v)?))).collect()
    }

    async fn load(&self, org: &str) -> Result<OrgRules, StoreError> {
        let mut read = self.database.readers()?.begin().await?;
        present(&mut read, org).await
    }

    async fn commit(
        &self,
        write: RulesWrite<'_>,
    ) -> Result<Committed, StoreError> {
        let mut transaction = self.database.begin().await?;
        if standing(&mut transaction, write.org).await?.0 != write.base {
            return Ok(Committed::Moved);
        }
        let version = write.base + 1;
        apply(&mut transaction, &write, version).await?;
        forget(&mut transaction, &write, version).await?;
        if let Some(answer) = write.answer {
            let (org, at) = (write.org, write.at);
            idempotency::put(&mut transaction, org, answer, at).await?;
        }
        transaction.commit().await?;
        Ok(Committed::Version(version))
    }

    async fn history(
        &self,
        org: &str,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let rows: Vec<VersionRow> = sqlx::query_as(HISTORY)
            .bind(org)
            .fetch_all(self.database.readers()?)
            .await?;
        rows.into_iter().map(VersionRecord::try_from).collect()
    }

    async fn at_version(
        &self,
        org: &str,
        version: u64,
    ) -> Result<Option<OrgRules>, StoreError> {
        // A number that cannot be stored was never written.
        let Ok(number) = signed(version) else { return Ok(None) };
        let mut read = self.database.readers()?.begin().await?;
        let record: Option<VersionRow> = sqlx::query_as(RECORDED)
            .bind(org)
            .bind(number)
            .fetch_optional(&mut *read)
            .await?;
        let Some(record) = record else { return Ok(None) };
        let record = VersionRecord::try_from(record)?;
        let present = present(&mut read, org).await?;
        let documents = undo(&mut read, present, version).await?;
        let org = org.to_owned();
        Ok(Some(OrgRules { org, version, at: record.at, documents }))
    }
}

/// Version and moment of a rule set; 0 if there is none.
async fn standing(
    connection: &mut SqliteConnection,
    org: &str,
) -> Result<(u64, Timestamp), StoreError> {
    let row: Option<(i64, i64)> =
        sqlx::query_as(PRESENT).bind(org).fetch_optional(connection).await?;
    match row {
        Some((version, at)) => Ok((unsigned(version)?, moment(at)?)),
        None => Ok((0, Timestamp::UNIX_EPOCH)),
    }
}

async fn present(
    connection: &mut SqliteConnection,
    org: &str,
) -> Result<OrgRules, StoreError> {
    let (version, at) = standing(connection, org).await?;
    let rows: Vec<Row> =
        sqlx::query_as(DOCUMENTS).bind(org).fetch_all(connection).await?;
    let documents: Result<Vec<_>, _> =
        rows.into_iter().map(Row::document).collect();
    let mut documents = documents?;
    documents.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    Ok(OrgRules { org: org.to_owned(), version, at, documents })
}

/// Takes the changes after a version back.
async fn undo(
    connection: &mut SqliteConnection,
    present: OrgRules,
    version: u64,
) -> Result<Vec<Document>, StoreError> {
    let mut documents: BTreeMap<(DocumentKind, String), Document> = present
        .documents
        .into_iter()
        .map(|document| ((document.kind, document.id.clone()), document))
        .collect();
    let rows: Vec<Row> = sqlx::query_as(UNDO)
        .bind(&present.org)
        .bind(signed(version)?)
        .fetch_all(connection)
        .await?;
    for row in rows {
        let name = (kind(&row.kind)?, row.id.clone());
        match row.document {
            None => drop(documents.remove(&name)),
            Some(_) => drop(documents.insert(name, row.document()?)),
        }
    }
    Ok(documents.into_values().collect())
}

/// Changes the documents, notes what was there, and says so in the audit log.
async fn apply(
    connection: &mut SqliteConnection,
    write: &RulesWrite<'_>,
    version: u64,
) -> Result<(), StoreError> {
    let RulesWrite { org, put, remove, actor, action, at, .. } = write;
    let mut before = Vec::new();
    for (kind, id) in remove {
        if let Some(old) = replaced(connection, org, *kind, id).await? {
            note(connection, org, version, &Past::Was(&old)).await?;
            let removal = sqlx::query(REMOVE).bind(org).bind(kind.as_str());
            removal.bind(id).execute(&mut *connection).await?;
            before.push(old);
        }
    }
    for new in put {
        match replaced(connection, org, new.kind, &new.id).await? {
            None => note(connection, org, version, &Past::New(new)).await?,
            Some(old) => {
                note(connection, org, version, &Past::Was(&old)).await?;
                before.push(old);
            }
        }
        store(connection, org, new).await?;
    }
    let record = sqlx::query(RECORD).bind(org).bind(signed(version)?);
    let record = record.bind(micros(*at)).bind(actor).bind(action);
    record.execute(&mut *connection).await?;
    let stand = sqlx::query(STAND).bind(org).bind(signed(version)?);
    stand.bind(micros(*at)).execute(&mut *connection).await?;
    let shown = |documents: &[Document]| {
        let shown = Change { version, documents };
        (!documents.is_empty()).then(|| image(&shown))
    };
    let deed = Deed {
        at: *at,
        actor,
        action,
        object: (*org).to_owned(),
        before: shown(&before),
        after: shown(put),
    };
    audit::append(connection, deed).await
}

/// What the audit log shows of a write.
#[derive(Serialize)]
struct Change<'a> {
    version: u64,
    documents: &'a [Document],
}

/// What a version found in the place of a document.
enum Past<'a> {
    /// Nothing.
    New(&'a Document),
    /// An older one.
    Was(&'a Document),
}

async fn replaced(
    connection: &mut SqliteConnection,
    org: &str,
    kind: DocumentKind,
    id: &str,
) -> Result<Option<Document>, StoreError> {
    let row: Option<Row> = sqlx::query_as(DOCUMENT)
        .bind(org)
        .bind(kind.as_str())
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.map(Row::document).transpose()
}

async fn note(
    connection: &mut SqliteConnection,
    org: &str,
    version: u64,
    past: &Past<'_>,
) -> Result<(), StoreError> {
    let (document, text) = match past {
        Past::New(document) => (document, None),
        Past::Was(document) => (document, Some(&document.document)),
    };
    sqlx::query(BEFORE)
        .bind(org)
        .bind(signed(version)?)
        .bind(document.kind.as_str())
        .bind(&document.id)
        .bind(document.active)
        .bind(document.expires_at.map(micros))
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

async fn store(
    connection: &mut SqliteConnection,
    org: &str,
    document: &Document,
) -> Result<(), StoreError> {
    sqlx::query(PUT)
        .bind(org)
        .bind(document.kind.as_str())
        .bind(&document.id)
        .bind(document.active)
        .bind(document.expires_at.map(micros))
        .bind(&document.document)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets the versions that are old, and so many that they need not be kept.
async fn forget(
    connection: &mut SqliteConnection,
    write: &RulesWrite<'_>,
    version: u64,
) -> Result<(), StoreError> {
    let age = write.staged.map(|staged| staged.max(VERSIONS_AGE));
    let young = age.and_then(|age| write.at.checked_sub(age).ok());
    let young = young.unwrap_or(Timestamp::MIN);
    let last: i64 = sqlx::query_scalar(FORGOTTEN)
        .bind(write.org)
        .bind(signed(version.saturating_sub(VERSIONS_KEPT))?)
        .bind(micros(young))
        .bind(signed(version.saturating_sub(VERSIONS_MAX))?)
        .fetch_one(&mut *connection)
        .await?;
    if last > 0 {
        for forget in [FORGET_VERSIONS, FORGET_DOCUMENTS] {
            let forget = sqlx::query(forget).bind(write.org).bind(last);
            forget.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

#[derive(FromRow)]
struct Row {
    kind: String,
    id: String,
    active: bool,
    expires_at: Option<i64>,
    document: Option<String>,
}

impl Row {
    fn document(self) -> Result<Document, StoreError> {
        let missing = || StoreError::corrupt("a rule", "it has no document");
        Ok(Document {
            kind: kind(&self.kind)?,
            id: self.id,
            active: self.active,
            expires_at: maybe_moment(self.expires_at)?,
            document: self.document.ok_or_else(missing)?,
        })
    }
}

fn kind(name: &str) -> Result<DocumentKind, StoreError> {
    DocumentKind::VALUES
        .into_iter()
        .find(|(_, known)| *known == name)
        .map(|(kind, _)| kind)
        .ok_or_else(|| StoreError::corrupt("the kind of a rule", name))
}

#[derive(FromRow)]
struct VersionRow {
    version: i64,
    at: i64,
    actor: String,
    action: String,
}

impl TryFrom<VersionRow> for VersionRecord {
    type Error = StoreError;

    fn try_from(row: VersionRow) -> Result<Self, StoreError> {
        Ok(Self {
            version: unsigned(row.version)?,
            at: moment(row.at)?,
            actor: row.actor,
            action: row.action,
        })
    }
}
