/* The trainer: the memory of a training run on its device, which is what an update works on and a checkpoint holds,
 * apart from data and files. All of it is allocated when the trainer is opened. An update (train/update.h) changes it;
 * src/train/loop.c drives updates, and tests drive them with their own batches. */
#ifndef TRM_TRAIN_TRAINER_H
#define TRM_TRAIN_TRAINER_H

#include <trm/train.h>

#include "backend/runtime.h"
#include "dist/comm.h"
#include "model/network.h"
#include "model/score.h"
#include "train/cycles.h"
#include "train/lattice/pool.h"
#include "train/optimizer.h"
#include "train/slots.h"

/* Examples for slots: inputs, labels [count][S] (a label of -100 is not scored), ids [count]. */
typedef struct trm__examples {
  int32_t *inputs, *labels, *ids;
} trm__examples;

/* Updates that a device may be behind the host. */
#define TRM__QUEUE 32

/* What a recording of an update depends on; compared as bytes. */
typedef struct trm__recording_key {
  int micro_batch, latent_cycles, recursion_cycles;
  int padding; /* 0 */
  trm__update_rule rule;
} trm__recording_key;

typedef struct trm__trainer {
  trm_runtime *runtime;  /* borrowed */
  trm__backend *backend; /* borrowed */
  trm__comm *comm;       /* borrowed */
  trm_model_config model;
  trm_train_config config;
  int64_t updates; /* of the schedule: its N */
  int micro_batch;
  trm__share share; /* the slots of all ranks, in config.slices, each of which one rank computes, micro_batch at once */
  int first;        /* this rank's first slot of the global batch */
  trm__cycles cycles;
  trm__params params;
  trm__network *net; /* NULL with the lattice recursion, which has the next two */
  trm__lattice *lattice;
  trm__states states;       /* what this rank's slots are to it */
  trm__real *weights, *ema; /* device [params.trained] */
  trm__real *grads;         /* device [room][params.trained]: an array for each node of this rank's tree of slices */
  trm__real *start;         /* device [1 + K][D]: y0, z0, the other latents' starts */
  trm__real *puzzle;        /* device [identifiers][ndim]; NULL without */
  trm__optimizer optimizer;
  trm__train_slots carry;      /* of this rank's slots */
  trm__examples offer;         /* host: candidates of the next update, which the caller writes; slot i may take row i */
  trm__examples candidates;    /* device: their copy; on a host the same arrays */
  trm__real *rows;             /* device [micro_batch][ndim]: puzzle rows of a slice */
  trm__real *drows;            /* device [batch][ndim]: their gradients */
  trm__example_stats *stats;   /* device [batch]: of the newest update */
  int32_t *ids;                /* device [batch]: identifiers of all ranks' slots; with one rank those of carry.slots */
  trm__update_state *state;    /* device */
  uint64_t *noise_index;       /* device [slots]: names of the update's noise; NULL without noise */
  trm__update_log log;         /* device */
  trm__update_log seen;        /* host: the log as the last collect found it; on a host the log itself */
  trm__recording *recording;   /* NULL: none yet, or the backend does not record */
  trm__recording_key recorded; /* what it is of */
  trm__real *valid_logits;     /* device [micro_batch][S][V], for validation */
  trm__real *valid_q;          /* device [micro_batch][2] */
  trm__example_stats *valid_stats; /* device [micro_batch] */
  trm__train_slots valid;          /* slots of validation, micro_batch of them, always halted */
  int64_t step;                    /* updates done and collected */
  int queued;                      /* updates in the queue after them */
  int64_t before;                  /* step before the last collect */
  trm__score *scores;              /* host [ranks], for merging; NULL with one */
} trm__trainer;

typedef struct trm__trainer_config {
  trm_runtime *runtime;
  trm__comm *comm;
  const trm_model_config *model; /* with the data's shapes */
  const trm_train_config *train;
  const trm_task *task; /* of the lattice recursion; others need none */
  int64_t updates;
  int micro_batch;
} trm__trainer_config;

/* Weights are initialized from the seed; y0 and z0 too. TRM_E_USAGE when there are more slices than examples, or more
 * ranks than slices. */
trm_status trm__trainer_open(trm__trainer *trainer, const trm__trainer_config *config, trm_error *err);
void trm__trainer_close(trm__trainer *trainer);

/* Bytes of the backend's memory and of the host's (which are the same memory on a host). */
typedef struct trm__bytes {
  size_t device, host;
} trm__bytes;

/* What open allocates for this rank, without the network's own bytes. */
trm__bytes trm__trainer_bytes(const trm__params *params, const trm_train_config *config, trm__backend *backend,
                              const trm__comm *comm, int micro_batch);

/* What the network allocates for slices of micro_batch examples. */
size_t trm__trainer_network_bytes(const trm_model_config *model, const trm_train_config *config, trm__backend *backend,
                                  int micro_batch);

/* Prepares the weights for the network: after each change of them. */
void trm__trainer_prepare(trm__trainer *trainer);
/* Sums what each rank has counted. Counts are exact, so nothing depends on who counted what. */
trm_status trm__trainer_merge_score(trm__trainer *trainer, trm__score *score, trm_error *err);
/* Goes on after update `step`, and forgets that the run diverged. */
void trm__trainer_set_step(trm__trainer *trainer, int64_t step);

/* A device array seen from the host: the array itself where that is the same memory, so that saving needs no second
 * copy, otherwise a copy. NULL without memory. Each borrowed array must be returned (NULL is accepted); changed = 1
 * copies it back. */
void *trm__trainer_borrow(trm__trainer *trainer, const void *device, size_t bytes, trm_error *err);
void trm__trainer_return(trm__trainer *trainer, void *device, size_t bytes, void *host, int changed);

#endif
