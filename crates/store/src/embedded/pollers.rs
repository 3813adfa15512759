//! Pollers in SQLite: see [`crate::pollers`] for the promises.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::{
    Embedded,
    column::{micros, moment, signed, unsigned},
};
use crate::{
    PolledProfile, Poller, Pollers, StoreError,
    pollers::{POLLER_AGE, POLLERS_MAX},
};

const NOTE_POLLER: &str = "INSERT INTO poller \
     (org, address, first_at, last_at, polls, bound) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (org, address) DO UPDATE SET \
     last_at = max(last_at, excluded.last_at), \
     polls = polls + excluded.polls, bound = max(bound, excluded.bound)";
const NOTE_PROFILE: &str = "INSERT INTO polled_profile \
     (org, key, profile, last_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (org, key, profile) DO UPDATE SET \
     last_at = max(last_at, excluded.last_at)";
const FORGET_OLD: [&str; 2] = [
    "DELETE FROM poller WHERE last_at <= ?1",
    "DELETE FROM polled_profile WHERE last_at <= ?1",
];
const FORGET_MANY: &str = "DELETE FROM poller WHERE org = ?1 AND address IN \
     (SELECT address FROM poller WHERE org = ?1 \
     ORDER BY last_at DESC, address LIMIT -1 OFFSET ?2)";
const POLLERS: &str = "SELECT org, address, first_at, last_at, polls, bound \
     FROM poller ORDER BY org, address";
const PROFILES: &str = "SELECT org, key, profile, last_at \
     FROM polled_profile ORDER BY org, key, profile";

#[async_trait]
impl Pollers for Embedded {
    async fn note(
        &self,
        pollers: &[Poller],
        profiles: &[PolledProfile],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = self.database.begin().await?;
        for poller in pollers {
            note_poller(&mut write, poller).await?;
        }
        for polled in profiles {
            sqlx::query(NOTE_PROFILE)
                .bind(&polled.org)
                .bind(&polled.key)
                .bind(&polled.profile)
                .bind(micros(polled.last_at))
                .execute(&mut *write)
                .await?;
        }
        let oldest = now.checked_sub(POLLER_AGE).unwrap_or(Timestamp::MIN);
        for forget in FORGET_OLD {
            let forget = sqlx::query(forget).bind(micros(oldest));
            forget.execute(&mut *write).await?;
        }
        Ok(write.commit().await?)
    }

    async fn pollers(&self) -> Result<Vec<Poller>, StoreError> {
        let rows: Vec<PollerRow> =
            sqlx::query_as(POLLERS).fetch_all(self.database.readers()?).await?;
        rows.into_iter().map(Poller::try_from).collect()
    }

    async fn profiles(&self) -> Result<Vec<PolledProfile>, StoreError> {
        let rows: Vec<ProfileRow> = sqlx::query_as(PROFILES)
            .fetch_all(self.database.readers()?)
            .await?;
        rows.into_iter().map(PolledProfile::try_from).collect()
    }
}

async fn note_poller(
    connection: &mut SqliteConnection,
    poller: &Poller,
) -> Result<(), StoreError> {
    sqlx::query(NOTE_POLLER)
        .bind(&poller.org)
        .bind(poller.address.to_string())
        .bind(micros(poller.first_at))
        .bind(micros(poller.last_at))
        .bind(signed(poller.polls)?)
        .bind(poller.bound)
        .execute(&mut *connection)
        .await?;
    let forget = sqlx::query(FORGET_MANY).bind(&poller.org).bind(POLLERS_MAX);
    forget.execute(connection).await?;
    Ok(())
}

#[derive(FromRow)]
struct PollerRow {
    org: String,
    address: String,
    first_at: i64,
    last_at: i64,
    polls: i64,
    bound: bool,
}

impl TryFrom<PollerRow> for Poller {
    type Error = StoreError;

    fn try_from(row: PollerRow) -> Result<Self, StoreError> {
        let address = row.address.parse();
        Ok(Self {
            org: row.org,
            address: address.map_err(|error| {
                StoreError::corrupt("the address of a poller", error)
            })?,
            first_at: moment(row.first_at)?,
            last_at: moment(row.last_at)?,
            polls: unsigned(row.polls)?,
            bound: row.bound,
        })
    }
}

#[derive(FromRow)]
struct ProfileRow {
    org: String,
    key: String,
    profile: String,
    last_at: i64,
}

impl TryFrom<ProfileRow> for PolledProfile {
    type Error = StoreError;

    fn try_from(row: ProfileRow) -> Result<Self, StoreError> {
        Ok(Self {
            org: row.org,
            key: row.key,
            profile: row.profile,
            last_at: moment(row.last_at)?,
        })
    }
}
