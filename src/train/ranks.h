/* What the ranks of a run agree about before they go on: that they do the same run with the same kernels, that they
 * have the same weights, whether to stop. Every rank calls these together; with one rank there is nothing to agree
 * about, and nothing is computed. */
#ifndef TRM_TRAIN_RANKS_H
#define TRM_TRAIN_RANKS_H

#include "train/run/directory.h"
#include "train/trainer.h"

/* TRM_E_USAGE unless slices is a power of two and the number of ranks one up to it; with comm->any_number any number up
 * to it. */
trm_status trm__ranks_check_number(const trm__comm *comm, int64_t slices, int64_t batch, trm_error *err);

/* Same configuration but for paths, same data, same kind of device, same kernels: otherwise the weights, which each
 * rank steps for itself, would drift apart. TRM_E_USAGE, on every rank alike, names what differs. */
trm_status trm__ranks_check_run(trm__comm *comm, const trm__run_config *config, const trm__backend *backend,
                                trm_error *err);

/* TRM_E_INTERNAL when a rank's weights are other bits than rank 0's: processors or cards of two kinds. */
trm_status trm__ranks_check_weights(trm__trainer *trainer, trm_error *err);

/* 1 on all when it is 1 on one of them. */
trm_status trm__ranks_any(trm__comm *comm, int *flag, trm_error *err);

#endif
