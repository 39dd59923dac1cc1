/* Candidate sets: see sets.h. */
#include "model/sets.h"

#include <math.h>

void trm__sets_begin(const trm__sets_of *of, int32_t *sets) {
  int32_t all = ((int32_t)1 << of->C) - 1;
  for (int i = 0; i < of->S; i++) sets[i] = trm__sets_is_given(of, i) ? trm__sets_of_token(of->question[i]) : all;
}

int trm__sets_drop(const trm__sets_of *of, const trm__real *logits, double below, int32_t *sets, int32_t *dropped) {
  int count = 0;
  for (int i = 0; i < of->S; i++) {
    const trm__real *keep = logits + (size_t)i * 2 * (size_t)of->C;
    int32_t gone = 0;
    for (int c = 0; c < of->C && !trm__sets_is_given(of, i); c++)
      if (sets[i] >> c & 1 && (double)keep[c] < below) gone |= (int32_t)1 << c, count++;
    sets[i] &= ~gone;
    if (dropped) dropped[i] = gone;
  }
  return count;
}

trm__sets_count trm__sets_look(const trm__sets_of *of, const int32_t *sets) {
  trm__sets_count count = {0, 0};
  for (int i = 0; i < of->S; i++) {
    count.empty += !sets[i];
    count.open += sets[i] && !trm__sets_is_single(sets[i]);
  }
  return count;
}

int trm__sets_best(int C, int32_t set, const trm__real *digits) {
  int best = -1;
  for (int c = 0; c < C; c++)
    if ((!set || set >> c & 1) && (best < 0 || digits[c] > digits[best])) best = c;
  return best;
}

int trm__sets_sample(int C, int32_t set, const trm__real *digits, double temperature, trm__rng *rng) {
  int last = trm__sets_best(C, set, digits);
  double most = (double)digits[last], sum = 0, weight[TRM__SETS_TOKEN + 16];
  for (int c = 0; c < C; c++) {
    weight[c] = set >> c & 1 ? exp(((double)digits[c] - most) / temperature) : 0;
    sum += weight[c];
  }
  double at = trm__rng_unit(rng) * sum;
  for (int c = 0; c < C; c++) {
    if (!(weight[c] > 0)) continue;
    last = c;
    if ((at -= weight[c]) < 0) break;
  }
  return last;
}

void trm__sets_guess(const trm__sets_of *of, const trm__real *logits, double temperature, trm__rng *rng,
                     int32_t *sets) {
  int n = (int)trm__rng_below(rng, (uint32_t)trm__sets_look(of, sets).open), i = 0;
  for (;; i++) {
    if (!sets[i] || trm__sets_is_single(sets[i])) continue;
    if (n-- == 0) break;
  }
  const trm__real *digits = logits + (size_t)i * 2 * (size_t)of->C + of->C;
  int value = temperature > 0 ? trm__sets_sample(of->C, sets[i], digits, temperature, rng)
                              : trm__sets_best(of->C, sets[i], digits);
  sets[i] = (int32_t)1 << value;
}
