/* Exporting a split as CSV: question, answer and rating of each example, in their order and in the task's symbols, so
 * that an import of the file gives the same tokens (the alphabet of a generic task has to be said again). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/numbers.h"
#include "data/dataset.h"
#include "task/task.h"
#include "task/text.h"

#define PIECE ((size_t)64 << 10) /* written at once */

typedef struct exporter {
  const char *path;
  const trm_dataset *dataset;
  trm__writer *writer;
  int32_t *tokens; /* [2][seq_len] */
  char *text;      /* [room] */
  size_t used, room;
  int unscored; /* 1: a label that is not scored can be written */
  trm_error *err;
} exporter;

static trm_status export_flush(exporter *e) {
  trm_status status = trm__writer_write(e->writer, e->text, e->used, e->err);
  e->used = 0;
  return status;
}

/* A field, between quotes where its cells would end it; each of them takes at most two bytes. */
static void export_put(exporter *e, const int32_t *tokens) {
  const trm_task *task = &e->dataset->info.task;
  size_t cells = (size_t)e->dataset->info.seq_len;
  int quoted = strpbrk(task->alphabet, ",\"") != NULL;
  if (quoted) e->text[e->used++] = '"';
  for (size_t i = 0; i < cells; i++) {
    char symbol = trm__text_symbol(task, tokens[i]);
    e->text[e->used++] = symbol;
    if (symbol == '"') e->text[e->used++] = symbol;
  }
  if (quoted) e->text[e->used++] = '"';
}

static trm_status export_example(exporter *e, int64_t example) {
  const trm_dataset_info *info = &e->dataset->info;
  size_t cells = (size_t)info->seq_len;
  double rating;
  trm_dataset_example(e->dataset, example, e->tokens, e->tokens + cells, NULL, &rating);
  for (size_t i = 0; i < 2 * cells; i++) {
    if (e->tokens[i] < 0) e->tokens[i] = 0; /* not scored */
    if (e->tokens[i] == 0 && !e->unscored)
      return trm__fail(e->err, TRM_E_INPUT, e->path,
                       "example %" PRId64 ": a cell of its %s is padding or is not scored, and this task has no symbol "
                       "for that",
                       example + 1, i < cells ? "question" : "answer");
  }
  export_put(e, e->tokens);
  e->text[e->used++] = ',';
  export_put(e, e->tokens + cells);
  if (info->has_ratings) e->text[e->used++] = ',';
  if (info->has_ratings && isfinite(rating)) e->used += (size_t)trm__real_text(rating, e->text + e->used, 40);
  e->text[e->used++] = '\n';
  return e->used < PIECE ? TRM_OK : export_flush(e);
}

static trm_status export_write(exporter *e, const char *out) {
  const trm_dataset_info *info = &e->dataset->info;
  trm_status status = trm__writer_open(&e->writer, out, e->err);
  if (status) return status;
  e->used = (size_t)snprintf(e->text, e->room, "question,answer%s%s\n", info->has_ratings ? "," : "",
                             info->has_ratings ? info->rating_name : "");
  for (int64_t i = 0; i < info->examples && !status; i++) status = export_example(e, i);
  if (!status) status = export_flush(e);
  if (!status) return trm__writer_commit(&e->writer, e->err);
  trm__writer_abort(&e->writer);
  return status;
}

trm_status trm_data_export(const trm_dataset *dataset, const char *path, const char *out, trm_error *err) {
  const trm_dataset_info *info = &dataset->info;
  size_t cells = (size_t)info->seq_len;
  exporter e = {.path = path, .dataset = dataset, .room = PIECE + 4 * cells + 256, .err = err};
  int16_t map[256];
  if (info->task.alphabet[0] == '\0' || cells != (size_t)info->task.width * (size_t)info->task.height)
    return trm__fail(err, TRM_E_INPUT, path,
                     "its tokens have no symbols, expected a dataset whose task.json has an alphabet");
  trm__task_symbols(&info->task, 0, 0, map);
  e.unscored = map['_'] == 0;
  e.tokens = trm__calloc(cells, 2 * sizeof *e.tokens);
  e.text = trm__calloc(e.room, 1);
  trm_status status = e.tokens && e.text ? export_write(&e, out) : trm__fail_memory(err, path, e.room + 8 * cells);
  trm__free(e.tokens);
  trm__free(e.text);
  return status;
}
