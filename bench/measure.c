/* Medians of contestants that take turns (measure.h). */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static double read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double measure_thread_clock(void) {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double measure_wall_clock(void) {
  return read_clock(CLOCK_MONOTONIC);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double measure_median(double *x, int n) {
  if (n <= 0) return NAN;
  qsort(x, (size_t)n, sizeof *x, by_value);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* One sample, and quiet after it. */
static double sample_of(const contestant *c, int runs) {
  double seconds = c->seconds(c->context, runs);
  if (c->lingers) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  return seconds;
}

/* Runs a sample; 0 for a contestant that cannot run. The first run warms up, the second says how long one takes. */
static int runs_for(const contestant *c, double sample) {
  if (!(sample_of(c, 1) > 0)) return 0;
  if (sample <= 0) return 1;
  double once = sample_of(c, 1);
  if (!(once > 0)) return once == 0 ? 1000 : 0;
  double runs = ceil(sample / once);
  return runs > 1e6 ? 1000000 : runs < 1 ? 1 : (int)runs;
}

/* Where the machine is so busy that even the least takes several times what was planned, one round has to do. */
static int go_on(const measure_budget *budget, int rounds, double seconds) {
  if (rounds == 0 || seconds < budget->seconds) return 1;
  return rounds < budget->least && seconds < 5 * budget->seconds + 1;
}

int measure_in_turn(const contestant *all, int count, const measure_budget *budget, measured *results) {
  static double rate[MEASURE_CONTESTANTS][MEASURE_ROUNDS], relative[MEASURE_CONTESTANTS][MEASURE_ROUNDS];
  int runs[MEASURE_CONTESTANTS], rounds = 0;
  int most = budget->most < MEASURE_ROUNDS ? budget->most : MEASURE_ROUNDS;
  for (int i = 0; i < count; i++) runs[i] = runs_for(&all[i], budget->sample);
  double start = measure_wall_clock();
  while (rounds < most && go_on(budget, rounds, measure_wall_clock() - start)) {
    for (int i = 0; i < count; i++) {
      double seconds = runs[i] ? sample_of(&all[i], runs[i]) : NAN;
      rate[i][rounds] = all[i].amount * runs[i] / seconds;
      relative[i][rounds] = rate[0][rounds] / rate[i][rounds];
    }
    rounds++;
  }
  for (int i = 0; i < count; i++) {
    double r = measure_median(rate[i], rounds), ratio = measure_median(relative[i], rounds);
    results[i] = runs[i] ? (measured){all[i].amount / r, r, ratio} : (measured){NAN, NAN, NAN};
  }
  return rounds;
}
