-- The agent's ledger: what was ordered, what came of it, and what handlers have to know after a crash.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE lead (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL              -- the highest one seen
);
INSERT INTO lead VALUES (1, 0);

CREATE TABLE command (
    number      INTEGER PRIMARY KEY,    -- order of acceptance
    key         TEXT    NOT NULL UNIQUE, -- RUN/STEP/ATTEMPT
    kind        TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    sha256      TEXT    NOT NULL,       -- of kind, target and arguments
    epoch       INTEGER NOT NULL,
    audit_head  TEXT    NOT NULL,       -- the coordinator's, when it sent the command
    accepted_ms INTEGER NOT NULL,
    finished_ms INTEGER,                -- null: no result, which means that it runs or was cut off
    state       TEXT CHECK ((state IS NULL) = (finished_ms IS NULL)),
    error_kind  TEXT,
    error_text  TEXT
);

CREATE TABLE evidence (
    command  INTEGER NOT NULL REFERENCES command (number),
    position INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    value    TEXT    NOT NULL,
    PRIMARY KEY (command, position)
) WITHOUT ROWID;

-- remember() and recall() of the handlers
CREATE TABLE note (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
