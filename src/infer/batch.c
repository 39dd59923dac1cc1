/* The choice of a batch size from measured costs: see batch.h. */
#include "infer/batch.h"

#include <math.h>

/* Times a size is tried. The least counts: whatever disturbs a step only makes it slower. FEW suffice when a size
 * already costs less than BETTER of the one before it a puzzle: the best is further up. */
#define SAMPLES 3
#define FEW 1
#define MANY 6 /* when a step takes less than SHORT, as whatever disturbs it then lasts longer than it */
#define SHORT 5e-3
#define BETTER 0.7
/* A job tries a size when it fills so many steps of it. */
#define STEPS_TO_FILL 4
/* The smallest job that tries sizes, and the size of those that do not. */
#define LEAST_PUZZLES 32
#define USUAL 8
/* Larger steps are not tried: what they still save is less than what waiting for them costs. */
#define LONGEST_STEP 2.0 /* seconds */
/* Larger sizes are not tried when one costs this much more a puzzle than the best before it: in one sample, or in all.
 */
#define HOPELESS 1.8
#define WORSE 1.1
/* A smaller size is preferred when it costs this much more at most: answers come sooner and the caches are spared. */
#define NEARLY 1.02

int trm__batch_largest(long long puzzles, int slots) {
  if (puzzles < LEAST_PUZZLES) return 0;
  int largest = 1;
  while (largest <= slots / 2 && (long long)largest * 2 * STEPS_TO_FILL <= puzzles) largest *= 2;
  return largest;
}

static double cost_each(const trm__batch_cost *cost) {
  return cost->seconds / cost->batch;
}

static const trm__batch_cost *cost_least(const trm__batch_costs *costs, int slots) {
  const trm__batch_cost *least = 0;
  for (int i = 0; i < costs->count && costs->at[i].batch <= slots; i++)
    if (!least || cost_each(&costs->at[i]) < cost_each(least)) least = &costs->at[i];
  return least;
}

int trm__batch_next(const trm__batch_costs *costs, int largest) {
  if (largest < 1) return 0;
  if (!costs->count) return 1;
  const trm__batch_cost *last = &costs->at[costs->count - 1];
  double least = cost_each(cost_least(costs, last->batch));
  int enough = costs->count > 1 && cost_each(last) < BETTER * cost_each(last - 1) ? FEW
               : last->seconds < SHORT                                            ? MANY
                                                                                  : SAMPLES;
  double most = costs->thorough ? HUGE_VAL : least;
  if (last->batch > largest || cost_each(last) > HOPELESS * most) return 0;
  if (last->samples < enough) return last->batch;
  if (last->batch > largest / 2 || costs->count == TRM__BATCH_COSTS || cost_each(last) > WORSE * most) return 0;
  return 2 * last->seconds <= LONGEST_STEP ? 2 * last->batch : 0;
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
  if (!least) return slots < USUAL ? slots : USUAL;
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
