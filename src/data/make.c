/* Making a dataset: the task kind makes puzzles of which no two are equivalent, the first ones go to the test split and
 * the rest to the training split (neighbours in the generator's order may be variations of one another, so with one cut
 * at most one such family has members on both sides), and both are written as a directory. */
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/status.h"
#include "data/format/dataset_dir.h"
#include "task/augment.h"
#include "task/kind.h"

static const trm_option make_options[] = {
    {.name = "out",
     .type = TRM_OPT_STRING,
     .offset = offsetof(trm_make_config, out),
     .size = sizeof(((trm_make_config *)0)->out),
     .metavar = "DIR",
     .group = "Dataset",
     .help = "directory to write: a new name, or an empty directory"},
    {.name = "task",
     .type = TRM_OPT_STRING,
     .offset = offsetof(trm_make_config, task),
     .size = sizeof(((trm_make_config *)0)->task),
     .default_text = "sudoku",
     .metavar = "KIND",
     .help = "sudoku or maze"},
    {.name = "size",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, side),
     .default_text = "9",
     .min = 4,
     .max = 64,
     .metavar = "N",
     .help = "side of the grid: of a Sudoku 4, 6, 9 or 16"},
    {.name = "train",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, train),
     .default_text = "1000",
     .min = 0,
     .max = 1e8,
     .metavar = "N",
     .help = "puzzles to train on"},
    {.name = "test",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, test),
     .default_text = "1000",
     .min = 0,
     .max = 1e8,
     .metavar = "N",
     .help = "puzzles to test on, none equivalent to one to train on"},
    {.name = "augment",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, augment),
     .default_text = "0",
     .min = 0,
     .max = 1e5,
     .metavar = "N",
     .help = "transformed copies of each training puzzle"},
    {.name = "min_clues",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, min_clues),
     .default_text = "0",
     .min = 0,
     .max = 256,
     .metavar = "N",
     .group = "Sudoku",
     .help = "fewest clues"},
    {.name = "max_clues",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, max_clues),
     .default_text = "0",
     .min = 0,
     .max = 256,
     .metavar = "N",
     .help = "most clues; 0: any number"},
    {.name = "min_guesses",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, min_guesses),
     .default_text = "0",
     .min = 0,
     .max = 1e6,
     .metavar = "N",
     .help = "fewest guesses of the exact solver"},
    {.name = "max_guesses",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, max_guesses),
     .default_text = "-1",
     .min = -1,
     .max = 1e6,
     .metavar = "N",
     .help = "most guesses of the exact solver; -1: any number"},
    {.name = "minimal",
     .type = TRM_OPT_BOOL,
     .offset = offsetof(trm_make_config, minimal),
     .default_text = "true",
     .help = "only puzzles from which no clue can be removed"},
    {.name = "min_path",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, min_path),
     .default_text = "0",
     .min = 0,
     .max = 4096,
     .metavar = "N",
     .group = "Mazes",
     .help = "fewest moves from start to goal; published 30x30 mazes have 109 and more"},
    {.name = "min_side",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, min_side),
     .default_text = "0",
     .min = 0,
     .max = 4096,
     .metavar = "N",
     .help = "least side of the mazes, which stand in the upper left corner; 0: --max-side"},
    {.name = "max_side",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, max_side),
     .default_text = "0",
     .min = 0,
     .max = 4096,
     .metavar = "N",
     .help = "largest side, with walls beside it; 0: --size"},
    {.name = "seed",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, seed),
     .default_text = "0",
     .min = 0,
     .max = 9e15,
     .metavar = "N",
     .group = "Run",
     .help = "the same seed gives the same puzzles at any number of threads"},
    {.name = "threads",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, threads),
     .default_text = "0",
     .min = 0,
     .max = 1024,
     .metavar = "N",
     .help = "threads; 0: all cores"},
};

const trm_option *trm_make_options(size_t *count) {
  *count = sizeof make_options / sizeof *make_options;
  return make_options;
}

trm_make_config trm_make_config_default(void) {
  trm_make_config config;
  memset(&config, 0, sizeof config);
  config.size = sizeof config;
  trm_options_default(make_options, sizeof make_options / sizeof *make_options, &config);
  return config;
}

/* Generating is counted as 0.99 of the work. */
typedef struct phase {
  trm_progress_fn fn;
  void *context;
} phase;

static int make_report(void *context, double fraction, const char *what) {
  const phase *p = context;
  return p->fn ? p->fn(p->context, 0.99 * fraction, what) : 0;
}

/* Example i of the set, rated. */
static void make_put_example(trm_dataset *set, int64_t i, const int32_t *question, const int32_t *answer) {
  size_t cells = (size_t)set->info.seq_len;
  for (size_t c = 0; c < cells; c++) {
    set->inputs[(size_t)i * cells + c] = (uint8_t)question[c];
    set->labels[(size_t)i * cells + c] = (uint8_t)answer[c];
  }
  if (set->ratings) set->ratings[i] = trm__kind_of(&set->info.task)->rate(&set->info.task, question, answer);
}

/* Puzzles first..first+count-1, each followed by its copies, which are rated by themselves because a solver guesses
 * differently; both are one group. */
static trm_status make_split(trm_dataset **out, const trm_task *task, const trm__made *made, int64_t first,
                             int64_t count, int64_t copies, uint64_t seed, trm_error *err) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  int32_t *question = trm__calloc(cells, 2 * sizeof *question), *answer = question + cells;
  if (!question) return trm__fail_memory(err, "puzzles", cells * 2 * sizeof *question);
  trm_status status =
      trm__dataset_new(out, task, count * (copies + 1), copies + 1, trm__kind_of(task)->rating, err);
  for (int64_t p = 0; !status && p < count; p++) {
    trm__rng rng = trm__rng_make(seed, TRM__RNG_AUGMENT, (uint64_t)p);
    for (int64_t k = 0; k <= copies; k++) {
      for (size_t c = 0; c < cells; c++) {
        question[c] = made->questions[(size_t)(first + p) * cells + c];
        answer[c] = made->answers[(size_t)(first + p) * cells + c];
      }
      if (k) trm__augment(task, &rng, question, answer);
      make_put_example(*out, p * (copies + 1) + k, question, answer);
    }
  }
  trm__free(question);
  return status;
}

/* The kind and the size that were asked for. */
static trm_status make_find_task(const trm_make_config *c, trm_task *task, trm_error *err) {
  trm_task square = {.kind = trm__kind_named(c->task), .width = (int)c->side, .height = (int)c->side};
  const trm__kind *kind = trm__kind_find(square.kind);
  if (!kind || !kind->search || !kind->shape)
    return trm__fail(err, TRM_E_USAGE, "--task", "found \"%.31s\", expected a kind whose puzzles trm makes: sudoku or "
                     "maze", c->task);
  if (!kind->make && !c->minimal)
    return trm__fail(err, TRM_E_USAGE, "--minimal", "is of Sudoku and has no effect on others, expected no such option");
  trm_error why = {0};
  if (!kind->shape(task, &square, "--size", &why)) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, "--size", "%s", why.message);
}

static trm_status make_check(const trm_make_config *c, trm_error *err) {
  if (c->out[0] == 0) return trm__fail(err, TRM_E_USAGE, "--out", "no directory to write was given");
  if (c->train < 0 || c->test < 0 || c->train + c->test < 1 || c->augment < 0)
    return trm__fail(err, TRM_E_USAGE, "--train",
                     "%lld training and %lld test puzzles were asked for, expected one at "
                     "least",
                     (long long)c->train, (long long)c->test);
  if (c->train > INT32_MAX / (c->augment + 1) || c->test > INT32_MAX - c->train)
    return trm__fail(err, TRM_E_USAGE, "--augment",
                     "%lld puzzles with %lld copies each are more than a dataset can hold "
                     "(%d)",
                     (long long)c->train, (long long)c->augment, INT32_MAX);
  return trm__dataset_can_write(c->out, err);
}

trm_status trm_data_make(const trm_make_config *config, trm_progress_fn progress, void *context, trm_error *err) {
  trm__made made = {0};
  trm_task task;
  trm_dataset *train = NULL, *test = NULL;
  phase generating = {progress, context};
  static const trm__config_form form = TRM__CONFIG_FORM(trm_make_config, threads);
  trm_make_config whole = trm_make_config_default();
  trm_status status = trm__config_read(&whole, config, &form, err);
  config = &whole;
  if (!status) status = make_check(config, err);
  if (!status) status = make_find_task(config, &task, err);
  if (status) return status;
  const trm__kind *kind = trm__kind_of(&task);
  if ((status = (kind->make ? kind->make : trm__make_each)(&task, config, &made, make_report, &generating, err)))
    goto done;
  uint64_t seed = (uint64_t)config->seed;
  if (config->test > 0 && (status = make_split(&test, &task, &made, 0, config->test, 0, seed, err))) goto done;
  if (config->train > 0 &&
      (status = make_split(&train, &task, &made, config->test, config->train, config->augment, seed, err)))
    goto done;
  if (progress && progress(context, 0.99, "writing")) {
    status = trm__fail(err, TRM_E_STOPPED, config->out, "stopped before writing");
    goto done;
  }
  if ((status = trm__dataset_write(config->out, train, test, err))) goto done;
  if (progress) progress(context, 1, "done");
done:
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  trm__made_close(&made);
  return status;
}
