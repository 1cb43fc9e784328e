package sqlcipher

import (
	"strings"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// readingOptions are those of connections to databases of other programs, whose schema
// may be hostile. ATTACH may create, for VACUUM INTO; the authorizer keeps other
// statements from it.
var readingOptions = []option{
	{lib.SQLITE_DBCONFIG_DEFENSIVE, 1},
	{lib.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	{lib.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	{lib.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	{lib.SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	{lib.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
}

// guardReading ends what guardConnection does for a database of another program.
func guardReading(tls *libc.TLS, db uintptr) int32 {
	param, err1 := libc.CString(lengthParam)
	exclusive, err2 := libc.CString("PRAGMA locking_mode=EXCLUSIVE") // for the WAL; the pragmas of a DSN come too late
	if err1 != nil || err2 != nil {
		return lib.SQLITE_NOMEM
	}
	defer libc.Xfree(tls, param)
	defer libc.Xfree(tls, exclusive)
	if rc := lib.Xsqlite3_exec(tls, db, exclusive, 0, 0, 0); rc != lib.SQLITE_OK {
		return rc
	}
	name := lib.Xsqlite3_db_filename(tls, db, 0)
	if most := lib.Xsqlite3_uri_int64(tls, name, param, 0); most > 0 && most < 1<<30 {
		lib.Xsqlite3_limit(tls, db, lib.SQLITE_LIMIT_LENGTH, int32(most))
	}
	return lib.Xsqlite3_set_authorizer(tls, db, fnPtr(authorizeReading), db)
}

// authorizeReading lets a statement read tables, and nothing else. VACUUM INTO, which
// only Encrypt asks for, writes by statements of its own.
func authorizeReading(_ *libc.TLS, db uintptr, action int32, arg1, arg2, _, _ uintptr) int32 {
	if at[lib.Tsqlite3](db).FmDbFlags&(lib.DBFLAG_Vacuum|lib.DBFLAG_VacuumInto) != 0 {
		return lib.SQLITE_OK
	}
	allowed := false
	switch action {
	case lib.SQLITE_SELECT, lib.SQLITE_READ, lib.SQLITE_TRANSACTION:
		allowed = true
	case lib.SQLITE_FUNCTION:
		allowed = !strings.EqualFold(libc.GoString(arg2), "load_extension")
	case lib.SQLITE_PRAGMA:
		allowed = readingPragmas[strings.ToLower(libc.GoString(arg1))]
	}
	if !allowed {
		return lib.SQLITE_DENY
	}
	return lib.SQLITE_OK
}

// readingPragmas are those that ask, and those that openReading and Encrypt set.
var readingPragmas = map[string]bool{
	"application_id": true, "auto_vacuum": true, "busy_timeout": true, "cache_size": true, "encoding": true,
	"foreign_key_list": true, "freelist_count": true, "integrity_check": true, "page_count": true,
	"page_size": true, "quick_check": true, "secure_delete": true, "table_info": true, "table_list": true,
	"table_xinfo": true, "user_version": true,
}
