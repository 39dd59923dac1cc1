/* A copy of the journal, made in steps by the journal's thread while it goes on writing: SQLite's backup, which carries
 * every page that is written meanwhile over to the copy. On the journal's thread alone. */
#ifndef TRM_STORE_BACKUP_H
#define TRM_STORE_BACKUP_H

#include "store/db.h"

typedef struct trm__backup trm__backup;

trm_status trm__backup_open(trm__backup **out, trm__db *db, const char *path, trm_error *err);

/* Copies some pages. *left: how many are not copied, 0 at the end; *pages: of how many. A full disk there is an error
 * of the copy alone. */
trm_status trm__backup_step(trm__backup *backup, int64_t *left, int64_t *pages, trm_error *err);

trm_status trm__backup_commit(trm__backup **backup, trm_error *err); /* after the last step: it has its name */
void trm__backup_abort(trm__backup **backup);                        /* accepts NULL inside; what was there stays */

#endif
