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

#define SLOW 0.02 /* seconds */

/* A contestant during the measurement. */
typedef struct player {
  const contestant *c;
  int runs;    /* of a sample; 0: it cannot run, or has had its only one */
  int samples; /* taken */
  double rate[MEASURE_ROUNDS], relative[MEASURE_ROUNDS];
} player;

static void take(player *p, double seconds, int runs, const player *first) {
  p->rate[p->samples] = p->c->amount * runs / seconds;
  int round = first->samples - (p != first);
  p->relative[p->samples] = round < 0 ? NAN : first->rate[round] / p->rate[p->samples];
  p->samples++;
}

/* The first run warms up, the second says how many make a sample. */
static void prepare(player *p, const contestant *c, double sample, double *only) {
  *p = (player){.c = c};
  double once = sample_of(c, 1);
  *only = c->rough && once > SLOW ? once : 0;
  if (*only > 0 || !(once >= 0)) return;
  p->runs = 1;
  if (once >= sample) return;
  once = sample_of(c, 1);
  double runs = once > 0 ? ceil(sample / once) : 1000;
  p->runs = runs > 1e6 ? 1000000 : runs < 1 ? 1 : (int)runs;
}

/* Where the machine is so busy that even the least takes several times what was planned, one round has to do. */
static int go_on(const measure_budget *budget, int rounds, double seconds) {
  if (rounds == 0 || seconds < budget->seconds) return 1;
  return rounds < budget->least && seconds < 5 * budget->seconds + 1;
}

int measure_in_turn(const contestant *all, int count, const measure_budget *budget, measured *results) {
  static player players[MEASURE_CONTESTANTS];
  double only[MEASURE_CONTESTANTS];
  int rounds = 0, most = budget->most < MEASURE_ROUNDS ? budget->most : MEASURE_ROUNDS;
  for (int i = 0; i < count; i++) prepare(&players[i], &all[i], budget->sample, &only[i]);
  double start = measure_wall_clock();
  while (rounds < most && go_on(budget, rounds, measure_wall_clock() - start)) {
    for (int i = 0; i < count; i++) {
      player *p = &players[i];
      if (p->runs) take(p, sample_of(p->c, p->runs), p->runs, &players[0]);
      else if (rounds == 0 && only[i] > 0) take(p, only[i], 1, &players[0]);
    }
    rounds++;
  }
  for (int i = 0; i < count; i++) {
    player *p = &players[i];
    double rate = measure_median(p->rate, p->samples);
    results[i] = (measured){all[i].amount / rate, rate, measure_median(p->relative, p->samples)};
  }
  return rounds;
}
