//! Source states in SQLite: see [`crate::sources`] for the promises.

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    Embedded,
    column::{maybe_moment, micros, signed, unsigned},
};
use crate::{SourceState, Sources, StoreError};

const PUT: &str = "INSERT OR REPLACE INTO source \
     (name, last_attempt, last_success, row_count, byte_count, etag, \
      last_modified, sha256, published, last_error) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const GET: &str = "SELECT * FROM source WHERE name = ?1";
const LIST: &str = "SELECT * FROM source ORDER BY name";

#[async_trait]
impl Sources for Embedded {
    async fn put(&self, state: &SourceState) -> Result<(), StoreError> {
        let mut write = self.database.begin().await?;
        sqlx::query(PUT)
            .bind(&state.name)
            .bind(state.last_attempt.map(micros))
            .bind(state.last_success.map(micros))
            .bind(state.rows.map(signed).transpose()?)
            .bind(state.bytes.map(signed).transpose()?)
            .bind(&state.etag)
            .bind(&state.last_modified)
            .bind(&state.sha256)
            .bind(state.published.map(micros))
            .bind(&state.last_error)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    async fn get(&self, name: &str) -> Result<Option<SourceState>, StoreError> {
        let row: Option<Row> = sqlx::query_as(GET)
            .bind(name)
            .fetch_optional(self.database.readers()?)
            .await?;
        row.map(SourceState::try_from).transpose()
    }

    async fn list(&self) -> Result<Vec<SourceState>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as(LIST).fetch_all(self.database.readers()?).await?;
        rows.into_iter().map(SourceState::try_from).collect()
    }
}

#[derive(FromRow)]
struct Row {
    name: String,
    last_attempt: Option<i64>,
    last_success: Option<i64>,
    row_count: Option<i64>,
    byte_count: Option<i64>,
    etag: Option<String>,
    last_modified: Option<String>,
    sha256: Option<String>,
    published: Option<i64>,
    last_error: Option<String>,
}

impl TryFrom<Row> for SourceState {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            last_attempt: maybe_moment(row.last_attempt)?,
            last_success: maybe_moment(row.last_success)?,
            rows: row.row_count.map(unsigned).transpose()?,
            bytes: row.byte_count.map(unsigned).transpose()?,
            etag: row.etag,
            last_modified: row.last_modified,
            sha256: row.sha256,
            published: maybe_moment(row.published)?,
            last_error: row.last_error,
        })
    }
}
