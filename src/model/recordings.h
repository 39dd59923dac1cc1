/* Recordings of a network's supervision steps. A device that takes a step as some hundred launches is held up by them
 * while the batch is small; a step that is asked for again with the same arguments is recorded, and replayed from then
 * on, as one launch. */
#ifndef TRM_MODEL_RECORDINGS_H
#define TRM_MODEL_RECORDINGS_H

#include "backend/backend.h"

/* All that a recording depends on. No padding, as keys are compared as bytes. */
typedef struct trm__recorded_key {
  const void *at[9];
  double number[5];
  uint64_t count[6];
} trm__recorded_key;

typedef struct trm__recorded_step {
  trm__recorded_key key;
  trm__recording *recording; /* NULL: asked for once */
  uint64_t used;             /* when it was last asked for; 0: an empty place */
} trm__recorded_step;

#define TRM__RECORDED_STEPS 4
typedef struct trm__recorded {
  trm__recorded_step step[TRM__RECORDED_STEPS];
  uint64_t clock;
  int failed; /* nothing is recorded any more */
} trm__recorded;

/* The step with this key; NULL when it is not there. */
trm__recorded_step *trm__recorded_find(trm__recorded *recorded, const trm__recorded_key *key);
/* Takes an empty place for it, or that of the step which nobody has asked for longest. */
void trm__recorded_add(trm__recorded *recorded, trm__backend *be, const trm__recorded_key *key);
void trm__recorded_close(trm__recorded *recorded, trm__backend *be);

#endif
