//! The embedded backend: SQLite and a few files in one data directory.
//!
//! | file | holds |
//! |---|---|
//! | `asgard.db` (`-wal`, `-shm`) | everything but the snapshot |
//! | `snapshot.bin` | the last snapshot |
//! | `feeds/` | the last good body of each feed, and what goes with it |
//! | `pepper` | 32 random bytes under every key digest |
//! | `feed-signing.key` | 32 random bytes: who signs manifests of feeds |
//! | `serve.lock`, `setup.lock`, `snapshot.lock`, `feeds.lock` | advisory locks, empty |

mod audit;
mod column;
mod database;
mod directory;
mod entropy;
mod history;
mod idempotency;
mod keys;
mod last_good;
mod meta;
mod pollers;
mod rules;
mod snapshot_file;
mod sources;
mod whitelist;

use async_trait::async_trait;

pub use directory::ServingGuard;

use crate::{Changes, Pepper, SigningSeed, StoreConfig, StoreError, WorldKind};
use database::Database;
use directory::Directory;

/// All ports at once, over one database and one directory.
pub(crate) struct Embedded {
    database: Database,
    directory: Directory,
    pepper: Pepper,
    signing_seed: SigningSeed,
    bodies: last_good::Bodies,
}

impl Embedded {
    pub(crate) async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let (directory, setup) = Directory::prepare(&config.dir).await?;
        let database = Database::open(&directory).await?;
        let writer = database.writer();
        meta::check_world(writer, &directory, config.world).await?;
        let pepper = meta::pepper(writer, &directory).await?;
        let signing_seed = meta::signing_seed(&directory)?;
        // Only now: two processes that start at once set up one by one.
        drop(setup);
        Ok(Self {
            database,
            directory,
            pepper,
            signing_seed,
            bodies: last_good::Bodies::default(),
        })
    }

    pub(crate) async fn expect_world(
        &self,
        wanted: WorldKind,
    ) -> Result<(), StoreError> {
        let writer = self.database.writer();
        meta::expect_world(writer, &self.directory, wanted).await
    }

    pub(crate) fn lock_serving(&self) -> Result<ServingGuard, StoreError> {
        self.directory.lock_serving()
    }

    pub(crate) fn signing_seed(&self) -> SigningSeed {
        self.signing_seed
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.database.close().await
    }
}

#[async_trait]
impl Changes for Embedded {
    async fn version(&self) -> Result<u64, StoreError> {
        meta::generation(self.database.readers()?).await
    }
}

#[cfg(test)]
mod tests {
    use asgard_model::Asn;
    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        ApiKey, Audit, ChainVerdict, Keys, NewKey, Scope, Whitelist,
        WhitelistEntry,
    };

    async fn fresh() -> (Embedded, TempDir) {
        let dir = TempDir::new().unwrap();
        (Embedded::open(&config(&dir)).await.unwrap(), dir)
    }

    fn config(dir: &TempDir) -> StoreConfig {
        StoreConfig { dir: dir.path().to_owned(), world: None }
    }

    fn entry(asn: u32, reason: &str) -> WhitelistEntry {
        WhitelistEntry {
            asn: Asn(asn),
            reason: reason.to_owned(),
            added_at: Timestamp::UNIX_EPOCH,
            added_by: None,
        }
    }

    async fn run(store: &Embedded, sql: &'static str) -> Result<(), String> {
        let done = sqlx::query(sql).execute(store.database.writer()).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    async fn number(store: &Embedded, sql: &'static str) -> i64 {
        let query = sqlx::query_scalar(sql);
        query.fetch_one(store.database.writer()).await.unwrap()
    }

    #[tokio::test]
    async fn every_commit_is_synced_before_it_returns() {
        let (store, _dir) = fresh().await;
        const FULL: i64 = 2;
        assert_eq!(number(&store, "PRAGMA synchronous").await, FULL);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(store.database.readers().unwrap())
            .await
            .unwrap();
        assert_eq!(mode, "wal");
    }

    #[tokio::test]
    async fn a_full_disk_is_unavailable_until_there_is_space() {
        let (store, _dir) = fresh().await;
        store.put(&entry(1, "kept"), "cli").await.unwrap();
        let pages = number(&store, "PRAGMA page_count").await;
        assert!(pages < 64, "{pages} pages leave no room for the test");
        run(&store, "PRAGMA max_page_count = 64").await.unwrap();
        let large = "x".repeat(400_000);
        let error = store.put(&entry(2, &large), "cli").await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.is_retryable());
        let listed = Whitelist::list(&store).await.unwrap();
        assert_eq!(listed, [entry(1, "kept")], "reads go on");
        run(&store, "PRAGMA max_page_count = 4294967294").await.unwrap();
        store.put(&entry(2, &large), "cli").await.unwrap();
        let verdict = store.verify_chain().await.unwrap();
        assert_eq!(verdict, ChainVerdict::Intact { entries: 2 });
    }

    #[tokio::test]
    async fn a_writer_that_never_ends_makes_others_busy() {
        let (store, dir) = fresh().await;
        let other = Embedded::open(&config(&dir)).await.unwrap();
        let endless = store.database.begin().await.unwrap();
        let error = other.put(&entry(1, "x"), "cli").await.unwrap_err();
        assert!(matches!(error, StoreError::Busy(_)), "{error}");
        assert!(error.is_retryable());
        drop(endless);
        other.put(&entry(1, "x"), "cli").await.unwrap();
    }

    #[tokio::test]
    async fn the_directory_holds_no_secret_of_any_key() {
        let (store, dir) = fresh().await;
        let key = NewKey::with(Scope::Admin);
        let now = Timestamp::UNIX_EPOCH;
        let (_, key) = store.create(key, "cli", now).await.unwrap();
        let id = key.id();
        let secret = &key.reveal()[21..];
        let mut found = false;
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(secret));
            found |= text.contains(id.as_str());
        }
        assert!(found, "the id is stored, so we searched the right files");
    }

    /// A directory as the first version left it, with one key in it.
    async fn first_version(key: &ApiKey) -> TempDir {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("asgard.db");
        let old = TempDir::new().unwrap();
        let first = "0001_memory.sql";
        let migrations = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/migrations/sqlite/0001_memory.sql"
        );
        std::fs::copy(migrations, old.path().join(first)).unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let migrator = sqlx::migrate::Migrator::new(old.path()).await.unwrap();
        migrator.run(&pool).await.unwrap();
        let pepper = Pepper::new([7; 32]);
        std::fs::write(dir.path().join("pepper"), [7; 32]).unwrap();
        let insert = "INSERT INTO api_key \
             (id, digest, scope, created_at, created_by) \
             VALUES (?1, ?2, 'read', 5, 'cli')";
        sqlx::query(insert)
            .bind(key.id().as_str())
            .bind(pepper.digest(key.reveal()).as_slice())
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
        dir
    }

    #[tokio::test]
    async fn a_directory_of_the_first_version_opens_and_its_keys_are_good() {
        let key = ApiKey::from_entropy(&[1; ApiKey::ENTROPY]);
        let dir = first_version(&key).await;
        for _ in 0..2 {
            let store = Embedded::open(&config(&dir)).await.unwrap();
            let now = Timestamp::UNIX_EPOCH;
            let ring = store.load().await.unwrap();
            let facts = ring.verify(key.reveal(), now).unwrap();
            assert_eq!(facts.scopes, Scope::Read.into());
            assert_eq!(facts.rate_class, None);
            store.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_directory_of_a_newer_asgard_is_refused() {
        let (store, dir) = fresh().await;
        let later = "INSERT INTO _sqlx_migrations VALUES \
             (9999, 'later', '2030-01-01', TRUE, x'00', 0)";
        run(&store, later).await.unwrap();
        store.close().await.unwrap();
        let error = Embedded::open(&config(&dir)).await.err().unwrap();
        assert!(matches!(error, StoreError::Newer { migration: 9999, .. }));
        let text = error.to_string();
        assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
        assert!(text.contains("upgrade"), "{text}");
    }

    const UNPROTECT: &str = "DROP TRIGGER audit_is_not_updated; \
         DROP TRIGGER audit_is_not_deleted";

    #[tokio::test]
    async fn the_audit_log_takes_no_update_and_no_delete() {
        let (store, _dir) = fresh().await;
        store.put(&entry(1, "x"), "cli").await.unwrap();
        for sql in ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"] {
            let error = run(&store, sql).await.unwrap_err();
            assert!(error.contains("append-only"), "{error}");
        }
    }

    #[tokio::test]
    async fn any_tampering_with_the_audit_log_shows_where() {
        for (tampering, seq) in [
            ("UPDATE audit SET actor = 'eve' WHERE seq = 2", 2),
            ("UPDATE audit SET at = at + 1 WHERE seq = 3", 3),
            ("UPDATE audit SET before = NULL WHERE seq = 4", 4),
            ("UPDATE audit SET hash = prev_hash WHERE seq = 4", 4),
            ("DELETE FROM audit WHERE seq = 1", 1),
            ("DELETE FROM audit WHERE seq = 3", 3),
            ("DELETE FROM audit WHERE seq >= 4", 4),
            // A swap: no two rows may have one number on the way.
            (
                "UPDATE audit SET seq = -seq WHERE seq IN (1, 3); \
                 UPDATE audit SET seq = 4 + seq WHERE seq < 0",
                1,
            ),
        ] {
            let (store, _dir) = fresh().await;
            for _ in 0..4 {
                store.put(&entry(1, "x"), "cli").await.unwrap();
            }
            run(&store, UNPROTECT).await.unwrap();
            run(&store, tampering).await.unwrap();
            let verdict = store.verify_chain().await.unwrap();
            assert_eq!(verdict, ChainVerdict::Broken { seq }, "{tampering}");
        }
    }
}
