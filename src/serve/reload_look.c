/* Which files have changed, and what is done when nothing is at work: see reload.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "serve/model_files.h"
#include "serve/reload_state.h"

#define FOLLOW_S 2 /* between two looks at a run that is followed */

/* -- what waits ---------------------------------------------------------------------------------------------------- */

trm_status trm__reload_wait(trm__reload *r, const trm__reload_wish *wish) {
  if (r->waits == TRM__RELOAD_WISHES) return TRM_E_BUSY;
  r->waiting[r->waits] = *wish;
  (void)json_incref(wish->order.check);
  r->waits++;
  return TRM_OK;
}

static void look_disk(trm__reload *r, trm__disk_kind kind, trm__reload_phase phase) {
  r->disk.job.kind = kind;
  r->phase = phase;
  if (kind == TRM__DISK_TIDY) r->disk.job.versions = r->versions;
  trm__disk_begin(&r->disk);
}

/* The server is ending: nobody's order is begun any more. */
static void look_give_up(trm__reload *r) {
  for (int i = 0; i < r->waits; i++) {
    trm__call *call = r->waiting[i].call;
    json_decref(r->waiting[i].order.check);
    if (call) call->gone = NULL, trm__call_problem(call, TRM__PROBLEM_DRAINING, NULL, "the server is ending");
  }
  r->waits = 0;
}

void trm__reload_next(trm__reload *r) {
  if (r->gateway->phase > TRM__SERVING) look_give_up(r);
  if (r->phase != TRM__RELOAD_IDLE || r->gateway->phase > TRM__SERVING || !trm__reload_can_start(r)) return;
  if (r->waits) {
    trm__reload_wish wish = r->waiting[0];
    memmove(r->waiting, r->waiting + 1, (size_t)--r->waits * sizeof *r->waiting);
    trm__reload_begin(r, &wish);
  } else if (r->look) {
    r->look = 0;
    look_disk(r, TRM__DISK_LIST, TRM__RELOAD_LOOKING);
  } else if (r->telling) {
    if (trm__role_reloaded()) r->telling = 0;
  } else if (r->untidy && trm__serve_pool_is_settled(r->gateway->pool)) {
    r->untidy = 0;
    look_disk(r, TRM__DISK_TIDY, TRM__RELOAD_TIDYING);
  }
}

/* -- what has changed ---------------------------------------------------------------------------------------------- */

/* NULL: no room, or the name is not remembered and is not to be. */
trm__reload_seen *trm__reload_seen_of(trm__reload *r, const char *name) {
  for (int i = 0; i < TRM__VERSION_ENTRIES; i++) {
    trm__reload_seen *seen = &r->seen[i];
    if (!*seen->name) snprintf(seen->name, sizeof seen->name, "%s", name);
    if (strcmp(seen->name, name) == 0) return seen;
  }
  return NULL;
}

/* 1: the name's file is another than the one that it is served from. */
static int look_is_new(trm__reload *r, const trm__work_model_file *file, const trm__stamp *stamp) {
  const trm__version_entry *e = trm__versions_find(&r->versions, file->name);
  if (e && e->unloaded) return 0;
  return !e || strcmp(e->source, file->path) != 0 || !trm__stamp_is_same(stamp, &e->stamp);
}

static int look_is_wanted(const trm__reload *r, const char *name) {
  char follow[TRM__WORK_NAME], path[TRM__WORK_PATH];
  const trm__serve_config *c = &r->gateway->config;
  if (!r->patient || c->watch_s > 0) return 1;
  return trm__model_follow(c, follow, path) && strcmp(follow, name) == 0;
}

static void look_at(trm__reload *r, const trm__work_model_file *file, const trm__stamp *stamp) {
  trm__reload_seen *seen = trm__reload_seen_of(r, file->name);
  if (!seen || !stamp->inode || !look_is_wanted(r, file->name)) return;
  int settled = !r->patient || trm__stamp_is_same(stamp, &seen->stamp);
  int refused = r->patient && trm__stamp_is_same(stamp, &seen->refused);
  seen->stamp = *stamp;
  if (!settled || refused || !look_is_new(r, file, stamp)) return;
  trm__reload_wish wish = {.order = {.kind = TRM__RELOAD_LOAD}};
  snprintf(wish.order.name, sizeof wish.order.name, "%s", file->name);
  (void)trm__reload_wait(r, &wish); /* where there is no room it is seen again */
}

void trm__reload_looked(trm__reload *r) {
  const trm__disk_job *job = &r->disk.job;
  r->phase = TRM__RELOAD_IDLE;
  if (job->status && !r->patient)
    trm__records_write(&r->gateway->records, TRM_LOG_WARN, NULL, "models are not looked at: %s: %s", job->error.where,
                       job->error.message);
  for (int i = 0; i < job->files.models && !job->status; i++) look_at(r, &job->files.model[i], &job->stamp[i]);
}

void trm__reload_look(trm__reload *r) {
  r->look = r->telling = 1;
  r->patient = 0;
  trm__reload_next(r);
}

void trm__reload_tick(trm__reload *r) {
  const trm__serve_config *c = &r->gateway->config;
  double every = c->watch_s > 0 ? c->watch_s : *c->follow ? FOLLOW_S : 0, now = trm__clock();
  trm__reload_retire(r);
  if (every > 0 && now >= r->look_next && r->phase == TRM__RELOAD_IDLE && !r->waits && !r->look) {
    r->look_next = now + every;
    r->look = r->patient = 1;
  }
  trm__reload_changed(r);
}
