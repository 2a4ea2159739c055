-- The coordinator's journal: what happened in every run, and the audit log itself. Rows are added,
-- never changed and never removed. coordinator/io/README.md says how they are chained and signed.

-- The plan of each run, byte for byte; its digest stands in the run's first record.
CREATE TABLE plan (
    run TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;

CREATE TABLE record (
    serial INTEGER NOT NULL PRIMARY KEY, -- 1, 2, 3 ... in the whole journal
    run TEXT NOT NULL REFERENCES plan (run),
    event INTEGER NOT NULL,              -- 0: the run was made; 1, 2, 3 ... in one run
    time_ms INTEGER NOT NULL,            -- wall clock, milliseconds since 1970, UTC
    actor TEXT NOT NULL,                 -- user@host of the operator, or the coordinator
    host TEXT NOT NULL,                  -- on which it was written
    cluster TEXT NOT NULL,
    kind TEXT NOT NULL,
    step INTEGER NOT NULL,               -- number of the step in the plan; 0: none
    number INTEGER NOT NULL,             -- attempt or epoch
    error TEXT NOT NULL,                 -- kind of the failure, or none
    text TEXT NOT NULL,
    evidence TEXT NOT NULL,
    hash TEXT NOT NULL,                  -- SHA-256, hex
    signature BLOB NOT NULL,             -- Ed25519
    UNIQUE (run, event)
) STRICT;

CREATE TRIGGER a_record_is_never_changed BEFORE UPDATE ON record
BEGIN
    SELECT RAISE(ABORT, 'a record is never changed');
END;

CREATE TRIGGER a_record_is_never_removed BEFORE DELETE ON record
BEGIN
    SELECT RAISE(ABORT, 'a record is never removed');
END;

-- How often a coordinator took the lead.
CREATE TABLE epoch (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
) STRICT;

INSERT INTO epoch (one, value) VALUES (1, 0);
