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

-- What somebody asked for that waits for the owner's word. It is little, so it needs no
-- index; what is looked for stands before what is long.
CREATE TABLE pending(
  n         INTEGER PRIMARY KEY,
  id        BLOB NOT NULL,             -- UUID, 16 bytes
  principal INTEGER NOT NULL,          -- principals.n
  asked     INTEGER NOT NULL,          -- microseconds since 1970
  op        TEXT NOT NULL,
  salt      BLOB NOT NULL,             -- of the hash of all this that the journal has, 16 bytes
  source    TEXT NOT NULL,             -- JSON, a locket.Source
  policy    TEXT,                      -- JSON, of the session that asked; NULL: the principal's alone
  does      TEXT NOT NULL,             -- JSON, what it did when it was tried
  input     TEXT NOT NULL              -- JSON
) STRICT;

ALTER TABLE pod ADD COLUMN models TEXT NOT NULL DEFAULT '[]';

CREATE INDEX IF NOT EXISTS items_Memory_namespace ON items(props->>'namespace') WHERE type = 'Memory' AND deleted = 0;
CREATE INDEX IF NOT EXISTS items_Memory_thread ON items(props->>'thread') WHERE type = 'Memory' AND deleted = 0;
CREATE INDEX IF NOT EXISTS items_Memory_sha256 ON items(props->>'sha256') WHERE type = 'Memory' AND deleted = 0;
