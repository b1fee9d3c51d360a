-- The ledger of one study, version 3. STRICT: a wrong type is an error, not a conversion.
-- A NaN is NULL here (SQLite has no NaN) and named in the row's column `nans`, so that NULL alone means "none".

CREATE TABLE study (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    uid         TEXT NOT NULL,
    created_at  REAL NOT NULL,
    config      TEXT NOT NULL,      -- JSON of StudyConfig
    provenance  TEXT NOT NULL       -- JSON: data fingerprint, versions, machine, seeds
) STRICT;

CREATE TABLE trials (
    trial_id    TEXT PRIMARY KEY,
    number      INTEGER NOT NULL UNIQUE,
    config      TEXT NOT NULL,      -- JSON of TrialConfig
    dials       TEXT NOT NULL,
    origin      TEXT NOT NULL,
    state       TEXT NOT NULL DEFAULT 'pending'
                CHECK (state IN ('pending', 'running', 'finished', 'stopped', 'diverged', 'failed')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    parameters  INTEGER,
    flops       INTEGER,
    message     TEXT NOT NULL DEFAULT '',
    started_at  REAL,
    ended_at    REAL,
    node        TEXT NOT NULL DEFAULT '',
    device      TEXT NOT NULL DEFAULT '',
    extra       TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- migration.py adds a column for every other scalar field of records.EpochRecord, and the later tables.
CREATE TABLE epochs (
    trial_id          TEXT NOT NULL REFERENCES trials (trial_id),
    epoch             INTEGER NOT NULL CHECK (epoch >= 1),
    nans              TEXT NOT NULL,
    PRIMARY KEY (trial_id, epoch)
) STRICT;

-- migration.py adds a column for every other scalar field of records.Label.
CREATE TABLE labels (
    trial_id           TEXT NOT NULL REFERENCES trials (trial_id),
    epoch              INTEGER NOT NULL,
    thresholds_version INTEGER NOT NULL,
    tau                REAL NOT NULL,
    regime             TEXT NOT NULL,
    probability        REAL,
    probabilities      TEXT NOT NULL,
    train_excess       REAL,
    gap_excess         REAL,
    bias_share         REAL,
    flags              TEXT NOT NULL,
    reference_error    REAL,
    chance_error       REAL,
    nans               TEXT NOT NULL,
    PRIMARY KEY (trial_id, thresholds_version, tau, epoch)
) STRICT;

-- The outbox: written in the transaction of the change it tells of. AUTOINCREMENT: a seq is never used twice.
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT NOT NULL,
    trial_id  TEXT,
    epoch     INTEGER
) STRICT;

CREATE TABLE cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE notes (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    time  REAL NOT NULL,
    kind  TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT;
