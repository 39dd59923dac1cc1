/* An update of the lattice recursion: see learn.h. Host and device are one here (trm__lattice_open refuses others). */
#include "train/lattice/learn.h"

#include <string.h>

/* Who was halted: admit lets go of that. A slot's conflicted mark is free until states_begin writes it. */
static const uint8_t *learn_note_fresh(trm__trainer *t) {
  memcpy(t->states.conflicted, t->carry.slots.halted, (size_t)t->states.batch);
  return t->states.conflicted;
}

void trm__lattice_learn(trm__trainer *t) {
  trm__backend *be = t->backend;
  const uint8_t *fresh = learn_note_fresh(t);
  be->admit(be, &t->carry.slots, t->candidates.inputs, t->candidates.labels, t->candidates.ids);
  trm__states_begin(&t->states, be->pool, t->state->t, fresh);
  be->zero(be, t->grads, t->params.trained * sizeof *t->grads);
  for (int i = 0; i < t->states.batch; i += t->micro_batch) {
    int b = t->states.batch - i < t->micro_batch ? t->states.batch - i : t->micro_batch;
    trm__lattice_batch batch = trm__states_batch(&t->states, i, b, t->stats + i);
    trm__lattice_train(t->lattice, &batch, t->grads);
  }
}

void trm__lattice_advance(trm__trainer *t) {
  if (t->state->diverged == TRM__SOUND) trm__states_end(&t->states, t->backend->pool, t->state->t, t->stats);
}
