/* Reading a dataset directory: dataset.json first, then the arrays of each set, mapped and checked against it and
 * against each other, then copied one after the other into the dataset. No count that a file
 * states is used before the bytes that it counts have been found. */
#include "data/format/dataset_dir.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "data/format/npy.h"
#include "task/task.h"

#define SETS_LIMIT 64
#define JSON_LIMIT ((size_t)1 << 20)
#define NAMES_LIMIT ((size_t)256 << 20)

enum { INPUTS, LABELS, IDENTIFIERS, PUZZLES, GROUPS, RATINGS, ARRAYS };
static const char *const dataset_array_names[ARRAYS] = {"inputs",         "labels",        "puzzle_identifiers",
                                                        "puzzle_indices", "group_indices", "ratings"};

typedef struct set {
  char *path[ARRAYS];
  trm__npy npy[ARRAYS];
  int64_t examples, puzzles, groups;
} set;

typedef struct reader {
  const char *path, *split;
  char *json_path;
  json_t *json; /* dataset.json */
  trm_dataset *d;
  set *sets;
  size_t count; /* sets */
  trm_error *err;
} reader;

/* -- dataset.json -- */

static trm_status dataset_read_ignore(reader *r) {
  int64_t value = 0;
  if (json_is_null(json_object_get(r->json, "ignore_label_id"))) {
    r->d->ignore_label_id = INT32_MIN;
    return TRM_OK;
  }
  trm_status status = trm__json_int(r->json, "ignore_label_id", -INT32_MAX, INT32_MAX, &value, r->json_path, r->err);
  r->d->ignore_label_id = (int32_t)value;
  return status;
}

static trm_status dataset_read_numbers(reader *r, int64_t *total_groups) {
  trm_dataset_info *info = &r->d->info;
  int64_t pad = 0, blank = 0, ignored = 0;
  trm_status status =
      trm__json_int(r->json, "vocab_size", 2, TRM__VOCAB_LIMIT, &info->vocab_size, r->json_path, r->err);
  if (!status) status = trm__json_int(r->json, "seq_len", 1, TRM__SEQ_LIMIT, &info->seq_len, r->json_path, r->err);
  if (!status)
    status = trm__json_int(r->json, "num_puzzle_identifiers", 1, INT32_MAX, &info->identifiers, r->json_path, r->err);
  if (!status) status = trm__json_int(r->json, "pad_id", 0, info->vocab_size - 1, &pad, r->json_path, r->err);
  if (!status)
    status = trm__json_int(r->json, "blank_identifier_id", 0, info->identifiers - 1, &blank, r->json_path, r->err);
  if (!status) status = trm__json_int(r->json, "total_groups", 1, INT32_MAX, total_groups, r->json_path, r->err);
  if (!status && json_object_get(r->json, "total_puzzles"))
    status = trm__json_int(r->json, "total_puzzles", 0, INT64_MAX, &ignored, r->json_path, r->err);
  if (!status) status = dataset_read_ignore(r);
  r->d->pad_id = (int32_t)pad;
  r->d->blank_identifier_id = (int32_t)blank;
  const json_t *mean = json_object_get(r->json, "mean_puzzle_examples");
  if (!status && !(json_is_number(mean) && json_number_value(mean) > 0))
    return trm__fail(r->err, TRM_E_INPUT, r->json_path, "\"mean_puzzle_examples\": expected a number over 0");
  return status;
}

static int dataset_name_is_safe(const char *name) {
  size_t length = strlen(name);
  if (length == 0 || length > 64 || name[0] == '.') return 0;
  for (size_t i = 0; i < length; i++) {
    char c = name[i];
    int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '_' && c != '-' && c != '.') return 0;
  }
  return 1;
}

static trm_status dataset_read_sets(reader *r) {
  const json_t *names = json_object_get(r->json, "sets");
  size_t count = json_array_size(names);
  if (count < 1 || count > SETS_LIMIT)
    return trm__fail(r->err, TRM_E_INPUT, r->json_path, "\"sets\": expected an array of 1 to %d names", SETS_LIMIT);
  r->sets = trm__calloc(count, sizeof *r->sets);
  if (!r->sets) return trm__fail_memory(r->err, r->json_path, count * sizeof *r->sets);
  r->count = count;
  for (size_t i = 0; i < count; i++) {
    const char *name = json_string_value(json_array_get(names, i));
    if (!name || !dataset_name_is_safe(name))
      return trm__fail(
          r->err, TRM_E_INPUT, r->json_path,
          "\"sets\": name %zu is not made of letters, digits, '_', '-' and '.', expected one such as \"all\"", i + 1);
    for (int a = 0; a < ARRAYS; a++) {
      r->sets[i].path[a] = trm__format("%s/%s/%s__%s.npy", r->path, r->split, name, dataset_array_names[a]);
      if (!r->sets[i].path[a]) return trm__fail_memory(r->err, r->json_path, strlen(r->path) + 128);
    }
  }
  return TRM_OK;
}

static trm_status dataset_read_json(reader *r, int64_t *total_groups) {
  r->json_path = trm__format("%s/%s/dataset.json", r->path, r->split);
  if (!r->json_path) return trm__fail_memory(r->err, r->path, strlen(r->path) + 64);
  trm__path_kind kind;
  trm_status status = trm__path_find(&kind, r->json_path, r->err);
  if (status) return status;
  if (kind == TRM__PATH_ABSENT)
    return trm__fail(r->err, TRM_E_INPUT, r->path,
                     "no %s/dataset.json in it, expected a dataset directory with that split (not one of its splits)",
                     r->split);
  status = trm__json_load(&r->json, r->json_path, JSON_LIMIT, r->err);
  if (!status && !json_is_object(r->json))
    status = trm__fail(r->err, TRM_E_INPUT, r->json_path, "expected a JSON object");
  if (!status) status = dataset_read_numbers(r, total_groups);
  return status ? status : dataset_read_sets(r);
}

/* -- shapes -- */

static trm_status dataset_check_shape(const reader *r, const set *s, int a, int rank, int64_t rows, int64_t columns) {
  const trm__npy *npy = &s->npy[a];
  const char *path = s->path[a];
  if (!trm__npy_is_whole(npy->type) && a != RATINGS)
    return trm__fail(r->err, TRM_E_INPUT, path,
                     "elements with fractions, expected whole numbers: save array.astype('<i4')");
  if (npy->rank != rank) return trm__fail(r->err, TRM_E_INPUT, path, "%d dimensions, expected %d", npy->rank, rank);
  if (npy->shape[0] != rows && rows >= 0)
    return trm__fail(r->err, TRM_E_INPUT, path, "%" PRId64 " rows, expected %" PRId64, npy->shape[0], rows);
  if (rank == 2 && npy->shape[1] != columns)
    return trm__fail(r->err, TRM_E_INPUT, path, "%" PRId64 " columns, expected seq_len = %" PRId64, npy->shape[1],
                     columns);
  return TRM_OK;
}

/* Offsets from 0 to end, each larger than the one before. */
static trm_status dataset_check_offsets(const reader *r, const set *s, int a, int64_t end, const char *of,
                                        const char *what) {
  const trm__npy *npy = &s->npy[a];
  int64_t before = trm__npy_int(npy, 0);
  if (before != 0) return trm__fail(r->err, TRM_E_INPUT, s->path[a], "element 0 is %" PRId64 ", expected 0", before);
  for (size_t i = 1; i < npy->count; i++) {
    int64_t now = trm__npy_int(npy, i);
    if (now <= before || now > end)
      return trm__fail(r->err, TRM_E_INPUT, s->path[a],
                       "element %zu is %" PRId64 " after %" PRId64 ", expected growing numbers up to %" PRId64
                       " (a %s without %s?)",
                       i, now, before, end, of, what);
    before = now;
  }
  if (before != end)
    return trm__fail(r->err, TRM_E_INPUT, s->path[a],
                     "the last element is %" PRId64 ", expected the number of %s, %" PRId64, before, what, end);
  return TRM_OK;
}

/* All elements are in 0..limit-1 or equal to `also` (0: no other value is allowed). */
static trm_status dataset_check_range(const reader *r, const set *s, int a, int64_t limit, int64_t also) {
  const trm__npy *npy = &s->npy[a];
  for (size_t i = 0; i < npy->count; i++) {
    int64_t value = trm__npy_int(npy, i);
    if ((value >= 0 && value < limit) || value == also) continue;
    if (npy->rank == 1)
      return trm__fail(r->err, TRM_E_INPUT, s->path[a], "element %zu is %" PRId64 ", expected 0 to %" PRId64, i, value,
                       limit - 1);
    size_t columns = (size_t)npy->shape[1];
    return trm__fail(r->err, TRM_E_INPUT, s->path[a],
                     "example %zu, cell %zu: token %" PRId64 ", expected 0 to %" PRId64, i / columns, i % columns,
                     value, limit - 1);
  }
  return TRM_OK;
}

static trm_status dataset_open_arrays(const reader *r, set *s) {
  for (int a = 0; a < ARRAYS; a++) {
    trm__path_kind kind = TRM__PATH_FILE;
    trm_status status = a == RATINGS ? trm__path_find(&kind, s->path[a], r->err) : TRM_OK;
    if (!status && kind != TRM__PATH_ABSENT) status = trm__npy_open(&s->npy[a], s->path[a], r->err);
    if (status) return status;
  }
  return TRM_OK;
}

static trm_status dataset_check_set(const reader *r, set *s) {
  const trm_dataset_info *info = &r->d->info;
  trm_status status = dataset_check_shape(r, s, INPUTS, 2, -1, info->seq_len);
  if (status) return status;
  s->examples = s->npy[INPUTS].shape[0];
  if (s->examples < 1 || s->examples > TRM__EXAMPLES_LIMIT)
    return trm__fail(r->err, TRM_E_INPUT, s->path[INPUTS], "%" PRId64 " examples, expected 1 to %d", s->examples,
                     TRM__EXAMPLES_LIMIT);
  status = dataset_check_shape(r, s, LABELS, 2, s->examples, info->seq_len);
  if (!status) status = dataset_check_shape(r, s, IDENTIFIERS, 1, -1, 0);
  if (status) return status;
  s->puzzles = s->npy[IDENTIFIERS].shape[0];
  status = dataset_check_shape(r, s, PUZZLES, 1, s->puzzles + 1, 0);
  if (!status) status = dataset_check_shape(r, s, GROUPS, 1, -1, 0);
  if (status) return status;
  s->groups = s->npy[GROUPS].shape[0] - 1;
  if (s->groups < 1) return trm__fail(r->err, TRM_E_INPUT, s->path[GROUPS], "no groups, expected at least one");
  if (s->npy[RATINGS].data) status = dataset_check_shape(r, s, RATINGS, 1, s->examples, 0);
  if (!status) status = dataset_check_offsets(r, s, PUZZLES, s->examples, "puzzle", "examples");
  if (!status) status = dataset_check_offsets(r, s, GROUPS, s->puzzles, "group", "puzzles");
  if (!status) status = dataset_check_range(r, s, INPUTS, info->vocab_size, 0);
  if (!status)
    status = dataset_check_range(r, s, LABELS, info->vocab_size,
                                 r->d->ignore_label_id == INT32_MIN ? 0 : r->d->ignore_label_id);
  if (!status) status = dataset_check_range(r, s, IDENTIFIERS, info->identifiers, 0);
  return status;
}

static trm_status dataset_open_sets(reader *r, int64_t total_groups) {
  trm_dataset_info *info = &r->d->info;
  info->has_ratings = 1;
  for (size_t i = 0; i < r->count; i++) {
    trm_status status = dataset_open_arrays(r, &r->sets[i]);
    if (!status) status = dataset_check_set(r, &r->sets[i]);
    if (status) return status;
    info->examples += r->sets[i].examples;
    info->puzzles += r->sets[i].puzzles;
    info->groups += r->sets[i].groups;
    info->has_ratings = info->has_ratings && r->sets[i].npy[RATINGS].data;
  }
  if (info->examples > TRM__EXAMPLES_LIMIT)
    return trm__fail(r->err, TRM_E_INPUT, r->json_path, "%" PRId64 " examples in all sets, expected at most %d",
                     info->examples, TRM__EXAMPLES_LIMIT);
  if (info->groups != total_groups)
    return trm__fail(r->err, TRM_E_INPUT, r->json_path, "\"total_groups\": found %" PRId64 ", the arrays have %" PRId64,
                     total_groups, info->groups);
  return TRM_OK;
}

/* -- copying -- */

static void dataset_copy_tokens(const trm__npy *npy, uint8_t *narrow, int32_t *wide, size_t at) {
  if (narrow && trm__npy_item(npy->type) == 1 && !npy->fortran) memcpy(narrow + at, npy->data, npy->count);
  else if (narrow)
    for (size_t i = 0; i < npy->count; i++) narrow[at + i] = (uint8_t)trm__npy_int(npy, i);
  else
    for (size_t i = 0; i < npy->count; i++) wide[at + i] = (int32_t)trm__npy_int(npy, i);
}

static trm_status dataset_allocate(reader *r) {
  trm_dataset *d = r->d;
  size_t examples = (size_t)d->info.examples, cells = (size_t)d->info.seq_len, tokens = 0;
  int narrow = d->info.vocab_size <= 256 &&
               (d->ignore_label_id == INT32_MIN || (d->ignore_label_id >= 0 && d->ignore_label_id <= 255));
  if (!trm__mul_size(examples, cells, &tokens)) return trm__fail_memory(r->err, r->path, SIZE_MAX);
  if (narrow) {
    d->inputs = trm__calloc(tokens, 1);
    d->labels = trm__calloc(tokens, 1);
  } else {
    d->inputs32 = trm__calloc(tokens, sizeof(int32_t));
    d->labels32 = trm__calloc(tokens, sizeof(int32_t));
  }
  d->identifiers = trm__calloc((size_t)d->info.puzzles, sizeof *d->identifiers);
  d->puzzle_indices = trm__calloc((size_t)d->info.puzzles + 1, sizeof *d->puzzle_indices);
  d->group_indices = trm__calloc((size_t)d->info.groups + 1, sizeof *d->group_indices);
  if (d->info.has_ratings) d->ratings = trm__calloc(examples, sizeof *d->ratings);
  int complete = (narrow ? d->inputs && d->labels : d->inputs32 && d->labels32) && d->identifiers &&
                 d->puzzle_indices && d->group_indices && (!d->info.has_ratings || d->ratings);
  return complete ? TRM_OK : trm__fail_memory(r->err, r->path, tokens * (narrow ? 2 : 8));
}

static void dataset_copy_sets(reader *r) {
  trm_dataset *d = r->d;
  int64_t examples = 0, puzzles = 0, groups = 0;
  for (size_t k = 0; k < r->count; k++) {
    const set *s = &r->sets[k];
    size_t at = (size_t)examples * (size_t)d->info.seq_len;
    dataset_copy_tokens(&s->npy[INPUTS], d->inputs, d->inputs32, at);
    dataset_copy_tokens(&s->npy[LABELS], d->labels, d->labels32, at);
    for (int64_t p = 0; p < s->puzzles; p++) {
      d->identifiers[puzzles + p] = (int32_t)trm__npy_int(&s->npy[IDENTIFIERS], (size_t)p);
      d->puzzle_indices[puzzles + p + 1] = examples + trm__npy_int(&s->npy[PUZZLES], (size_t)p + 1);
    }
    for (int64_t g = 0; g < s->groups; g++)
      d->group_indices[groups + g + 1] = puzzles + trm__npy_int(&s->npy[GROUPS], (size_t)g + 1);
    for (int64_t i = 0; d->ratings && i < s->examples; i++)
      d->ratings[examples + i] = trm__npy_real(&s->npy[RATINGS], (size_t)i);
    examples += s->examples;
    puzzles += s->puzzles;
    groups += s->groups;
  }
}

/* -- what belongs to the whole directory -- */

static trm_status dataset_read_task_json(reader *r, const char *path) {
  json_t *json = NULL;
  trm_status status = trm__json_load(&json, path, JSON_LIMIT, r->err);
  if (status) return status;
  status = trm__task_from_json(&r->d->info.task, json, path, r->err);
  const json_t *named = json_object_get(json, "rating_name");
  const char *name = json_string_value(named);
  if (!status && named && (!name || (strcmp(name, "rating") != 0 && strcmp(name, "guesses") != 0)))
    status = trm__fail(r->err, TRM_E_INPUT, path, "\"rating_name\": expected \"rating\" or \"guesses\"");
  if (!status && name) snprintf(r->d->info.rating_name, sizeof r->d->info.rating_name, "%s", name);
  json_decref(json);
  return status;
}

static trm_status dataset_read_task(reader *r, const trm_task *given) {
  trm_dataset_info *info = &r->d->info;
  char *path = trm__format("%s/task.json", r->path);
  if (!path) return trm__fail_memory(r->err, r->path, strlen(r->path) + 16);
  trm__path_kind kind;
  trm_status status = trm__path_find(&kind, path, r->err);
  snprintf(info->rating_name, sizeof info->rating_name, "rating");
  if (!status && kind != TRM__PATH_ABSENT) status = dataset_read_task_json(r, path);
  else if (!status) info->task = trm__task_infer(info->seq_len, info->vocab_size);
  if (!status && given) info->task = *given;
  int64_t cells = (int64_t)info->task.width * info->task.height;
  if (!status && (cells != info->seq_len || info->task.vocab_size != info->vocab_size))
    status =
        trm__fail(r->err, TRM_E_INPUT, given ? r->json_path : path,
                  "task and arrays do not fit: a %s grid of %d x %d with %d tokens, dataset.json says seq_len %" PRId64
                  " and vocab_size %" PRId64,
                  trm_task_name(&info->task), info->task.width, info->task.height, info->task.vocab_size, info->seq_len,
                  info->vocab_size);
  if (!info->has_ratings) info->rating_name[0] = '\0';
  trm__free(path);
  return status;
}

static trm_status dataset_check_identifiers(reader *r) {
  char *path = trm__format("%s/identifiers.json", r->path);
  if (!path) return trm__fail_memory(r->err, r->path, strlen(r->path) + 32);
  json_t *json = NULL;
  trm__path_kind kind;
  trm_status status = trm__path_find(&kind, path, r->err);
  if (!status && kind != TRM__PATH_ABSENT) {
    status = trm__json_load(&json, path, NAMES_LIMIT, r->err);
    if (!status && (int64_t)json_array_size(json) != r->d->info.identifiers)
      status = trm__fail(r->err, TRM_E_INPUT, path, "%zu names, expected an array of num_puzzle_identifiers = %" PRId64,
                         json_array_size(json), r->d->info.identifiers);
    for (size_t i = 0; i < json_array_size(json) && !status; i++)
      if (!json_is_string(json_array_get(json, i)))
        status = trm__fail(r->err, TRM_E_INPUT, path, "name %zu is not a text, expected one", i);
    json_decref(json);
  }
  trm__free(path);
  return status;
}

static void dataset_free_reader(reader *r) {
  for (size_t i = 0; r->sets && i < r->count; i++)
    for (int a = 0; a < ARRAYS; a++) {
      trm__npy_close(&r->sets[i].npy[a]);
      trm__free(r->sets[i].path[a]);
    }
  trm__free(r->sets);
  trm__free(r->json_path);
  json_decref(r->json);
  trm_dataset_close(&r->d);
}

trm_status trm__dataset_read(trm_dataset **out, const char *path, const char *split, const trm_task *task,
                             trm_error *err) {
  reader r = {.path = path, .split = split, .err = err};
  int64_t total_groups = 0;
  if (!dataset_name_is_safe(split))
    return trm__fail(err, TRM_E_USAGE, path, "split \"%.40s\", expected train or test", split);
  r.d = trm__calloc(1, sizeof *r.d);
  if (!r.d) return trm__fail_memory(err, path, sizeof *r.d);
  trm_status status = dataset_read_json(&r, &total_groups);
  if (!status) status = dataset_open_sets(&r, total_groups);
  if (!status) status = dataset_read_task(&r, task);
  if (!status) status = dataset_check_identifiers(&r);
  if (!status) status = dataset_allocate(&r);
  if (!status) {
    dataset_copy_sets(&r);
    *out = r.d;
    r.d = NULL;
  }
  dataset_free_reader(&r);
  return status;
}
