/* The choice of a batch size from measured costs: see batch.h. */
#include "infer/batch.h"

#include <math.h>

/* How often a size is timed. The least time counts, as a disturbance only makes a step slower. Costs are compared per
 * puzzle. */
#define SAMPLES 3
#define SAMPLES_SHORT 6 /* of a step that takes less than SHORT_STEP: a disturbance lasts longer than the step */
#define SHORT_STEP 5e-3 /* seconds */
#define CLEAR_GAIN 0.7
#define SAMPLES_CLEAR                                                                                                  \
  1 /* of a size that costs less than CLEAR_GAIN times the size before: a larger one follows anyway */

#define LEAST_PUZZLES 32  /* the smallest job that tries sizes */
#define UNMEASURED_SIZE 8 /* for smaller jobs */
#define STEPS_TO_FILL 4   /* a size is tried when the job's puzzles fill so many steps of it */

/* Larger sizes are given up when one costs this many times the best before it. */
#define HOPELESS 1.8 /* after its first sample */
#define WORSE 1.1    /* after all its samples */

/* The smallest size that costs at most this many times the least is chosen: its answers come sooner and it spares the
 * caches. */
#define NEARLY 1.02

int trm__batch_largest(long long puzzles, int slots) {
  if (puzzles < LEAST_PUZZLES) return 0;
  int largest = 1;
  while (largest <= slots / 2 && (long long)largest * 2 * STEPS_TO_FILL <= puzzles) largest *= 2;
  return largest;
}

/* Per puzzle. */
static double cost_each(const trm__batch_cost *cost) {
  return cost->seconds / cost->batch;
}

static const trm__batch_cost *cost_least(const trm__batch_costs *costs, int slots) {
  const trm__batch_cost *least = 0;
  for (int i = 0; i < costs->count && costs->at[i].batch <= slots; i++)
    if (!least || cost_each(&costs->at[i]) < cost_each(least)) least = &costs->at[i];
  return least;
}

static int cost_samples(const trm__batch_costs *costs, const trm__batch_cost *last) {
  if (costs->count > 1 && cost_each(last) < CLEAR_GAIN * cost_each(last - 1)) return SAMPLES_CLEAR;
  return last->seconds < SHORT_STEP ? SAMPLES_SHORT : SAMPLES;
}

int trm__batch_next(const trm__batch_costs *costs, int largest) {
  if (largest < 1) return 0;
  if (!costs->count) return 1;
  const trm__batch_cost *last = &costs->at[costs->count - 1];
  double best = costs->thorough ? HUGE_VAL : cost_each(cost_least(costs, last->batch));
  if (last->batch > largest || cost_each(last) > HOPELESS * best) return 0;
  if (last->samples < cost_samples(costs, last)) return last->batch;
  if (last->batch > largest / 2 || costs->count == TRM__BATCH_COSTS || cost_each(last) > WORSE * best) return 0;
  return 2 * last->seconds <= TRM__BATCH_LONGEST_STEP ? 2 * last->batch : 0;
}

void trm__batch_record(trm__batch_costs *costs, int batch, double seconds) {
  int i = 0;
  if (batch < 1 || !(seconds >= 0)) return;
  while (i < costs->count && costs->at[i].batch < batch) i++;
  if (i < costs->count && costs->at[i].batch == batch) {
    costs->at[i].samples++;
    if (seconds < costs->at[i].seconds) costs->at[i].seconds = seconds;
    return;
  }
  if (costs->count == TRM__BATCH_COSTS) return;
  for (int k = costs->count++; k > i; k--) costs->at[k] = costs->at[k - 1];
  costs->at[i] = (trm__batch_cost){.batch = batch, .samples = 1, .seconds = seconds};
}

int trm__batch_choose(const trm__batch_costs *costs, int slots) {
  const trm__batch_cost *least = cost_least(costs, slots);
  if (!least) return slots < UNMEASURED_SIZE ? slots : UNMEASURED_SIZE;
  for (int i = 0; i < costs->count; i++)
    if (cost_each(&costs->at[i]) <= NEARLY * cost_each(least)) return costs->at[i].batch;
  return least->batch;
}

double trm__batch_predict(const trm__batch_costs *costs, int batch) {
  const trm__batch_cost *at = costs->at;
  int n = costs->count, i = 0;
  if (!n || batch < 1) return 0;
  while (i < n && at[i].batch < batch) i++;
  if (i == n) return cost_each(&at[n - 1]) * batch;
  if (i == 0 || at[i].batch == batch) return cost_each(&at[i]) * batch;
  double part = (double)(batch - at[i - 1].batch) / (at[i].batch - at[i - 1].batch);
  return at[i - 1].seconds + part * (at[i].seconds - at[i - 1].seconds);
}
