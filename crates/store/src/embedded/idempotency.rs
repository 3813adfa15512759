//! Answers in SQLite: see [`crate::idempotency`] for the promises.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::{Embedded, column::micros};
use crate::{
    Answer, Idempotency, KeptAnswer, StoreError, idempotency::ANSWER_AGE,
};

const FIND: &str = "SELECT request, status, body FROM idempotency \
     WHERE org = ?1 AND key = ?2 AND at > ?3";
const FORGET: &str = "DELETE FROM idempotency WHERE at <= ?1";
const PUT: &str = "INSERT INTO idempotency \
     (org, key, request, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT DO NOTHING";

#[async_trait]
impl Idempotency for Embedded {
    async fn find(
        &self,
        org: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let row: Option<Row> = sqlx::query_as(FIND)
            .bind(org)
            .bind(key)
            .bind(micros(oldest(now)))
            .fetch_optional(self.database.readers()?)
            .await?;
        row.map(KeptAnswer::try_from).transpose()
    }

    async fn keep(
        &self,
        org: &str,
        answer: Answer<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.database.begin().await?;
        put(&mut write, org, answer, now).await?;
        Ok(write.commit().await?)
    }
}

fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(ANSWER_AGE).unwrap_or(Timestamp::MIN)
}

/// Keeps an answer in the caller's transaction, and forgets old ones.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    org: &str,
    answer: Answer<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let forget = sqlx::query(FORGET).bind(micros(oldest(now)));
    forget.execute(&mut *connection).await?;
    sqlx::query(PUT)
        .bind(org)
        .bind(answer.key)
        .bind(answer.request.as_slice())
        .bind(i64::from(answer.status))
        .bind(answer.body)
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(FromRow)]
struct Row {
    request: Vec<u8>,
    status: i64,
    body: String,
}

impl TryFrom<Row> for KeptAnswer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what| StoreError::corrupt("a kept answer", what);
        Ok(Self {
            request: row
                .request
                .try_into()
                .map_err(|_| corrupt("its digest is not 32 bytes long"))?,
            status: u16::try_from(row.status)
                .map_err(|_| corrupt("its status is none"))?,
            body: row.body,
        })
    }
}
