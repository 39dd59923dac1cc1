/* Writing a dataset directory. All files go into a draft beside OUT, each synced; only the last rename makes OUT, so a
 * failure, a full disk or a kill leaves OUT as it was. */
#include "data/format/dataset_dir.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "data/format/npy.h"
#include "task/task.h"

/* Takes the reference json; NULL means that there was no memory to build it. */
static trm_status dataset_save_json(const char *directory, const char *name, json_t *json, trm_error *err) {
  if (!json) return trm__fail(err, TRM_E_MEMORY, directory, "no memory for %s", name);
  char *path = trm__format("%s/%s", directory, name);
  trm_status status = path ? trm__json_save(json, path, err) : trm__fail_memory(err, directory, strlen(directory) + 64);
  trm__free(path);
  json_decref(json);
  return status;
}

static trm_status dataset_save_array(const char *directory, const char *name, trm__npy_type type, int64_t rows,
                                     int64_t columns, const void *data, trm_error *err) {
  char *path = trm__format("%s/all__%s.npy", directory, name);
  if (!path) return trm__fail_memory(err, directory, strlen(directory) + 64);
  const int64_t shape[2] = {rows, columns};
  trm_status status = trm__npy_write(path, type, columns > 0 ? 2 : 1, shape, data, err);
  trm__free(path);
  return status;
}

/* Offsets as int32 where they fit, as the original writes them. */
static trm_status dataset_save_offsets(const char *directory, const char *name, const int64_t *offsets, int64_t count,
                                       trm_error *err) {
  if (offsets[count - 1] > INT32_MAX) return dataset_save_array(directory, name, TRM__NPY_I64, count, 0, offsets, err);
  int32_t *narrow = trm__calloc((size_t)count, sizeof *narrow);
  if (!narrow) return trm__fail_memory(err, directory, (size_t)count * sizeof *narrow);
  for (int64_t i = 0; i < count; i++) narrow[i] = (int32_t)offsets[i];
  trm_status status = dataset_save_array(directory, name, TRM__NPY_I32, count, 0, narrow, err);
  trm__free(narrow);
  return status;
}

static json_t *dataset_split_json(const trm_dataset *d) {
  const trm_dataset_info *info = &d->info;
  json_t *ignored = d->ignore_label_id == INT32_MIN ? json_null() : json_integer(d->ignore_label_id);
  return json_pack("{s:i, s:o, s:i, s:I, s:I, s:I, s:I, s:f, s:I, s:[s]}", "pad_id", d->pad_id, "ignore_label_id",
                   ignored, "blank_identifier_id", d->blank_identifier_id, "vocab_size", (json_int_t)info->vocab_size,
                   "seq_len", (json_int_t)info->seq_len, "num_puzzle_identifiers", (json_int_t)info->identifiers,
                   "total_groups", (json_int_t)info->groups, "mean_puzzle_examples",
                   (double)info->examples / (double)info->puzzles, "total_puzzles", (json_int_t)info->puzzles, "sets",
                   "all");
}

static trm_status dataset_begin_tokens(trm__writer **w, const char *directory, const char *name, trm__npy_type type,
                                       const trm_dataset_info *info, trm_error *err) {
  char *path = trm__format("%s/all__%s.npy", directory, name);
  if (!path) return trm__fail_memory(err, directory, strlen(directory) + 64);
  const int64_t shape[2] = {info->examples, info->seq_len};
  trm_status status = trm__npy_begin(w, path, type, 2, shape, err);
  trm__free(path);
  return status;
}

trm_status trm__split_begin(trm__split_writer *w, const char *root, const char *split, const trm_dataset *d, int wide,
                            trm_error *err) {
  const trm_dataset_info *info = &d->info;
  trm__npy_type type = wide ? TRM__NPY_I32 : TRM__NPY_U8;
  *w = (trm__split_writer){.item = trm__npy_item(type) * (size_t)info->seq_len,
                           .directory = trm__format("%s/%s", root, split)};
  if (!w->directory) return trm__fail_memory(err, root, strlen(root) + 16);
  trm_status status = trm__dir_make(w->directory, err);
  if (!status) status = dataset_begin_tokens(&w->inputs, w->directory, "inputs", type, info, err);
  if (!status) status = dataset_begin_tokens(&w->labels, w->directory, "labels", type, info, err);
  if (status) trm__split_abort(w);
  return status;
}

trm_status trm__split_add(trm__split_writer *w, const void *inputs, const void *labels, int64_t examples,
                          trm_error *err) {
  trm_status status = trm__writer_write(w->inputs, inputs, (size_t)examples * w->item, err);
  return status ? status : trm__writer_write(w->labels, labels, (size_t)examples * w->item, err);
}

void trm__split_abort(trm__split_writer *w) {
  trm__writer_abort(&w->inputs);
  trm__writer_abort(&w->labels);
  trm__free(w->directory);
  w->directory = NULL;
}

trm_status trm__split_end(trm__split_writer *w, const trm_dataset *d, trm_error *err) {
  const trm_dataset_info *info = &d->info;
  const char *directory = w->directory;
  trm_status status = trm__writer_commit(&w->inputs, err);
  if (!status) status = trm__writer_commit(&w->labels, err);
  if (!status)
    status = dataset_save_array(directory, "puzzle_identifiers", TRM__NPY_I32, info->puzzles, 0, d->identifiers, err);
  if (!status) status = dataset_save_offsets(directory, "puzzle_indices", d->puzzle_indices, info->puzzles + 1, err);
  if (!status) status = dataset_save_offsets(directory, "group_indices", d->group_indices, info->groups + 1, err);
  if (!status && d->ratings)
    status = dataset_save_array(directory, "ratings", TRM__NPY_F64, info->examples, 0, d->ratings, err);
  if (!status) status = dataset_save_json(directory, "dataset.json", dataset_split_json(d), err);
  if (!status) status = trm__dir_sync(directory, err);
  trm__split_abort(w);
  return status;
}

static trm_status dataset_save_split(const char *root, const char *split, const trm_dataset *d, trm_error *err) {
  trm__split_writer w;
  int wide = !d->inputs;
  trm_status status = trm__split_begin(&w, root, split, d, wide, err);
  if (status) return status;
  status = trm__split_add(&w, wide ? (const void *)d->inputs32 : d->inputs,
                          wide ? (const void *)d->labels32 : d->labels, d->info.examples, err);
  if (!status) return trm__split_end(&w, d, err);
  trm__split_abort(&w);
  return status;
}

static json_t *dataset_identifier_names(int64_t count) {
  json_t *names = json_array();
  for (int64_t i = 0; names && i < count; i++) {
    json_t *name = i == 0 ? json_string("<blank>") : json_sprintf("%" PRId64, i);
    if (name && json_array_append_new(names, name) == 0) continue;
    json_decref(names);
    return NULL;
  }
  return names;
}

static json_t *dataset_task_json(const trm_dataset_info *info) {
  json_t *json = trm__task_to_json(&info->task);
  if (!json || !info->has_ratings) return json;
  if (json_object_set_new(json, "rating_name", json_string(info->rating_name)) == 0) return json;
  json_decref(json);
  return NULL;
}

/* An existing directory is replaced by a rename, which the system refuses for these; better told before the work. */
static trm_status dataset_can_replace(const char *out, trm_error *err) {
  struct stat own, outer;
  char *target, *folder;
  int descriptor;
  trm_status status = trm__path_follow(&target, &descriptor, out, err);
  if (status) return status;
  folder = trm__path_folder(target);
  const char *slash = strrchr(target, '/'), *base = slash ? slash + 1 : target;
  if (!folder) status = trm__fail_memory(err, out, strlen(target) + 1);
  else if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
    status = trm__fail(err, TRM_E_USAGE, out, "is a directory without a name of its own, expected a new name");
  else if (stat(target, &own) == 0 && stat(folder, &outer) == 0 && own.st_dev != outer.st_dev)
    status = trm__fail(err, TRM_E_USAGE, out, "has a file system mounted on it, expected a new name inside it");
  trm__free(folder);
  trm__free(target);
  return status;
}

/* Tries to make a folder where out would come, beside it or in the nearest folder above that exists. Only trying tells:
 * permissions say nothing to root, and nothing of file systems that are read-only or full. A draft is what the next try
 * removes if this one is killed. */
static trm_status dataset_probe(const char *out, trm_error *err) {
  char *missing, *slash;
  int descriptor;
  trm__draft *draft;
  trm_status status = trm__path_follow(&missing, &descriptor, out, err);
  if (status) return status;
  while ((slash = strrchr(missing, '/')) && slash > missing) {
    *slash = 0;
    if (trm__path_exists(missing)) {
      *slash = '/';
      break;
    }
  }
  status = trm__draft_open(&draft, missing, err);
  if (!status) trm__draft_abort(&draft);
  trm__free(missing);
  return status;
}

trm_status trm__dataset_can_write(const char *out, trm_error *err) {
  char **names = NULL;
  size_t count = 0;
  trm__path_kind kind;
  if (out[0] == '\0') return trm__fail(err, TRM_E_USAGE, "out", "no directory to write, expected a name");
  trm_status status = trm__path_find(&kind, out, err);
  if (status) return status;
  if (kind == TRM__PATH_ABSENT) return dataset_probe(out, err);
  if (kind != TRM__PATH_FOLDER)
    return trm__fail(err, TRM_E_USAGE, out, "exists and is no directory, expected a new name or an empty directory");
  status = trm__dir_list(out, &names, &count, err);
  if (status) return status;
  trm__dir_list_free(names, count);
  if (count > 0)
    return trm__fail(err, TRM_E_USAGE, out,
                     "exists and is not empty, expected a new name or an empty directory (or remove it first)");
  status = dataset_can_replace(out, err);
  return status ? status : dataset_probe(out, err);
}

trm_status trm__dataset_save_task(const char *directory, const trm_dataset_info *info, trm_error *err) {
  return dataset_save_json(directory, "task.json", dataset_task_json(info), err);
}

typedef struct dataset_splits {
  const trm_dataset *train, *test;
} dataset_splits;

static trm_status dataset_save(void *context, const char *directory, trm_error *err) {
  const dataset_splits *splits = context;
  const trm_dataset *train = splits->train, *test = splits->test, *any = train ? train : test;
  trm_status status = TRM_OK;
  if (train) status = dataset_save_split(directory, "train", train, err);
  if (!status && test) status = dataset_save_split(directory, "test", test, err);
  if (!status)
    status = dataset_save_json(directory, "identifiers.json",
                               any->identifier_names ? json_incref(any->identifier_names)
                                                     : dataset_identifier_names(any->info.identifiers),
                               err);
  return status ? status : trm__dataset_save_task(directory, &any->info, err);
}

/* The folders that the directory itself is to be in. */
static trm_status dataset_make_parents(const char *out, trm_error *err) {
  char *target, *folder;
  int descriptor;
  trm_status status = trm__path_follow(&target, &descriptor, out, err);
  if (status) return status;
  folder = trm__path_folder(target);
  status = folder ? trm__dir_make(folder, err) : trm__fail_memory(err, out, strlen(target) + 1);
  trm__free(folder);
  trm__free(target);
  return status;
}

trm_status trm__dataset_fill(const char *out, trm__dataset_filler fill, void *context, trm_error *err) {
  trm__draft *draft = NULL;
  trm_status status = trm__dataset_can_write(out, err);
  if (!status) status = dataset_make_parents(out, err);
  if (!status) status = trm__draft_open(&draft, out, err);
  if (!status) status = fill(context, trm__draft_path(draft), err);
  if (!status) status = trm__dir_sync(trm__draft_path(draft), err);
  if (status) {
    trm__draft_abort(&draft);
    return status;
  }
  status = trm__draft_commit(&draft, err);
  if (status && trm__dataset_can_write(out, NULL)) return trm__dataset_can_write(out, err); /* another was quicker */
  return status;
}

trm_status trm__dataset_write(const char *out, const trm_dataset *train, const trm_dataset *test, trm_error *err) {
  dataset_splits splits = {train, test};
  return trm__dataset_fill(out, dataset_save, &splits, err);
}
