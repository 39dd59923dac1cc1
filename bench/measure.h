/* Measuring by turns: a row of the table is a few contestants (ours, the arithmetic ceiling, peers) that run one after
 * the other, round after round, so that a machine whose speed drifts treats all alike. A rate is the median over the
 * rounds; a ratio is the median of the ratios within each round. */
#ifndef TRM_BENCH_MEASURE_H
#define TRM_BENCH_MEASURE_H

enum { MEASURE_CONTESTANTS = 8, MEASURE_ROUNDS = 101 };

/* Seconds that `runs` runs took, by the contestant's own clock; not a positive number when it cannot run. */
typedef double (*measure_fn)(void *context, int runs);

typedef struct contestant {
  measure_fn seconds;
  void *context;
  double amount; /* operations or bytes of one run */
  int lingers;   /* its threads spin for a while when it has ended (OpenMP's do): the next one waits until they sleep */
  int rough;     /* when one run is slow, the first is its only sample: plain C is far away in any case */
} contestant;

typedef struct measure_budget {
  double sample;   /* seconds that one sample should take at least: a run is repeated until then */
  double seconds;  /* of the whole measurement, but at least `least` rounds */
  int least, most; /* rounds */
} measure_budget;

typedef struct measured {
  double seconds;  /* median of one run */
  double rate;     /* median, amount a second; NaN for one that could not run */
  double relative; /* median over rounds of the first contestant's rate divided by this one's; NaN likewise */
} measured;

/* Runs all once to warm up, then in turn. A contestant that fails in the warm-up is left out. Returns the rounds. */
int measure_in_turn(const contestant *all, int count, const measure_budget *budget, measured *results);

double measure_median(double *x, int n); /* reorders x; NaN when n is 0 */

/* Seconds: of this thread's own processor time, which a busy machine disturbs little, or of the wall clock. */
typedef double (*measure_clock)(void);
double measure_thread_clock(void);
double measure_wall_clock(void);

#endif
