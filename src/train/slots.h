/* The carry: what the slots of a batch keep between supervision steps (docs/spec.md, Adaptive computation). A slot
 * holds one example, its y and z, and the steps it has had; when it halts, the next update gives it another example.
 * All of it is on the device, and who halts is decided there (backend.h, admit and update_end). */
#ifndef TRM_TRAIN_SLOTS_H
#define TRM_TRAIN_SLOTS_H

#include "model/network.h"

typedef struct trm__carry {
  trm__backend *backend; /* borrowed */
  size_t slot_bytes;     /* one slot's y, or z: L * D activations */
  int latents;           /* K, 1 without winner takes all */
  trm__act *y;           /* device [slots.count][L][D] */
  trm__act *z;           /* device [K][slots.count][L][D] */
  trm__slots slots;      /* its arrays on the device */
} trm__carry;

/* All slots start halted. */
trm_status trm__carry_open(trm__carry *carry, trm__backend *backend, const trm__dims *dims, int count, int latents,
                           trm_error *err);
void trm__carry_close(trm__carry *carry);
size_t trm__carry_bytes(const trm__backend *backend, const trm__dims *dims, int count, int latents); /* of the device */

/* y and z of halted slots among the first n become the start (device [1 + K][D]: y0 and each latent's), in calls of at
 * most max_batch slots. noise: on the latents' starts, with an index for each slot; NULL: none. */
void trm__carry_refill(trm__carry *carry, trm__network *net, int n, int max_batch, const trm__real *start,
                       const trm__network_noise *noise);

#endif
