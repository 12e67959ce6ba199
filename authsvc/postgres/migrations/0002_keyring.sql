-- What the keyring needs to be recovered, counted and rotated.

ALTER TABLE keyring ADD COLUMN recovery bytea;  -- the key, encrypted to the recovery public key
ALTER TABLE keyring ADD COLUMN encryptions bigint NOT NULL DEFAULT 0;  -- reserved, in batches

-- Keys that were taken off the ring. Whoever still seals under one is refused.
CREATE TABLE keyring_removed (
    id text PRIMARY KEY
);

-- One row: the rotation that is under way, or the last one.
CREATE TABLE keyring_rotation (
    id          bigint PRIMARY KEY CHECK (id = 1),
    purpose     text NOT NULL,
    target      text NOT NULL,  -- the key that all rows are to be under
    status      text NOT NULL,
    total       bigint NOT NULL,
    done        bigint NOT NULL,
    failed      bigint NOT NULL,
    started_at  bigint NOT NULL,
    finished_at bigint,
    owner       text,           -- the process that works on it,
    lease_until timestamptz     -- and until when nobody else may
);
