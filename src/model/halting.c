/* Notes on validation puzzles, and the threshold that follows from them: the rule stands in halting.h. */
#include "model/halting.h"

#include <math.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/hopeless.h"

#define QUARTERS 64 /* candidates after 0 that are 0.25 apart; then each is twice the one before */

_Static_assert(TRM_HALTING_POINTS == QUARTERS + 7, "0 to 16 in quarters; 32, 64, 128, 256, 512, 1000");

static double halting_candidate(int i) {
  double candidate = i <= QUARTERS ? 0.25 * i : ldexp(0.25 * QUARTERS, i - QUARTERS);
  return candidate < TRM__HALTING_MOST ? candidate : TRM__HALTING_MOST;
}

trm_status trm__halting_open(trm__halting *halting, int64_t puzzles, int64_t steps, trm_error *err) {
  int64_t n = puzzles < TRM__HALTING_PUZZLES ? puzzles : TRM__HALTING_PUZZLES;
  size_t notes = (size_t)n * (size_t)steps;
  *halting = (trm__halting){.puzzles = n, .steps = (int)steps};
  halting->q = trm__calloc(notes, sizeof *halting->q);
  halting->right = trm__calloc(notes, sizeof *halting->right);
  halting->order = trm__calloc(notes, sizeof *halting->order);
  if (!halting->q || !halting->right || !halting->order) {
    trm__halting_close(halting);
    return trm__fail_memory(err, "choice of the halting threshold", notes * (2 * sizeof(float) + 1));
  }
  for (size_t i = 0; i < notes; i++) halting->q[i] = NAN;
  return TRM_OK;
}

void trm__halting_close(trm__halting *halting) {
  trm__free(halting->q);
  trm__free(halting->right);
  trm__free(halting->order);
  *halting = (trm__halting){0};
}

void trm__halting_note(trm__halting *halting, int64_t puzzle, int64_t step, double q, int right) {
  if (puzzle >= halting->puzzles) return;
  size_t at = (size_t)puzzle * (size_t)halting->steps + (size_t)step - 1;
  halting->q[at] = (float)q;
  halting->right[at] = right != 0;
}

/* What halting at this threshold would have given. */
static trm_halting_point halting_point(const trm__halting *h, double threshold) {
  trm_halting_point point = {.threshold = threshold};
  int64_t steps = 0;
  for (int64_t i = 0; i < h->puzzles; i++) {
    const float *q = h->q + (size_t)i * (size_t)h->steps;
    int last = 0;
    while (last < h->steps - 1 && !((double)q[last] > threshold)) last++;
    point.exact += h->right[(size_t)i * (size_t)h->steps + (size_t)last];
    steps += last + 1;
  }
  point.mean_steps = h->puzzles ? (double)steps / (double)h->puzzles : (double)NAN;
  return point;
}

void trm__halting_choose(const trm__halting *halting, trm_halting_choice *choice) {
  trm_halting_choice c = {.threshold = NAN, .puzzles = halting->puzzles, .max_steps = halting->steps};
  c.exact = halting_point(halting, HUGE_VAL).exact;
  int64_t spare = halting->puzzles / 1000 > 1 ? halting->puzzles / 1000 : 1;
  int64_t least = c.exact - spare > 1 ? c.exact - spare : 1;
  while (c.exact && c.points < TRM_HALTING_POINTS && isnan(c.threshold)) {
    trm_halting_point *point = &c.point[c.points];
    *point = halting_point(halting, halting_candidate(c.points++));
    if (point->exact >= least || c.points == TRM_HALTING_POINTS) c.threshold = point->threshold;
  }
  trm__hopeless_choose(halting, &c);
  *choice = c;
}
