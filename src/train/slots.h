/* The slots of a batch. A slot holds one example, and the carry that stays between its supervision steps: y, z, and how
 * many steps it has had (docs/spec.md, Adaptive computation). When it halts, the next update gives it another example.
 * All of it is on the device, and who halts is decided there (backend.h, admit and update_end). */
#ifndef TRM_TRAIN_SLOTS_H
#define TRM_TRAIN_SLOTS_H

#include "model/network.h"

typedef struct trm__train_slots {
  trm__backend *backend; /* borrowed */
  size_t slot_bytes;     /* one slot's y, or z: L * D activations */
  int latents;           /* K, 1 without winner takes all */
  trm__act *y;           /* device [slots.count][L][D] */
  trm__act *z;           /* device [K][slots.count][L][D] */
  int32_t *sets;    /* host [slots.count][S]: with the lattice recursion, in place of y and z (train/lattice/pool.h) */
  trm__slots slots; /* examples, steps and who halted: arrays on the device */
} trm__train_slots;

/* All slots start halted. */
trm_status trm__train_slots_open(trm__train_slots *slots, trm__backend *backend, const trm__dims *dims, int count,
                                 int latents, trm_error *err);
void trm__train_slots_close(trm__train_slots *slots);
/* Bytes of the device that open takes. */
size_t trm__train_slots_bytes(const trm__backend *backend, const trm__dims *dims, int count, int latents);

/* y and z of halted slots among the first n become the start (device [1 + K][D]: y0 and each latent's), in calls of at
 * most max_batch slots. noise: on the latents' starts, with an index for each slot; NULL: none. */
void trm__train_slots_refill(trm__train_slots *slots, trm__network *net, int n, int max_batch, const trm__real *start,
                             const trm__network_noise *noise);

#endif
