-- Schema 3: what memories need beside items.

-- How often and when programs recalled an item.
CREATE TABLE recalls(
  item INTEGER PRIMARY KEY,            -- items.n
  uses INTEGER NOT NULL,
  last INTEGER NOT NULL                -- microseconds since 1970
) STRICT;

-- What models made of the texts of items, which they can make again.
CREATE TABLE vectors(
  item   INTEGER PRIMARY KEY,          -- items.n
  model  INTEGER NOT NULL,             -- place in pod.models, from 1
  code   INTEGER NOT NULL,             -- codes.n that has its signs
  vector BLOB NOT NULL                 -- scale (float32, little endian), then an int8 per dimension
) STRICT;

-- The signs of vectors, packed so that a first pass over all of them reads few rows: of
-- up to 256 items, their numbers (8 bytes each, big endian) and their bits, in step.
-- n is of the form model << 40 | page. All pages of a model but its last are full.
CREATE TABLE codes(
  n     INTEGER PRIMARY KEY,
  items BLOB NOT NULL,
  bits  BLOB NOT NULL
) STRICT;

-- What somebody asked for that waits for the owner's word.
CREATE TABLE pending(
  n         INTEGER PRIMARY KEY,
  id        BLOB NOT NULL UNIQUE,      -- UUID, 16 bytes
  principal INTEGER NOT NULL,          -- principals.n
  op        TEXT NOT NULL,
  input     TEXT NOT NULL,             -- JSON
  does      TEXT NOT NULL,             -- JSON, what it did when it was tried
  policy    TEXT,                      -- JSON, of the session that asked; NULL: the principal's alone
  asked     INTEGER NOT NULL,          -- microseconds since 1970
  source    TEXT NOT NULL,             -- JSON, a locket.Source
  salt      BLOB NOT NULL              -- of the hash of all this that the journal has, 16 bytes
) STRICT;
CREATE INDEX pending_principal ON pending(principal);
CREATE INDEX pending_asked ON pending(asked);

ALTER TABLE pod ADD COLUMN models TEXT NOT NULL DEFAULT '[]';

CREATE INDEX IF NOT EXISTS items_Memory_namespace ON items(props->>'namespace') WHERE type = 'Memory' AND deleted = 0;
CREATE INDEX IF NOT EXISTS items_Memory_thread ON items(props->>'thread') WHERE type = 'Memory' AND deleted = 0;
CREATE INDEX IF NOT EXISTS items_Memory_sha256 ON items(props->>'sha256') WHERE type = 'Memory' AND deleted = 0;
