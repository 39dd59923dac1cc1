/* ARC's dataset folder (write.h). A puzzle is one image of one task; those of a task follow each other and are a group.
 * Threads fill disjoint rows of one block of examples, and each puzzle has a stream of random numbers of its own, so
 * the bytes do not depend on how many there are. */
#include "data/arc/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "data/format/dataset_dir.h"
#include "task/task.h"

enum { BLOCK = 4096 /* examples */ };

static const char *const write_names[TRM__ARC_SPLITS] = {"train", "test"};

/* -- which pairs -- */

static int write_takes(const trm__arc_task *task, trm__arc_split split, int pair) {
  int test = pair >= task->train;
  if (split == TRM__ARC_TEST) return test && task->evaluated;
  return !test || (!task->evaluated && task->pair[pair].output.height);
}

static int write_pairs(const trm__arc_task *task, trm__arc_split split) {
  int count = 0;
  for (int i = 0; i < task->train + task->test; i++) count += write_takes(task, split, i);
  return count;
}

/* -- counts and offsets -- */

static void write_count(trm__arc_writing *w, trm__arc_split split) {
  trm_dataset_info *info = &w->shape[split].info;
  for (size_t t = 0; t < w->tasks->count; t++) {
    int64_t pairs = write_pairs(&w->tasks->item[t], split), puzzles = w->images->count[t] + 1;
    if (split == TRM__ARC_TRAIN) info->identifiers += puzzles;
    if (!pairs) continue;
    info->groups++;
    info->puzzles += puzzles;
    info->examples += puzzles * pairs;
    if ((size_t)pairs > w->room) w->room = (size_t)pairs;
  }
}

/* Identifiers are numbered through, task by task, and are the same in both splits. */
static void write_offsets(const trm__arc_writing *w, trm__arc_split split) {
  const trm_dataset *d = &w->shape[split];
  int64_t puzzle = 0, group = 0;
  int32_t identifier = 1;
  for (size_t t = 0; t < w->tasks->count; t++) {
    int pairs = write_pairs(&w->tasks->item[t], split);
    for (int32_t k = 0; k <= w->images->count[t]; k++, identifier++) {
      if (!pairs) continue;
      d->identifiers[puzzle] = identifier;
      d->puzzle_indices[puzzle + 1] = d->puzzle_indices[puzzle] + pairs;
      puzzle++;
    }
    if (pairs) d->group_indices[++group] = puzzle;
  }
}

static trm_status write_open_split(trm__arc_writing *w, trm__arc_split split, trm_error *err) {
  trm_dataset *d = &w->shape[split];
  const trm_dataset_info *info = &d->info;
  if (info->examples > TRM__EXAMPLES_LIMIT || info->identifiers > INT32_MAX)
    return trm__fail(err, TRM_E_USAGE, "augment", "over %d examples in the %s split, expected fewer images or tasks",
                     TRM__EXAMPLES_LIMIT, write_names[split]);
  if (!info->examples) return TRM_OK;
  d->identifiers = trm__calloc((size_t)info->puzzles, sizeof *d->identifiers);
  d->puzzle_indices = trm__calloc((size_t)info->puzzles + 1, sizeof *d->puzzle_indices);
  d->group_indices = trm__calloc((size_t)info->groups + 1, sizeof *d->group_indices);
  if (!d->identifiers || !d->puzzle_indices || !d->group_indices)
    return trm__fail_memory(err, write_names[split], (size_t)info->puzzles * 16);
  write_offsets(w, split);
  return TRM_OK;
}

trm_status trm__arc_writing_open(trm__arc_writing *w, int side, trm_error *err) {
  const trm_task task = trm__task_arc_side(side);
  trm_status status = TRM_OK;
  w->room = BLOCK;
  for (int s = 0; s < TRM__ARC_SPLITS; s++) {
    w->shape[s] =
        (trm_dataset){.info = {.identifiers = 1, .seq_len = side * side, .vocab_size = task.vocab_size, .task = task}};
    if (s) w->shape[s].info.identifiers = w->shape[0].info.identifiers;
    write_count(w, (trm__arc_split)s);
  }
  for (int s = 0; s < TRM__ARC_SPLITS && !status; s++) status = write_open_split(w, (trm__arc_split)s, err);
  if (status) return status;
  w->tokens = trm__calloc(2 * w->room, (size_t)side * (size_t)side);
  return w->tokens ? TRM_OK : trm__fail_memory(err, "dataset", 2 * w->room * (size_t)side * (size_t)side);
}

void trm__arc_writing_close(trm__arc_writing *w) {
  for (int s = 0; s < TRM__ARC_SPLITS; s++) {
    trm__free(w->shape[s].identifiers);
    trm__free(w->shape[s].puzzle_indices);
    trm__free(w->shape[s].group_indices);
  }
  trm__free(w->tokens);
  w->tokens = NULL;
}

uint64_t trm__arc_writing_memory(const trm__arc_writing *w) {
  uint64_t bytes = 2 * w->room * (uint64_t)w->shape[0].info.seq_len;
  for (size_t t = 0; t < w->tasks->count; t++)
    bytes += (uint64_t)(w->tasks->item[t].train + w->tasks->item[t].test) * sizeof(trm__arc_pair);
  bytes += w->tasks->count * (w->images->most * sizeof(trm__arc_image) + sizeof(trm__arc_task));
  for (int s = 0; s < TRM__ARC_SPLITS; s++)
    bytes += (uint64_t)w->shape[s].info.puzzles * 16; /* 4 more while offsets are narrowed */
  return bytes;
}

/* -- tokens -- */

typedef struct block {
  const trm__arc_writing *w;
  const trm__arc_task *task;
  const trm__arc_image *image; /* of the task's puzzle k its image k - 1 */
  int64_t first;               /* puzzle of the task */
  int32_t identifier;          /* of the task's first puzzle */
  trm__arc_split split;
  int pairs, side;
} block;

static int write_most(int a, int b) {
  return a > b ? a : b;
}

static void write_place(const block *b, const trm__arc_pair *seen, int row, int column, size_t at) {
  size_t cells = (size_t)(b->side * b->side);
  uint8_t *inputs = b->w->tokens + at * cells, *labels = inputs + b->w->room * cells;
  trm__arc_place(&seen->input, b->side, row, column, inputs);
  if (seen->output.height) trm__arc_place(&seen->output, b->side, row, column, labels);
  else memset(labels, 0, cells); /* not known: no cell is scored */
}

/* In the training split all pairs of a puzzle but one are moved. */
static void write_puzzle(void *context, int number, int worker) {
  const block *b = context;
  (void)worker;
  int64_t k = b->first + number;
  trm__arc_image image = k ? b->image[k - 1] : trm__arc_image_none();
  trm__rng rng = trm__rng_make(b->w->seed, TRM__RNG_PLACE, (uint64_t)(b->identifier + k));
  int fixed = (int)trm__rng_below(&rng, (uint32_t)b->pairs), done = 0;
  for (int i = 0; i < b->task->train + b->task->test; i++) {
    trm__arc_pair seen;
    uint32_t row = 0, column = 0;
    if (!write_takes(b->task, b->split, i)) continue;
    trm__arc_apply(&image, &b->task->pair[i].input, &seen.input);
    trm__arc_apply(&image, &b->task->pair[i].output, &seen.output);
    if (b->w->translate && b->split == TRM__ARC_TRAIN && done != fixed) {
      int height = write_most(seen.input.height, seen.output.height);
      int width = write_most(seen.input.width, seen.output.width);
      row = trm__rng_below(&rng, (uint32_t)(b->side - height + 1));
      column = trm__rng_below(&rng, (uint32_t)(b->side - width + 1));
    }
    write_place(b, &seen, (int)row, (int)column, (size_t)number * (size_t)b->pairs + (size_t)done++);
  }
}

static trm_status write_task(block *b, trm__split_writer *out, int64_t puzzles, trm_error *err) {
  const trm__arc_writing *w = b->w;
  size_t cells = (size_t)(b->side * b->side);
  int64_t step = (int64_t)w->room / b->pairs;
  trm_status status = TRM_OK;
  for (b->first = 0; b->first < puzzles && !status; b->first += step) {
    int64_t now = puzzles - b->first < step ? puzzles - b->first : step;
    trm__pool_run(w->pool, (int)now, write_puzzle, b);
    status = trm__split_add(out, w->tokens, w->tokens + w->room * cells, now * b->pairs, err);
  }
  return status;
}

static trm_status write_split(const trm__arc_writing *w, const char *folder, trm__arc_split split, trm_error *err) {
  const trm_dataset *d = &w->shape[split];
  trm__split_writer out;
  if (!d->info.examples) return TRM_OK;
  trm_status status = trm__split_begin(&out, folder, write_names[split], d, 0, err);
  if (status) return status;
  int32_t identifier = 1;
  for (size_t t = 0; t < w->tasks->count && !status; t++) {
    int64_t puzzles = w->images->count[t] + 1;
    block b = {w, &w->tasks->item[t], w->images->item + t * w->images->most, 0, identifier, split,
               0, d->info.task.width};
    b.pairs = write_pairs(b.task, split);
    identifier += (int32_t)puzzles;
    if (w->stop && w->stop(w->context, (double)t / (double)w->tasks->count) != 0)
      status = trm__fail(err, TRM_E_STOPPED, folder, "stopped, and nothing is written");
    else if (b.pairs) status = write_task(&b, &out, puzzles, err);
  }
  if (!status) return trm__split_end(&out, d, err);
  trm__split_abort(&out);
  return status;
}

/* -- names and tasks -- */

static trm_status write_text(trm__writer *w, const char *text, trm_error *err) {
  return trm__writer_write(w, text, strlen(text), err);
}

/* The ID as JSON without its closing quote, so that a suffix of plain letters can follow. */
static char *write_quoted(const char *id) {
  json_t *value = json_string(id);
  char *text = value ? trm__json_text(value, JSON_ENCODE_ANY) : NULL;
  if (text) text[strlen(text) - 1] = '\0';
  json_decref(value);
  return text;
}

static trm_status write_task_names(const trm__arc_writing *w, size_t t, trm__writer *out, trm_error *err) {
  char suffix[TRM__ARC_SUFFIX];
  trm__arc_image none = trm__arc_image_none();
  char *id = write_quoted(w->tasks->item[t].id);
  if (!id) return trm__fail_memory(err, "identifiers.json", strlen(w->tasks->item[t].id));
  trm_status status = TRM_OK;
  for (int32_t k = 0; k <= w->images->count[t] && !status; k++) {
    trm__arc_suffix(k ? &w->images->item[t * w->images->most + (size_t)k - 1] : &none, suffix);
    status = write_text(out, ",\n", err);
    if (!status) status = write_text(out, id, err);
    if (!status) status = write_text(out, suffix, err);
    if (!status) status = write_text(out, "\"", err);
  }
  free(id);
  return status;
}

static trm_status write_names_all(const trm__arc_writing *w, trm__writer *out, trm_error *err) {
  trm_status status = write_text(out, "[\"<blank>\"", err);
  for (size_t t = 0; t < w->tasks->count && !status; t++) status = write_task_names(w, t, out, err);
  return status ? status : write_text(out, "]\n", err);
}

static trm_status write_grid(const trm__arc_grid *grid, const char *key, trm__writer *out, trm_error *err) {
  trm_status status = write_text(out, key, err);
  for (int r = 0; r < grid->height && !status; r++) {
    char line[4 + 2 * TRM__ARC_SIDE], *at = line;
    *at++ = r ? ',' : '[';
    *at++ = '[';
    for (int c = 0; c < grid->width; c++) *at++ = (char)('0' + grid->cell[r * grid->width + c]), *at++ = ',';
    at[-1] = ']';
    status = trm__writer_write(out, line, (size_t)(at - line), err);
  }
  return status ? status : write_text(out, "]", err);
}

static trm_status write_task_json(const trm__arc_task *task, trm__writer *out, trm_error *err) {
  trm_status status = write_text(out, "\": {\"train\": [", err);
  for (int i = 0; i < task->train + task->test && !status; i++) {
    if (i == task->train) status = write_text(out, "], \"test\": [", err);
    else if (i) status = write_text(out, ", ", err);
    if (!status) status = write_grid(&task->pair[i].input, "{\"input\": ", out, err);
    if (!status && task->pair[i].output.height) status = write_grid(&task->pair[i].output, ", \"output\": ", out, err);
    if (!status) status = write_text(out, "}", err);
  }
  return status ? status : write_text(out, "]}", err);
}

static trm_status write_test_puzzles(const trm__arc_writing *w, trm__writer *out, trm_error *err) {
  const char *before = "{";
  trm_status status = TRM_OK;
  for (size_t t = 0; t < w->tasks->count && !status; t++) {
    const trm__arc_task *task = &w->tasks->item[t];
    if (!task->evaluated) continue;
    char *id = write_quoted(task->id);
    status = id ? write_text(out, before, err) : trm__fail_memory(err, "test_puzzles.json", strlen(task->id));
    if (!status) status = write_text(out, id, err);
    if (!status) status = write_task_json(task, out, err);
    free(id);
    before = ",\n";
  }
  if (!status && before[0] == '{') status = write_text(out, before, err);
  return status ? status : write_text(out, "}\n", err);
}

static trm_status write_file(const trm__arc_writing *w, const char *folder, const char *name,
                             trm_status (*fill)(const trm__arc_writing *, trm__writer *, trm_error *), trm_error *err) {
  trm__writer *out = NULL;
  char *path = trm__format("%s/%s", folder, name);
  trm_status status = path ? trm__writer_open(&out, path, err) : trm__fail_memory(err, folder, strlen(folder) + 32);
  if (!status) status = fill(w, out, err);
  if (!status) status = trm__writer_commit(&out, err);
  trm__writer_abort(&out);
  trm__free(path);
  return status;
}

trm_status trm__arc_write(void *context, const char *folder, trm_error *err) {
  const trm__arc_writing *w = context;
  trm_status status = TRM_OK;
  for (int s = 0; s < TRM__ARC_SPLITS && !status; s++) status = write_split(w, folder, (trm__arc_split)s, err);
  if (!status) status = write_file(w, folder, "identifiers.json", write_names_all, err);
  if (!status) status = write_file(w, folder, "test_puzzles.json", write_test_puzzles, err);
  return status ? status : trm__dataset_save_task(folder, &w->shape[0].info, err);
}
