/* A training update as the device sees it: plain numbers and device pointers, so that C, the kernels for GPUs and what
 * is copied between host and device mean the same bytes. */
#ifndef TRM_KERNELS_UPDATE_H
#define TRM_KERNELS_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* One example's result of a supervision step (docs/spec.md, Losses). The same bytes on every device. */
typedef struct trm__example_stats {
  double lm_loss;   /* mean over labelled tokens; 0 when none is labelled */
  double halt_loss; /* BCE of q_halt against exact */
  double q_halt;    /* the logit */
  int32_t labelled; /* tokens with a label */
  int32_t right;    /* of these, argmax equal to the label (first maximum wins) */
  int32_t exact;    /* right == labelled (so 1 when none is labelled) */
} trm__example_stats;

/* Why a run stops itself. */
typedef enum trm__diverged { TRM__SOUND, TRM__LOSS_BAD, TRM__NORM_BAD, TRM__HALTING_LOST } trm__diverged;

/* An update's numbers; update_begin and update_judge write them, optimizers read them. Once diverged is not TRM__SOUND
 * it stays, t stays, and neither weights nor optimizer state nor the carry's counts change any more. */
typedef struct trm__update_state {
  int64_t t;                         /* the update, counted from 1 */
  double factor;                     /* of every learning rate: the schedule at t */
  double ema_decay;                  /* of this update: 0 until the average starts */
  double lm_loss, halt_loss, q_halt; /* means over the global batch */
  double grad_norm;                  /* before clipping */
  double grad_scale;                 /* what clipping multiplies gradients by */
  int32_t diverged;                  /* trm__diverged */
  int32_t reserved;
} trm__update_state;

/* The same for all updates of a run. */
typedef struct trm__update_rule {
  int64_t warmup, total; /* the schedule's W and N (docs/spec.md, Schedule) */
  double min_ratio;
  double ema_decay;
  int64_t ema_from; /* the average is a copy of the weights up to this update */
  double clip;      /* largest gradient norm; 0: none */
  double halt_weight, max_loss, q_halt_floor;
  int64_t max_steps;       /* N_sup; 0: steps and halted of the slots are not update_end's */
  double exploration_prob; /* that a slot must go on for at least m steps */
  uint64_t seed;
  int batch, first; /* global batch; this rank's first slot */
} trm__update_rule;

/* The newest entries of every update, update t in place t % entries: what the host reads when it has time. The update
 * that diverged has its own place too, (t + 1) % entries with the state's t, and later ones change no other. */
typedef struct trm__update_log {
  int entries, count;        /* count: this rank's slots */
  trm__update_state *state;  /* [entries] */
  trm__example_stats *stats; /* [entries][count] */
  int32_t *steps;            /* [entries][count]: after the update */
  uint8_t *halted;           /* [entries][count] */
} trm__update_log;

/* This rank's slots between supervision steps, without y and z. */
typedef struct trm__slots {
  int count, seq_len;
  int32_t *inputs, *labels; /* [count][S] */
  int32_t *ids, *steps;     /* [count] */
  uint8_t *halted;          /* [count]: takes a new example before the next step */
} trm__slots;

/* What dense optimizers do to one run of elements: the formula, its constants, and the EMA in the same pass. */
typedef enum trm__dense_kind { TRM__DENSE_ADAM_ATAN2, TRM__DENSE_ADAMW } trm__dense_kind;
typedef struct trm__dense {
  trm__dense_kind kind;
  trm__real *p, *m, *v, *ema; /* [n]; ema NULL: none */
  const trm__real *g;         /* [n] */
  size_t n;
  double lr, beta1, beta2, weight_decay, eps; /* lr is multiplied by the update's factor */
} trm__dense;

/* How parallel latents become one: their mean, the one of largest q, their mean weighted by softmax(q). */
typedef enum trm__merge_kind { TRM__MERGE_MEAN, TRM__MERGE_BEST, TRM__MERGE_WEIGHTED } trm__merge_kind;

#endif
