/* Bounds learned, kept and asked: the rule stands in hopeless.h. */
#include "model/hopeless.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "base/text/numbers.h"

/* -- learning ------------------------------------------------------------------------------------------------------ */

/* The steps after which puzzle i was not right yet: its first right one is the next. All: it never was. */
static int hopeless_before(const trm__halting *h, int64_t i) {
  const uint8_t *right = h->right + (size_t)i * (size_t)h->steps;
  int steps = 0;
  while (steps < h->steps && !right[steps]) steps++;
  return steps;
}

static int hopeless_order(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* q after step t + 1 of the puzzles that were solved later, ascending, into q [puzzles]. Returns their number; a q that
 * is NaN is left out, as it is never stopped. */
static int64_t hopeless_solved_later(const trm__halting *h, int t, float *q) {
  int64_t count = 0;
  for (int64_t i = 0; i < h->puzzles; i++) {
    int before = hopeless_before(h, i);
    float one = h->q[(size_t)i * (size_t)h->steps + (size_t)t];
    if (before > t && before < h->steps && !isnan(one)) q[count++] = one;
  }
  qsort(q, (size_t)count, sizeof *q, hopeless_order);
  return count;
}

/* What stopping by these bounds would have given. */
static void hopeless_try(const trm__halting *h, const trm_hopeless *hopeless, int64_t *lost, int64_t *steps) {
  *lost = *steps = 0;
  for (int64_t i = 0; i < h->puzzles; i++) {
    const float *q = h->q + (size_t)i * (size_t)h->steps;
    int before = hopeless_before(h, i), t = 0;
    while (t < before && !trm__hopeless_is(hopeless, t + 1, h->steps, (double)q[t])) t++;
    *lost += t < before && before < h->steps;
    *steps += t < h->steps ? t + 1 : t;
  }
}

/* The bounds of rank k. order: as trm__halting has it, each step's puzzles in order; counts [steps]. */
static trm_hopeless hopeless_rank(const trm__halting *h, const int64_t *counts, int64_t k) {
  trm_hopeless hopeless = {.count = h->steps - 1};
  for (int t = 0; t < hopeless.count; t++) {
    const float *q = h->order + (size_t)t * (size_t)h->puzzles;
    hopeless.bound[t] = k < counts[t] ? floor(4 * (double)q[k]) / 4 : (double)NAN;
  }
  return hopeless;
}

void trm__hopeless_choose(const trm__halting *h, trm_halting_choice *choice) {
  int64_t counts[TRM_HOPELESS_MOST] = {0}, all = 0, lost, steps;
  const trm_hopeless none = {0};
  choice->hopeless = none;
  choice->hopeless_lost = 0;
  if (h->steps < 2 || h->steps > TRM_HOPELESS_MOST + 1) return;
  for (int t = 0; t < h->steps - 1; t++)
    all += counts[t] = hopeless_solved_later(h, t, h->order + (size_t)t * (size_t)h->puzzles);
  hopeless_try(h, &none, &lost, &steps);
  choice->solved_steps = choice->hopeless_steps = (double)steps / (double)h->puzzles;
  if (!all) return;
  for (int64_t k = 0; k <= h->puzzles / 1000; k++) {
    trm_hopeless hopeless = hopeless_rank(h, counts, k);
    hopeless_try(h, &hopeless, &lost, &steps);
    if (lost > h->puzzles / 1000) break;
    choice->hopeless = hopeless;
    choice->hopeless_lost = lost;
    choice->hopeless_steps = (double)steps / (double)h->puzzles;
  }
}

/* -- asking -------------------------------------------------------------------------------------------------------- */

int trm__hopeless_is(const trm_hopeless *hopeless, int64_t step, int64_t max_steps, double q) {
  if (step < 1 || step > hopeless->count || max_steps > hopeless->count + 1) return 0;
  return q < hopeless->bound[step - 1]; /* false for NaN */
}

/* -- in a file ----------------------------------------------------------------------------------------------------- */

void trm__hopeless_text(const trm_hopeless *hopeless, char text[TRM__HOPELESS_TEXT]) {
  size_t used = 0;
  for (int t = 0; t < hopeless->count; t++) {
    text[used++] = t ? ',' : '[';
    if (isnan(hopeless->bound[t])) used += (size_t)trm__print(text + used, TRM__HOPELESS_TEXT - used, "null");
    else used += (size_t)trm__real_text(hopeless->bound[t], text + used, TRM__HOPELESS_TEXT - used);
  }
  if (used) text[used++] = ']';
  text[used] = 0;
}

trm_status trm__hopeless_read(trm_hopeless *hopeless, const char *text, const char *where, trm_error *err) {
  json_t *list = NULL;
  trm_hopeless found = {0};
  trm_status status = trm__json_parse(&list, text, strlen(text), where, err);
  if (status) return status;
  size_t count = json_array_size(list);
  int good = json_is_array(list) && count > 0 && count <= TRM_HOPELESS_MOST;
  for (size_t t = 0; good && t < count; t++) {
    const json_t *bound = json_array_get(list, t);
    found.bound[t] = json_is_null(bound) ? (double)NAN : json_number_value(bound);
    good = json_is_null(bound) || (json_is_number(bound) && fabs(found.bound[t]) <= TRM__HALTING_MOST);
  }
  found.count = (int)count;
  json_decref(list);
  if (!good)
    return trm__fail(err, TRM_E_INPUT, where, "expected a list of 1 to %d numbers from -%g to %g, or null",
                     TRM_HOPELESS_MOST, TRM__HALTING_MOST, TRM__HALTING_MOST);
  *hopeless = found;
  return TRM_OK;
}
