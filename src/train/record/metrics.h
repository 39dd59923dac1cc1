/* The record of a run: metrics.jsonl, one JSON object a line, and the same numbers as a TensorBoard event file.
 *
 * Keys of a line, in this order: step; loss, lm_loss, halt_loss (means over the batch of this update); q_halt (mean
 * logit); exact_accuracy, token_accuracy, mean_steps (over the examples that halted in the last 32 updates; null before
 * the first); lr; grad_norm (before clipping); with the lattice recursion keep_loss, digit_loss (the parts of lm_loss),
 * unsound (right values among those dropped from sound states), conflict_precision, conflict_recall (of the conflict
 * head), solved, solved_right, refuted, aged (entries that left the pool); after an evaluation valid_exact,
 * valid_token, best_exact; and last, as they differ from run to run, seconds (since the run began) and
 * examples_per_second.
 *
 * Behind the last update there is a line for each model whose halting threshold was chosen: step; model (its file);
 * halt_threshold (null: none was); halt_puzzles that were looked at; halt_curve, a list of [threshold, exact accuracy,
 * mean steps] for each threshold tried, at its end [null, ...] for all steps; seconds. When a run goes on they are cut
 * off. */
#ifndef TRM_TRAIN_RECORD_METRICS_H
#define TRM_TRAIN_RECORD_METRICS_H

#include "base/log.h"
#include "train/history.h"
#include "train/record/tensorboard.h"
#include "train/run/directory.h"
#include "train/update.h"

typedef struct trm__record {
  int64_t step;
  trm__update update;
  trm__score recent;
  int evaluated;
  double valid_exact, valid_token, best_exact;
  double seconds, examples_per_second;
} trm__record;

typedef struct trm__record_choice {
  int64_t step;
  const char *model;
  const trm_halting_choice *choice;
  double seconds;
} trm__record_choice;

typedef struct trm__recorder {
  char path[TRM__RUN_PATH];
  int fd; /* metrics.jsonl, -1: closed */
  trm__events events;
} trm__recorder;

/* Opens both files and cuts off everything after update `step`, and from choices of thresholds on, so that a resumed
 * run's record equals that of one that was never stopped. */
trm_status trm__recorder_open(trm__recorder *recorder, const trm__run *run, int64_t step, const trm__log *log,
                              trm_error *err);
void trm__recorder_close(trm__recorder *recorder);
trm_status trm__recorder_add(trm__recorder *recorder, const trm__record *record, trm_error *err);
trm_status trm__recorder_add_choice(trm__recorder *recorder, const trm__record_choice *record, trm_error *err);
trm_status trm__recorder_sync(trm__recorder *recorder, trm_error *err); /* to disk, before a checkpoint */

#endif
