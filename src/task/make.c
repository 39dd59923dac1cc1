/* Making many puzzles by searching them one by one: numbered puzzles in batches over the threads, merged in order and
 * free of equivalent ones. */
#include "task/make.h"

#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/status.h"
#include "task/keys.h"

enum {
  BATCH = 256,   /* puzzles searched before they are merged */
  STALLED = 4096 /* puzzles in a row that were all met before, after which it gives up */
};

typedef struct making {
  const trm_task *task;
  trm_wanted wanted;
  uint64_t seed, next; /* number of the batch's first puzzle */
  size_t cells;
  int32_t *questions, *answers; /* [BATCH][cells] */
  trm_status status[BATCH];
  trm_error error[BATCH];
} making;

trm_status trm__made_open(trm__made *made, const trm_task *task, int64_t count, trm_error *err) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  *made = (trm__made){.questions = trm__calloc((size_t)count, cells), .answers = trm__calloc((size_t)count, cells)};
  if (made->questions && made->answers) return TRM_OK;
  trm__made_close(made);
  return trm__fail_memory(err, "puzzles", 2 * (size_t)count * cells);
}

void trm__made_close(trm__made *made) {
  trm__free(made->questions);
  trm__free(made->answers);
  *made = (trm__made){0};
}

static void making_work(void *context, int task, int worker) {
  (void)worker;
  making *m = context;
  size_t at = (size_t)task * m->cells;
  m->status[task] = trm_generate(m->task, m->seed, m->next + (uint64_t)task, &m->wanted, m->questions + at,
                                 m->answers + at, &m->error[task]);
}

/* Moves the batch's new puzzles to made until there are count; *fresh: how many. The first failure ends it. */
static trm_status making_merge(const making *m, trm__classes *classes, int64_t count, trm__made *made, int64_t *fresh,
                               trm_error *err) {
  *fresh = 0;
  for (size_t k = 0; k < BATCH && made->count < count; k++) {
    if (m->status[k]) {
      if (err) *err = m->error[k];
      return m->status[k];
    }
    const int32_t *question = m->questions + k * m->cells, *answer = m->answers + k * m->cells;
    if (trm__classes_add(classes, trm__question_key(m->task, question, m->cells)) < made->count) continue;
    for (size_t c = 0; c < m->cells; c++) {
      made->questions[(size_t)made->count * m->cells + c] = (uint8_t)question[c];
      made->answers[(size_t)made->count * m->cells + c] = (uint8_t)answer[c];
    }
    made->count++;
    ++*fresh;
  }
  return TRM_OK;
}

static trm_status making_run(making *m, trm__pool *pool, trm__classes *classes, int64_t count, trm__made *made,
                             trm_progress_fn progress, void *context, trm_error *err) {
  int64_t fresh, stalled = 0;
  while (made->count < count) {
    trm__pool_run(pool, BATCH, making_work, m);
    trm_status status = making_merge(m, classes, count, made, &fresh, err);
    if (status) return status;
    m->next += BATCH;
    stalled = fresh ? 0 : stalled + BATCH;
    if (progress && progress(context, (double)made->count / (double)count, "generating"))
      return trm__fail(err, TRM_E_STOPPED, NULL, "stopped while generating");
    if (stalled >= STALLED)
      return trm__fail(err, TRM_E_INPUT, "generator",
                       "found only %lld of %lld puzzles that differ by more than symmetry; ask for fewer, or for "
                       "larger ones",
                       (long long)made->count, (long long)count);
  }
  return TRM_OK;
}

static trm_wanted make_wishes(const trm_make_config *config) {
  trm_wanted wanted = trm_wanted_default();
  wanted.min_clues = config->min_clues, wanted.max_clues = config->max_clues;
  wanted.min_guesses = config->min_guesses, wanted.max_guesses = config->max_guesses;
  wanted.min_path = config->min_path;
  wanted.min_side = config->min_side, wanted.max_side = config->max_side;
  return wanted;
}

trm_status trm__make_each(const trm_task *task, const trm_make_config *config, trm__made *made,
                          trm_progress_fn progress, void *context, trm_error *err) {
  int64_t count = config->train + config->test;
  size_t cells = (size_t)task->width * (size_t)task->height;
  trm__pool *pool = NULL;
  trm__classes classes = {0};
  making *m = trm__calloc(1, sizeof *m);
  int32_t *room = trm__calloc(BATCH * cells, 2 * sizeof *room);
  trm_status status = m && room ? TRM_OK : trm__fail_memory(err, "puzzles", BATCH * cells * 2 * sizeof *room);
  if (!status) status = trm__classes_open(&classes, (size_t)count, err);
  if (!status) status = trm__made_open(made, task, count, err);
  if (!status) status = trm__pool_open(&pool, (int)config->threads, err);
  if (!status) {
    *m = (making){.task = task,
                  .wanted = make_wishes(config),
                  .seed = (uint64_t)config->seed,
                  .cells = cells,
                  .questions = room,
                  .answers = room + BATCH * cells};
    status = making_run(m, pool, &classes, count, made, progress, context, err);
  }
  if (status) trm__made_close(made);
  trm__pool_close(&pool);
  trm__classes_close(&classes);
  trm__free(room);
  trm__free(m);
  return status;
}
