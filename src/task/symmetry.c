/* Symmetries of a task (symmetry.h), and augmentation, which is one of them applied to an example (augment.h). */
#include "task/symmetry.h"

#include "task/augment.h"
#include "task/kind.h"

int trm__symmetry_known(const trm_task *task) {
  const trm__kind *kind = trm__kind_of(task);
  return kind->symmetric && kind->symmetric(task);
}

void trm__symmetry_identity(const trm_task *task, trm__symmetry *s) {
  int cells = task->width * task->height;
  s->cells = cells < TRM__SYMMETRY_CELLS ? cells : TRM__SYMMETRY_CELLS;
  s->tokens = task->vocab_size < TRM__SYMMETRY_TOKENS ? task->vocab_size : TRM__SYMMETRY_TOKENS;
  for (int i = 0; i < s->cells; i++) s->from[i] = (uint16_t)i;
  for (int t = 0; t < s->tokens; t++) s->name[t] = (uint16_t)t;
}

void trm__symmetry_draw(const trm_task *task, trm__rng *rng, trm__symmetry *symmetry) {
  trm__symmetry_identity(task, symmetry);
  if (trm__symmetry_known(task)) trm__kind_of(task)->symmetry(task, rng, symmetry);
}

void trm__symmetry_apply(const trm__symmetry *s, const int32_t *tokens, int32_t *image) {
  for (int i = 0; i < s->cells; i++) {
    int32_t t = tokens[s->from[i]];
    image[i] = t >= 0 && t < s->tokens ? s->name[t] : t;
  }
}

void trm__symmetry_undo(const trm__symmetry *s, const int32_t *image, int32_t *tokens) {
  uint16_t name[TRM__SYMMETRY_TOKENS];
  for (int t = 0; t < s->tokens; t++) name[s->name[t]] = (uint16_t)t;
  for (int i = 0; i < s->cells; i++) {
    int32_t t = image[i];
    tokens[s->from[i]] = t >= 0 && t < s->tokens ? name[t] : t;
  }
}

void trm__symmetry_apply_sets(const trm__symmetry *s, int first, const int32_t *sets, int32_t *image) {
  for (int i = 0; i < s->cells; i++) {
    int32_t set = sets[s->from[i]], named = 0;
    for (int v = 0; set >> v; v++)
      if (set >> v & 1) named |= (int32_t)1 << (s->name[first + v] - first);
    image[i] = named;
  }
}

/* -- augmentation -------------------------------------------------------------------------------------------------- */

int trm__augment_known(const trm_task *task) {
  return trm__symmetry_known(task);
}

/* The image in the original's place, cycle after cycle. */
static void symmetry_move(const trm__symmetry *s, int32_t *tokens) {
  uint8_t done[TRM__SYMMETRY_CELLS] = {0};
  for (int i = 0; i < s->cells; i++) {
    int32_t first = tokens[i];
    int at = i;
    if (done[i]) continue;
    for (int from; (from = s->from[at]) != i; at = from) {
      tokens[at] = tokens[from];
      done[at] = 1;
    }
    tokens[at] = first;
    done[at] = 1;
  }
  for (int i = 0; i < s->cells; i++)
    if (tokens[i] >= 0 && tokens[i] < s->tokens) tokens[i] = s->name[tokens[i]];
}

void trm__augment(const trm_task *task, trm__rng *rng, int32_t *inputs, int32_t *labels) {
  const trm__kind *kind = trm__kind_of(task);
  trm__symmetry symmetry;
  if (!trm__symmetry_known(task)) return;
  int again = kind->relabel && kind->relabel(task, inputs, labels, 0);
  trm__symmetry_draw(task, rng, &symmetry);
  symmetry_move(&symmetry, inputs);
  symmetry_move(&symmetry, labels);
  if (again) (void)kind->relabel(task, inputs, labels, 1);
}
