/* The journal's connection to SQLite: how it is opened, how its errors read, and when it is broken.
 *
 * Files, in the journal's folder:
 *   journal.db       the database, in WAL mode. Its application_id is TRM__DB_APPLICATION, its user_version the number
 *                    of the last migration (store/schema.h)
 *   journal.db-wal   SQLite's write-ahead log. Both belong together: never move or remove one alone
 *   journal.lock     held (flock) by the process that has the journal open; has its process id
 *   journal.db.vN    a copy from before a migration, N: the version that it has
 *
 * A commit is on disk when trm__db_commit returns TRM_OK (synchronous=FULL). There is one connection in exclusive
 * locking mode and one thread at a time uses it; SQLite's own lock keeps out programs that know nothing of the lock
 * file.
 *
 * A connection is broken once a sync failed (the kernel may have dropped what it could not write, and the next sync
 * would say that all is well), the file is damaged, or a transaction cannot be rolled back. Then nothing is done any
 * more; a new process reads what is on disk and goes on from there. A full disk or a failed read or write breaks
 * nothing: the transaction is rolled back, and the next may succeed. */
#ifndef TRM_STORE_DB_H
#define TRM_STORE_DB_H

#include <sqlite3.h>
#include <stdint.h>
#include <trm/error.h>

#define TRM__DB_APPLICATION 0x54524d4a /* "TRMJ" */
#define TRM__DB_STATEMENTS 40          /* different texts that trm__db_statement is called with */

typedef struct trm__db {
  sqlite3 *sqlite;
  char *path, *vfs; /* vfs NULL: the system's */
  int lock;         /* descriptor */
  int wal_pages;    /* pages in the log after the last commit */
  int broken;
  trm_error why; /* once broken */
  struct {
    const char *sql;
    sqlite3_stmt *statement;
  } cached[TRM__DB_STATEMENTS];
  int cached_count;
} trm__db;

/* Makes the folder where it is not there (mode 0700) and opens journal.db, made with mode 0600. TRM_E_BUSY with file
 * and process id when another process has it. The schema is the caller's business. vfs: a name of SQLite's, or NULL. */
trm_status trm__db_open(trm__db *db, const char *folder, const char *vfs, trm_error *err);
void trm__db_close(trm__db *db); /* also after trm__db_open has failed, and twice */

/* The statement of a text that lives as long as the program; prepared once, without bindings. */
trm_status trm__db_statement(trm__db *db, const char *sql, sqlite3_stmt **out, trm_error *err);

/* The next row, 1, or the end, 0. At the end and after a failure the statement is reset. */
trm_status trm__db_step(trm__db *db, sqlite3_stmt *statement, int *row, trm_error *err);
void trm__db_reset(sqlite3_stmt *statement); /* of which no more rows are wanted */

trm_status trm__db_execute(trm__db *db, const char *sql, trm_error *err); /* statements without parameters */
trm_status trm__db_number(trm__db *db, const char *sql, int64_t *out, trm_error *err); /* first field of first row */

trm_status trm__db_begin(trm__db *db, trm_error *err);
trm_status trm__db_commit(trm__db *db, trm_error *err); /* after a failure: roll back */
void trm__db_rollback(trm__db *db);

/* What the log holds goes into the database file, when the log has so many pages or more; commits never do that. TRM_OK
 * when it failed and can be tried again. */
#define TRM__DB_CHECKPOINT_PAGES 1000
trm_status trm__db_checkpoint(trm__db *db, int pages, trm_error *err);

/* The status of SQLite's code, said of doing ("job cannot be written"). */
trm_status trm__db_fail(trm__db *db, int code, const char *doing, trm_error *err);

#endif
