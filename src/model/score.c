/* Sums and fractions of results: see score.h. */
#include "model/score.h"

#include <math.h>

void trm__score_add(trm__score *score, const trm__example_stats *stats, int64_t steps, double threshold) {
  score->examples++;
  score->exact += stats->exact != 0;
  score->labelled += stats->labelled;
  score->right += stats->right;
  score->steps += steps;
  score->lm_loss += stats->lm_loss;
  int said_right = stats->q_halt > threshold;
  if (stats->exact) *(said_right ? &score->said_right_is_right : &score->said_wrong_is_right) += 1;
  else *(said_right ? &score->said_right_is_wrong : &score->said_wrong_is_wrong) += 1;
}

void trm__score_merge(trm__score *to, const trm__score *from) {
  to->examples += from->examples;
  to->exact += from->exact;
  to->labelled += from->labelled;
  to->right += from->right;
  to->steps += from->steps;
  to->lm_loss += from->lm_loss;
  to->said_right_is_right += from->said_right_is_right;
  to->said_right_is_wrong += from->said_right_is_wrong;
  to->said_wrong_is_right += from->said_wrong_is_right;
  to->said_wrong_is_wrong += from->said_wrong_is_wrong;
}

static double score_fraction(double part, int64_t whole) {
  return whole > 0 ? part / (double)whole : (double)NAN;
}

double trm__score_exact_accuracy(const trm__score *m) {
  return score_fraction((double)m->exact, m->examples);
}
double trm__score_token_accuracy(const trm__score *m) {
  return score_fraction((double)m->right, m->labelled);
}
double trm__score_mean_steps(const trm__score *m) {
  return score_fraction((double)m->steps, m->examples);
}
double trm__score_mean_lm_loss(const trm__score *m) {
  return score_fraction(m->lm_loss, m->examples);
}

double trm__score_right_precision(const trm__score *m) {
  return score_fraction((double)m->said_right_is_right, m->said_right_is_right + m->said_right_is_wrong);
}
double trm__score_right_recall(const trm__score *m) {
  return score_fraction((double)m->said_right_is_right, m->said_right_is_right + m->said_wrong_is_right);
}
double trm__score_wrong_precision(const trm__score *m) {
  return score_fraction((double)m->said_wrong_is_wrong, m->said_wrong_is_wrong + m->said_wrong_is_right);
}
double trm__score_wrong_recall(const trm__score *m) {
  return score_fraction((double)m->said_wrong_is_wrong, m->said_wrong_is_wrong + m->said_right_is_wrong);
}

void trm__wilson_interval(int64_t successes, int64_t n, double *low, double *high) {
  *low = 0;
  *high = 1;
  if (n <= 0) return;
  const double z = 1.959963984540054; /* the normal quantile of 0.975 */
  double count = (double)n, p = (double)successes / count;
  double middle = (p + z * z / (2 * count)) / (1 + z * z / count);
  double half = z / (1 + z * z / count) * sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  /* At 0 and n the bounds are exactly 0 and 1; rounding may not say otherwise. */
  if (successes > 0) *low = middle - half > 0 ? middle - half : 0;
  if (successes < n) *high = middle + half < 1 ? middle + half : 1;
}
