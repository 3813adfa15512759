//! Score history in SQLite: see [`crate::history`] for the promises.

use asgard_model::Asn;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::{
    Embedded,
    column::{micros, moment, signed, unsigned},
};
use crate::{
    StoreError,
    history::{Cycle, History, HistoryPage, reconstruct},
};

const INSERT_CYCLE: &str =
    "INSERT INTO cycle (id, at, as_of, model_version) VALUES (?1, ?2, ?3, ?4)";
const LAST_ID: &str = "SELECT max(id) FROM cycle";
const LAST_CYCLE: &str = "SELECT id, at, as_of, model_version FROM cycle \
     ORDER BY id DESC LIMIT 1";
/// One statement for a whole cycle: `[[asn, score], …]`.
const INSERT_CHANGES: &str = "INSERT INTO change (asn, cycle, score) \
     SELECT value ->> 0, ?1, value ->> 1 FROM json_each(?2)";
/// Newest first. All of them in one row: a row costs more than the numbers in
/// it, and a year has 8,760 cycles.
const CYCLES_SINCE: &str = "SELECT group_concat(id || ' ' || at, ' ' ORDER BY id DESC) \
     FROM cycle WHERE at >= ?1";
/// From the change that holds at cycle `?2` on; −1 is "not scored".
const CHANGES_SINCE: &str = "SELECT group_concat( \
         cycle || ' ' || coalesce(score, -1), ' ' ORDER BY cycle DESC) \
     FROM change WHERE asn = ?1 AND cycle >= coalesce( \
         (SELECT max(cycle) FROM change WHERE asn = ?1 AND cycle <= ?2), 0)";
/// The primary key delivers the groups in order; of a bare column beside
/// `max()` SQLite promises the row of the maximum.
const LAST_SCORES: &str = "SELECT asn, score FROM ( \
         SELECT asn, score, max(cycle) FROM change GROUP BY asn) \
     WHERE score IS NOT NULL ORDER BY asn";
/// No cycle is older than `?1`, or one is no older and not of the last day.
const BEARS_OUT: &str = "SELECT \
     NOT EXISTS (SELECT 1 FROM cycle WHERE at < ?1) \
     OR EXISTS (SELECT 1 FROM cycle WHERE at >= ?1 AND at <= ?2)";
/// How long cycles must have run by a clock that was doubted.
const TRIAL: SignedDuration = SignedDuration::from_hours(24);
/// Longest time without a cycle that makes nobody doubt.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(7 * 24);
const FIRST_KEPT: &str = "SELECT coalesce( \
     (SELECT min(id) FROM cycle WHERE at >= ?1), \
     (SELECT max(id) FROM cycle))";
const PRUNE_CYCLES: &str = "DELETE FROM cycle WHERE id < ?1";
/// Of the changes before cycle `?1`, the last one of each AS stays, unless it
/// says "not scored", which is also what no change says.
const PRUNE_CHANGES: &str = "DELETE FROM change \
     WHERE asn BETWEEN ?2 AND ?3 AND cycle < ?1 AND (score IS NULL OR EXISTS ( \
         SELECT 1 FROM change AS later WHERE later.asn = change.asn \
         AND later.cycle > change.cycle AND later.cycle <= ?1))";
/// The last AS of the next stretch of rows.
const STRETCH: &str =
    "SELECT asn FROM change WHERE asn >= ?1 ORDER BY asn LIMIT 1 OFFSET 50000";

#[async_trait]
impl History for Embedded {
    async fn record_cycle(
        &self,
        cycle: &Cycle,
        changes: &[(Asn, Option<u8>)],
    ) -> Result<(), StoreError> {
        let id = signed(cycle.id)?;
        let rows = rows(changes);
        let mut write = self.database.begin().await?;
        check_order(&mut write, id).await?;
        sqlx::query(INSERT_CYCLE)
            .bind(id)
            .bind(micros(cycle.at))
            .bind(micros(cycle.as_of))
            .bind(&cycle.model_version)
            .execute(&mut *write)
            .await?;
        sqlx::query(INSERT_CHANGES)
            .bind(id)
            .bind(rows)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    async fn page(
        &self,
        asn: Asn,
        since: Timestamp,
        offset: u64,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        let mut read = self.database.readers()?.begin().await?;
        let cycles: Option<String> = sqlx::query_scalar(CYCLES_SINCE)
            .bind(micros(since))
            .fetch_one(&mut *read)
            .await?;
        let cycles = pairs(&cycles.unwrap_or_default())?;
        let first = cycles.last().map_or(0, |&(id, _)| id);
        let changes: Option<String> = sqlx::query_scalar(CHANGES_SINCE)
            .bind(asn.0)
            .bind(first)
            .fetch_one(&mut *read)
            .await?;
        read.commit().await?;
        let changes = pairs(&changes.unwrap_or_default())?;
        let changes: Vec<_> =
            changes.into_iter().map(|(id, s)| (id, score(s))).collect();
        paginate(reconstruct(cycles, &changes), offset, limit)
    }

    async fn last_scores(&self) -> Result<Vec<(Asn, u8)>, StoreError> {
        let rows: Vec<(u32, u8)> = sqlx::query_as(LAST_SCORES)
            .fetch_all(self.database.readers()?)
            .await?;
        Ok(rows.into_iter().map(|(asn, score)| (Asn(asn), score)).collect())
    }

    async fn last_cycle(&self) -> Result<Option<Cycle>, StoreError> {
        let row: Option<(i64, i64, i64, String)> = sqlx::query_as(LAST_CYCLE)
            .fetch_optional(self.database.readers()?)
            .await?;
        row.map(|(id, at, as_of, model_version)| {
            Ok(Cycle {
                id: unsigned(id)?,
                at: moment(at)?,
                as_of: moment(as_of)?,
                model_version,
            })
        })
        .transpose()
    }

    async fn bears_out(&self, now: Timestamp) -> Result<bool, StoreError> {
        let before =
            |age| micros(now.checked_sub(age).unwrap_or(Timestamp::MIN));
        let borne_out: bool = sqlx::query_scalar(BEARS_OUT)
            .bind(before(TRIAL + LONGEST_GAP))
            .bind(before(TRIAL))
            .fetch_one(self.database.readers()?)
            .await?;
        Ok(borne_out)
    }

    async fn prune(&self, older_than: Timestamp) -> Result<u64, StoreError> {
        let mut write = self.database.begin().await?;
        let cut: Option<i64> = sqlx::query_scalar(FIRST_KEPT)
            .bind(micros(older_than))
            .fetch_one(&mut *write)
            .await?;
        let Some(cut) = cut else { return Ok(0) };
        let gone =
            sqlx::query(PRUNE_CYCLES).bind(cut).execute(&mut *write).await?;
        write.commit().await?;
        self.prune_changes(cut).await?;
        Ok(gone.rows_affected())
    }
}

impl Embedded {
    /// Stretch by stretch, so that other writes wait for milliseconds, not
    /// for the length of the table.
    async fn prune_changes(&self, cut: i64) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let mut write = self.database.begin().await?;
            let end: Option<i64> = sqlx::query_scalar(STRETCH)
                .bind(from)
                .fetch_optional(&mut *write)
                .await?;
            sqlx::query(PRUNE_CHANGES)
                .bind(cut)
                .bind(from)
                .bind(end.unwrap_or(i64::MAX))
                .execute(&mut *write)
                .await?;
            write.commit().await?;
            let Some(end) = end else { return Ok(()) };
            from = end + 1;
        }
    }
}

async fn check_order(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<(), StoreError> {
    let last: Option<i64> =
        sqlx::query_scalar(LAST_ID).fetch_one(connection).await?;
    match last {
        Some(last) if last >= id => Err(StoreError::Conflict(format!(
            "cycle {id} does not follow cycle {last}"
        ))),
        _ => Ok(()),
    }
}

/// The changes as JSON, ascending by AS, which is the order of the table.
fn rows(changes: &[(Asn, Option<u8>)]) -> String {
    let mut sorted = changes.to_vec();
    sorted.sort_unstable();
    serde_json::to_string(&sorted).expect("integers are valid JSON")
}

/// Integers that one row gave as a text, two by two.
fn pairs(text: &str) -> Result<Vec<(i64, i64)>, StoreError> {
    let integer = |word: &str| {
        word.parse::<i64>()
            .map_err(|error| StoreError::corrupt("the history", error))
    };
    let mut words = text.split_ascii_whitespace();
    let mut pairs = Vec::with_capacity(text.len() / 24);
    while let Some(first) = words.next() {
        let second = words.next().unwrap_or_default();
        pairs.push((integer(first)?, integer(second)?));
    }
    Ok(pairs)
}

/// What the table's own check bounds to 0–100; below is "not scored".
fn score(column: i64) -> Option<u8> {
    u8::try_from(column).ok()
}

fn paginate(
    points: impl Iterator<Item = (i64, u8)>,
    offset: u64,
    limit: u32,
) -> Result<HistoryPage, StoreError> {
    let mut page = HistoryPage { total: 0, points: Vec::new() };
    for (at, score) in points {
        let place = page.total;
        page.total += 1;
        if place >= offset && place - offset < u64::from(limit) {
            page.points.push((moment(at)?, score));
        }
    }
    Ok(page)
}
