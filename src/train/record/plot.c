/* trm_plot: reading the records of runs. */
#include "train/record/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <trm/train.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"

#define FILE_LIMIT ((size_t)1 << 30) /* bytes of a metrics.jsonl */

static const char *const plot_keys[TRM__PLOT_KEYS] = {"loss", "exact_accuracy", "token_accuracy", "mean_steps",
                                                      "lr",   "valid_exact"};

static trm_status plot_grow(trm__plot_run *run, const char *path, trm_error *err) {
  size_t room = run->room ? 2 * run->room : 1024;
  double *step = trm__realloc(run->step, room, sizeof *step);
  if (step) run->step = step;
  int ok = step != NULL;
  for (int k = 0; k < TRM__PLOT_KEYS && ok; k++) {
    double *value = trm__realloc(run->value[k], room, sizeof *value);
    if (value) run->value[k] = value;
    ok = value != NULL;
  }
  if (!ok) return trm__fail_memory(err, path, room * sizeof *step);
  run->room = room;
  return TRM_OK;
}

static trm_status plot_add_line(trm__plot_run *run, const char *text, size_t size, const char *path, size_t line,
                                trm_error *err) {
  char where[600];
  json_t *json = NULL;
  snprintf(where, sizeof where, "%.500s:%zu", path, line);
  if (run->n == run->room) {
    trm_status status = plot_grow(run, path, err);
    if (status) return status;
  }
  trm_status status = trm__json_parse(&json, text, size, where, err);
  if (status) return status;
  const json_t *step = json_object_get(json, "step");
  if (!json_is_number(step) || !(json_number_value(step) >= 0)) {
    status = trm__fail(err, TRM_E_INPUT, where, "has no number \"step\"");
  } else {
    run->step[run->n] = json_number_value(step);
    for (int k = 0; k < TRM__PLOT_KEYS; k++) {
      const json_t *value = json_object_get(json, plot_keys[k]);
      run->value[k][run->n] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    run->n++;
  }
  json_decref(json);
  return status;
}

/* A last line without its end is being written, or was torn by a crash: it is left out. */
static trm_status plot_read_run(trm__plot_run *run, const char *folder, trm_error *err) {
  char *text = NULL;
  size_t size, line = 1;
  char *path = trm__format("%s/metrics.jsonl", folder);
  if (!path) return trm__fail_memory(err, folder, strlen(folder) + 16);
  trm_status status = trm__file_read(path, FILE_LIMIT, &text, &size, err);
  if (!status) {
    char *end;
    for (char *p = text; !status && (end = memchr(p, '\n', size - (size_t)(p - text))); p = end + 1)
      status = plot_add_line(run, p, (size_t)(end - p), path, line++, err);
    if (!status && run->n == 0) status = trm__fail(err, TRM_E_INPUT, path, "holds no updates yet");
  }
  trm__free(text);
  trm__free(path);
  return status;
}

/* Bytes at the beginning of every path up to a slash, which say nothing of one run: of "runs/a/best" and "runs/b/best"
 * those of "runs/". Of a path alone all but its last part. */
static size_t paths_shared(const char *const *paths, size_t count) {
  size_t shared = 0, length = strcspn(paths[0], "");
  while (length && paths[0][length - 1] == '/') length--; /* closing slashes end no folder */
  for (size_t at = 0; at < length; at++) {
    for (size_t i = 1; i < count; i++)
      if (paths[i][at] != paths[0][at]) return shared;
    if (paths[0][at] == '/') shared = at + 1;
  }
  return shared;
}

trm_status trm_plot(const char *const *runs, size_t count, double smooth, const char *out, trm_error *err) {
  if (count == 0) return trm__fail(err, TRM_E_USAGE, "plot", "at least one run directory must be named");
  if (!(smooth >= 0 && smooth <= 50))
    return trm__fail(err, TRM_E_USAGE, "smooth", "found %g, expected 0 to 50 percent", smooth);
  size_t shared = paths_shared(runs, count);
  trm__plot_run *list = trm__calloc(count, sizeof *list);
  trm_status status = list ? TRM_OK : trm__fail_memory(err, out, count * sizeof *list);
  for (size_t i = 0; i < count && !status; i++) {
    list[i].name = runs[i][shared] ? runs[i] + shared : runs[i];
    status = plot_read_run(&list[i], runs[i], err);
  }
  if (!status) status = trm__plot_write(out, list, count, smooth, err);
  for (size_t i = 0; list && i < count; i++) {
    trm__free(list[i].step);
    for (int k = 0; k < TRM__PLOT_KEYS; k++) trm__free(list[i].value[k]);
  }
  trm__free(list);
  return status;
}
