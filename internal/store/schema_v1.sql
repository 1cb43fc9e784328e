-- Schema 1. Few tables and few indexes: every open parses them all.

-- One row of facts about the pod. Every later schema keeps this table's columns, and
-- of principals n, id, kind and name: they are read before the schema's number is
-- known. types is what the owner added to the built-in types, a list of
-- locket.Type; slots what the header's slots are called, by their ids.
CREATE TABLE pod(
  n          INTEGER PRIMARY KEY CHECK(n = 1),
  id         TEXT NOT NULL,
  schema     INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  types      TEXT NOT NULL DEFAULT '[]',
  slots      TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Who acts. seq and head are the number and hash of their latest change.
CREATE TABLE principals(
  n    INTEGER PRIMARY KEY,
  id   BLOB NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  seq  INTEGER NOT NULL DEFAULT 0,
  head BLOB NOT NULL DEFAULT x''
) STRICT;

-- One row per transaction: a journal.Entry and its signature. The leaves of
-- change n are the rows leaf .. leaf+leaves-1 of the next table.
CREATE TABLE changes(
  n      INTEGER PRIMARY KEY,
  author INTEGER NOT NULL,             -- principals.n
  seq    INTEGER NOT NULL,
  prev   BLOB NOT NULL,
  hlc    INTEGER NOT NULL,
  leaf   INTEGER NOT NULL,
  leaves INTEGER NOT NULL,
  root   BLOB NOT NULL,
  sig    BLOB NOT NULL
) STRICT;

-- One row per action on an item. What a create or update set is not repeated
-- here: it is in items (current values) and history (replaced ones).
CREATE TABLE leaves(
  n      INTEGER PRIMARY KEY,
  change INTEGER NOT NULL,
  item   INTEGER NOT NULL,             -- items.n; for a link, the source
  action TEXT NOT NULL,
  salt   BLOB,                         -- NULL once erased
  hash   BLOB NOT NULL,
  data   TEXT                          -- link, unlink: the edge as JSON
) STRICT;
CREATE INDEX leaves_item ON leaves(item);

-- One row per item. clocks names the change that set each property where that is
-- not the change that created the item.
CREATE TABLE items(
  n       INTEGER PRIMARY KEY,
  id      BLOB NOT NULL UNIQUE,        -- UUID, 16 bytes
  type    TEXT NOT NULL,
  props   TEXT NOT NULL,               -- JSON; times as microseconds since 1970
  clocks  TEXT NOT NULL DEFAULT '{}',
  born    INTEGER NOT NULL,            -- changes.n that created it
  created INTEGER NOT NULL,            -- HLC
  updated INTEGER NOT NULL,            -- HLC
  time    INTEGER NOT NULL,            -- the item's own time, microseconds since 1970
  version INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0   -- changes.n that deleted it
) STRICT;
CREATE INDEX items_updated ON items(type, updated) WHERE deleted = 0;
CREATE INDEX items_time    ON items(type, time)    WHERE deleted = 0;
CREATE INDEX items_deleted ON items(deleted)       WHERE deleted > 0;

-- Values that were replaced: set by change, replaced by until. NULL: the property
-- was absent because that change removed it.
CREATE TABLE history(
  item   INTEGER NOT NULL,
  until  INTEGER NOT NULL,
  prop   TEXT NOT NULL,
  change INTEGER NOT NULL,
  value  TEXT,
  PRIMARY KEY(item, until, prop)
) STRICT, WITHOUT ROWID;

CREATE TABLE edges(
  source INTEGER NOT NULL,
  name   TEXT NOT NULL,
  target INTEGER NOT NULL,
  PRIMARY KEY(source, name, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_target ON edges(target, name, source);

-- External identities: what an import calls a thing.
CREATE TABLE keys(
  key  TEXT PRIMARY KEY,
  item INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_item ON keys(item);

-- Small blobs lie in data; larger ones in the file called name, sealed with key.
CREATE TABLE blobs(
  n      INTEGER PRIMARY KEY,
  id     BLOB NOT NULL UNIQUE,         -- UUID, 16 bytes
  size   INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  name   TEXT,
  key    BLOB,
  data   BLOB
) STRICT;
CREATE UNIQUE INDEX blobs_name ON blobs(name) WHERE name IS NOT NULL;

-- Blobs that no item refers to yet.
CREATE TABLE loose(
  blob  INTEGER PRIMARY KEY,
  added INTEGER NOT NULL               -- microseconds since 1970
) STRICT;

-- Which items refer to a blob, now or in their history.
CREATE TABLE blob_refs(
  blob INTEGER NOT NULL,
  item INTEGER NOT NULL,
  PRIMARY KEY(blob, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_refs_item ON blob_refs(item);

CREATE TABLE imports(
  id        TEXT PRIMARY KEY,          -- ids of later runs sort later
  source    TEXT NOT NULL,
  started   INTEGER NOT NULL,          -- microseconds since 1970
  finished  INTEGER NOT NULL DEFAULT 0,
  imported  INTEGER NOT NULL DEFAULT 0,
  duplicate INTEGER NOT NULL DEFAULT 0,
  rejected  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Line n of an import's ledger, from 1.
CREATE TABLE ledger(
  import  TEXT NOT NULL,
  n       INTEGER NOT NULL,
  file    TEXT NOT NULL,
  record  TEXT NOT NULL,
  format  TEXT NOT NULL,
  outcome TEXT NOT NULL,
  item    BLOB,
  reason  TEXT NOT NULL,
  PRIMARY KEY(import, n)
) STRICT, WITHOUT ROWID;

-- The search index keeps terms only; texts are read from items. Columns are the
-- roles of locket.Role. secure-delete takes a deleted item's terms out at once.
CREATE VIRTUAL TABLE search USING fts5(
  title, body, sender, recipient, folder,
  content = '', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO search(search, rank) VALUES('rank', 'bm25(8.0, 1.0, 3.0, 2.0, 0.5)');
INSERT INTO search(search, rank) VALUES('secure-delete', 1);
-- A page of the index with its row fills a leaf of the database, whose 80 reserved
-- bytes the default of 4050 does not reckon with: each would take two pages.
INSERT INTO search(search, rank) VALUES('pgsz', 3970);
