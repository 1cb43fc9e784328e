-- Schema 1. Few tables and few indexes: every open parses them all.

-- One row of facts about the pod. Every later schema keeps its columns id and schema,
-- and n and tree of changes, which are read before the schema's number is known. types is what the owner added
-- to the built-in types, a list of locket.Type; slots what the header's slots are
-- called and whom they let in, by their ids.
CREATE TABLE pod(
  n          INTEGER PRIMARY KEY CHECK(n = 1),
  id         TEXT NOT NULL,
  schema     INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  types      TEXT NOT NULL DEFAULT '[]',
  slots      TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Who acts; the owner is number 1. seq and head are the number and hash of their
-- latest entry, seen its clock. policy is NULL for the owner only. spent says how far
-- the limits of the policy are used up.
CREATE TABLE principals(
  n       INTEGER PRIMARY KEY,
  id      BLOB NOT NULL,
  kind    TEXT NOT NULL,
  name    TEXT NOT NULL,
  state   TEXT NOT NULL DEFAULT 'active',
  maker   INTEGER NOT NULL DEFAULT 1,   -- principals.n
  key     BLOB,                         -- Ed25519 public key; NULL: the pod signs
  policy  TEXT,                         -- JSON
  created INTEGER NOT NULL,             -- HLC
  seen    INTEGER NOT NULL DEFAULT 0,   -- HLC
  spent   TEXT NOT NULL DEFAULT '[]',
  seq     INTEGER NOT NULL DEFAULT 0,
  head    BLOB NOT NULL DEFAULT x''
) STRICT;

-- What a grant permits, beside being sealed by the process that made it. Without its
-- row a grant opens nothing.
CREATE TABLE grants(
  id        BLOB PRIMARY KEY,           -- 16 bytes
  principal INTEGER NOT NULL,           -- principals.n
  audience  TEXT NOT NULL,
  policy    TEXT,                       -- JSON; NULL: what the principal may do
  created   INTEGER NOT NULL,           -- microseconds since 1970
  expires   INTEGER NOT NULL            -- microseconds since 1970
) STRICT, WITHOUT ROWID;

-- One row per transaction: a journal.Entry and its signature. The leaves of
-- change n are the rows leaf .. leaf+leaves-1 of the next table. tree holds the hashes
-- that the entry adds to the pod's Merkle tree: its own, then those of the subtrees
-- that it completes.
CREATE TABLE changes(
  n       INTEGER PRIMARY KEY,
  kind    TEXT NOT NULL,
  author  INTEGER NOT NULL,             -- principals.n
  bypod   INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  prev    BLOB NOT NULL,
  hlc     INTEGER NOT NULL,
  import  TEXT,                         -- the three parts of its source
  session TEXT,
  origin  TEXT,
  leaf    INTEGER NOT NULL,
  leaves  INTEGER NOT NULL,
  root    BLOB NOT NULL,
  sig     BLOB NOT NULL,
  tree    BLOB NOT NULL
) STRICT;
CREATE INDEX changes_author  ON changes(author);
CREATE INDEX changes_session ON changes(session) WHERE session IS NOT NULL;

-- One row per action. What a create or update set is not repeated here: it is in
-- items (current values) and history (replaced ones). All other contents are in data.
CREATE TABLE leaves(
  n      INTEGER PRIMARY KEY,
  change INTEGER NOT NULL,
  item   INTEGER NOT NULL,             -- items.n; for a link, the source; 0: no item
  action TEXT NOT NULL,
  salt   BLOB,                         -- NULL once erased
  hash   BLOB NOT NULL,
  data   TEXT                          -- JSON
) STRICT;
CREATE INDEX leaves_item ON leaves(item) WHERE item > 0;

-- One row per item. clocks names the change that set each property where that is
-- not the change that created the item. trust is the place of the least trusted of
-- its current values in locket.Trusts.
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
  trust   INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0   -- changes.n that deleted it
) STRICT;
CREATE INDEX items_updated ON items(type, updated) WHERE deleted = 0;
CREATE INDEX items_time    ON items(type, time)    WHERE deleted = 0;
CREATE INDEX items_deleted ON items(deleted)       WHERE deleted > 0;
-- For policies: a folder is what most of them are about.
CREATE INDEX items_folder  ON items(type, props->>'folder', updated) WHERE deleted = 0 AND props->>'folder' IS NOT NULL;

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
  added INTEGER NOT NULL,              -- microseconds since 1970
  owner INTEGER NOT NULL               -- principals.n that added it
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
  author    INTEGER NOT NULL,          -- principals.n
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
