/* How the numbers of latent and recursion cycles grow over a run (CGAR, arXiv 2511.08653): a text of phases, each
 * FROM:nxT, such as "0:2x1,0.3:4x2,0.6:6x3" - n and T from that part of the run's updates on. */
#ifndef TRM_TRAIN_CYCLES_H
#define TRM_TRAIN_CYCLES_H

#include <trm/train.h>

#define TRM__CYCLES_PHASES 32

typedef struct trm__phase {
  double from; /* part of the run's updates, 0..1 */
  int n, T;
} trm__phase;

typedef struct trm__cycles {
  int count;
  trm__phase phase[TRM__CYCLES_PHASES];
} trm__cycles;

/* "" is one phase of the model's L_cycles and H_cycles. TRM_E_USAGE for a text that cannot be read, phases that do not
 * ascend from 0, or an n above the model's L_cycles, for which memory is planned. */
trm_status trm__cycles_parse(trm__cycles *out, const char *text, const trm_model_config *model, trm_error *err);

/* The phase of update t, counted from 1, of `updates` in all: the last whose part of them is done before it. */
trm__phase trm__cycles_at(const trm__cycles *cycles, int64_t t, int64_t updates);

#endif
