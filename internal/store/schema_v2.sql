-- Schema 2. keys has the journal.Successions of the pod's earlier keys; backup what the
-- owner set for backups, a store.BackupSettings.
ALTER TABLE pod ADD COLUMN keys TEXT NOT NULL DEFAULT '[]';
ALTER TABLE pod ADD COLUMN backup TEXT NOT NULL DEFAULT '{}';
