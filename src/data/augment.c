/* Augmenting a dataset: each example of the training split is followed by images of it under random symmetries, in its
 * group; the test split stays as it is. Images of an example differ from it and from each other: one that was drawn
 * before is drawn again. A maze, with eight images in all, so has each of them once; where a puzzle is its own mirror
 * image there are fewer, which is said. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "data/format/dataset_dir.h"
#include "task/augment.h"
#include "task/hash.h"
#include "task/puzzle.h"

enum { TRIES = 200 }; /* draws behind each other that bring nothing new, before there is taken to be nothing */

static const trm_option augment_options[] = {
    {.name = "out",
     .type = TRM_OPT_STRING,
     .offset = offsetof(trm_augment_config, out),
     .size = sizeof(((trm_augment_config *)0)->out),
     .metavar = "DIR",
     .group = "Augmentation",
     .help = "dataset directory to write: a new name, or an empty directory"},
    {.name = "copies",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_augment_config, copies),
     .default_text = "7",
     .min = 1,
     .max = 1e4,
     .metavar = "N",
     .help = "images of each training puzzle, all different; a square maze has seven"},
    {.name = "seed",
     .type = TRM_OPT_INT,
     .offset = offsetof(trm_augment_config, seed),
     .default_text = "0",
     .min = 0,
     .max = 9e15,
     .metavar = "N",
     .help = "seed of the images"},
};

const trm_option *trm_augment_options(size_t *count) {
  *count = sizeof augment_options / sizeof *augment_options;
  return augment_options;
}

trm_augment_config trm_augment_config_default(void) {
  trm_augment_config config;
  memset(&config, 0, sizeof config);
  config.size = sizeof config;
  trm_options_default(augment_options, sizeof augment_options / sizeof *augment_options, &config);
  return config;
}

/* The work in hand. Images are kept as they are drawn, since how many there will be is not known before. */
typedef struct augmentation {
  const trm_augment_config *config;
  const trm_dataset *source;
  int32_t *tokens; /* [4][seq_len]: the example, then its image */
  uint64_t *seen;  /* [copies + 1]: hashes of an example and its images */
  uint8_t *cells;  /* [room][2][seq_len]: questions and answers to write */
  double *ratings; /* [room] */
  int64_t *group;  /* [groups + 1] of the source: where each begins */
  size_t count, room;
  int64_t lacking; /* images that do not exist */
  trm_progress_fn progress;
  void *context;
  trm_error *err;
} augmentation;

static trm_status augment_keep(augmentation *a, const int32_t *tokens, double rating) {
  size_t cells = 2 * (size_t)a->source->info.seq_len;
  if (a->count >= TRM__EXAMPLES_LIMIT)
    return trm__fail(a->err, TRM_E_USAGE, "--copies", "over %d examples in all, expected fewer copies",
                     TRM__EXAMPLES_LIMIT);
  if (a->count == a->room) {
    size_t room = a->room ? a->room + a->room / 2 : 256, bytes;
    uint8_t *larger = trm__mul_size(room, cells, &bytes) ? trm__realloc(a->cells, room, cells) : NULL;
    if (larger) a->cells = larger;
    double *more = larger ? trm__realloc(a->ratings, room, sizeof *more) : NULL;
    if (!more) return trm__fail_memory(a->err, a->config->out, room);
    a->ratings = more;
    a->room = room;
  }
  for (size_t i = 0; i < cells; i++) a->cells[a->count * cells + i] = (uint8_t)(tokens[i] < 0 ? 0 : tokens[i]);
  a->ratings[a->count++] = rating;
  return TRM_OK;
}

/* Of question and answer: a maze may have another path in the same walls. */
static uint64_t augment_hash(const int32_t *tokens, size_t count) {
  uint64_t hash = TRM__HASH_START;
  for (size_t i = 0; i < count; i++) hash = trm__hash_token(hash, tokens[i]);
  return trm__hash_finish(hash);
}

static int augment_is_new(const augmentation *a, int64_t found, uint64_t hash) {
  for (int64_t i = 0; i < found; i++)
    if (a->seen[i] == hash) return 0;
  return 1;
}

/* The solver guesses differently in an image, so a rating that is its count is counted again. */
static double augment_rating(const augmentation *a, const int32_t *question, double rating, int counted) {
  return counted ? trm__task_count_solutions(&a->source->info.task, question, 1, 1000000).effort : rating;
}

static trm_status augment_example(augmentation *a, int64_t example) {
  const trm_dataset_info *info = &a->source->info;
  size_t cells = (size_t)info->seq_len;
  int32_t *image = a->tokens + 2 * cells;
  double rating;
  trm_dataset_example(a->source, example, a->tokens, a->tokens + cells, NULL, &rating);
  int counted = strcmp(info->rating_name, "guesses") == 0 && rating == augment_rating(a, a->tokens, 0, 1);
  trm__rng rng = trm__rng_make((uint64_t)a->config->seed, TRM__RNG_AUGMENT, (uint64_t)example);
  int64_t found = 1;
  a->seen[0] = augment_hash(a->tokens, 2 * cells);
  trm_status status = augment_keep(a, a->tokens, rating);
  for (int tries = 0; found <= a->config->copies && tries < TRIES && !status; tries++) {
    memcpy(image, a->tokens, 2 * cells * sizeof *image);
    trm__augment(&info->task, &rng, image, image + cells);
    uint64_t hash = augment_hash(image, 2 * cells);
    if (!augment_is_new(a, found, hash)) continue;
    a->seen[found++] = hash;
    tries = 0;
    status = augment_keep(a, image, augment_rating(a, image, rating, counted));
  }
  a->lacking += a->config->copies + 1 - found;
  return status;
}

static trm_status augment_all(augmentation *a) {
  const trm_dataset *d = a->source;
  trm_status status = TRM_OK;
  for (int64_t g = 0; g < d->info.groups && !status; g++) {
    int64_t begin = d->puzzle_indices[d->group_indices[g]], end = d->puzzle_indices[d->group_indices[g + 1]];
    if (g % 64 == 0 && a->progress &&
        a->progress(a->context, 0.9 * (double)g / (double)d->info.groups, "drawing images") != 0)
      return trm__fail(a->err, TRM_E_STOPPED, a->config->input, "stopped before anything was written");
    for (int64_t i = begin; i < end && !status; i++) status = augment_example(a, i);
    a->group[g + 1] = (int64_t)a->count;
  }
  return status;
}

/* What was kept becomes a dataset. */
static trm_status augment_gather(augmentation *a, trm_dataset **out) {
  const trm_dataset_info *info = &a->source->info;
  size_t cells = (size_t)info->seq_len;
  trm_status status =
      trm__dataset_new(out, &info->task, (int64_t)a->count, 1, info->has_ratings ? info->rating_name : NULL, a->err);
  if (status) return status;
  trm_dataset *d = *out;
  for (size_t i = 0; i < a->count; i++) {
    memcpy(d->inputs + i * cells, a->cells + 2 * i * cells, cells);
    memcpy(d->labels + i * cells, a->cells + (2 * i + 1) * cells, cells);
  }
  if (d->ratings) memcpy(d->ratings, a->ratings, a->count * sizeof *d->ratings);
  d->info.groups = info->groups;
  memcpy(d->group_indices, a->group, (size_t)(info->groups + 1) * sizeof *a->group);
  return TRM_OK;
}

static trm_status augment_train(augmentation *a, trm_dataset **out) {
  const trm_dataset_info *info = &a->source->info;
  const char *path = a->config->input;
  if (!trm__augment_known(&info->task))
    return trm__fail(a->err, TRM_E_INPUT, path, "this task has no known symmetries, expected Sudoku or mazes");
  if (info->identifiers > 1 || info->vocab_size > 256)
    return trm__fail(a->err, TRM_E_INPUT, path,
                     "%" PRId64 " puzzle identifiers and a vocabulary of %" PRId64 ", expected one and at most 256",
                     info->identifiers, info->vocab_size);
  a->tokens = trm__calloc((size_t)info->seq_len, 4 * sizeof *a->tokens);
  a->seen = trm__calloc((size_t)a->config->copies + 1, sizeof *a->seen);
  a->group = trm__calloc((size_t)info->groups + 1, sizeof *a->group);
  if (!a->tokens || !a->seen || !a->group) return trm__fail_memory(a->err, path, (size_t)info->groups * 8);
  trm_status status = augment_all(a);
  return status ? status : augment_gather(a, out);
}

static trm_status augment_open(const trm_augment_config *c, trm_dataset **train, trm_dataset **test, trm_error *err) {
  if (c->input[0] == '\0') return trm__fail(err, TRM_E_USAGE, "input", "no dataset to augment, expected one");
  if (c->copies < 1) return trm__fail(err, TRM_E_USAGE, "copies", "found %" PRId64 ", expected 1 or more", c->copies);
  trm_status status = trm_dataset_open(train, c->input, "train", NULL, err);
  char *folder = status ? NULL : trm__format("%s/test", c->input);
  if (!status && !folder) status = trm__fail_memory(err, c->input, strlen(c->input) + 8);
  if (!status && trm__path_is_dir(folder)) status = trm_dataset_open(test, c->input, "test", NULL, err);
  trm__free(folder);
  return status ? status : trm__dataset_can_write(c->out, err);
}

static void augment_note(const augmentation *a, char notes[TRM_NOTES]) {
  notes[0] = '\0';
  if (a->lacking > 0)
    (void)snprintf(notes, TRM_NOTES,
                   "%" PRId64 " images fewer than asked for: not every puzzle has %" PRId64 " different ones\n",
                   a->lacking, a->config->copies);
}

trm_status trm_data_augment(const trm_augment_config *config, char notes[TRM_NOTES], trm_progress_fn progress,
                            void *context, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_augment_config, seed);
  trm_augment_config whole = trm_augment_config_default();
  trm_dataset *train = NULL, *test = NULL, *made = NULL;
  augmentation a = {.config = &whole, .progress = progress, .context = context, .err = err};
  trm_status status = trm__config_read(&whole, config, &form, err);
  if (!status) status = augment_open(&whole, &train, &test, err);
  a.source = train;
  if (!status) status = augment_train(&a, &made);
  if (!status) status = trm__dataset_write(whole.out, made, test, err);
  if (!status && notes) augment_note(&a, notes);
  if (!status && progress) (void)progress(context, 1, "done");
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  trm_dataset_close(&made);
  trm__free(a.tokens);
  trm__free(a.seen);
  trm__free(a.cells);
  trm__free(a.ratings);
  trm__free(a.group);
  return status;
}
