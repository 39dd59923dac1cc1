/* The carry: what the slots of a batch keep between supervision steps (SPEC.md, Adaptive computation). A slot holds one
 * example, its y and z, and the steps it has had; when it halts, the next refill gives it another example.
 *
 * The arrays on the host cover the slots of all ranks, since the loader's sequence does; y and z only this rank's. */
#ifndef TRM_TRAIN_CARRY_H
#define TRM_TRAIN_CARRY_H

#include "base/rng.h"
#include "data/loader.h"
#include "model/network.h"

typedef struct trm__carry {
  trm__backend *backend;                  /* borrowed */
  int batch;                              /* slots of all ranks */
  int first, count;                       /* this rank's are first .. first + count - 1 */
  int seq_len;                            /* S */
  size_t slot_bytes;                      /* one slot's y, or z: L * D activations */
  trm__act *y, *z;                        /* device [count][L][D] */
  int32_t *inputs;                        /* host [batch][S] */
  int32_t *labels;                        /* host [batch][S], -100: not scored */
  int32_t *ids;                           /* host [batch] puzzle identifiers */
  int32_t *steps;                         /* host [batch] supervision steps so far */
  uint8_t *halted;                        /* host [batch]: takes a new example before the next step */
  int32_t *device_inputs, *device_labels; /* [count][S] copies of this rank's rows */
} trm__carry;

/* All slots start halted. */
trm_status trm__carry_open(trm__carry *carry, trm__backend *backend, const trm__dims *dims, int batch, int first,
                           int count, trm_error *err);
void trm__carry_close(trm__carry *carry);
size_t trm__carry_bytes(const trm__backend *backend, const trm__dims *dims, int batch, int count);

/* Halted slots take the loader's next candidates. */
trm_status trm__carry_refill(trm__carry *carry, trm__loader *loader, trm__network *net, int max_batch,
                             const trm__real *start, trm_error *err);
/* Its second half: the host rows of halted slots have been written; their y, z become the start (device [2][D], in
 * calls of at most max_batch slots), their steps 0. */
void trm__carry_admit(trm__carry *carry, trm__network *net, int max_batch, const trm__real *start);
/* The device copies of all rows from the host's, after a restore. */
void trm__carry_upload(trm__carry *carry);

typedef struct trm__halting {
  int64_t max_steps;       /* N_sup */
  double exploration_prob; /* that a slot must go on for at least m steps */
  uint64_t seed;
} trm__halting;

/* Counts one supervision step for this rank's slots and decides which halt. stats [batch]: of the slots; update: the
 * number of the update, from 1, which names the random numbers together with the slot. */
void trm__carry_step(trm__carry *carry, const trm__halting *rule, const trm__example_stats *stats, int64_t update);

#endif
