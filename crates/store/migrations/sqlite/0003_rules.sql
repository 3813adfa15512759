-- What organisations block and protect. The documents are JSON that only the
-- policy understands; here are the columns that must be known without reading
-- them. A rule set has one number that grows with every write to it.
CREATE TABLE ruleset (
    org     TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rule (
    org        TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('rule', 'protected', 'release')),
    id         TEXT NOT NULL,
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    expires_at INTEGER,
    document   TEXT NOT NULL,
    PRIMARY KEY (org, kind, id)
) STRICT, WITHOUT ROWID;

-- The past of a rule set, as what each version replaced: version N is the
-- present one with the changes after N taken back, newest first. `document`
-- is NULL where the version made the entry anew.
CREATE TABLE rule_version (
    org     TEXT NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    PRIMARY KEY (org, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_before (
    org        TEXT NOT NULL,
    version    INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    active     INTEGER NOT NULL,
    expires_at INTEGER,
    document   TEXT,
    PRIMARY KEY (org, version, kind, id)
) STRICT, WITHOUT ROWID;

-- Answers to writes that carried an Idempotency-Key, for 24 hours.
CREATE TABLE idempotency (
    org     TEXT NOT NULL,
    key     TEXT NOT NULL,
    request BLOB NOT NULL CHECK (length(request) = 32),
    status  INTEGER NOT NULL,
    body    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (org, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (at);

-- From where an organisation polls its feeds, and for which kinds of device.
CREATE TABLE poller (
    org      TEXT NOT NULL,
    address  TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    polls    INTEGER NOT NULL,
    PRIMARY KEY (org, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE polled_profile (
    org     TEXT NOT NULL,
    key     TEXT NOT NULL,
    profile TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (org, key, profile)
) STRICT, WITHOUT ROWID;

-- Any write to rules, by any process, moves `generation`.
CREATE TRIGGER ruleset_inserted AFTER INSERT ON ruleset
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER ruleset_updated AFTER UPDATE ON ruleset
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;

CREATE TRIGGER ruleset_deleted AFTER DELETE ON ruleset
BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;
