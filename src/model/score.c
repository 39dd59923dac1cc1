/* Sums and fractions of results: see metrics.h. */
#include "model/score.h"

#include <math.h>

void trm__metrics_add(trm__metrics *metrics, const trm__example_stats *stats, int64_t steps, double threshold) {
  metrics->examples++;
  metrics->exact += stats->exact != 0;
  metrics->labelled += stats->labelled;
  metrics->right += stats->right;
  metrics->steps += steps;
  metrics->lm_loss += stats->lm_loss;
  metrics->halt_loss += stats->halt_loss;
  int said_right = stats->q_halt > threshold;
  if (stats->exact) *(said_right ? &metrics->said_right_is_right : &metrics->said_wrong_is_right) += 1;
  else *(said_right ? &metrics->said_right_is_wrong : &metrics->said_wrong_is_wrong) += 1;
}

void trm__metrics_merge(trm__metrics *to, const trm__metrics *from) {
  to->examples += from->examples;
  to->exact += from->exact;
  to->labelled += from->labelled;
  to->right += from->right;
  to->steps += from->steps;
  to->lm_loss += from->lm_loss;
  to->halt_loss += from->halt_loss;
  to->said_right_is_right += from->said_right_is_right;
  to->said_right_is_wrong += from->said_right_is_wrong;
  to->said_wrong_is_right += from->said_wrong_is_right;
  to->said_wrong_is_wrong += from->said_wrong_is_wrong;
}

static double fraction(double part, int64_t whole) {
  return whole > 0 ? part / (double)whole : (double)NAN;
}

double trm__metrics_exact_accuracy(const trm__metrics *m) {
  return fraction((double)m->exact, m->examples);
}
double trm__metrics_token_accuracy(const trm__metrics *m) {
  return fraction((double)m->right, m->labelled);
}
double trm__metrics_mean_steps(const trm__metrics *m) {
  return fraction((double)m->steps, m->examples);
}
double trm__metrics_mean_lm_loss(const trm__metrics *m) {
  return fraction(m->lm_loss, m->examples);
}
double trm__metrics_mean_halt_loss(const trm__metrics *m) {
  return fraction(m->halt_loss, m->examples);
}

double trm__metrics_right_precision(const trm__metrics *m) {
  return fraction((double)m->said_right_is_right, m->said_right_is_right + m->said_right_is_wrong);
}
double trm__metrics_right_recall(const trm__metrics *m) {
  return fraction((double)m->said_right_is_right, m->said_right_is_right + m->said_wrong_is_right);
}
double trm__metrics_wrong_precision(const trm__metrics *m) {
  return fraction((double)m->said_wrong_is_wrong, m->said_wrong_is_wrong + m->said_wrong_is_right);
}
double trm__metrics_wrong_recall(const trm__metrics *m) {
  return fraction((double)m->said_wrong_is_wrong, m->said_wrong_is_wrong + m->said_right_is_wrong);
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
