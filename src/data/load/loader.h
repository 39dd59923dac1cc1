/* The training loader (docs/spec.md, Training batches). The sequence of candidates is a function of (seed, dataset,
 * batch, augment) alone; only the candidates that a halted slot takes are built, by threads ahead of time or at once,
 * with the same result. */
#ifndef TRM_DATA_LOAD_LOADER_H
#define TRM_DATA_LOAD_LOADER_H

#include <jansson.h>
#include <trm/data.h>

#include "base/pool.h"

typedef struct trm__loader_config {
  int batch;        /* global batch */
  int first, count; /* the slots that are built here, first .. first + count - 1; count 0: all */
  uint64_t seed;
  int augment;     /* 1: symmetry augmentation on the fly (task/augment.h) */
  trm__pool *pool; /* borrowed: it builds the rows; NULL: the calling thread does */
  int ahead;       /* batches that a thread of the loader's own builds before they are asked for; 0: none */
} trm__loader_config;

typedef struct trm__loader trm__loader;

/* dataset is borrowed. TRM_E_INPUT when augmentation is asked of a task that has none. */
trm_status trm__loader_open(trm__loader **out, const trm_dataset *dataset, const trm__loader_config *config,
                            trm_error *err);
void trm__loader_close(trm__loader **loader);

/* Offers the next batch of candidates. take [count]: non-zero where slot first + i takes its candidate; those rows i of
 * inputs, labels [count][seq_len] and ids [count] are overwritten, the others may be left alone. take NULL: all. With
 * batches built ahead always all. */
trm_status trm__loader_next(trm__loader *loader, const uint8_t *take, int32_t *inputs, int32_t *labels, int32_t *ids,
                            trm_error *err);

/* The position, for checkpoints: after a restore the next batch is the one that would have come, whatever was built
 * ahead. */
json_t *trm__loader_state(const trm__loader *loader);
trm_status trm__loader_restore(trm__loader *loader, const json_t *state, const char *where, trm_error *err);

#endif
