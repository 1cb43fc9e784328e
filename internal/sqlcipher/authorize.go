package sqlcipher

import (
	"strings"
	"sync"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// guarded has the address of every VFS of ours. SQLite calls guardConnection
// for each new connection of the process, and those on other VFSes are left alone.
var guarded sync.Map // uintptr → guard

// A guard says how the connections on a VFS are guarded.
type guard struct {
	keep    any  // the VFS, which SQLite alone would not keep reachable
	reading bool // databases of other programs: nothing is written, nothing in the schema runs
}

// autocheckpoint is the length of the WAL in pages from which a commit moves it into
// the database, 16 MB: four times SQLite's own, since moving a page costs opening
// and sealing it.
const autocheckpoint = 4000

// An option is one of sqlite3_db_config.
type option struct{ op, on int32 }

// guardConnection runs at the end of sqlite3_open, before any statement.
func guardConnection(tls *libc.TLS, db, _, _ uintptr) int32 {
	entry, _ := guarded.Load(at[lib.Tsqlite3](db).FpVfs)
	g, ours := entry.(guard)
	if !ours {
		return lib.SQLITE_OK
	}
	options := []option{
		{lib.SQLITE_DBCONFIG_DEFENSIVE, 1},
		{lib.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{lib.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{lib.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, 0},
		{lib.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, 0},
	}
	if g.reading {
		options = readingOptions
	}
	for _, option := range options {
		args := libc.Xcalloc(tls, 2, 8)
		if args == 0 {
			return lib.SQLITE_NOMEM
		}
		rc := lib.Xsqlite3_db_config(tls, db, option.op, libc.VaList(args, option.on, uintptr(0)))
		libc.Xfree(tls, args)
		if rc != lib.SQLITE_OK {
			return rc
		}
	}
	c := at[lib.Tsqlite3](db)
	c.Ftemp_store = 2                 // PRAGMA temp_store=MEMORY
	c.Fflags |= lib.SQLITE_CellSizeCk // PRAGMA cell_size_check=ON
	if g.reading {
		return guardReading(tls, db)
	}
	if rc := lib.Xsqlite3_wal_autocheckpoint(tls, db, autocheckpoint); rc != lib.SQLITE_OK {
		return rc
	}
	return lib.Xsqlite3_set_authorizer(tls, db, fnPtr(authorize), db)
}

// authorize refuses statements that could write data outside the encryption or
// weaken it. SQLite asks while it compiles a statement.
func authorize(_ *libc.TLS, db uintptr, action int32, arg1, arg2, _, _ uintptr) int32 {
	allowed := true
	switch action {
	case lib.SQLITE_ATTACH:
		// VACUUM attaches a nameless database, which temp_store=MEMORY keeps
		// off the disk; VACUUM INTO attaches a named one. An ATTACH of an
		// expression has no name here either, so the empty name is not enough.
		inVacuum := at[lib.Tsqlite3](db).FmDbFlags&lib.DBFLAG_Vacuum != 0
		allowed = inVacuum && arg1 != 0 && libc.GoString(arg1) == ""
	case lib.SQLITE_DETACH:
		allowed = false
	case lib.SQLITE_FUNCTION:
		allowed = !strings.EqualFold(libc.GoString(arg2), "load_extension")
	case lib.SQLITE_PRAGMA:
		allowed = pragmaAllowed(libc.GoString(arg1), arg2 != 0, libc.GoString(arg2))
	}
	if !allowed {
		return lib.SQLITE_DENY
	}
	return lib.SQLITE_OK
}

// pragmas lists those that are allowed, in lower case: nil for any argument,
// else the arguments. Every one of them may also be read.
var pragmas = map[string][]string{
	// What the encryption stands on: only what Open sets, or stronger.
	"temp_store":      {"memory", "2"},
	"secure_delete":   {"on", "1", "true", "yes"}, // also keeps holes out of the file
	"cell_size_check": {"on", "1", "true", "yes"},
	"trusted_schema":  {"off", "0", "false", "no"},
	"mmap_size":       {"0"},
	"auto_vacuum":     {"none", "0"}, // else SQLCipher files have unsealed pages
	"journal_mode":    {"wal", "delete", "truncate"},
	"synchronous":     {"normal", "1", "full", "2", "extra", "3"},
	"locking_mode":    {"normal"},
	"encoding":        {"'utf-8'", "utf-8"},
	"page_size":       {},
	"schema_version":  {},
	"database_list":   {},

	// Tuning and housekeeping.
	"analysis_limit": nil, "automatic_index": nil, "busy_timeout": nil, "cache_size": nil, "cache_spill": nil,
	"defer_foreign_keys": nil, "foreign_keys": nil, "journal_size_limit": nil, "max_page_count": nil,
	"optimize": nil, "query_only": nil, "recursive_triggers": nil, "shrink_memory": nil,
	"wal_autocheckpoint": nil, "wal_checkpoint": nil,

	// What the application keeps in the header.
	"application_id": nil, "user_version": nil,

	// Questions.
	"collation_list": nil, "compile_options": nil, "data_version": nil, "foreign_key_check": nil,
	"foreign_key_list": nil, "freelist_count": nil, "function_list": nil, "index_info": nil, "index_list": nil,
	"index_xinfo": nil, "integrity_check": nil, "page_count": nil, "quick_check": nil, "table_info": nil,
	"table_list": nil, "table_xinfo": nil,
}

func pragmaAllowed(name string, hasArg bool, arg string) bool {
	values, known := pragmas[strings.ToLower(name)]
	if !known || values == nil || !hasArg {
		return known
	}
	for _, v := range values {
		if strings.EqualFold(v, arg) {
			return true
		}
	}
	return false
}
