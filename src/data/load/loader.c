/* The training loader. Epoch e visits the groups in a permutation drawn from stream (seed, order, e); each visit draws
 * its puzzle and the order of its examples from a stream of its own. So a position is three numbers (epoch, place in
 * it, batches so far), from which everything else is computed again. Choosing candidates is a walk over a few integers;
 * only the rows that are taken are built, each by itself, in the pool's threads. For a device, where
 * the host does not know which slots take their candidates, a thread walks ahead and builds all rows
 * (data/load/ahead.h). */
#include "data/load/loader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/text/json.h"
#include "data/dataset.h"
#include "data/load/ahead.h"
#include "task/augment.h"

#define VISITS ((uint64_t)1 << 63) /* indices of the order streams: below it epochs, from it on visits of groups */
#define CHUNK 16                   /* rows a task */

typedef struct position {
  int64_t epoch, place, batches;
} position;

struct trm__loader {
  const trm_dataset *dataset;
  trm__loader_config config;
  position at;        /* of the walk; used by the thread of `ahead` alone while that runs */
  position given;     /* after the last batch that was given out */
  trm__ahead *ahead;  /* NULL: not started */
  int64_t ordered;    /* the epoch that order holds; -1: none */
  uint32_t *order;    /* [groups] */
  uint32_t *shuffled; /* [examples of the largest puzzle] */
  int64_t *candidate; /* [batch] examples */
};

/* What the pool's tasks of one batch share. */
typedef struct job {
  const trm__loader *loader;
  const uint8_t *take; /* NULL: all */
  int32_t *inputs, *labels, *ids;
} job;

static int64_t loader_largest_puzzle(const trm_dataset *d) {
  int64_t largest = 1;
  for (int64_t p = 0; p < d->info.puzzles; p++) {
    int64_t size = d->puzzle_indices[p + 1] - d->puzzle_indices[p];
    if (size > largest) largest = size;
  }
  return largest;
}

trm_status trm__loader_open(trm__loader **out, const trm_dataset *dataset, const trm__loader_config *config,
                            trm_error *err) {
  if (config->batch < 1) return trm__fail(err, TRM_E_INPUT, "batch", "found %d, expected 1 or more", config->batch);
  if (config->augment && !trm__augment_known(&dataset->info.task))
    return trm__fail(err, TRM_E_INPUT, "augment", "this task has no known symmetries, expected --no-augment");
  trm__loader *l = trm__calloc(1, sizeof *l);
  if (!l) return trm__fail_memory(err, "loader", sizeof *l);
  l->dataset = dataset;
  l->config = *config;
  l->ordered = -1;
  if (!l->config.count) l->config.count = config->batch - config->first;
  size_t groups = (size_t)dataset->info.groups, largest = (size_t)loader_largest_puzzle(dataset);
  l->order = trm__calloc(groups, sizeof *l->order);
  l->shuffled = trm__calloc(largest, sizeof *l->shuffled);
  l->candidate = trm__calloc((size_t)config->batch, sizeof *l->candidate);
  trm_status status = TRM_OK;
  if (!l->order || !l->shuffled || !l->candidate)
    status = trm__fail_memory(err, "loader", (groups + largest) * 4 + (size_t)config->batch * 8);
  if (!status) *out = l;
  else trm__loader_close(&l);
  return status;
}

void trm__loader_close(trm__loader **loader) {
  if (!loader || !*loader) return;
  trm__loader *l = *loader;
  trm__ahead_close(&l->ahead);
  trm__free(l->order);
  trm__free(l->shuffled);
  trm__free(l->candidate);
  trm__free(l);
  *loader = NULL;
}

static void loader_order_groups(trm__loader *l) {
  if (l->ordered == l->at.epoch) return;
  uint32_t groups = (uint32_t)l->dataset->info.groups;
  for (uint32_t g = 0; g < groups; g++) l->order[g] = g;
  trm__rng rng = trm__rng_make(l->config.seed, TRM__RNG_ORDER, (uint64_t)l->at.epoch);
  trm__rng_shuffle(&rng, l->order, groups);
  l->ordered = l->at.epoch;
}

/* Writes up to room examples of one puzzle of the next group, in random order; returns how many. */
static int loader_visit_group(trm__loader *l, int64_t *examples, int room) {
  const trm_dataset *d = l->dataset;
  loader_order_groups(l);
  uint32_t group = l->order[l->at.place];
  uint64_t visit = (uint64_t)l->at.epoch * (uint64_t)d->info.groups + (uint64_t)l->at.place;
  trm__rng rng = trm__rng_make(l->config.seed, TRM__RNG_ORDER, VISITS | visit);
  int64_t puzzles = d->group_indices[group + 1] - d->group_indices[group];
  int64_t puzzle = d->group_indices[group] + (puzzles > 1 ? trm__rng_below(&rng, (uint32_t)puzzles) : 0);
  int64_t first = d->puzzle_indices[puzzle];
  uint32_t size = (uint32_t)(d->puzzle_indices[puzzle + 1] - first);
  int count = size < (uint32_t)room ? (int)size : room;
  for (uint32_t i = 0; i < size; i++) l->shuffled[i] = i;
  for (int i = 0; i < count; i++) {
    uint32_t k = (uint32_t)i + (size > 1 ? trm__rng_below(&rng, size - (uint32_t)i) : 0), item = l->shuffled[k];
    l->shuffled[k] = l->shuffled[i];
    l->shuffled[i] = item;
    examples[i] = first + item;
  }
  if (++l->at.place == d->info.groups) {
    l->at.place = 0;
    l->at.epoch++;
  }
  return count;
}

/* Row i: the candidate of slot first + i. */
static void loader_build_row(const job *j, int i) {
  const trm__loader *l = j->loader;
  const trm_dataset *d = l->dataset;
  int slot = l->config.first + i;
  size_t at = (size_t)i * (size_t)d->info.seq_len;
  trm_dataset_example(d, l->candidate[slot], j->inputs + at, j->labels + at, j->ids + i, NULL);
  if (!l->config.augment) return;
  uint64_t index = (uint64_t)l->at.batches * (uint64_t)l->config.batch + (uint64_t)slot;
  trm__rng rng = trm__rng_make(l->config.seed, TRM__RNG_AUGMENT, index);
  trm__augment(&d->info.task, &rng, j->inputs + at, j->labels + at);
}

static void loader_build_rows(void *context, int task, int worker) {
  const job *j = context;
  (void)worker;
  for (int i = task * CHUNK; i < (task + 1) * CHUNK && i < j->loader->config.count; i++)
    if (!j->take || j->take[i]) loader_build_row(j, i);
}

/* The next batch of the walk. Nothing here can fail: the dataset was checked when it was opened. */
static void loader_build(trm__loader *l, const uint8_t *take, int32_t *inputs, int32_t *labels, int32_t *ids) {
  int batch = l->config.batch, tasks = (l->config.count + CHUNK - 1) / CHUNK;
  for (int filled = 0; filled < batch;) filled += loader_visit_group(l, l->candidate + filled, batch - filled);
  job j = {l, take, inputs, labels, ids};
  if (l->config.pool) trm__pool_run(l->config.pool, tasks, loader_build_rows, &j);
  else
    for (int task = 0; task < tasks; task++) loader_build_rows(&j, task, 0);
  l->at.batches++;
}

/* Runs in the thread of `ahead`. */
static trm_status loader_build_ahead(void *context, trm__batch *to, trm_error *err) {
  trm__loader *l = context;
  (void)err;
  loader_build(l, NULL, to->inputs, to->labels, to->ids);
  to->after[0] = l->at.epoch, to->after[1] = l->at.place, to->after[2] = l->at.batches;
  return TRM_OK;
}

static trm_status loader_next_ahead(trm__loader *l, int32_t *inputs, int32_t *labels, int32_t *ids, trm_error *err) {
  size_t rows = (size_t)l->config.count, tokens = rows * (size_t)l->dataset->info.seq_len;
  const trm__batch *batch = NULL;
  trm_status status = TRM_OK;
  if (!l->ahead)
    status = trm__ahead_open(&l->ahead, l->config.ahead, l->config.count, (int)l->dataset->info.seq_len,
                             loader_build_ahead, l, err);
  if (!status) status = trm__ahead_next(l->ahead, &batch, err);
  if (status) return status;
  memcpy(inputs, batch->inputs, tokens * sizeof *inputs);
  memcpy(labels, batch->labels, tokens * sizeof *labels);
  memcpy(ids, batch->ids, rows * sizeof *ids);
  l->given = (position){batch->after[0], batch->after[1], batch->after[2]};
  return TRM_OK;
}

trm_status trm__loader_next(trm__loader *loader, const uint8_t *take, int32_t *inputs, int32_t *labels, int32_t *ids,
                            trm_error *err) {
  if (loader->config.ahead > 0) return loader_next_ahead(loader, inputs, labels, ids, err);
  loader_build(loader, take, inputs, labels, ids);
  loader->given = loader->at;
  return TRM_OK;
}

json_t *trm__loader_state(const trm__loader *loader) {
  return json_pack("{s:I, s:I, s:I, s:i, s:I}", "epoch", (json_int_t)loader->given.epoch, "position",
                   (json_int_t)loader->given.place, "batches", (json_int_t)loader->given.batches, "batch",
                   loader->config.batch, "groups", (json_int_t)loader->dataset->info.groups);
}

trm_status trm__loader_restore(trm__loader *loader, const json_t *state, const char *where, trm_error *err) {
  int64_t groups = loader->dataset->info.groups, batch = loader->config.batch;
  int64_t epoch, place, batches, same;
  trm_status status = trm__json_int(state, "groups", groups, groups, &same, where, err);
  if (!status) status = trm__json_int(state, "batch", batch, batch, &same, where, err);
  if (!status) status = trm__json_int(state, "epoch", 0, INT64_MAX / 2 / groups, &epoch, where, err);
  if (!status) status = trm__json_int(state, "position", 0, groups - 1, &place, where, err);
  if (!status) status = trm__json_int(state, "batches", 0, INT64_MAX / batch, &batches, where, err);
  if (status) return status;
  trm__ahead_close(&loader->ahead); /* it starts again from here */
  loader->at = loader->given = (position){epoch, place, batches};
  return TRM_OK;
}
