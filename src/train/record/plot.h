/* The picture of runs: plot.c reads metrics.jsonl into series, plot_smooth.c takes means, plot_svg.c draws. */
#ifndef TRM_TRAIN_RECORD_PLOT_H
#define TRM_TRAIN_RECORD_PLOT_H

#include <stddef.h>
#include <trm/error.h>

/* One number of each line of a metrics.jsonl. */
enum trm__plot_key {
  TRM__PLOT_LOSS,
  TRM__PLOT_EXACT,
  TRM__PLOT_TOKEN,
  TRM__PLOT_STEPS,
  TRM__PLOT_LR,
  TRM__PLOT_VALID,
  TRM__PLOT_KEYS
};

/* A run: n points, values NaN where a line has none. */
typedef struct trm__plot_run {
  const char *name; /* for the legend; borrowed */
  size_t n, room;
  double *step;
  double *value[TRM__PLOT_KEYS];
} trm__plot_run;

/* smooth [n]: of each finite value the mean of those at most `reach` updates away, of fewer at the ends, so that a mean
 * is never of one side alone; NaN elsewhere. step rises. */
void trm__plot_smooth(const double *step, const double *value, size_t n, double reach, double *smooth);

/* Writes the picture: loss, accuracies, steps to halt and learning rate over updates, every run in its own colour.
 * smooth: percent of the width. */
trm_status trm__plot_write(const char *path, const trm__plot_run *runs, size_t count, double smooth, trm_error *err);

#endif
