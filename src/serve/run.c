#include "serve/run.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/answer.h"

#define RETRY_MS 20 /* until the pool is asked again, where it is full of others' puzzles */

typedef struct run_item {
  trm__run *run;
  size_t index;
  uint64_t id; /* in the pool; 0: not at work */
  trm__ask_puzzle puzzle;
  json_t *answer, *trace; /* trace: of explain */
  int told;               /* 1: watch.item had it, or is not asked */
} run_item;

struct trm__run {
  trm__run_place place;
  trm__run_watch watch;
  json_t *body;
  trm__ask ask;
  char client[128];
  run_item *item;    /* [ask.count] */
  size_t next, left; /* the first that was not begun; without an answer */
  size_t at_work, window;
  int solved, failed;        /* of a list */
  int closed;                /* nobody listens; freed with the last end */
  int held;                  /* calls of this file that are at work on it: it is not freed */
  int opening;               /* inside trm__run_open, where nobody is called */
  struct event *timer;       /* to go on or to end, from the loop */
  trm__problem_kind problem; /* of one puzzle that failed */
  char detail[1200];
  int poison;
};

static void run_free(trm__run *run) {
  for (size_t i = 0; run->item && i < run->ask.count; i++) {
    trm__ask_puzzle_clear(&run->item[i].puzzle);
    json_decref(run->item[i].answer);
    json_decref(run->item[i].trace);
  }
  if (run->timer) event_free(run->timer);
  trm__free(run->item);
  trm__ask_clear(&run->ask);
  json_decref(run->body);
  trm__free(run);
}

static void run_hold(trm__run *run) {
  run->held++;
}

static void run_release(trm__run *run) {
  if (--run->held == 0 && run->closed && run->at_work == 0) run_free(run);
}

static void run_soon(trm__run *run, int ms) {
  struct timeval at = {ms / 1000, ms % 1000 * 1000};
  (void)evtimer_add(run->timer, &at);
}

/* -- one item ------------------------------------------------------------------------------------------------------ */

static void run_tell(trm__run *run, run_item *item) {
  if (item->told || run->closed || run->opening) return;
  item->told = 1;
  if (run->ask.is_list && run->watch.item) run->watch.item(run->watch.context, item->index, item->answer);
}

/* The item has its answer, which is taken; NULL: without memory. */
static void run_answer(trm__run *run, run_item *item, json_t *answer, int solved) {
  item->answer = answer ? answer : json_null();
  run->left--;
  run->solved += solved;
  trm__ask_puzzle_clear(&item->puzzle);
  run_tell(run, item);
  if (run->left == 0 || run->opening) run_soon(run, 0);
}

static void run_fail(trm__run *run, run_item *item, trm__problem_kind problem, const char *pointer,
                     const char *detail) {
  char place[320] = "";
  if (pointer && run->ask.is_list) snprintf(place, sizeof place, "/puzzles/%zu%.256s", item->index, pointer);
  run->failed++;
  if (!run->ask.is_list) {
    run->problem = problem;
    snprintf(run->detail, sizeof run->detail, "%s", detail);
  }
  json_t *error = trm__problem_json(problem, *place ? place : pointer, detail);
  run_answer(run, item, json_pack("{s:s*, s:b, s:o}", "id", run->ask.item[item->index].id, "solved", 0, "error", error),
             0);
}

static void run_on_step(void *context, uint64_t id, const trm__work_step *step) {
  run_item *item = context;
  trm__run *run = item->run;
  (void)id;
  json_t *event = run->closed ? NULL : trm__answer_step_json(&item->puzzle, step);
  if (!event) return;
  run_hold(run);
  if (item->trace) (void)json_array_append(item->trace, event);
  if (run->ask.is_list) (void)json_object_set_new(event, "item", json_integer((json_int_t)item->index));
  if (run->watch.step) run->watch.step(run->watch.context, item->index, event);
  json_decref(event);
  run_release(run);
}

static trm__problem_kind run_problem(const trm__serve_pool_end *end) {
  if (end->poison) return TRM__PROBLEM_POISON;
  switch (end->done.status) {
  case TRM_E_INPUT:
  case TRM_E_USAGE:
    return TRM__PROBLEM_INVALID;
  case TRM_E_UNSUPPORTED:
    return TRM__PROBLEM_MODEL_NOT_LOADED;
  case TRM_E_STOPPED:
    return TRM__PROBLEM_DRAINING;
  default:
    return TRM__PROBLEM_INTERNAL;
  }
}

static trm__telemetry_result run_result(const trm__serve_pool_end *end, int solved) {
  if (end->done.status) return end->done.status == TRM_E_INPUT ? TRM__RESULT_REFUSED : TRM__RESULT_FAILED;
  if (end->done.solution.cancelled && !end->done.solution.expired) return TRM__RESULT_CANCELLED;
  return solved ? TRM__RESULT_SOLVED : TRM__RESULT_UNSOLVED;
}

static void run_pump(trm__run *run);

static void run_on_done(void *context, uint64_t id, const trm__serve_pool_end *end) {
  run_item *item = context;
  trm__run *run = item->run;
  (void)id;
  run_hold(run);
  item->id = 0;
  run->at_work--;
  int solved = trm__answer_is_solved(&item->puzzle, end);
  trm__telemetry_puzzle(run->place.telemetry, end, run_result(end, solved));
  run->poison |= end->poison;
  if (run->closed) {
    /* nobody wants it */
  } else if (end->done.status) {
    run_fail(run, item, run_problem(end), end->done.status == TRM_E_INPUT ? "/puzzle" : NULL,
             end->poison ? "it was at work in two engines that ended; it is not tried again" : end->done.error.message);
  } else {
    json_t *answer = trm__answer_json(&run->ask.item[item->index], &item->puzzle, end);
    if (answer && item->trace) (void)json_object_set(answer, "trace", item->trace);
    run_answer(run, item, answer, solved);
  }
  if (!run->closed) run_pump(run);
  run_release(run);
}

/* TRM_E_BUSY: there is no room, try again. Any other failure is the item's answer. */
static trm_status run_begin(trm__run *run, run_item *item) {
  static const trm__serve_pool_handlers handlers = {run_on_step, run_on_done}, quiet = {NULL, run_on_done};
  const trm__ask_item *asked = &run->ask.item[item->index];
  trm_error err = {0};
  trm__ask_fault fault;
  int count;
  const trm__work_model *models = trm__serve_pool_models(run->place.pool, &count);
  trm_status status = trm__ask_puzzle_read(&item->puzzle, asked, models, count, &fault);
  if (status) {
    if (status == TRM_E_MEMORY) run_fail(run, item, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    else run_fail(run, item, TRM__PROBLEM_INVALID, fault.pointer, fault.detail);
    return status;
  }
  trm__work work = trm__ask_work(asked, &item->puzzle, run->place.config, trm_clock());
  work.number = asked->options.number < 0 ? item->index : (uint64_t)asked->options.number;
  work.explain = run->watch.step || asked->options.explain;
  if (asked->options.explain) item->trace = json_array();
  status = trm__serve_pool_submit(run->place.pool, &work, run->client, work.explain ? &handlers : &quiet, item,
                                  &item->id, &err);
  if (!status) {
    run->at_work++;
    return TRM_OK;
  }
  json_decref(item->trace);
  item->trace = NULL;
  if (status == TRM_E_BUSY) trm__ask_puzzle_clear(&item->puzzle);
  else
    run_fail(run, item, status == TRM_E_UNSUPPORTED ? TRM__PROBLEM_MODEL_NOT_LOADED : TRM__PROBLEM_INVALID, "/puzzle",
             err.message);
  return status;
}

/* Begins what there is room for. */
static void run_pump(trm__run *run) {
  while (run->next < run->ask.count && run->at_work < run->window) {
    if (run_begin(run, &run->item[run->next]) == TRM_E_BUSY) {
      if (run->at_work == 0) run_soon(run, RETRY_MS);
      return;
    }
    run->next++;
  }
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static json_t *run_list(const trm__run *run) {
  json_t *answers = json_array();
  for (size_t i = 0; answers && i < run->ask.count; i++)
    if (json_array_append(answers, run->item[i].answer) != 0) {
      json_decref(answers);
      return NULL;
    }
  return json_pack("{s:I, s:i, s:i, s:o}", "count", (json_int_t)run->ask.count, "solved", run->solved, "failed",
                   run->failed, "answers", answers);
}

static void run_finish(trm__run *run) {
  json_t *answer = run->ask.is_list ? run_list(run) : json_incref(run->item[0].answer);
  trm__run_end end = {
      .answer = run->problem ? NULL : answer, .problem = run->problem, .detail = run->detail, .poison = run->poison};
  if (!answer || json_is_null(answer))
    end = (trm__run_end){.problem = TRM__PROBLEM_INTERNAL, .detail = "out of memory"};
  run->watch.done(run->watch.context, &end);
  json_decref(answer);
}

static void run_on_timer(evutil_socket_t fd, short what, void *context) {
  trm__run *run = context;
  (void)fd, (void)what;
  run_hold(run);
  for (size_t i = 0; i < run->ask.count && !run->closed; i++)
    if (run->item[i].answer) run_tell(run, &run->item[i]);
  if (!run->closed && run->left == 0) run_finish(run);
  else if (!run->closed) run_pump(run);
  run_release(run);
}

/* A single puzzle that is wrong is told at once, before anything is accepted. */
static trm_status run_check_one(const trm__run_place *place, const trm__ask *ask, trm__ask_fault *fault) {
  int count;
  trm__ask_puzzle puzzle;
  const trm__work_model *models = trm__serve_pool_models(place->pool, &count);
  if (ask->is_list) return TRM_OK;
  trm_status status = trm__ask_puzzle_read(&puzzle, ask->item, models, count, fault);
  if (!status) trm__ask_puzzle_clear(&puzzle);
  return status;
}

static trm_status run_check_explain(const trm__ask *ask, trm__ask_fault *fault) {
  enum { MOST = 64 };
  if (ask->count <= MOST) return TRM_OK;
  for (size_t i = 0; i < ask->count; i++)
    if (ask->item[i].options.explain) {
      snprintf(fault->pointer, sizeof fault->pointer, "/explain");
      snprintf(fault->detail, sizeof fault->detail, "is for at most %d puzzles, found %zu", MOST, ask->count);
      return TRM_E_INPUT;
    }
  return TRM_OK;
}

static trm_status run_read(trm__ask *ask, const trm__run_place *place, const json_t *body, trm__ask_fault *fault) {
  trm_status status = trm__ask_read(ask, body, place->config, fault);
  if (!status) status = run_check_explain(ask, fault);
  return status ? status : run_check_one(place, ask, fault);
}

trm_status trm__run_check(const trm__run_place *place, const json_t *body, trm__ask_fault *fault) {
  trm__ask ask;
  trm_status status = run_read(&ask, place, body, fault);
  trm__ask_clear(&ask);
  return status;
}

trm_status trm__run_open(trm__run **out, const trm__run_place *place, json_t *body, const char *client, int patient,
                         const trm__run_watch *watch, trm__ask_fault *fault) {
  trm__run *run = trm__calloc(1, sizeof *run);
  if (!run) {
    json_decref(body);
    return TRM_E_MEMORY;
  }
  run->place = *place;
  run->watch = *watch;
  run->body = body;
  snprintf(run->client, sizeof run->client, "%s", client ? client : "");
  trm_status status = run_read(&run->ask, place, body, fault);
  if (!status) {
    run->item = trm__calloc(run->ask.count, sizeof *run->item);
    run->timer = evtimer_new(place->base, run_on_timer, run);
    if (!run->item || !run->timer) status = TRM_E_MEMORY;
  }
  if (status) {
    run_free(run);
    return status;
  }
  run->left = run->ask.count;
  run->window = (size_t)run->ask.batch_size * (size_t)run->ask.max_concurrency;
  for (size_t i = 0; i < run->ask.count; i++) run->item[i].run = run, run->item[i].index = i;
  run->opening = 1;
  run_pump(run);
  run->opening = 0;
  if (!patient && run->next == 0 && run->at_work == 0 && run->left) {
    run_free(run);
    return TRM_E_BUSY;
  }
  *out = run;
  return TRM_OK;
}

void trm__run_close(trm__run **runp) {
  trm__run *run = *runp;
  *runp = NULL;
  if (!run || run->closed) return;
  run->closed = 1;
  (void)evtimer_del(run->timer);
  for (size_t i = 0; i < run->ask.count; i++)
    if (run->item[i].id) trm__serve_pool_cancel(run->place.pool, run->item[i].id);
  if (run->held == 0 && run->at_work == 0) run_free(run);
}
