/* What always holds of the engine, asked for by tests: the list stands in engine.h. */
#include "infer/engine.h"

const char *trm__engine_check(const trm_solver *solver) {
  const trm__engine *e = &solver->engine;
  int64_t occupied = 0;
  if (e->width < 1 || e->width > solver->slots) return "1: the width is outside the slots";
  if (e->round < 1 || e->round > e->active || e->active > solver->slots)
    return "1: a round of slots that are not active";
  for (int i = 0; i < e->active; i++) {
    const trm__slot *slot = &solver->slot[i];
    if (slot->puzzle < 0) continue;
    occupied++;
    if (slot->puzzle >= e->next) return "2: a puzzle that has not entered";
    for (int k = 0; k < i; k++)
      if (solver->slot[k].puzzle == slot->puzzle) return "2: a puzzle in two slots";
    if (slot->steps < 1 || slot->steps > slot->max_steps) return "4: a number of steps out of range";
    if (slot->rules && slot->faults == 0 && !slot->last) return "4: a puzzle whose rules hold goes on";
  }
  if (e->left + occupied != e->next) return "3: puzzles that left and active ones are not those that entered";
  if (solver->stats.computed != solver->stats.steps) return "5: a slot was computed without a puzzle";
  return NULL;
}
