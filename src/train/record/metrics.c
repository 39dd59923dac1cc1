/* Writing metrics.jsonl: each line is one write at the file's end, so a crash leaves at most one torn line, which the
 * next resume cuts off. */
#include "train/record/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os/file.h"
#include "base/status.h"
#include "base/text/numbers.h"

#define LINE 4096          /* bytes of a line, more than any line needs */
#define CURVE "halt_curve" /* a key of lines about chosen thresholds, and of no others */

/* -- text ---------------------------------------------------------------------------------------------------------- */

typedef struct line {
  char text[LINE];
  size_t used;
} line;

static void line_put(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_put(line *l, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int n = trm__vprint(l->text + l->used, LINE - l->used, format, arguments);
  va_end(arguments);
  if (n > 0 && (size_t)n < LINE - l->used) l->used += (size_t)n;
}

static void line_put_number(line *l, const char *key, double value) {
  if (isfinite(value)) line_put(l, ", \"%s\": %.9g", key, value);
  else line_put(l, ", \"%s\": null", key);
}

static double metrics_share(int64_t part, int64_t whole) {
  return whole ? (double)part / (double)whole : (double)NAN;
}

static void metrics_format_pool(line *l, const trm__pool_counts *c) {
  line_put_number(l, "keep_loss", c->keep_loss);
  line_put_number(l, "digit_loss", c->digit_loss);
  line_put_number(l, "unsound", metrics_share(c->unsound, c->dropped));
  line_put_number(l, "conflict_precision", metrics_share(c->flagged_right, c->flagged));
  line_put_number(l, "conflict_recall", metrics_share(c->flagged_right, c->conflicted));
  line_put(l, ", \"solved\": %" PRId64 ", \"solved_right\": %" PRId64 ", \"refuted\": %" PRId64 ", \"aged\": %" PRId64,
           c->solved, c->solved_right, c->refuted, c->aged);
}

static void metrics_format(line *l, const trm__record *r) {
  line_put(l, "{\"step\": %" PRId64, r->step);
  line_put_number(l, "loss", r->update.loss);
  line_put_number(l, "lm_loss", r->update.lm_loss);
  line_put_number(l, "halt_loss", r->update.halt_loss);
  line_put_number(l, "q_halt", r->update.q_halt);
  line_put_number(l, "exact_accuracy", trm__score_exact_accuracy(&r->recent));
  line_put_number(l, "token_accuracy", trm__score_token_accuracy(&r->recent));
  line_put_number(l, "mean_steps", trm__score_mean_steps(&r->recent));
  line_put_number(l, "lr", r->update.lr);
  line_put_number(l, "grad_norm", r->update.grad_norm);
  if (r->update.pool) metrics_format_pool(l, r->update.pool);
  if (r->evaluated) {
    line_put_number(l, "valid_exact", r->valid_exact);
    line_put_number(l, "valid_token", r->valid_token);
    line_put_number(l, "best_exact", r->best_exact);
  }
  line_put_number(l, "seconds", r->seconds);
  line_put_number(l, "examples_per_second", r->examples_per_second);
  line_put(l, "}\n");
}

/* Few digits do: these are counts over counts, and thresholds of a grid. */
static void line_put_point(line *l, double threshold, double exact, double steps) {
  if (isfinite(threshold)) line_put(l, "[%.9g", threshold);
  else line_put(l, "[null");
  line_put(l, ", %.6g, %.6g]", exact, steps);
}

static void metrics_format_choice(line *l, const trm__record_choice *r) {
  const trm_halting_choice *c = r->choice;
  double puzzles = (double)c->puzzles;
  line_put(l, "{\"step\": %" PRId64 ", \"model\": \"%s\"", r->step, r->model);
  line_put_number(l, "halt_threshold", c->threshold);
  line_put(l, ", \"halt_puzzles\": %" PRId64 ", \"" CURVE "\": [", c->puzzles);
  for (int i = 0; i < c->points; i++) {
    line_put_point(l, c->point[i].threshold, (double)c->point[i].exact / puzzles, c->point[i].mean_steps);
    line_put(l, ", ");
  }
  line_put_point(l, (double)NAN, (double)c->exact / puzzles, (double)c->max_steps);
  line_put(l, "]");
  line_put_number(l, "seconds", r->seconds);
  line_put(l, "}\n");
}

static trm_status metrics_add_events(trm__events *events, const trm__record *r, trm_error *err) {
  trm__scalar scalar[] = {{"train/loss", r->update.loss},
                          {"train/lm_loss", r->update.lm_loss},
                          {"train/halt_loss", r->update.halt_loss},
                          {"train/q_halt", r->update.q_halt},
                          {"train/exact_accuracy", trm__score_exact_accuracy(&r->recent)},
                          {"train/token_accuracy", trm__score_token_accuracy(&r->recent)},
                          {"train/mean_steps", trm__score_mean_steps(&r->recent)},
                          {"train/lr", r->update.lr},
                          {"train/grad_norm", r->update.grad_norm},
                          {"train/examples_per_second", r->examples_per_second},
                          {"valid/exact_accuracy", r->valid_exact},
                          {"valid/token_accuracy", r->valid_token}};
  size_t count = sizeof scalar / sizeof *scalar - (r->evaluated ? 0 : 2);
  return trm__events_add(events, r->step, scalar, count, err);
}

/* -- the file ------------------------------------------------------------------------------------------------------ */

/* Bytes of the leading whole lines of updates up to `step`; *last: the update of the last of them, 0: there is none. */
static off_t metrics_kept_length(FILE *file, int64_t step, int64_t *last) {
  char text[LINE];
  off_t kept = 0;
  *last = 0;
  while (fgets(text, sizeof text, file)) {
    size_t length = strlen(text);
    int64_t number;
    if (text[length - 1] != '\n' || sscanf(text, "{\"step\": %" SCNd64, &number) != 1 || number > step) break;
    if (strstr(text, CURVE)) break;
    kept += (off_t)length;
    *last = number;
  }
  return kept;
}

static trm_status metrics_cut(const char *path, int64_t step, const trm__log *log, trm_error *err) {
  FILE *file = fopen(path, "re");
  if (!file && errno == ENOENT) return TRM_OK;
  if (!file) return trm__fail_errno(err, path, "cannot be opened");
  int64_t last;
  off_t kept = metrics_kept_length(file, step, &last);
  fclose(file);
  if (truncate(path, kept) != 0) return trm__fail_errno(err, path, "cannot be cut to update %" PRId64, step);
  if (last == 0 && step > 0)
    trm__log_write(log, TRM_LOG_WARN, "%s: nothing recorded up to update %" PRId64, path, step);
  return TRM_OK;
}

trm_status trm__recorder_open(trm__recorder *recorder, const trm__run *run, int64_t step, const trm__log *log,
                              trm_error *err) {
  *recorder = (trm__recorder){.fd = -1, .events = {.fd = -1}};
  trm__run_path(run, "metrics.jsonl", recorder->path);
  trm_status status = metrics_cut(recorder->path, step, log, err);
  if (status) return status;
  recorder->fd = open(recorder->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (recorder->fd < 0) return trm__fail_errno(err, recorder->path, "cannot be opened for writing");
  status = trm__events_open(&recorder->events, run->path, step, err);
  if (status) trm__recorder_close(recorder);
  return status;
}

void trm__recorder_close(trm__recorder *recorder) {
  if (recorder->fd >= 0) close(recorder->fd);
  recorder->fd = -1;
  trm__events_close(&recorder->events);
}

trm_status trm__recorder_add(trm__recorder *recorder, const trm__record *record, trm_error *err) {
  line l = {.used = 0};
  metrics_format(&l, record);
  trm_status status = trm__file_append(recorder->fd, recorder->path, l.text, l.used, err);
  return status ? status : metrics_add_events(&recorder->events, record, err);
}

trm_status trm__recorder_add_choice(trm__recorder *recorder, const trm__record_choice *record, trm_error *err) {
  line l = {.used = 0};
  metrics_format_choice(&l, record);
  return trm__file_append(recorder->fd, recorder->path, l.text, l.used, err);
}

trm_status trm__recorder_sync(trm__recorder *recorder, trm_error *err) {
  if (fsync(recorder->fd) != 0 || fsync(recorder->events.fd) != 0)
    return trm__fail_errno(err, recorder->path, "cannot be written to disk");
  return TRM_OK;
}
