/* Making a Sudoku dataset: generate puzzles of which no two are equivalent, give the first ones to the test split and
 * the rest to the training split (neighbours in the generator's order may be variations of one another, so with one cut
 * at most one such family has members on both sides), and write both as a directory. Ratings are the exact solver's
 * guesses. */
#include <math.h>
#include <string.h>

#include "base/config.h"
#include "base/status.h"
#include "data/format/dataset_dir.h"
#include "task/sudoku/generate.h"

static const trm_option make_options[] = {
    {.name = "out",
     .type = TRM_OPT_STRING,
     .offset = offsetof(trm_make_config, out),
     .size = sizeof(((trm_make_config *)0)->out),
     .metavar = "DIR",
     .group = "Dataset",
     .help = "directory to write: a new name, or an empty directory"},
    {.name = "size",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_make_config, side),
     .default_text = "9",
     .min = 4,
     .max = 16,
     .metavar = "N",
     .help = "side of the grid: 4, 6, 9 or 16"},
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
     .group = "Puzzles",
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

static void make_put_example(trm_dataset *set, int64_t i, size_t cells, const uint8_t *question, const uint8_t *answer,
                             double guesses) {
  for (size_t c = 0; c < cells; c++) {
    set->inputs[(size_t)i * cells + c] = (uint8_t)(question[c] + 1);
    set->labels[(size_t)i * cells + c] = (uint8_t)(answer[c] + 1);
  }
  set->ratings[i] = guesses;
}

/* Copy k of a puzzle: a random image, rated by itself because the solver guesses differently. */
static void make_put_image(trm_dataset *set, int64_t i, const trm__sudoku_geometry *geometry, trm__rng *rng,
                           const uint8_t *question, const uint8_t *answer) {
  uint8_t image[TRM__SUDOKU_CELLS], solved[TRM__SUDOKU_CELLS];
  trm__sudoku_symmetry symmetry = trm__sudoku_symmetry_random(geometry, rng);
  trm__sudoku_symmetry_apply(&symmetry, question, image);
  trm__sudoku_symmetry_apply(&symmetry, answer, solved);
  trm_sudoku_result result = trm_sudoku_solve(geometry->size, image, 1, NULL);
  double guesses = result.solutions > 0 ? (double)result.guesses : (double)NAN; /* NaN: the solver gave up */
  make_put_example(set, i, (size_t)geometry->cells, image, solved, guesses);
}

/* Puzzles first..first+count-1, each followed by its copies; both are one group. */
static trm_status make_split(trm_dataset **out, const trm__puzzles *puzzles, int64_t first, int64_t count,
                             int64_t copies, uint64_t seed, trm_error *err) {
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(puzzles->size);
  trm_task task = trm_task_sudoku(puzzles->size);
  size_t cells = (size_t)geometry->cells;
  trm_status status = trm__dataset_new(out, &task, count * (copies + 1), copies + 1, "guesses", err);
  if (status) return status;
  for (int64_t p = 0; p < count; p++) {
    const uint8_t *question = puzzles->questions + (size_t)(first + p) * cells;
    const uint8_t *answer = puzzles->answers + (size_t)(first + p) * cells;
    int64_t at = p * (copies + 1);
    make_put_example(*out, at, cells, question, answer, (double)puzzles->guesses[first + p]);
    trm__rng rng = trm__rng_make(seed, TRM__RNG_AUGMENT, (uint64_t)p);
    for (int64_t k = 1; k <= copies; k++) make_put_image(*out, at + k, geometry, &rng, question, answer);
  }
  return TRM_OK;
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

static trm__generate_config make_generator_config(const trm_make_config *c) {
  return (trm__generate_config){.size = (int)c->side,
                                .count = c->train + c->test,
                                .min_clues = c->min_clues,
                                .max_clues = c->max_clues,
                                .min_guesses = c->min_guesses,
                                .max_guesses = c->max_guesses,
                                .minimal = c->minimal,
                                .seed = (uint64_t)c->seed,
                                .threads = (int)c->threads};
}

trm_status trm_data_make(const trm_make_config *config, trm_progress_fn progress, void *context, trm_error *err) {
  trm__puzzles puzzles = {0};
  trm_dataset *train = NULL, *test = NULL;
  phase generating = {progress, context};
  static const trm__config_form form = TRM__CONFIG_FORM(trm_make_config, threads);
  trm_make_config whole = trm_make_config_default();
  trm_status status = trm__config_read(&whole, config, &form, err);
  config = &whole;
  if (!status) status = make_check(config, err);
  if (status) return status;
  trm__generate_config wanted = make_generator_config(config);
  if ((status = trm__generate(&puzzles, &wanted, make_report, &generating, err))) goto done;
  uint64_t seed = (uint64_t)config->seed;
  if (config->test > 0 && (status = make_split(&test, &puzzles, 0, config->test, 0, seed, err))) goto done;
  if (config->train > 0 &&
      (status = make_split(&train, &puzzles, config->test, config->train, config->augment, seed, err)))
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
  trm__puzzles_free(&puzzles);
  return status;
}
