/* The dataset in memory: making one around arrays, describing it and reading examples. */
#include "data/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

void trm_dataset_close(trm_dataset **dataset) {
  if (!dataset || !*dataset) return;
  trm_dataset *d = *dataset;
  trm__free(d->inputs);
  trm__free(d->labels);
  trm__free(d->inputs32);
  trm__free(d->labels32);
  trm__free(d->identifiers);
  trm__free(d->puzzle_indices);
  trm__free(d->group_indices);
  trm__free(d->ratings);
  trm__free(d->group_names);
  json_decref(d->identifier_names);
  trm__free(d);
  *dataset = NULL;
}

/* Each example is a puzzle, and group_size puzzles are a group. */
static void dataset_set_indices(trm_dataset *d, int64_t group_size) {
  for (int64_t p = 0; p <= d->info.puzzles; p++) d->puzzle_indices[p] = p;
  for (int64_t g = 0; g <= d->info.groups; g++) {
    int64_t first = g * group_size;
    d->group_indices[g] = first < d->info.puzzles ? first : d->info.puzzles;
  }
}

trm_status trm__dataset_adopt(trm_dataset **out, const trm_task *task, int64_t examples, int64_t group_size,
                              uint8_t *inputs, uint8_t *labels, double *ratings, const char *rating_name,
                              trm_error *err) {
  if (examples < 1 || examples > TRM__EXAMPLES_LIMIT || group_size < 1)
    return trm__fail(err, TRM_E_INPUT, "dataset",
                     "%lld examples in groups of %lld, expected 1 to %d in groups of 1 or more", (long long)examples,
                     (long long)group_size, TRM__EXAMPLES_LIMIT);
  trm_dataset *d = trm__calloc(1, sizeof *d);
  if (!d) return trm__fail_memory(err, "dataset", sizeof *d);
  d->info.task = *task;
  d->info.seq_len = (int64_t)task->width * task->height;
  d->info.vocab_size = task->vocab_size;
  d->info.examples = d->info.puzzles = examples;
  d->info.groups = (examples - 1) / group_size + 1;
  d->info.identifiers = 1;
  d->info.has_ratings = ratings != NULL;
  if (rating_name) snprintf(d->info.rating_name, sizeof d->info.rating_name, "%s", rating_name);
  d->identifiers = trm__calloc((size_t)d->info.puzzles, sizeof *d->identifiers);
  d->puzzle_indices = trm__calloc((size_t)d->info.puzzles + 1, sizeof *d->puzzle_indices);
  d->group_indices = trm__calloc((size_t)d->info.groups + 1, sizeof *d->group_indices);
  if (!d->identifiers || !d->puzzle_indices || !d->group_indices) {
    trm_dataset_close(&d);
    return trm__fail_memory(err, "dataset", (size_t)examples * 20);
  }
  dataset_set_indices(d, group_size);
  d->inputs = inputs;
  d->labels = labels;
  d->ratings = ratings;
  *out = d;
  return TRM_OK;
}

trm_status trm__dataset_new(trm_dataset **out, const trm_task *task, int64_t examples, int64_t group_size,
                            const char *rating_name, trm_error *err) {
  size_t cells = (size_t)task->width * (size_t)task->height, count = examples > 0 ? (size_t)examples : 0;
  uint8_t *inputs = trm__calloc(count, cells), *labels = trm__calloc(count, cells);
  double *ratings = rating_name ? trm__calloc(count, sizeof *ratings) : NULL;
  trm_status status = TRM_OK;
  if (!inputs || !labels || (rating_name && !ratings))
    status = trm__fail_memory(err, "dataset", count * (2 * cells + sizeof *ratings));
  if (!status) status = trm__dataset_adopt(out, task, examples, group_size, inputs, labels, ratings, rating_name, err);
  if (status) {
    trm__free(inputs);
    trm__free(labels);
    trm__free(ratings);
  }
  return status;
}

trm_dataset_info trm_dataset_describe(const trm_dataset *dataset) {
  return dataset->info;
}

static int64_t dataset_puzzle_of(const trm_dataset *d, int64_t example) {
  int64_t low = 0, high = d->info.puzzles; /* puzzle_indices[low] <= example < puzzle_indices[high] */
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (d->puzzle_indices[middle] <= example) low = middle;
    else high = middle;
  }
  return low;
}

static int32_t dataset_token(const uint8_t *narrow, const int32_t *wide, size_t at) {
  return narrow ? narrow[at] : wide[at];
}

void trm_dataset_example(const trm_dataset *dataset, int64_t i, int32_t *inputs, int32_t *labels, int32_t *identifier,
                         double *rating) {
  const trm_dataset *d = dataset;
  size_t cells = (size_t)d->info.seq_len, first = (size_t)i * cells;
  for (size_t k = 0; inputs && k < cells; k++) inputs[k] = dataset_token(d->inputs, d->inputs32, first + k);
  for (size_t k = 0; labels && k < cells; k++) {
    int32_t label = dataset_token(d->labels, d->labels32, first + k);
    labels[k] = label == d->ignore_label_id ? -100 : label;
  }
  if (identifier) *identifier = d->identifiers[dataset_puzzle_of(d, i)];
  if (rating) *rating = d->ratings ? d->ratings[i] : (double)NAN;
}

trm_status trm__dataset_check_fit(const trm_dataset *dataset, const trm__dataset_fit *fit, const char *where,
                                  trm_error *err) {
  const trm_dataset_info *d = &dataset->info;
  if (d->seq_len != fit->seq_len)
    return trm__fail(err, TRM_E_INPUT, where, "puzzles of %" PRId64 " cells, %.200s expects %" PRId64, d->seq_len,
                     fit->whose, fit->seq_len);
  if (d->vocab_size != fit->vocab_size)
    return trm__fail(err, TRM_E_INPUT, where, "a vocabulary of %" PRId64 " tokens, %.200s has %" PRId64, d->vocab_size,
                     fit->whose, fit->vocab_size);
  if (fit->identifiers > 0 && d->identifiers > fit->identifiers)
    return trm__fail(err, TRM_E_INPUT, where,
                     "%" PRId64 " puzzle identifiers, %.200s knows %" PRId64
                     "; expected puzzles whose identifiers have been trained",
                     d->identifiers, fit->whose, fit->identifiers);
  if (fit->alphabet[0] && d->task.alphabet[0] && strcmp(fit->alphabet, d->task.alphabet) != 0)
    return trm__fail(err, TRM_E_INPUT, where, "the alphabet \"%s\", %.200s was trained on \"%s\"", d->task.alphabet,
                     fit->whose, fit->alphabet);
  return TRM_OK;
}
