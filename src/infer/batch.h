/* How many puzzles one step of the network should compute. The engine times its own first steps at growing sizes - they
 * are work that has to be done anyway, only at a size that may not be the best - and these pure functions say which
 * size to try next, which to stay with and what a step will cost. Results never depend on the size. */
#ifndef TRM_INFER_BATCH_H
#define TRM_INFER_BATCH_H

#define TRM__BATCH_LONGEST_STEP 2.0 /* seconds: a longer step would save less than waiting for it costs */
#define TRM__BATCH_COSTS 16

/* The least time that a step of `batch` puzzles was seen to take. */
typedef struct trm__batch_cost {
  int batch, samples;
  double seconds;
} trm__batch_cost;

/* Ascending in batch. Zeroed: nothing is known. thorough, for devices: every size is tried even after one that costs
 * more, because there costs rise and fall with how a size fills the multiprocessors, and large sizes are the best. */
typedef struct trm__batch_costs {
  int count, thorough;
  trm__batch_cost at[TRM__BATCH_COSTS];
} trm__batch_costs;

/* The largest size that is worth trying for a job: a power of two of which the puzzles fill several steps, at most
 * `slots`; 0: the job is too small to pay for trying anything. */
int trm__batch_largest(long long puzzles, int slots);

/* The size of the next step while sizes are tried: 1, 2, 4 and so on up to largest, each a few times. 0: nothing is
 * left to try, or a larger step would keep answers and signals waiting for too long. */
int trm__batch_next(const trm__batch_costs *costs, int largest);

/* A step of batch puzzles took so long. Sizes may come in any order; what does not fit in the table is dropped. */
void trm__batch_record(trm__batch_costs *costs, int batch, double seconds);

/* The size to stay with: the smallest of those tried and at most `slots` whose cost a puzzle is nearly the least. With
 * nothing tried, a size that is seldom far from the best. */
int trm__batch_choose(const trm__batch_costs *costs, int slots);

/* What a step of batch puzzles will take, in seconds: between the sizes tried on a straight line, beyond them at the
 * cost a puzzle of the nearest. 0 when nothing is known. */
double trm__batch_predict(const trm__batch_costs *costs, int batch);

#endif
