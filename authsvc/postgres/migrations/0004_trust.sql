-- Rows that are always found, tokens that end, and an audit log that tells what was refused.

-- The index key of the digest. NULL: written before this migration, so it may be any.
ALTER TABLE credentials ADD COLUMN index_key_id text;
CREATE INDEX credentials_index_key_id_idx ON credentials (index_key_id);
CREATE INDEX credentials_expires_at_idx ON credentials (expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE tokens ADD COLUMN expires_at bigint;

ALTER TABLE audit ADD COLUMN refused bigint;  -- the HTTP status; NULL: it was not refused
ALTER TABLE audit ADD COLUMN times bigint NOT NULL DEFAULT 1;  -- it happened, up to this entry
