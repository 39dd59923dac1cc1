/* The tables of journal.db, as numbered migrations. A file's user_version is the number of the last that it has seen,
 * 0 when it is new. Number N is entry N - 1 of the list: append, never change what was released.
 *
 * All that a file lacks are done in one transaction, the version included: it is as old as it was or wholly new. Before
 * that a file that holds something is copied to journal.db.vN, N the version that it has; a copy of an earlier attempt
 * is replaced. A file newer than the list is refused and not touched. */
#ifndef TRM_STORE_SCHEMA_H
#define TRM_STORE_SCHEMA_H

#include "store/db.h"

typedef struct trm__schema {
  const char *const *migrations; /* SQL, several statements each */
  int count;
} trm__schema;

extern const trm__schema trm__schema_journal;

/* Brings the file up to the list's version; from: the version that it had. */
trm_status trm__schema_upgrade(trm__db *db, const trm__schema *schema, int *from, trm_error *err);

#endif
