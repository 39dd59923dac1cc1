/* The generator: numbered attempts in batches over the threads, merged in order and free of equivalent puzzles. It digs
 * random puzzles; when too few of the first ones are as hard as wanted, it breeds hard ones instead. */
#include "task/sudoku/generate.h"

#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/status.h"
#include "task/keys.h"

enum {
  DIG_TASKS = 64,    /* tasks of a batch of digging */
  DIG_ATTEMPTS = 16, /* attempts a task */
  PROBE = 1024,      /* attempts after which digging goes on only if 5 % of them gave a puzzle */
  ISLANDS = 8,       /* of a batch of breeding */
  ISLAND_ROOM = 48,  /* puzzles that one island may give */
  ISLAND_STALL = 48, /* islands in a row without a new puzzle before it gives up */
  DIG_STALL = 40000  /* attempts likewise; 16x16: a 64th */
};

typedef struct generator {
  trm__generate_config config;
  trm__puzzles out;
  trm__classes classes; /* of the puzzles in out */
  trm__puzzle *slots;   /* [tasks][per task] of the batch at work */
  int *used;            /* [tasks] */
  int tasks, per_task;
  int breeding;
  int64_t next; /* attempt or island that the next batch begins with */
} generator;

void trm__puzzles_free(trm__puzzles *puzzles) {
  trm__free(puzzles->questions);
  trm__free(puzzles->answers);
  trm__free(puzzles->guesses);
  *puzzles = (trm__puzzles){0};
}

static trm_status generator_check(const trm__generate_config *c, trm_error *err) {
  int64_t cells = (int64_t)c->size * c->size;
  if (!trm__sudoku_geometry_of(c->size))
    return trm__fail(err, TRM_E_USAGE, "size", "%d is not a size of Sudoku: choose 4, 6, 9 or 16", c->size);
  if (c->count < 0 || c->count > INT32_MAX)
    return trm__fail(err, TRM_E_USAGE, "count", "%lld puzzles cannot be made: choose up to %d", (long long)c->count,
                     INT32_MAX);
  if (c->min_clues < 0 || c->max_clues < 0 || c->min_clues > cells || (c->max_clues && c->max_clues < c->min_clues))
    return trm__fail(err, TRM_E_USAGE, "clues", "no puzzle of %lld cells has %lld to %lld clues", (long long)cells,
                     (long long)c->min_clues, (long long)c->max_clues);
  if (c->min_guesses < 0 || c->max_guesses < -1 || (c->max_guesses >= 0 && c->max_guesses < c->min_guesses))
    return trm__fail(err, TRM_E_USAGE, "guesses", "no puzzle takes %lld to %lld guesses", (long long)c->min_guesses,
                     (long long)c->max_guesses);
  return TRM_OK;
}

static trm_status generator_allocate(generator *g, trm_error *err) {
  size_t cells = (size_t)g->config.size * (size_t)g->config.size, count = (size_t)g->config.count;
  size_t slots = DIG_TASKS * DIG_ATTEMPTS > ISLANDS * ISLAND_ROOM ? DIG_TASKS * DIG_ATTEMPTS : ISLANDS * ISLAND_ROOM;
  g->out.size = g->config.size;
  g->out.questions = trm__calloc(count, cells);
  g->out.answers = trm__calloc(count, cells);
  g->out.guesses = trm__calloc(count, sizeof *g->out.guesses);
  g->slots = trm__calloc(slots, sizeof *g->slots);
  g->used = trm__calloc(DIG_TASKS, sizeof *g->used);
  if (!g->out.questions || !g->out.answers || !g->out.guesses || !g->slots || !g->used)
    return trm__fail_memory(err, "puzzles", count * (2 * cells + 4) + slots * sizeof *g->slots);
  return trm__classes_open(&g->classes, count, err);
}

/* Moves the new puzzles of the batch to out, in the order of the tasks; returns how many there were. */
static int64_t generator_merge(generator *g) {
  size_t cells = (size_t)g->config.size * (size_t)g->config.size;
  int64_t before = g->out.count;
  for (int t = 0; t < g->tasks; t++)
    for (int k = 0; k < g->used[t] && g->out.count < g->config.count; k++) {
      const trm__puzzle *puzzle = &g->slots[t * g->per_task + k];
      uint32_t class = trm__classes_add(&g->classes, puzzle->invariant);
      if (class < g->out.count) continue; /* met before */
      memcpy(g->out.questions + (size_t)g->out.count * cells, puzzle->question, cells);
      memcpy(g->out.answers + (size_t)g->out.count * cells, puzzle->answer, cells);
      g->out.guesses[g->out.count++] = (int32_t)puzzle->guesses;
    }
  return g->out.count - before;
}

static void generator_work(void *context, int task, int worker) {
  (void)worker;
  generator *g = context;
  trm__puzzle *slots = &g->slots[task * g->per_task];
  g->used[task] = 0;
  if (g->breeding) {
    g->used[task] = trm__generate_island(&g->config, (uint64_t)(g->next + task), slots, g->per_task);
    return;
  }
  for (int k = 0; k < g->per_task; k++) {
    uint64_t index = (uint64_t)(g->next + (int64_t)task * g->per_task + k);
    g->used[task] += trm__generate_attempt(&g->config, index, &slots[g->used[task]]);
  }
}

/* Puzzles that one island may give. When few are wanted, each island of a batch gives its share. */
static int generator_island_room(const generator *g) {
  int64_t share = (g->config.count + ISLANDS - 1) / ISLANDS;
  return share < ISLAND_ROOM ? (int)share : ISLAND_ROOM;
}

static void generator_set_phase(generator *g, int breeding) {
  g->breeding = breeding;
  g->next = 0;
  g->tasks = breeding ? ISLANDS : DIG_TASKS;
  g->per_task = breeding ? generator_island_room(g) : g->config.size > 9 ? 1 : DIG_ATTEMPTS;
}

static trm_status generator_fail_scarce(const generator *g, trm_error *err) {
  return trm__fail(err, TRM_E_INPUT, "generator",
                   "found only %lld of %lld puzzles that differ by more than symmetry; ask for fewer, or for a wider "
                   "range of clues or guesses",
                   (long long)g->out.count, (long long)g->config.count);
}

static trm_status generator_run(generator *g, trm__pool *pool, trm_progress_fn progress, void *context,
                                trm_error *err) {
  int64_t stalled = 0;
  generator_set_phase(g, 0);
  while (g->out.count < g->config.count) {
    trm__pool_run(pool, g->tasks, generator_work, g);
    for (int t = 0; t < g->tasks; t++)
      if (g->used[t] < 0) return trm__fail_memory(err, "generator", 0);
    int64_t units = g->breeding ? g->tasks : (int64_t)g->tasks * g->per_task, fresh = generator_merge(g);
    g->next += units;
    stalled = fresh ? 0 : stalled + units;
    if (progress && progress(context, (double)g->out.count / (double)g->config.count, "generating"))
      return trm__fail(err, TRM_E_STOPPED, NULL, "stopped while generating");
    int scarce =
        g->config.min_guesses > 0 && g->next >= PROBE / (g->config.size > 9 ? 16 : 1) && g->out.count * 20 < g->next;
    if (!g->breeding && scarce) generator_set_phase(g, 1), stalled = 0;
    else if (stalled >= (g->breeding ? ISLAND_STALL : g->config.size > 9 ? DIG_STALL / 64 : DIG_STALL))
      return generator_fail_scarce(g, err);
  }
  return TRM_OK;
}

trm_status trm__generate(trm__puzzles *out, const trm__generate_config *config, trm_progress_fn progress, void *context,
                         trm_error *err) {
  generator g = {.config = *config};
  trm__pool *pool = NULL;
  trm_status status = generator_check(config, err);
  if (status) return status;
  if ((status = generator_allocate(&g, err))) goto done;
  if ((status = trm__pool_open(&pool, config->threads, err))) goto done;
  if ((status = generator_run(&g, pool, progress, context, err))) goto done;
  *out = g.out;
  g.out = (trm__puzzles){0};
done:
  trm__pool_close(&pool);
  trm__puzzles_free(&g.out);
  trm__classes_close(&g.classes);
  trm__free(g.slots);
  trm__free(g.used);
  return status;
}
