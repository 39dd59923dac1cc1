/* One order after the other, from the file to the switch: see reload.h. */
#include "serve/reload.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/live.h"
#include "serve/reload_state.h"

#define FOLLOW_S 2 /* between two looks at a run that is followed */

#define START_S 120 /* for new engines to be ready */

/* -- the end of an order ------------------------------------------------------------------------------------------- */

static void reload_forget(trm__reload *r) {
  json_decref(r->wish.order.check);
  trm__try_close(&r->judge);
  trm__check_set_clear(&r->set);
  memset(&r->wish, 0, sizeof r->wish);
  r->phase = TRM__RELOAD_IDLE;
  trm__reload_retire(r);
}

static json_t *reload_answer(const trm__reload *r, double seconds) {
  const trm__version_entry *e = trm__versions_find((trm__versions *)(uintptr_t)&r->versions, r->wish.order.name);
  json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:f}", "name", r->wish.order.name, "version",
                        e && !e->unloaded ? e->active : "", "previous", e ? e->previous : "", "beside",
                        e ? e->beside : "", "changed", !r->unchanged, "loaded", e && !e->unloaded, "seconds", seconds);
  if (o && r->judged)
    (void)json_object_set_new(o, "check",
                              json_pack("{s:I, s:I}", "right", (json_int_t)r->right, "count", (json_int_t)r->judged));
  return o;
}

static void reload_done(trm__reload *r) {
  double seconds = trm__clock() - r->began;
  const trm__version_entry *e = trm__versions_find(&r->versions, r->wish.order.name);
  trm__reload_seen *seen = trm__reload_seen_of(r, r->wish.order.name);
  if (seen) *seen->why = 0;
  if (r->unchanged) r->stats.unchanged++;
  else {
    r->stats.switched++;
    r->stats.seconds += seconds;
    r->untidy = 1;
    trm__records_about about = {.model_version = r->id, .seconds = seconds};
    trm__records_write(&r->gateway->records, TRM_LOG_INFO, &about, "model %s: %s%s%s%s", r->wish.order.name,
                       !e || e->unloaded ? "it is served no more" : "version ", !e || e->unloaded ? "" : e->active,
                       e && *e->beside ? ", beside it " : "", e ? e->beside : "");
  }
  if (r->wish.call) r->wish.call->gone = NULL, trm__call_answer(r->wish.call, 200, reload_answer(r, seconds));
  reload_forget(r);
}

/* Nothing has changed: what served serves on. */
static void reload_refuse(trm__reload *r, trm__problem_kind problem, const char *pointer, const char *detail) {
  trm__reload_seen *seen = trm__reload_seen_of(r, r->wish.order.name);
  const trm__version_entry *e = trm__versions_find(&r->versions, r->wish.order.name);
  if (seen && r->wish.order.kind == TRM__RELOAD_LOAD) {
    /* For what is no fault of the file it is tried again. */
    if (problem == TRM__PROBLEM_MODEL_REFUSED)
      seen->refused = r->disk.job.taken.stamp.inode ? r->disk.job.taken.stamp : seen->stamp;
    snprintf(seen->why, sizeof seen->why, "%s", detail);
  }
  r->stats.refused++;
  r->untidy = 1; /* its copy */
  trm__records_write(&r->gateway->records, TRM_LOG_WARN, NULL, "model %s: not changed, version %s serves on: %s",
                     r->wish.order.name, e ? e->active : "none", detail);
  if (r->wish.call) r->wish.call->gone = NULL, trm__call_problem(r->wish.call, problem, pointer, detail);
  r->wish.call = NULL;
  trm__try_close(&r->judge);
  trm__serve_pool_drop(r->gateway->pool);
  reload_forget(r);
}

static void reload_refuse_error(trm__reload *r, trm__problem_kind problem, const trm_error *err) {
  char text[1200];
  snprintf(text, sizeof text, "%.500s%s%.600s", err->where, *err->where ? ": " : "", err->message);
  reload_refuse(r, problem, NULL, text);
}

/* -- what an order makes of the versions --------------------------------------------------------------------------- */

static void reload_make_active(trm__version_entry *e, const char *id, int keep) {
  char before[TRM__VERSION_ID];
  memcpy(before, e->active, sizeof before);
  memmove(e->active, id, strlen(id) + 1);
  if (strcmp(e->beside, e->active) == 0) *e->beside = 0;
  if (*before && strcmp(before, e->active) != 0) memcpy(e->previous, before, sizeof before);
  if (keep && *before) memcpy(e->beside, before, sizeof before);
  e->loaded_ms = (int64_t)(trm__wall_clock() * 1000);
  e->unloaded = 0;
}

/* The version that an order names, which must be one that is kept; otherwise what is wrong. */
static const char *reload_choose(trm__reload *r, const trm__version_entry *e) {
  const trm__reload_order *o = &r->wish.order;
  const char *id = o->kind == TRM__RELOAD_ROLLBACK ? e->previous : *o->id ? o->id : e->beside;
  if (!*id)
    return o->kind == TRM__RELOAD_ROLLBACK ? "there is no version before this one" : "there is no version beside";
  if (strcmp(id, e->active) != 0 && strcmp(id, e->previous) != 0 && strcmp(id, e->beside) != 0)
    return "this version is not kept: the active one, the one before and the one beside are";
  snprintf(r->id, sizeof r->id, "%s", id);
  return NULL;
}

/* Into `then`; NULL, or what is wrong. */
static const char *reload_apply(trm__reload *r) {
  const trm__reload_order *o = &r->wish.order;
  trm__version_entry *e = trm__versions_find(&r->then, o->name);
  const char *wrong;
  switch (o->kind) {
  case TRM__RELOAD_LOAD:
    r->unchanged = !e->unloaded && (strcmp(e->active, r->id) == 0 || (o->beside && strcmp(e->beside, r->id) == 0));
    if (!r->unchanged && o->beside && *e->active && !e->unloaded) memcpy(e->beside, r->id, sizeof e->beside);
    else if (!r->unchanged) reload_make_active(e, r->id, 0);
    return NULL;
  case TRM__RELOAD_ACTIVATE:
  case TRM__RELOAD_ROLLBACK:
    if ((wrong = reload_choose(r, e))) return wrong;
    r->unchanged = !e->unloaded && strcmp(e->active, r->id) == 0;
    if (!r->unchanged) reload_make_active(e, r->id, o->kind == TRM__RELOAD_ACTIVATE && o->beside);
    return NULL;
  case TRM__RELOAD_UNLOAD:
    *r->id = 0;
    if (*o->id && strcmp(o->id, e->beside) != 0) return "only the version beside can be unloaded by its id";
    r->unchanged = e->unloaded;
    if (!*o->id) e->unloaded = 1;
    *e->beside = 0;
    return NULL;
  }
  return NULL;
}

/* -- STARTING ------------------------------------------------------------------------------------------------------ */

/* The versions that are to be in force are known. */
static void reload_start(trm__reload *r) {
  static trm__work_config models; /* large, and a process has one gateway */
  trm_error err = {0};
  const char *wrong = reload_apply(r);
  if (wrong) {
    reload_refuse(r, TRM__PROBLEM_CONFLICT, NULL, wrong);
    return;
  }
  if (r->unchanged) {
    r->versions = r->then; /* the stamp may be another */
    reload_done(r);
    return;
  }
  models = r->then_files;
  trm_status status = trm__versions_models(&r->then, &r->then_files, &models, &err);
  if (!status) status = trm__serve_pool_prepare(r->gateway->pool, &models, &r->generation, &err);
  if (status) {
    reload_refuse_error(r, status == TRM_E_BUSY ? TRM__PROBLEM_CONFLICT : TRM__PROBLEM_MODEL_REFUSED, &err);
    return;
  }
  r->phase = TRM__RELOAD_STARTING;
  r->until = trm__clock() + START_S;
  if (!trm__reload_start(r))
    reload_refuse(r, TRM__PROBLEM_INTERNAL, NULL, "the root process does not start engines now");
}

/* -- TRYING -------------------------------------------------------------------------------------------------------- */

static void reload_write(trm__reload *r) {
  r->phase = TRM__RELOAD_WRITING;
  r->disk.job.kind = TRM__DISK_WRITE;
  r->disk.job.versions = r->then;
  trm__disk_begin(&r->disk);
}

static void reload_on_judged(void *context, trm_status status, const trm_error *err, int64_t right, int64_t count) {
  trm__reload *r = context;
  r->right = right;
  r->judged = count;
  if (status) reload_refuse_error(r, TRM__PROBLEM_MODEL_REFUSED, err);
  else reload_write(r);
  trm__reload_next(r);
}

/* A request's check set stands before the configuration's. */
static trm_status reload_choose_set(trm__reload *r, trm__ask_fault *fault) {
  const trm__serve_pool_next next = trm__serve_pool_get_next(r->gateway->pool);
  const trm__work_model *model = NULL;
  for (int i = 0; i < next.models; i++)
    if (strcmp(next.model[i].id, r->id) == 0) model = &next.model[i];
  if (!r->wish.order.check || !model) return TRM_OK;
  trm__check_set_clear(&r->set);
  return trm__check_set_read(&r->set, r->wish.order.check, r->wish.order.least, model, &r->gateway->config, fault);
}

static void reload_try(trm__reload *r) {
  trm_error err = {0};
  trm__ask_fault fault = {0};
  if (!*r->id) { /* nothing is new */
    reload_write(r);
    return;
  }
  if (reload_choose_set(r, &fault)) {
    reload_refuse(r, TRM__PROBLEM_INVALID, fault.pointer, *fault.detail ? fault.detail : "out of memory");
    return;
  }
  r->phase = TRM__RELOAD_TRYING;
  if (trm__try_open(&r->judge, r->gateway, r->id, trm__reload_pool_size(r), &r->set, reload_on_judged, r, &err))
    reload_refuse_error(r, TRM__PROBLEM_INTERNAL, &err);
}

void trm__reload_changed(trm__reload *r) {
  const trm__serve_pool_next next = trm__serve_pool_get_next(r->gateway->pool);
  trm__reload_retire(r);
  if ((r->phase == TRM__RELOAD_STARTING || r->phase == TRM__RELOAD_TRYING) && next.lost) {
    trm_error why = *next.why;
    reload_refuse_error(r, TRM__PROBLEM_MODEL_REFUSED, &why);
  } else if (r->phase == TRM__RELOAD_STARTING) {
    if (next.complete >= trm__reload_pool_size(r)) reload_try(r);
    else if (r->refused)
      reload_refuse(r, TRM__PROBLEM_CONFLICT, NULL,
                    "there is no place for as many engines again; a smaller pool_size leaves some");
    else if (trm__clock() > r->until)
      reload_refuse(r, TRM__PROBLEM_MODEL_REFUSED, NULL, "its engines are not ready in time");
  }
  trm__reload_next(r);
}

/* -- the disk ------------------------------------------------------------------------------------------------------ */

/* The file of the order's name. */
static void reload_found(trm__reload *r) {
  trm__disk_job *job = &r->disk.job;
  const char *name = r->wish.order.name;
  int at = 0;
  while (at < job->files.models && strcmp(job->files.model[at].name, name) != 0) at++;
  if (job->status) {
    reload_refuse_error(r, TRM__PROBLEM_NOT_FOUND, &job->error);
    return;
  }
  if (at == job->files.models) {
    reload_refuse(r, TRM__PROBLEM_NOT_FOUND, NULL, "there is no file of that name in a folder of models");
    return;
  }
  trm__reload_seen *seen = trm__reload_seen_of(r, name);
  if (seen) seen->stamp = job->stamp[at];
  memset(&job->taken, 0, sizeof job->taken);
  job->kind = TRM__DISK_TAKE;
  snprintf(job->source, sizeof job->source, "%s", job->files.model[at].path);
  r->phase = TRM__RELOAD_TAKING;
  trm__disk_begin(&r->disk);
}

/* A version of a name solves the same puzzles as the one that it follows. */
static int reload_is_same_task(const trm__reload *r, const trm__taken *taken, trm_error *err) {
  char is[64], was[64];
  const trm__work_model *m = trm__serve_pool_model(r->gateway->pool, r->wish.order.name);
  if (!m || !m->loaded) return 1;
  const trm_task *a = &taken->task, *b = &m->task;
  if (taken->cells == m->cells && a->kind == b->kind && a->width == b->width && a->height == b->height &&
      a->vocab_size == b->vocab_size && strcmp(a->alphabet, b->alphabet) == 0)
    return 1;
  (void)trm__fail(err, TRM_E_INPUT, r->disk.job.source, "is a model for %s, that of this name is for %s",
                  trm_task_title(a, is, sizeof is), trm_task_title(b, was, sizeof was));
  return 0;
}

static int reload_add_file(trm__work_config *files, const char *name, const char *path) {
  int at = 0;
  while (at < files->models && strcmp(files->model[at].name, name) != 0) at++;
  if (at == TRM__WORK_MODELS) return 0;
  trm__work_model_file *file = &files->model[at];
  memset(file, 0, sizeof *file);
  snprintf(file->name, sizeof file->name, "%s", name);
  snprintf(file->path, sizeof file->path, "%s", path);
  if (at == files->models) files->models++;
  return 1;
}

static void reload_taken(trm__reload *r) {
  trm__disk_job *job = &r->disk.job;
  trm_error err = job->error;
  if (job->status || !reload_is_same_task(r, &job->taken, &err)) {
    reload_refuse_error(r, TRM__PROBLEM_MODEL_REFUSED, &err);
    return;
  }
  trm__version_entry *e = trm__versions_make(&r->then, r->wish.order.name);
  if (!e || !reload_add_file(&r->then_files, r->wish.order.name, job->source)) {
    reload_refuse(r, TRM__PROBLEM_CONFLICT, NULL, "there are as many models as there may be");
    return;
  }
  snprintf(e->source, sizeof e->source, "%s", job->source);
  e->stamp = job->taken.stamp;
  memcpy(r->id, job->taken.id, sizeof r->id);
  trm__check_set_clear(&r->set);
  r->set = job->check;
  job->check = (trm__check_set){0};
  reload_start(r);
}

static void reload_written(trm__reload *r) {
  r->why = r->disk.job.error;
  if (r->disk.job.status) {
    reload_refuse_error(r, TRM__PROBLEM_STORAGE, &r->why);
    return;
  }
  if (trm__serve_pool_switch(r->gateway->pool, &r->why)) {
    r->phase = TRM__RELOAD_UNDOING;
    r->disk.job.versions = r->versions;
    trm__disk_begin(&r->disk);
    return;
  }
  r->versions = r->then;
  r->files = r->then_files;
  reload_done(r);
}

static void reload_on_disk(evutil_socket_t fd, short what, void *context) {
  trm__reload *r = context;
  (void)fd, (void)what;
  if (!trm__disk_take_end(&r->disk)) return;
  if (r->phase == TRM__RELOAD_LOOKING) trm__reload_looked(r);
  else if (r->phase == TRM__RELOAD_TIDYING) r->phase = TRM__RELOAD_IDLE;
  else if (r->phase == TRM__RELOAD_FINDING) reload_found(r);
  else if (r->phase == TRM__RELOAD_TAKING) reload_taken(r);
  else if (r->phase == TRM__RELOAD_WRITING) reload_written(r);
  else if (r->phase == TRM__RELOAD_UNDOING) reload_refuse_error(r, TRM__PROBLEM_MODEL_REFUSED, &r->why);
  trm__reload_next(r);
}

/* -- orders -------------------------------------------------------------------------------------------------------- */

void trm__reload_begin(trm__reload *r, const trm__reload_wish *wish) {
  r->wish = *wish;
  r->then = r->versions;
  r->then_files = r->files;
  *r->id = 0;
  r->unchanged = 0;
  r->right = r->judged = 0;
  r->began = trm__clock();
  memset(&r->disk.job.taken, 0, sizeof r->disk.job.taken);
  if (wish->order.kind == TRM__RELOAD_LOAD) {
    r->phase = TRM__RELOAD_FINDING;
    r->disk.job.kind = TRM__DISK_LIST;
    trm__disk_begin(&r->disk);
    return;
  }
  r->phase = TRM__RELOAD_STARTING;
  if (trm__versions_find(&r->then, wish->order.name)) reload_start(r);
  else reload_refuse(r, TRM__PROBLEM_NOT_FOUND, NULL, "no versions of a model of that name are kept");
}

static void reload_on_gone(trm__call *call, void *own) {
  trm__reload *r = own;
  if (r->wish.call == call) r->wish.call = NULL; /* the order is carried out all the same */
  for (int i = 0; i < r->waits; i++)
    if (r->waiting[i].call == call) r->waiting[i].call = NULL;
}

void trm__reload_ask(trm__reload *r, const trm__reload_order *order, trm__call *call) {
  const trm__reload_wish wish = {*order, call};
  /* A server whose model cannot be loaded is mended by loading another. */
  if (r->gateway->phase > TRM__SERVING) trm__call_problem(call, TRM__PROBLEM_DRAINING, NULL, "the server is ending");
  else if (trm__reload_wait(r, &wish))
    trm__call_problem(call, TRM__PROBLEM_BUSY, NULL, "too many orders for models wait; nothing of this was accepted");
  else {
    call->own = r;
    call->gone = reload_on_gone;
    trm__reload_next(r);
  }
}

/* -- what is next ----------------------------------------------------------------------------------------------------
 */

static void reload_disk(trm__reload *r, trm__disk_kind kind, trm__reload_phase phase) {
  r->disk.job.kind = kind;
  r->phase = phase;
  if (kind == TRM__DISK_TIDY) r->disk.job.versions = r->versions;
  trm__disk_begin(&r->disk);
}

/* The server is ending: nobody's order is begun any more. */
static void reload_give_up(trm__reload *r) {
  for (int i = 0; i < r->waits; i++) {
    trm__call *call = r->waiting[i].call;
    json_decref(r->waiting[i].order.check);
    if (call) call->gone = NULL, trm__call_problem(call, TRM__PROBLEM_DRAINING, NULL, "the server is ending");
  }
  r->waits = 0;
}

void trm__reload_next(trm__reload *r) {
  if (r->gateway->phase > TRM__SERVING) reload_give_up(r);
  if (r->phase != TRM__RELOAD_IDLE || r->gateway->phase > TRM__SERVING || !trm__reload_can_start(r)) return;
  if (r->waits) {
    trm__reload_wish wish = r->waiting[0];
    memmove(r->waiting, r->waiting + 1, (size_t)--r->waits * sizeof *r->waiting);
    trm__reload_begin(r, &wish);
  } else if (r->look) {
    r->look = 0;
    reload_disk(r, TRM__DISK_LIST, TRM__RELOAD_LOOKING);
  } else if (r->telling) {
    if (trm__role_reloaded()) r->telling = 0;
  } else if (r->untidy && trm__serve_pool_is_settled(r->gateway->pool)) {
    r->untidy = 0;
    reload_disk(r, TRM__DISK_TIDY, TRM__RELOAD_TIDYING);
  }
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

/* -- opening and closing ------------------------------------------------------------------------------------------- */

trm_status trm__reload_open(trm__reload **out, trm__gateway *gateway, trm__work_config *models, const char *folders,
                            trm_error *err) {
  trm__reload *r = trm__calloc(1, sizeof *r);
  const trm__log log = trm__records_log(&gateway->records);
  if (!r) return trm__fail_memory(err, "reload", sizeof *r);
  r->gateway = gateway;
  r->files = *models;
  r->folders = trm__strdup(folders);
  r->disk.wake = -1;
  trm_status status = r->folders ? TRM_OK : trm__fail_memory(err, "reload", strlen(folders));
  if (!status)
    status = trm__versions_begin(&r->versions, gateway->config.data_dir, &r->files, models, &r->look, &log, err);
  if (!status) status = trm__disk_open(&r->disk, &gateway->config, r->folders, r->versions.folder, err);
  if (!status) {
    r->on_disk = event_new(gateway->base, r->disk.wake, EV_READ | EV_PERSIST, reload_on_disk, r);
    if (!r->on_disk || event_add(r->on_disk, NULL) != 0)
      status = trm__fail(err, TRM_E_MEMORY, "reload", "the event loop takes no more events");
  }
  r->untidy = 1;
  if (status) trm__reload_close(&r);
  else *out = r;
  return status;
}

void trm__reload_close(trm__reload **reload) {
  trm__reload *r = *reload;
  *reload = NULL;
  if (!r) return;
  trm__disk_close(&r->disk);
  trm__try_close(&r->judge);
  if (r->on_disk) event_free(r->on_disk);
  for (int i = 0; i < r->waits; i++) json_decref(r->waiting[i].order.check);
  json_decref(r->wish.order.check);
  trm__check_set_clear(&r->set);
  trm__free(r->folders);
  trm__free(r);
}

/* -- what is told -------------------------------------------------------------------------------------------------- */

trm__reload_stats trm__reload_get_stats(const trm__reload *r) {
  trm__reload_stats stats = r->stats;
  stats.at_work = r->phase > TRM__RELOAD_TIDYING;
  return stats;
}

void trm__reload_describe(trm__reload *r, const trm__work_model *model, json_t *object) {
  const trm__version_entry *e = trm__versions_find(&r->versions, model->name);
  const trm__reload_seen *seen = trm__reload_seen_of(r, model->name);
  (void)json_object_set_new(object, "active", json_boolean(!model->beside));
  if (!e || model->beside) return;
  if (*e->previous) (void)json_object_set_new(object, "previous", json_string(e->previous));
  if (*e->beside) (void)json_object_set_new(object, "beside", json_string(e->beside));
  (void)json_object_set_new(object, "loaded_at", trm__live_time(e->loaded_ms));
  if (seen && *seen->why) (void)json_object_set_new(object, "refused", json_string(seen->why));
}
