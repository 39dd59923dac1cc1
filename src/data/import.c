/* Importing a text file as a dataset directory. Puzzles that are the same, and those of a group that the file names,
 * form a unit (units.h); a unit becomes one group of the training split or goes to the test split as a whole, so that
 * no puzzle is on both sides. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "data/format/dataset_dir.h"
#include "data/format/rows_open.h"
#include "data/units.h"
#include "task/augment.h"
#include "task/keys.h"
#include "task/puzzle.h"
#include "task/task.h"

/* The work in hand. Examples are numbers into source. */
typedef struct import {
  const trm_import_config *config;
  trm_progress_fn progress;
  void *context;
  trm_error *err;
  trm_dataset *source, *test_source;
  trm__marks marks;
  trm__classes classes; /* numbered as they first appear in the file */
  size_t count;
  uint32_t *chosen;      /* [count] examples in the file's order */
  trm__units units;      /* of them */
  uint8_t *unit_is_test; /* [units] */
  trm__units test_units; /* of test_source */
  uint8_t *test_is_test; /* [test_units] all 1 */
  int64_t left_out;      /* training examples of units that a test puzzle is of */
} import;

static trm_status import_report(const import *im, double fraction, const char *what) {
  if (!im->progress || im->progress(im->context, fraction, what) == 0) return TRM_OK;
  return trm__fail(im->err, TRM_E_STOPPED, im->config->input, "stopped before anything was written");
}

/* keys [count] of examples of d, which are numbered by example [count], or 0 to count - 1 when that is NULL. Progress
 * goes from `from` to `to`. */
static trm_status import_compute_keys(const import *im, const trm_dataset *d, const uint32_t *example, size_t count,
                                      uint64_t *keys, double from, double to) {
  size_t cells = (size_t)d->info.seq_len;
  int32_t *tokens = trm__calloc(cells, sizeof *tokens);
  if (!tokens) return trm__fail_memory(im->err, im->config->input, cells * sizeof *tokens);
  trm_status status = TRM_OK;
  for (size_t i = 0; i < count && !status; i++) {
    if (i % 1024 == 0) status = import_report(im, from + (to - from) * (double)i / (double)count, "comparing puzzles");
    trm_dataset_example(d, example ? (int64_t)example[i] : (int64_t)i, tokens, NULL, NULL, NULL);
    keys[i] = trm__question_key(&d->info.task, tokens, cells);
  }
  trm__free(tokens);
  return status;
}

static int import_compare_examples(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* All examples, or a random limit of them, in the file's order. */
static trm_status import_choose_examples(import *im) {
  size_t total = (size_t)im->source->info.examples;
  im->count = im->config->limit > 0 && (size_t)im->config->limit < total ? (size_t)im->config->limit : total;
  im->chosen = trm__calloc(total, sizeof *im->chosen);
  if (!im->chosen) return trm__fail_memory(im->err, im->config->input, total * sizeof *im->chosen);
  for (size_t i = 0; i < total; i++) im->chosen[i] = (uint32_t)i;
  if (im->count == total) return TRM_OK;
  trm__rng rng = trm__rng_make((uint64_t)im->config->seed, TRM__RNG_SPLIT, 0);
  trm__rng_shuffle(&rng, im->chosen, (uint32_t)total);
  qsort(im->chosen, im->count, sizeof *im->chosen, import_compare_examples);
  return TRM_OK;
}

static trm_status import_find_units(import *im) {
  size_t n = im->count;
  uint64_t *keys = trm__calloc(n, sizeof *keys);
  uint32_t *class_of = trm__calloc(n, sizeof *class_of);
  im->unit_is_test = trm__calloc(n, 1);
  trm_status status = TRM_OK;
  if (!keys || !class_of || !im->unit_is_test) status = trm__fail_memory(im->err, im->config->input, n * 13);
  if (!status) status = trm__classes_open(&im->classes, n, im->err);
  if (!status) status = import_compute_keys(im, im->source, im->chosen, n, keys, 0.1, 0.6);
  for (size_t i = 0; i < n && !status; i++) class_of[i] = trm__classes_add(&im->classes, keys[i]);
  if (!status) status = trm__units_open(&im->units, im->source, im->chosen, class_of, n, im->classes.count, im->err);
  trm__free(keys);
  trm__free(class_of);
  return status;
}

/* Those of the file of test puzzles: its groups alone, as each of its puzzles is a test. */
static trm_status import_find_test_units(import *im) {
  size_t n = (size_t)im->test_source->info.examples;
  uint32_t *each = trm__calloc(n, sizeof *each);
  im->test_is_test = trm__calloc(n, 1);
  trm_status status = TRM_OK;
  if (!each || !im->test_is_test) status = trm__fail_memory(im->err, im->config->test_input, n * 5);
  for (size_t i = 0; i < n && !status; i++) each[i] = (uint32_t)i, im->test_is_test[i] = 1;
  if (!status) status = trm__units_open(&im->test_units, im->test_source, each, each, n, (uint32_t)n, im->err);
  trm__free(each);
  return status;
}

static uint32_t import_unit_size(const trm__units *units, uint32_t u) {
  return units->start[u + 1] - units->start[u];
}

/* Random units until the test split has its share; at least one unit stays on each side. */
static trm_status import_split_at_random(import *im) {
  double wanted = im->config->test_fraction * (double)im->count;
  size_t target = wanted > 0 && wanted < 1 ? 1 : (size_t)llround(wanted), taken = 0;
  uint32_t units = im->units.count;
  if (target == 0) return TRM_OK;
  if (units < 2)
    return trm__fail(im->err, TRM_E_INPUT, im->config->input,
                     "all %zu puzzles are the same up to symmetry%s and cannot be split, expected --test-fraction 0 or "
                     "more puzzles",
                     im->count, im->units.groups > 0 ? ", or of one group," : "");
  uint32_t *order = trm__calloc(units, sizeof *order);
  if (!order) return trm__fail_memory(im->err, im->config->input, units * sizeof *order);
  for (uint32_t u = 0; u < units; u++) order[u] = u;
  trm__rng rng = trm__rng_make((uint64_t)im->config->seed, TRM__RNG_SPLIT, 1);
  trm__rng_shuffle(&rng, order, units);
  for (uint32_t i = 0; i + 1 < units && taken < target; i++) {
    im->unit_is_test[order[i]] = 1;
    taken += import_unit_size(&im->units, order[i]);
  }
  trm__free(order);
  return TRM_OK;
}

static void import_leave_out(import *im, uint32_t unit) {
  if (unit == TRM__NO_UNIT || im->unit_is_test[unit]) return;
  im->unit_is_test[unit] = 1;
  im->left_out += import_unit_size(&im->units, unit);
}

/* Units that have a puzzle or a group of the file of test puzzles go to neither side. */
static trm_status import_leave_out_test(import *im) {
  const trm_dataset *test = im->test_source;
  size_t count = (size_t)test->info.examples;
  uint64_t *keys = trm__calloc(count, sizeof *keys);
  if (!keys) return trm__fail_memory(im->err, im->config->test_input, count * sizeof *keys);
  trm_status status = import_compute_keys(im, test, NULL, count, keys, 0.6, 0.7);
  for (size_t i = 0; i < count && !status; i++) {
    int64_t c = trm__classes_find(&im->classes, keys[i]);
    int32_t group = test->group_names ? test->group_names[i] : 0;
    import_leave_out(im, c < 0 ? TRM__NO_UNIT : im->units.of_class[c]);
    if (group > 0 && group <= im->units.groups) import_leave_out(im, im->units.of_group[group]);
  }
  trm__free(keys);
  if (!status && im->left_out == (int64_t)im->count)
    return trm__fail(im->err, TRM_E_INPUT, im->config->input,
                     "every puzzle is equivalent to one of %.200s%s, expected others", im->config->test_input,
                     im->units.groups > 0 ? " or of its groups" : "");
  return status ? status : import_find_test_units(im);
}

static void import_store(trm_dataset *d, int64_t at, const int32_t *inputs, const int32_t *labels, double rating) {
  size_t cells = (size_t)d->info.seq_len, first = (size_t)at * cells;
  for (size_t k = 0; k < cells; k++) {
    d->inputs[first + k] = (uint8_t)inputs[k];
    d->labels[first + k] = (uint8_t)(labels[k] < 0 ? 0 : labels[k]);
  }
  if (d->ratings) d->ratings[at] = rating;
}

/* The guesses that the exact solver needs for a question; NaN when it found no solution, or for a kind without one. */
static double import_count_guesses(const trm_task *task, const int32_t *tokens) {
  return trm__task_count_solutions(task, tokens, 1, 1000000).effort;
}

/* Example `at` of d becomes example i of source. Returns 1 when its rating is what the solver counts: then that of an
 * image has to be counted too, because the solver guesses differently in it. */
static int import_put(trm_dataset *d, int64_t at, const trm_dataset *source, uint32_t i, int images, int32_t *tokens) {
  size_t cells = (size_t)d->info.seq_len;
  int32_t *inputs = tokens, *labels = tokens + cells;
  double rating = 0;
  trm_dataset_example(source, i, inputs, labels, NULL, &rating);
  import_store(d, at, inputs, labels, rating);
  return images && strcmp(d->info.rating_name, "guesses") == 0 && rating == import_count_guesses(&d->info.task, inputs);
}

/* Example `at` of d becomes the random image number `image` (from 1 on) of example i of source. */
static void import_put_image(const import *im, trm_dataset *d, int64_t at, const trm_dataset *source, uint32_t i,
                             int64_t image, int count_guesses, int32_t *tokens) {
  int32_t *inputs = tokens, *labels = tokens + d->info.seq_len;
  double rating = 0;
  trm_dataset_example(source, i, inputs, labels, NULL, &rating);
  uint64_t index = (uint64_t)i * (uint64_t)im->config->augment + (uint64_t)image - 1;
  trm__rng rng = trm__rng_make((uint64_t)im->config->seed, TRM__RNG_AUGMENT, index);
  trm__augment(&d->info.task, &rng, inputs, labels);
  import_store(d, at, inputs, labels, count_guesses ? import_count_guesses(&d->info.task, inputs) : rating);
}

/* Adds an example that ends at `end` to the puzzles of d; open: it may belong to the last one. Examples of one
 * identifier in a group are one puzzle, those of the blank are puzzles of their own. */
static void import_add_puzzle(trm_dataset *d, int64_t end, int32_t identifier, int open) {
  int64_t p = d->info.puzzles;
  if (!open || !identifier || d->identifiers[p - 1] != identifier) d->identifiers[p++] = identifier;
  d->puzzle_indices[d->info.puzzles = p] = end;
}

/* Puts a unit at the end of d, which has `at` examples: each is followed by its images. Returns the new end. */
static int64_t import_put_unit(const import *im, trm_dataset *d, int64_t at, const trm_dataset *source,
                               const trm__units *units, uint32_t u, int64_t images, int32_t *tokens) {
  int64_t first = at;
  for (uint32_t i = units->start[u]; i < units->start[u + 1]; i++) {
    uint32_t example = units->example[i];
    int count_guesses = import_put(d, at, source, example, images > 0, tokens);
    for (int64_t image = 0; image <= images; image++, at++) {
      if (image > 0) import_put_image(im, d, at, source, example, image, count_guesses, tokens);
      import_add_puzzle(d, at + 1, source->identifiers[example], at > first);
    }
  }
  return at;
}

/* The dataset of the units of source with is_test == test: a unit is a group. */
static trm_status import_gather(const import *im, trm_dataset **out, const trm_dataset *source, const trm__units *units,
                                const uint8_t *is_test, int test, int64_t images) {
  size_t cells = (size_t)source->info.seq_len;
  int64_t examples = 0, groups = 0, at = 0;
  for (uint32_t u = 0; u < units->count; u++)
    if (is_test[u] == test) examples += import_unit_size(units, u), groups++;
  if (examples > TRM__EXAMPLES_LIMIT / (images + 1))
    return trm__fail(im->err, TRM_E_USAGE, "--augment",
                     "%lld puzzles with %lld copies each, expected at most %d in all", (long long)examples,
                     (long long)images, TRM__EXAMPLES_LIMIT);
  int32_t *tokens = trm__calloc(2 * cells, sizeof *tokens);
  if (!tokens) return trm__fail_memory(im->err, im->config->out, 2 * cells * sizeof *tokens);
  trm_status status = trm__dataset_new(out, &source->info.task, examples * (images + 1), 1,
                                       source->info.has_ratings ? source->info.rating_name : NULL, im->err);
  int64_t group = 0;
  if (!status) (*out)->info.puzzles = 0;
  for (uint32_t u = 0; u < units->count && !status; u++) {
    if (u % 1024 == 0) status = import_report(im, 0.7 + 0.2 * u / units->count, "building the arrays");
    if (is_test[u] != test || status) continue;
    at = import_put_unit(im, *out, at, source, units, u, images, tokens);
    (*out)->group_indices[++group] = (*out)->info.puzzles;
  }
  if (!status) {
    (*out)->info.groups = groups;
    (*out)->info.identifiers = trm__marks_count(&im->marks, TRM__MARK_IDENTIFIER) + 1;
    (*out)->identifier_names = json_incref(im->marks.names);
  }
  trm__free(tokens);
  return status;
}

static trm_status import_check_config(const trm_import_config *c, trm_error *err) {
  if (c->input[0] == '\0')
    return trm__fail(err, TRM_E_USAGE, "input", "no file to import, expected one of " TRM__ROWS_KINDS);
  if (!(c->test_fraction >= 0 && c->test_fraction < 1))
    return trm__fail(err, TRM_E_USAGE, "test_fraction", "found %g, expected 0 to less than 1", c->test_fraction);
  if (c->augment < 0 || c->limit < 0 || c->width < 0 || c->height < 0)
    return trm__fail(err, TRM_E_USAGE, "import", "augment, limit, width and height must be 0 or more");
  return TRM_OK;
}

/* What the caller says of the task becomes part of it. */
static trm_status import_declare(const import *im, trm_task *task) {
  const trm_import_config *c = im->config;
  memcpy(task->symmetries, c->symmetries, sizeof task->symmetries);
  memcpy(task->judge, c->judge, sizeof task->judge);
  return trm__task_check(task, c->input, im->err);
}

/* Asks about the answers of one file, up to the first that is wrong. */
static trm_status import_judge_file(const import *im, const trm_dataset *d, const char *path, trm_judge *judge,
                                    int32_t *tokens) {
  trm_task task = d->info.task;
  char why[160], where[1100];
  trm_status status = trm_task_set_judge(&task, judge, im->err);
  for (int64_t i = 0; i < d->info.examples && !status; i++) {
    if (i % 1024 == 0) status = import_report(im, 0.05, "asking the judge");
    trm_dataset_example(d, i, tokens, tokens + d->info.seq_len, NULL, NULL);
    if (status || trm_task_judge(&task, tokens, tokens + d->info.seq_len).keeps_rules == 1) continue;
    if ((status = trm_judge_status(judge, im->err))) return status;
    (void)trm_task_fault(&task, tokens, tokens + d->info.seq_len, why, sizeof why);
    (void)snprintf(where, sizeof where, "%.1000s, puzzle %lld", path, (long long)i + 1);
    status = trm__fail(im->err, TRM_E_INPUT, where, "the judge takes its answer for wrong: %s", why);
  }
  return status;
}

static trm_status import_judge(const import *im) {
  const trm_import_config *c = im->config;
  trm_judge *judge = NULL;
  if (!c->judge[0]) return TRM_OK;
  int32_t *tokens = trm__calloc(2 * (size_t)im->source->info.seq_len, sizeof *tokens);
  trm_status status = tokens ? TRM_OK : trm__fail_memory(im->err, c->input, 0);
  if (!status) status = trm_judge_open(&judge, c->judge, c->judge_seconds, im->err);
  if (!status) status = import_judge_file(im, im->source, c->input, judge, tokens);
  if (!status && im->test_source) status = import_judge_file(im, im->test_source, c->test_input, judge, tokens);
  trm_judge_close(&judge);
  trm__free(tokens);
  return status;
}

static int import_is_stopped(void *context) {
  const import *im = context;
  return im->progress && im->progress(im->context, 0, "reading") != 0;
}

/* An identifier is a part of the question: a file without them has other puzzles. */
static trm_status import_read_test(import *im, const trm__rows_hint *hint) {
  int had = im->marks.seen[TRM__MARK_IDENTIFIER];
  trm_status status = trm__rows_open(&im->test_source, im->config->test_input, hint, im->err);
  if (status || im->marks.seen[TRM__MARK_IDENTIFIER] == had) return status;
  return trm__fail(
      im->err, TRM_E_INPUT, had ? im->config->test_input : im->config->input,
      "the puzzles have no identifiers, but those of %.200s have; expected them in both or --identifier-column -",
      had ? im->config->input : im->config->test_input);
}

static trm_status import_read(import *im) {
  const trm_import_config *c = im->config;
  trm__column_names names = {c->question_column, c->answer_column, c->group_column, c->identifier_column};
  trm__rows_hint hint = {.alphabet = c->alphabet,
                         .width = c->width,
                         .height = c->height,
                         .pad = c->pad,
                         .names = names,
                         .marks = &im->marks,
                         .stop = {import_is_stopped, im}};
  trm_status status = import_report(im, 0, "reading");
  if (!status) status = trm__marks_open(&im->marks, im->err);
  if (!status) status = trm__rows_open(&im->source, c->input, &hint, im->err);
  if (!status) status = import_declare(im, &im->source->info.task);
  if (status) return status;
  if (c->augment > 0 && !trm__augment_known(&im->source->info.task))
    return trm__fail(im->err, TRM_E_INPUT, c->input, "this task has no known symmetries, expected --augment 0");
  trm__rows_hint same = {
      .task = &im->source->info.task, .names = names, .marks = &im->marks, .stop = {import_is_stopped, im}};
  if (c->test_input[0] != '\0') status = import_read_test(im, &same);
  return status ? status : import_judge(im);
}

static trm_status import_write(import *im) {
  trm_dataset *train = NULL, *test = NULL;
  int any_test = 0;
  for (uint32_t u = 0; u < im->units.count; u++) any_test |= im->unit_is_test[u];
  trm_status status = import_gather(im, &train, im->source, &im->units, im->unit_is_test, 0, im->config->augment);
  if (!status && im->test_source)
    status = import_gather(im, &test, im->test_source, &im->test_units, im->test_is_test, 1, 0);
  else if (!status && any_test) status = import_gather(im, &test, im->source, &im->units, im->unit_is_test, 1, 0);
  char what[96] = "writing";
  if (im->left_out > 0)
    snprintf(what, sizeof what, "writing; %lld puzzles equivalent to test puzzles%s left out", (long long)im->left_out,
             im->units.groups > 0 ? " or of their groups" : "");
  if (!status) status = import_report(im, 0.9, what);
  if (!status) status = trm__dataset_write(im->config->out, train, test, im->err);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  return status;
}

static void import_note(const trm_dataset *source, char notes[TRM_NOTES]) {
  size_t used = strlen(notes);
  if (source && used + strlen(source->info.notes) < TRM_NOTES) strcpy(notes + used, source->info.notes);
}

trm_status trm_data_import(const trm_import_config *config, char notes[TRM_NOTES], trm_progress_fn progress,
                           void *context, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_import_config, limit);
  trm_import_config whole = trm_import_config_default();
import im = {.config = & whole, .progress = progress, .context = context, .err = err };
  trm_status status = trm__config_read(&whole, config, &form, err);
  if (!status) status = import_check_config(&whole, err);
  if (!status) status = import_read(&im);
  if (!status) status = trm__dataset_can_write(whole.out, err); /* what is wrong with the file is said first */
  if (!status) status = import_choose_examples(&im);
  if (!status) status = import_find_units(&im);
  if (!status) status = im.test_source ? import_leave_out_test(&im) : import_split_at_random(&im);
  if (!status) status = import_write(&im);
  if (!status && progress) (void)progress(context, 1, "done");
  if (!status && notes) {
    notes[0] = '\0';
    import_note(im.source, notes);
    import_note(im.test_source, notes);
  }
  trm_dataset_close(&im.source);
  trm_dataset_close(&im.test_source);
  trm__classes_close(&im.classes);
  trm__free(im.chosen);
  trm__units_close(&im.units);
  trm__units_close(&im.test_units);
  trm__marks_close(&im.marks);
  trm__free(im.unit_is_test);
  trm__free(im.test_is_test);
  return status;
}
