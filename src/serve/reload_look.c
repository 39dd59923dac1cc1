/* Which files have changed, and what waits: see reload.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "serve/model_files.h"
#include "serve/reload_state.h"

/* -- what waits ---------------------------------------------------------------------------------------------------- */

trm_status trm__reload_wait(trm__reload *r, const trm__reload_wish *wish) {
  if (r->waits == TRM__RELOAD_WISHES) return TRM_E_BUSY;
  r->waiting[r->waits] = *wish;
  (void)json_incref(wish->order.check);
  r->waits++;
  return TRM_OK;
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
