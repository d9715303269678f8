-- Times are unix milliseconds. There is no index for what only the hourly sweep asks: a refresh
-- would pay for each with a write to a random page. The same goes for tables without rowid: a hash
-- as their key would scatter whole rows rather than index entries.
-- `details`, `value` and `wrapped` are sealed envelopes.

-- One row. `key_place` is null until the first master key is in place; `leftover_place` names a
-- place that may still hold a key this database does not use (a move or a creation was cut short).
CREATE TABLE vault (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    instance       BLOB NOT NULL CHECK (length(instance) = 16),
    salt           BLOB NOT NULL CHECK (length(salt) = 16),
    key_place      TEXT CHECK (key_place IN ('keychain', 'environment', 'file')),
    key_id         BLOB CHECK (length(key_id) = 8),
    leftover_place TEXT CHECK (leftover_place IN ('keychain', 'environment', 'file'))
) STRICT;

-- The newest is the one that seals; an older one waits until its last row is sealed anew.
CREATE TABLE data_keys (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    id      BLOB NOT NULL UNIQUE CHECK (length(id) = 8),
    wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE clients (
    id           TEXT NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    approved     INTEGER NOT NULL,
    details      BLOB NOT NULL
) STRICT;
CREATE INDEX clients_by_use ON clients (kind, approved, last_used_at);

CREATE TABLE grants (
    id           TEXT NOT NULL PRIMARY KEY,
    client_id    TEXT NOT NULL,
    origin       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER,
    ended_at     INTEGER,
    end_reason   TEXT,
    details      BLOB NOT NULL
) STRICT;
CREATE INDEX grants_by_creation ON grants (created_at);
CREATE INDEX grants_by_client ON grants (client_id);

CREATE TABLE codes (
    hash       BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    grant_id   TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    details    BLOB NOT NULL
) STRICT;
CREATE INDEX codes_by_grant ON codes (grant_id);

CREATE TABLE refresh_tokens (
    hash       BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    grant_id   TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    parent     BLOB CHECK (length(parent) = 32),
    state      TEXT NOT NULL CHECK (state IN ('active', 'superseded', 'dead')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);

CREATE TABLE access_tokens (
    hash       BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    grant_id   TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    refresh    BLOB CHECK (length(refresh) = 32),
    resource   TEXT NOT NULL,
    scope      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);

CREATE TABLE servers (
    name       TEXT NOT NULL PRIMARY KEY,
    enabled    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    details    BLOB NOT NULL
) STRICT;

-- Not tied to `servers`: a built-in server has rules and no row.
CREATE TABLE tool_rules (
    server TEXT NOT NULL,
    tool   TEXT NOT NULL,
    rule   TEXT NOT NULL,
    PRIMARY KEY (server, tool)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    details BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
