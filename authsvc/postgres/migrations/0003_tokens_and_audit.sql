-- Who may use the Admin API, and who changed what.

CREATE TABLE tokens (
    id         uuid PRIMARY KEY,
    created_at bigint NOT NULL,
    name       text NOT NULL,
    role       text NOT NULL,
    token_hash bytea NOT NULL,  -- SHA-256; the tokens are random
    tags       text[],
    CONSTRAINT tokens_name_key UNIQUE (name),
    CONSTRAINT tokens_token_hash_key UNIQUE (token_hash)
);

-- Only ever added to.
CREATE TABLE audit (
    seq      bigint PRIMARY KEY,  -- 1, 2, 3 …
    at       bigint NOT NULL,     -- epoch milliseconds
    who      text NOT NULL,
    role     text NOT NULL,
    source   text NOT NULL,
    method   text NOT NULL,
    route    text NOT NULL,
    entities text[] NOT NULL,
    mac      bytea NOT NULL       -- keyed, over this entry and the mac of the one before
);

-- One row: the newest entry. Without it, nobody would notice that the newest entry is gone.
CREATE TABLE audit_head (
    id  bigint PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL,
    mac bytea NOT NULL
);
INSERT INTO audit_head (id, seq, mac) VALUES (1, 0, '');
