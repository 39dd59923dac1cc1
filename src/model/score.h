/* Counting how good answers are: one struct that training validation and evaluation add each example's result to, and
 * the fractions drawn from it. Sums only, so partial counts of batches or ranks can be merged in any order of batches
 * (the counts are exact; the two loss sums follow the order of the calls). */
#ifndef TRM_MODEL_SCORE_H
#define TRM_MODEL_SCORE_H

#include <stdint.h>

#include "backend/backend.h"

typedef struct trm__score {
  int64_t examples, exact; /* examples, and those with every labelled token right */
  int64_t labelled, right; /* tokens */
  int64_t steps;           /* supervision steps, summed over examples */
  double lm_loss;          /* sum over examples */
  /* The halting head at the example's last step: said right when q_halt > threshold. */
  int64_t said_right_is_right, said_right_is_wrong, said_wrong_is_right, said_wrong_is_wrong;
} trm__score;

/* One example that ended after `steps` supervision steps. threshold: on the logit q_halt, 0 in the original. */
void trm__score_add(trm__score *score, const trm__example_stats *stats, int64_t steps, double threshold);
void trm__score_merge(trm__score *to, const trm__score *from);

/* Fractions; NaN when nothing was counted that they could be a fraction of. */
double trm__score_exact_accuracy(const trm__score *score);
double trm__score_token_accuracy(const trm__score *score);
double trm__score_mean_steps(const trm__score *score);
double trm__score_mean_lm_loss(const trm__score *score);
/* Of the answers called right, how many are; of the right answers, how many were called so. */
double trm__score_right_precision(const trm__score *score);
double trm__score_right_recall(const trm__score *score);
/* The same for wrong answers. */
double trm__score_wrong_precision(const trm__score *score);
double trm__score_wrong_recall(const trm__score *score);

/* Wilson's score interval of a fraction at 95 % (E. B. Wilson, JASA 22, 1927); 0..1 when n is 0. */
void trm__wilson_interval(int64_t successes, int64_t n, double *low, double *high);

#endif
