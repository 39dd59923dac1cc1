/* Other versions of models while the server runs. One order is at work at a time:
 *
 *     TAKING     a copy of the file is made and checked (serve/versions.h)          on the thread of reload_disk.c
 *     STARTING   engines with the new models are started beside the old ones        the root process, and serve/pool.h
 *     TRYING     each of them solves a known puzzle; then the check set, if any     reload_try.c
 *     WRITING    versions.json says what is active from now on                      on that thread
 *     the switch: new work goes to the new engines, the old ones finish what they have and end
 *
 * Until the switch the old version serves, and after any failure before it serves on as if nothing had been tried. A
 * gateway that is killed comes back with what versions.json says. Invariants:
 *   1. A file is served only from its copy, which was whole when it was taken and is never changed.
 *   2. What is active is in versions.json before any answer is given by it.
 *   3. Of each order comes one end: an answer to who asked, and a record.
 *   4. An engine is retired (the root does not start it again) as soon as nothing more will be given to it, and only
 *      then.
 *
 * Orders come from requests (serve/route_models.c), and from looking at the files: at SIGHUP, each watch_s seconds, and
 * at a run that is followed. A file that is seen by looking each while is taken when it was the same twice, so that one
 * that is still being copied is left alone; one that was refused is not tried again until it changes, or at SIGHUP.
 * Threads: the loop's, but for reload_disk.c. */
#ifndef TRM_SERVE_RELOAD_H
#define TRM_SERVE_RELOAD_H

#include "proc/role.h"
#include "serve/call.h"
#include "serve/versions.h"

typedef enum trm__reload_kind {
  TRM__RELOAD_LOAD,     /* the name's file, as it is now */
  TRM__RELOAD_ACTIVATE, /* a version that is kept: id, or the one beside */
  TRM__RELOAD_ROLLBACK, /* the version that was active before */
  TRM__RELOAD_UNLOAD    /* the name, or the version beside (id) */
} trm__reload_kind;

/* What was asked for. */
typedef struct trm__reload_order {
  trm__reload_kind kind;
  char name[TRM__WORK_NAME], id[TRM__VERSION_ID];
  int beside;    /* LOAD: do not make it active; ACTIVATE: keep the one that was active loaded beside */
  json_t *check; /* a list of {"puzzle", "answer"} that the new version is to solve; NULL: none; borrowed */
  double least;  /* of these, at least so many of a hundred: 0 to 1 */
} trm__reload_order;

typedef struct trm__reload trm__reload;

/* models: what the engines are told; on return with the versions that the server begins with. folders: of models. */
trm_status trm__reload_open(trm__reload **out, trm__gateway *gateway, trm__work_config *models, const char *folders,
                            trm_error *err);
void trm__reload_close(trm__reload **reload); /* accepts NULL inside; before the pool is closed */

/* A request's order, whose call it keeps and ends. */
void trm__reload_ask(trm__reload *reload, const trm__reload_order *order, trm__call *call);
void trm__reload_look(
    trm__reload *reload); /* at all files, once, also at those that were refused; then tells the root */

/* What else happens: a message of the root about an engine, engines of the pool came or went, a second has passed. */
void trm__reload_link(trm__reload *reload, const trm__role_message *message);
void trm__reload_changed(trm__reload *reload);
void trm__reload_tick(trm__reload *reload);

/* What is known of a name's versions, into the object of GET /v1/models. */
void trm__reload_describe(trm__reload *reload, const trm__work_model *model, json_t *object);

typedef struct trm__reload_stats {
  uint64_t switched, unchanged, refused;
  double seconds; /* of those that switched, from the order to the switch */
  int at_work;    /* 1: an order is */
} trm__reload_stats;
trm__reload_stats trm__reload_get_stats(const trm__reload *reload);

#endif
