/* Building an ARC dataset: tasks are read, those that do not fit the square are left out, images are drawn, sizes and
 * memory follow from them and are told, and only then is anything written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/status.h"
#include "data/arc/write.h"
#include "data/format/dataset_dir.h"

static const trm_option arc_options[] = {
    {.name = "out",
     .type = TRM_OPT_STRING,
     .offset = offsetof(trm_arc_config, out),
     .size = sizeof(((trm_arc_config *)0)->out),
     .metavar = "DIR",
     .group = "Dataset",
     .help = "directory to write: a new name, or an empty directory"},
    {.name = "augment",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_arc_config, augment),
     .default_text = "1000",
     .min = 0,
     .max = 1e5,
     .metavar = "N",
     .help = "images of each task under exchanged colours and turns, all different"},
    {.name = "side",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_arc_config, side),
     .default_text = "30",
     .min = 1,
     .max = 30,
     .metavar = "N",
     .help = "side of the square that grids stand in; tasks with larger grids are left out"},
    {.name = "translate",
     .type = TRM_OPT_BOOL,
     .offset = offsetof(trm_arc_config, translate),
     .default_text = "true",
     .help = "move all pairs of a training puzzle but one to a random place in the square"},
    {.name = "limit",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_arc_config, limit),
     .default_text = "0",
     .min = 0,
     .max = 1e9,
     .metavar = "N",
     .help = "only the first N tasks to train on and the first N to test on; 0: all"},
    {.name = "seed",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_arc_config, seed),
     .default_text = "0",
     .min = 0,
     .max = 9e15,
     .metavar = "N",
     .help = "seed of images and places"},
    {.name = "threads",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_arc_config, threads),
     .default_text = "0",
     .min = 0,
     .max = 1024,
     .metavar = "N",
     .help = "threads; 0: all cores. The result does not depend on them"},
};

const trm_option *trm_arc_options(size_t *count) {
  *count = sizeof arc_options / sizeof *arc_options;
  return arc_options;
}

trm_arc_config trm_arc_config_default(void) {
  trm_arc_config config;
  memset(&config, 0, sizeof config);
  config.size = sizeof config;
  trm_options_default(arc_options, sizeof arc_options / sizeof *arc_options, &config);
  return config;
}

typedef struct build {
  const trm_arc_config *config;
  trm__arc_tasks tasks;
  trm__arc_images images;
  trm__arc_writing writing;
  trm_arc_report report;
  trm_arc_planned_fn planned;
  trm_progress_fn progress;
  void *context;
  const char *what; /* for progress */
  double from, share;
  trm_error *err;
} build;

static int build_stop(void *context, double fraction) {
  const build *b = context;
  return b->progress && b->progress(b->context, b->from + b->share * fraction, b->what) != 0;
}

/* -- which tasks -- */

static int build_fits(const trm__arc_task *task, int64_t side) {
  for (int i = 0; i < task->train + task->test; i++) {
    const trm__arc_grid *grid[2] = {&task->pair[i].input, &task->pair[i].output};
    for (int k = 0; k < 2; k++)
      if (grid[k]->height > side || grid[k]->width > side) return 0;
  }
  return 1;
}

/* Tasks that stay move up; the others are freed. */
static void build_choose(build *b) {
  trm__arc_tasks *tasks = &b->tasks;
  int64_t taken[2] = {0, 0}, limit = b->config->limit;
  size_t kept = 0;
  for (size_t i = 0; i < tasks->count; i++) {
    trm__arc_task *task = &tasks->item[i];
    int fits = build_fits(task, b->config->side);
    b->report.left_out += !fits;
    if (fits && (!limit || taken[task->evaluated] < limit)) {
      taken[task->evaluated]++;
      tasks->item[kept++] = *task;
      continue;
    }
    trm__free(task->id);
    trm__free(task->pair);
  }
  tasks->count = kept;
  b->report.tasks = (int64_t)kept;
  b->report.evaluated = taken[1];
}

static trm_status build_read(build *b) {
  const trm_arc_config *c = b->config;
  trm_status status = TRM_OK;
  for (size_t i = 0; i < c->trains && !status; i++) status = trm__arc_tasks_read(&b->tasks, c->train[i], 0, b->err);
  for (size_t i = 0; i < c->tests && !status; i++) status = trm__arc_tasks_read(&b->tasks, c->test[i], 1, b->err);
  if (status) return status;
  build_choose(b);
  if (b->tasks.count) return TRM_OK;
  return trm__fail(b->err, TRM_E_INPUT, b->tasks.file[0],
                   "every task has a grid of more than %lld rows or columns, expected --side 30", (long long)c->side);
}

/* -- the leak rule: what is trained on is no image of what is tested on -- */

typedef struct test_key {
  uint64_t key;
} test_key;

static int build_compare_keys(const void *a, const void *b) {
  uint64_t x = ((const test_key *)a)->key, y = ((const test_key *)b)->key;
  return (x > y) - (x < y);
}

static void build_count_shared(build *b, const test_key *keys, size_t count) {
  for (size_t t = 0; t < b->tasks.count; t++) {
    const trm__arc_task *task = &b->tasks.item[t];
    for (int i = 0; i < task->train + task->test; i++) {
      const trm__arc_pair *pair = &task->pair[i];
      if (!pair->output.height || (i >= task->train && task->evaluated)) continue;
      test_key wanted = {trm__arc_pair_key(&pair->input, &pair->output)};
      if (!bsearch(&wanted, keys, count, sizeof *keys, build_compare_keys)) continue;
      if (!b->report.shared++)
        (void)snprintf(b->report.first_shared, sizeof b->report.first_shared, "%.200s", task->id);
    }
  }
}

static trm_status build_check_shared(build *b) {
  size_t count = 0;
  for (size_t t = 0; t < b->tasks.count; t++) count += (size_t)b->tasks.item[t].test;
  test_key *keys = trm__calloc(count, sizeof *keys);
  if (!keys) return trm__fail_memory(b->err, "tests", count * sizeof *keys);
  count = 0;
  for (size_t t = 0; t < b->tasks.count; t++) {
    const trm__arc_task *task = &b->tasks.item[t];
    for (int i = task->train; i < task->train + task->test; i++) {
      if (!task->pair[i].output.height) b->report.unknown++;
      else if (task->evaluated) keys[count++].key = trm__arc_pair_key(&task->pair[i].input, &task->pair[i].output);
    }
  }
  qsort(keys, count, sizeof *keys, build_compare_keys);
  build_count_shared(b, keys, count);
  trm__free(keys);
  return TRM_OK;
}

/* -- all of it -- */

static uint64_t build_disk(const trm__arc_writing *w) {
  uint64_t bytes = 0;
  for (int s = 0; s < TRM__ARC_SPLITS; s++) {
    const trm_dataset_info *info = &w->shape[s].info;
    bytes += 2 * (uint64_t)info->examples * (uint64_t)info->seq_len + 8 * (uint64_t)info->puzzles;
  }
  return bytes + (uint64_t)w->shape[0].info.identifiers * 32;
}

static trm_status build_plan(build *b) {
  trm__arc_writing *w = &b->writing;
  trm_arc_report *r = &b->report;
  w->tasks = &b->tasks, w->images = &b->images, w->seed = (uint64_t)b->config->seed,
  w->translate = b->config->translate;
  trm_status status = trm__arc_writing_open(w, (int)b->config->side, b->err);
  if (status) return status;
  for (size_t t = 0; t < b->tasks.count; t++) r->lacking += b->images.count[t] < b->config->augment;
  r->identifiers = w->shape[TRM__ARC_TRAIN].info.identifiers;
  r->train_examples = w->shape[TRM__ARC_TRAIN].info.examples;
  r->test_examples = w->shape[TRM__ARC_TEST].info.examples;
  r->memory_bytes = trm__arc_writing_memory(w);
  r->disk_bytes = build_disk(w);
  if (b->planned && b->planned(b->context, r) != 0)
    return trm__fail(b->err, TRM_E_STOPPED, b->config->out, "stopped before anything was written");
  return TRM_OK;
}

static trm_status build_all(build *b) {
  trm__pool *pool = NULL;
  trm_status status = build_read(b);
  if (!status) status = trm__dataset_can_write(b->config->out, b->err);
  if (!status) status = build_check_shared(b);
  if (!status) status = trm__pool_open(&pool, (int)b->config->threads, b->err);
  b->what = "drawing images", b->from = 0, b->share = 0.5;
  if (!status)
    status = trm__arc_images_open(&b->images, &b->tasks, (size_t)b->config->augment, (uint64_t)b->config->seed, pool,
                                  build_stop, b, b->err);
  if (!status) status = build_plan(b);
  b->what = "writing", b->from = 0.5, b->share = 0.25;
  b->writing.pool = pool, b->writing.stop = build_stop, b->writing.context = b;
  if (!status) status = trm__dataset_fill(b->config->out, trm__arc_write, &b->writing, b->err);
  trm__pool_close(&pool);
  return status;
}

trm_status trm_data_arc(const trm_arc_config *config, trm_arc_report *report, trm_arc_planned_fn planned,
                        trm_progress_fn progress, void *context, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_arc_config, tests);
  trm_arc_config whole = trm_arc_config_default();
  build b = {.config = &whole, .planned = planned, .progress = progress, .context = context, .err = err};
  trm_status status = trm__config_read(&whole, config, &form, err);
  if (!status && whole.trains + whole.tests == 0)
    status = trm__fail(err, TRM_E_USAGE, "arc", "no tasks, expected a file or folder of ARC tasks");
  if (!status) status = build_all(&b);
  if (!status && progress) (void)progress(context, 1, "done");
  if (!status && report) *report = b.report;
  trm__arc_writing_close(&b.writing);
  trm__arc_images_close(&b.images);
  trm__arc_tasks_free(&b.tasks);
  return status;
}
