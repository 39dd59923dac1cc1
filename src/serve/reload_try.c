/* A new version is judged before it serves: each engine that has it solves a known puzzle, which also makes it warm,
 * and then the check set is solved, in one trajectory a puzzle, so that a weaker network is not hidden by its search.
 */
#include <event2/event.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/reload_state.h"

#define TRY_CLIENT "a new version of a model"
#define TRY_S 60        /* of one puzzle */
#define MAKE_S 10       /* of making one */
#define WINDOW 32       /* of the check set at once */
#define AGAIN_MS 50     /* where the pool is full */
#define KNOWN_SEED 2026 /* of the known puzzle */
enum { TRY_SLOTS = 128 };

typedef enum try_phase { TRY_MAKE, TRY_WARM, TRY_CHECK, TRY_OVER } try_phase;

typedef struct try_slot {
  trm__try *judge;
  uint64_t item; /* 0: free */
  int64_t index; /* in the check set */
} try_slot;

struct trm__try {
  trm__gateway *gateway;
  char id[TRM__VERSION_ID];
  trm_task task;
  size_t cells;
  int engines;
  trm__check_set set;
  trm__try_end end;
  void *context;
  struct event *timer;
  try_phase phase;
  int64_t next, right; /* of the phase: not submitted yet; of the check set */
  int at_work, closed;
  int32_t *known; /* [cells] */
  trm_status status;
  trm_error error;
  try_slot slot[TRY_SLOTS];
};

static void try_free(trm__try *t) {
  if (t->timer) event_free(t->timer);
  trm__check_set_clear(&t->set);
  trm__free(t->known);
  trm__free(t);
}

static void try_soon(trm__try *t, int ms) {
  const struct timeval at = {ms / 1000, ms % 1000 * 1000};
  (void)evtimer_add(t->timer, &at);
}

static void try_fail(trm__try *t, trm_status code, const char *text) {
  if (!t->status) t->status = trm__fail(&t->error, code, "", "%s", text);
  t->phase = TRY_OVER;
}

/* -- ends of items ------------------------------------------------------------------------------------------------- */

/* Of the check set, right by the rules where they are known, else as the set has it. */
static int try_is_right(const trm__try *t, int64_t index, const int32_t *answer) {
  const int32_t *question = t->set.question + index * t->set.cells, *wanted = t->set.answer + index * t->set.cells;
  const trm_task_verdict verdict = trm_task_judge(&t->task, question, answer);
  if (verdict.keeps_rules >= 0) return verdict.keeps_clues && verdict.keeps_rules == 1;
  for (int64_t i = 0; i < t->set.cells; i++)
    if (wanted[i] >= 0 && wanted[i] != answer[i]) return 0;
  return 1;
}

static void try_on_made(trm__try *t, const trm__work_done *done) {
  int made = !done->status && done->question && done->cells == t->cells;
  for (size_t i = 0; i < t->cells; i++) t->known[i] = made ? done->question[i] : 1; /* a task without a generator */
  t->phase = TRY_WARM;
  t->next = 0;
}

static void try_on_warm(trm__try *t, const trm__work_done *done) {
  char text[600];
  if (done->status) {
    snprintf(text, sizeof text, "it does not solve a known puzzle: %.400s", done->error.message);
    try_fail(t, done->status, text);
  } else if (!done->answer || !done->solution.steps || !isfinite(done->solution.q))
    try_fail(t, TRM_E_INPUT, "a known puzzle has no answer in time, or one that is no number");
}

static void try_on_done(void *context, uint64_t item, const trm__serve_pool_end *end) {
  try_slot *slot = context;
  trm__try *t = slot->judge;
  (void)item;
  slot->item = 0;
  t->at_work--;
  if (t->closed) {
    if (!t->at_work) try_free(t);
    return;
  }
  if (t->phase == TRY_MAKE) try_on_made(t, &end->done);
  else if (t->phase == TRY_WARM) try_on_warm(t, &end->done);
  else if (t->phase == TRY_CHECK && !end->done.status && end->done.answer)
    t->right += try_is_right(t, slot->index, end->done.answer);
  try_soon(t, 0);
}

/* -- beginning items ----------------------------------------------------------------------------------------------- */

static trm_status try_submit(trm__try *t, const int32_t *tokens, int64_t index) {
  static const trm__serve_pool_handlers handlers = {NULL, try_on_done};
  trm__work work = trm__work_default();
  int free_slot = 0;
  while (t->slot[free_slot].item) free_slot++;
  try_slot *slot = &t->slot[free_slot];
  *slot = (try_slot){t, 0, index};
  snprintf(work.model, sizeof work.model, "%s", t->id);
  work.kind = tokens ? TRM__WORK_SOLVE : TRM__WORK_GENERATE;
  work.deadline = trm_clock() + (tokens ? TRY_S : MAKE_S);
  work.solver.search = 0;
  work.solver.seed = KNOWN_SEED;
  work.number = (uint64_t)index;
  work.tokens = tokens;
  work.cells = tokens ? t->cells : 0;
  if (tokens) work.solver.seed = trm_solver_config_default().seed; /* the usual solver's */
  trm_status status = trm__serve_pool_try(t->gateway->pool, &work, TRY_CLIENT, &handlers, slot, &slot->item, &t->error);
  if (!status) t->at_work++;
  return status;
}

/* What the phase wants at work; 1: all of it has been. */
static int try_pump(trm__try *t) {
  int64_t count = t->phase == TRY_MAKE ? 1 : t->phase == TRY_WARM ? t->engines : t->set.count;
  while (t->next < count && t->at_work < (t->phase == TRY_CHECK ? WINDOW : TRY_SLOTS)) {
    const int32_t *tokens = t->phase == TRY_CHECK ? t->set.question + t->next * t->set.cells : t->known;
    trm_status status = try_submit(t, t->phase == TRY_MAKE ? NULL : tokens, t->next);
    if (status == TRM_E_BUSY) {
      try_soon(t, AGAIN_MS);
      return 0;
    }
    if (status) {
      t->status = status;
      t->phase = TRY_OVER;
      return 0;
    }
    t->next++;
  }
  return t->next == count && t->at_work == 0;
}

static void try_judge(trm__try *t) {
  char text[256];
  if (!t->set.count || (double)t->right >= t->set.least * (double)t->set.count) return;
  snprintf(text, sizeof text, "it solves %lld of %lld puzzles of the check set, %.1f %%, expected %.1f %% at least",
           (long long)t->right, (long long)t->set.count, 100.0 * (double)t->right / (double)t->set.count,
           100 * t->set.least);
  try_fail(t, TRM_E_INPUT, text);
}

static void try_on_timer(evutil_socket_t fd, short what, void *context) {
  trm__try *t = context;
  (void)fd, (void)what;
  if (t->phase < TRY_OVER && try_pump(t)) {
    t->next = 0;
    if (t->phase == TRY_CHECK) {
      t->phase = TRY_OVER;
      try_judge(t);
    } else {
      t->phase++;
      try_soon(t, 0);
    }
  }
  if (t->phase != TRY_OVER || t->at_work) return;
  t->phase = TRY_OVER + 1; /* told once */
  t->end(t->context, t->status, &t->error, t->right, t->set.count);
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

trm_status trm__try_open(trm__try **out, trm__gateway *gateway, const char *id, int engines, trm__check_set *set,
                         trm__try_end end, void *context, trm_error *err) {
  const trm__serve_pool_next next = trm__serve_pool_get_next(gateway->pool);
  const trm__work_model *model = NULL;
  for (int i = 0; i < next.models; i++)
    if (strcmp(next.model[i].id, id) == 0) model = &next.model[i];
  trm__try *t = model ? trm__calloc(1, sizeof *t) : NULL;
  if (!t) return trm__fail(err, TRM_E_MEMORY, "reload", "there is no model %s to judge, or no memory", id);
  *t = (trm__try){.gateway = gateway, .task = model->task, .cells = (size_t)model->cells, .engines = engines};
  snprintf(t->id, sizeof t->id, "%s", id);
  t->end = end;
  t->context = context;
  t->known = trm__calloc(t->cells, sizeof *t->known);
  t->timer = evtimer_new(gateway->base, try_on_timer, t);
  if (!t->known || !t->timer) {
    try_free(t);
    return trm__fail_memory(err, "reload", sizeof *t);
  }
  t->set = *set;
  *set = (trm__check_set){0};
  try_soon(t, 0);
  *out = t;
  return TRM_OK;
}

void trm__try_close(trm__try **judge) {
  trm__try *t = *judge;
  *judge = NULL;
  if (!t) return;
  t->closed = 1;
  (void)evtimer_del(t->timer);
  for (int i = 0; i < TRY_SLOTS; i++)
    if (t->slot[i].item) trm__serve_pool_cancel(t->gateway->pool, t->slot[i].item);
  if (!t->at_work) try_free(t);
}

/* -- a request's puzzles ------------------------------------------------------------------------------------------- */

/* One puzzle, or its answer, in the model's grid. */
static trm_status check_read_one(int32_t *to, const json_t *puzzle, int is_answer, const trm__work_model *model,
                                 trm__ask_fault *fault) {
  trm__ask_puzzle read;
  trm__ask_item item = {.puzzle = puzzle, .is_answer = is_answer};
  snprintf(item.options.model, sizeof item.options.model, "%s", *model->id ? model->id : model->name);
  trm_status status = puzzle ? trm__ask_puzzle_read(&read, &item, model, 1, fault) : TRM_E_INPUT;
  if (!puzzle) snprintf(fault->detail, sizeof fault->detail, "expected puzzle and answer");
  if (status) return status;
  memcpy(to, read.tokens, (size_t)model->cells * sizeof *to);
  trm__ask_puzzle_clear(&read);
  return TRM_OK;
}

trm_status trm__check_set_read(trm__check_set *set, const json_t *list, double least, const trm__work_model *model,
                               const trm__serve_config *config, trm__ask_fault *fault) {
  *set = (trm__check_set){.count = (int64_t)json_array_size(list), .cells = model->cells, .least = least};
  trm_status status = TRM_OK;
  if (set->count > config->items_limit) {
    snprintf(fault->detail, sizeof fault->detail, "more puzzles than this server's items_limit");
    status = TRM_E_INPUT;
  }
  if (!status) {
    set->question = trm__calloc((size_t)(set->count * set->cells), sizeof *set->question);
    set->answer = trm__calloc((size_t)(set->count * set->cells), sizeof *set->answer);
    if (!set->question || !set->answer) status = TRM_E_MEMORY;
  }
  for (int64_t i = 0; i < set->count && !status; i++) {
    const json_t *one = json_array_get(list, (size_t)i);
    status = check_read_one(set->question + i * set->cells, json_object_get(one, "puzzle"), 0, model, fault);
    if (!status) status = check_read_one(set->answer + i * set->cells, json_object_get(one, "answer"), 1, model, fault);
    if (status) snprintf(fault->pointer, sizeof fault->pointer, "/check/%lld", (long long)i);
  }
  if (status) trm__check_set_clear(set);
  return status;
}
