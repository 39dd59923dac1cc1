/* Checkpoints: everything that a bit-exact resume needs.
 *
 * checkpoints/step-N/ holds
 *
 * model.safetensors: the weights as a model file (trm.variant raw), y0, z0 and puzzle rows included.
 *
 * optimizer.safetensors: F32 [trained] each: m, v (moments), ema; tensors lie in it as in the parameter table.
 *
 * carry.safetensors: F32 y [batch][L][D], z [K * batch][L][D] of K latents; I32 inputs, labels [batch][S], ids, steps
 * [batch]; U8 halted [batch]; with K > 1 F32 starts [(K - 1) * D], of the latents after the first.
 *
 * state.json: {"format": 1, "step": N, "config_crc32": of what decides the computation (directory.h), "isa", "loader":
 * the loader's position, "history": (train/history.h), "files": {name: {"bytes", "crc32"}}, "crc32": of this object
 * without this key, as compact JSON with sorted keys}. Random numbers have
 * no state: their streams are named by seed, update and slot, or by what "loader" holds.
 *
 * Rank 0 writes, and what is written does not depend on the number of ranks: slots are those of all.
 * A checkpoint is written into a draft (base/os/file.h) beside it, every file synced, and renamed when it is whole. */
#ifndef TRM_TRAIN_RUN_CHECKPOINT_H
#define TRM_TRAIN_RUN_CHECKPOINT_H

#include "data/load/loader.h"
#include "train/history.h"
#include "train/run/directory.h"
#include "train/trainer.h"

#define TRM__CHECKPOINT_FORMAT 1

typedef struct trm__checkpoint {
  const trm__run *run;
  const trm__run_config *config;
  trm__trainer *trainer;
  trm__loader *loader;
  trm__history *history;
  const trm__log *log;
} trm__checkpoint;

/* All ranks call each of these together, apart from the export. */

/* Writes checkpoints/step-N for the trainer's step, then removes the oldest over `keep`. On failure nothing of the new
 * one is left and the old ones are untouched. path [TRM__RUN_PATH]: the new checkpoint. */
trm_status trm__checkpoint_save(const trm__checkpoint *checkpoint, int64_t keep, char *path, trm_error *err);

/* Restores trainer, loader and history from the newest whole checkpoint; damaged ones are skipped with a warning in the
 * log. path is "" when there is none at all. TRM_E_INPUT when there are some and none is whole. Also removes what an
 * interrupted save left behind. Rank 0 chooses; the others find the same one, byte for byte, or fail. */
trm_status trm__checkpoint_load(const trm__checkpoint *checkpoint, char *path, trm_error *err);

/* Writes the EMA as a model file into the run directory; rank 0 alone. */
trm_status trm__checkpoint_export(const trm__checkpoint *checkpoint, const char *name, trm_error *err);

#endif
