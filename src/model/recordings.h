/* Recordings of a network's supervision steps. A device that takes a step as some hundred launches is held up by them
 * while the batch is small; a step that is asked for again with the same arguments is recorded, and replayed from then
 * on, as one launch. */
#ifndef TRM_MODEL_RECORDINGS_H
#define TRM_MODEL_RECORDINGS_H

#include "backend/backend.h"

/* All that a recording depends on: addresses, reals and whole numbers. No padding, as keys are compared as bytes. */
typedef struct trm__recordings_key {
  const void *at[9];
  double number[6];
  uint64_t count[6];
} trm__recordings_key;

typedef struct trm__recordings_step {
  trm__recordings_key key;
  trm__recording *recording; /* NULL: asked for once */
  uint64_t used;             /* when it was last asked for; 0: an empty place */
} trm__recordings_step;

/* Invariants:
 *   1. A place is empty (used 0), known (asked for once, recording NULL) or recorded; it goes through these in order.
 *   2. No two places have the same key.
 *   3. The place with the least `used` is the next to be given away; its recording is closed first. */
#define TRM__RECORDINGS 4
typedef struct trm__recordings {
  trm__recordings_step step[TRM__RECORDINGS];
  uint64_t clock; /* the last `used` that was given */
  int failed;     /* nothing is recorded any more */
} trm__recordings;

/* The step with this key; NULL when it is not there. */
trm__recordings_step *trm__recordings_find(trm__recordings *recordings, const trm__recordings_key *key);
/* Takes an empty place for the key, or that of the step which was asked for least recently. */
void trm__recordings_add(trm__recordings *recordings, trm__backend *be, const trm__recordings_key *key);
void trm__recordings_close(trm__recordings *recordings, trm__backend *be);

#endif
