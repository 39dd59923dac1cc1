/* The record of runs that have steps (workflows): what was begun and how it ended, each on disk before the next depends
 * on it. A database of its own, FOLDER/flows/journal.db (store/db.h), synced at every call.
 *
 * A run is a name. Of a run and a step there is at most one entry of each event, so that a result is recorded once,
 * whoever comes back after a crash. Entries are in the order in which they were made. Threads: one call at a time. */
#ifndef TRM_STORE_STEPS_H
#define TRM_STORE_STEPS_H

#include <stdint.h>
#include <trm/error.h>

typedef struct trm__steps trm__steps;

/* Values are part of the file's format. */
typedef enum trm__steps_event {
  TRM__STEPS_BEGUN = 1, /* value: what it was begun with */
  TRM__STEPS_DONE,      /* value: the result */
  TRM__STEPS_FAILED,    /* value: the error */
  TRM__STEPS_SKIPPED,
  TRM__STEPS_UNDONE, /* value: how that ended */
  TRM__STEPS_ENDED   /* of the run itself, step "": value: the outcome */
} trm__steps_event;

/* TRM_E_BUSY when another process has it. vfs: as in store/db.h. */
trm_status trm__steps_open(trm__steps **out, const char *folder, const char *vfs, trm_error *err);
void trm__steps_close(trm__steps **steps); /* accepts NULL inside */

/* Adds an entry. step "" is the run itself. *fresh: 0 when the same event of that step is there already, which stays as
 * it is. now_ms: wall time. */
trm_status trm__steps_add(trm__steps *steps, const char *run, const char *step, trm__steps_event event,
                          const char *value, int64_t now_ms, int *fresh, trm_error *err);

/* Calls fn for each entry of the run, oldest first; texts live until it returns. A status of fn's ends it. */
typedef struct trm__steps_entry {
  const char *step, *value; /* value: "" for none */
  trm__steps_event event;
  int64_t at_ms;
} trm__steps_entry;
typedef trm_status (*trm__steps_fn)(void *context, const trm__steps_entry *entry, trm_error *err);
trm_status trm__steps_each(trm__steps *steps, const char *run, trm__steps_fn fn, void *context, trm_error *err);

#endif
