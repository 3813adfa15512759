-- The memory of one data directory. Moments are microseconds since 1970 in
-- UTC; hashes are 32 raw bytes.

-- Single facts: `generation` (see the triggers), `world`, `pepper_check`.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('generation', '0');

-- Score history: one row a cycle, and one row a change. The score of an AS at
-- a cycle is that of its last change at or before the cycle; NULL means that
-- it stopped being scored. Without a rowid a change costs about 12 bytes.
CREATE TABLE cycle (
    id            INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,
    as_of         INTEGER NOT NULL,
    model_version TEXT NOT NULL
) STRICT;

CREATE TABLE change (
    asn   INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    score INTEGER CHECK (score BETWEEN 0 AND 100),
    PRIMARY KEY (asn, cycle)
) STRICT, WITHOUT ROWID;

-- API keys: the HMAC-SHA-256 of the key under the pepper, never the key.
CREATE TABLE api_key (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    scope      TEXT NOT NULL,
    org        TEXT,
    label      TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE whitelist (
    asn      INTEGER PRIMARY KEY,
    reason   TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    added_by TEXT
) STRICT;

-- What is known about the last fetch of each source.
CREATE TABLE source (
    name          TEXT PRIMARY KEY,
    last_attempt  INTEGER,
    last_success  INTEGER,
    row_count     INTEGER,
    byte_count    INTEGER,
    etag          TEXT,
    last_modified TEXT,
    sha256        TEXT,
    published     INTEGER,
    last_error    TEXT
) STRICT, WITHOUT ROWID;

-- Who wrote what: append-only, each row sealed to the one before it.
-- AUTOINCREMENT keeps the highest number ever given, so a missing tail shows.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    object    TEXT NOT NULL,
    before    TEXT,
    after     TEXT,
    prev_hash BLOB NOT NULL,
    hash      BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Any write to the keys or the whitelist, by any process, moves `generation`.
CREATE TRIGGER api_key_inserted AFTER INSERT ON api_key
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER api_key_updated AFTER UPDATE ON api_key
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER api_key_deleted AFTER DELETE ON api_key
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER whitelist_inserted AFTER INSERT ON whitelist
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER whitelist_updated AFTER UPDATE ON whitelist
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER whitelist_deleted AFTER DELETE ON whitelist
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;
