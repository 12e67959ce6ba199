-- The first schema.  Only what CockroachDB and YugabyteDB also speak: no triggers, no sequences,
-- no extensions.  Constraints are named, because an error is understood by its constraint's name
-- (violations.py).  A migration that was released is never edited: its checksum is kept.

CREATE TABLE consumers (
    id          uuid PRIMARY KEY,
    created_at  bigint NOT NULL,  -- times are epoch seconds
    updated_at  bigint NOT NULL,
    username    text,
    custom_id   text,
    tags        text[],
    CONSTRAINT consumers_username_key UNIQUE (username),
    CONSTRAINT consumers_custom_id_key UNIQUE (custom_id)
);
CREATE INDEX consumers_tags_idx ON consumers USING gin (tags);

CREATE TABLE keyring (
    id          text PRIMARY KEY,
    created_at  bigint NOT NULL,
    purpose     text NOT NULL,
    wrapped     bytea NOT NULL,  -- by the root key, which is not in the database
    active      boolean NOT NULL
);
CREATE UNIQUE INDEX keyring_active_key ON keyring (purpose) WHERE active;

CREATE TABLE credentials (
    id          uuid PRIMARY KEY,
    created_at  bigint NOT NULL,
    consumer_id uuid NOT NULL,
    digest      bytea NOT NULL,  -- blind index: HMAC-SHA256 of the key
    sealed_key  bytea NOT NULL,  -- AES-256-GCM
    key_id      text,            -- the data key that sealed it; a copy of what sealed_key says
    expires_at  bigint,
    tags        text[],
    enabled     boolean NOT NULL,
    name        text,
    metadata    jsonb,
    CONSTRAINT credentials_digest_key UNIQUE (digest),
    CONSTRAINT credentials_consumer_id_fkey
        FOREIGN KEY (consumer_id) REFERENCES consumers (id) ON DELETE CASCADE
);
CREATE INDEX credentials_consumer_id_idx ON credentials (consumer_id, id);
CREATE INDEX credentials_key_id_idx ON credentials (key_id, id);
CREATE INDEX credentials_tags_idx ON credentials USING gin (tags);

CREATE TABLE acls (
    id          uuid PRIMARY KEY,
    created_at  bigint NOT NULL,
    consumer_id uuid NOT NULL,
    "group"     text NOT NULL,
    tags        text[],
    CONSTRAINT acls_consumer_id_group_key UNIQUE (consumer_id, "group"),
    CONSTRAINT acls_consumer_id_fkey
        FOREIGN KEY (consumer_id) REFERENCES consumers (id) ON DELETE CASCADE
);
CREATE INDEX acls_tags_idx ON acls USING gin (tags);

CREATE TABLE services (
    id              uuid PRIMARY KEY,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    host            text NOT NULL,
    name            text,
    protocol        text NOT NULL,
    port            bigint NOT NULL,
    path            text,
    retries         bigint NOT NULL,
    connect_timeout bigint NOT NULL,  -- milliseconds
    write_timeout   bigint NOT NULL,
    read_timeout    bigint NOT NULL,
    enabled         boolean NOT NULL,
    tags            text[],
    CONSTRAINT services_name_key UNIQUE (name)
);

CREATE TABLE routes (
    id             uuid PRIMARY KEY,
    created_at     bigint NOT NULL,
    updated_at     bigint NOT NULL,
    name           text,
    service_id     uuid,
    protocols      text[] NOT NULL,
    methods        text[],
    hosts          text[],
    paths          text[],
    headers        jsonb,
    strip_path     boolean NOT NULL,
    preserve_host  boolean NOT NULL,
    regex_priority bigint NOT NULL,
    tags           text[],
    CONSTRAINT routes_name_key UNIQUE (name),
    CONSTRAINT routes_service_id_fkey FOREIGN KEY (service_id) REFERENCES services (id)
);
CREATE INDEX routes_service_id_idx ON routes (service_id, id);

CREATE TABLE plugins (
    id            uuid PRIMARY KEY,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    name          text NOT NULL,
    config        jsonb NOT NULL,
    instance_name text,
    route_id      uuid,
    service_id    uuid,
    enabled       boolean NOT NULL,
    protocols     text[] NOT NULL,
    tags          text[],
    CONSTRAINT plugins_instance_name_key UNIQUE (instance_name),
    CONSTRAINT plugins_route_id_fkey
        FOREIGN KEY (route_id) REFERENCES routes (id) ON DELETE CASCADE,
    CONSTRAINT plugins_service_id_fkey
        FOREIGN KEY (service_id) REFERENCES services (id) ON DELETE CASCADE
);
-- Unique by name, route and service, where "none" equals "none": one index for each scope.
-- (NULLS NOT DISTINCT would say it in one, from Postgres 15 on.)
CREATE UNIQUE INDEX plugins_global_key ON plugins (name)
    WHERE route_id IS NULL AND service_id IS NULL;
CREATE UNIQUE INDEX plugins_route_key ON plugins (name, route_id)
    WHERE route_id IS NOT NULL AND service_id IS NULL;
CREATE UNIQUE INDEX plugins_service_key ON plugins (name, service_id)
    WHERE route_id IS NULL AND service_id IS NOT NULL;
CREATE UNIQUE INDEX plugins_route_and_service_key ON plugins (name, route_id, service_id)
    WHERE route_id IS NOT NULL AND service_id IS NOT NULL;
CREATE INDEX plugins_route_id_idx ON plugins (route_id, id);
CREATE INDEX plugins_service_id_idx ON plugins (service_id, id);

-- One row.  A write updates it last and holds its lock until it commits: so the numbers grow in
-- the order of the commits, without gaps, which a sequence does not promise.
CREATE TABLE change_counter (
    id  bigint PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL
);
INSERT INTO change_counter (id, seq) VALUES (1, 0);

CREATE TABLE change_log (
    seq         bigint PRIMARY KEY,
    entity      text NOT NULL,
    entity_id   text NOT NULL,
    consumer_id uuid,
    digest      bytea,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE workers (
    worker  text PRIMARY KEY,
    seq     bigint NOT NULL,
    seen_at timestamptz NOT NULL
);
