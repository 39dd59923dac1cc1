/* What the ranks of a run agree about: each brings what it has, and all compare all of it with rank 0's, so that they
 * fail alike. */
#include "train/ranks.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

/* What one rank brings. */
typedef struct identity {
  uint32_t config, train, valid; /* CRC-32s */
  char device[16], isa[sizeof((trm__run_config *)0)->isa];
} identity;

static trm_status identity_compare(const identity *all, int rank, trm_error *err) {
  const identity *zero = &all[0], *other = &all[rank];
  if (other->train != zero->train || other->valid != zero->valid)
    return trm__fail(err, TRM_E_USAGE, other->train != zero->train ? "--data" : "--valid",
                     "rank %d has other data than rank 0", rank);
  if (strcmp(other->device, zero->device) != 0)
    return trm__fail(err, TRM_E_USAGE, "--device", "rank %d computes on %s, rank 0 on %s: all need the same", rank,
                     other->device, zero->device);
  if (strcmp(other->isa, zero->isa) != 0)
    return trm__fail(err, TRM_E_USAGE, "--isa",
                     "rank %d runs %s kernels, rank 0 %s, and their last bits differ: name one that both have", rank,
                     other->isa, zero->isa);
  if (other->config != zero->config)
    return trm__fail(err, TRM_E_USAGE, "ranks", "rank %d has other options, or another version, than rank 0", rank);
  return TRM_OK;
}

trm_status trm__ranks_check_run(trm__comm *comm, const trm__run_config *config, const trm__backend *backend,
                                trm_error *err) {
  if (comm->size == 1) return TRM_OK;
  identity *all = trm__calloc((size_t)comm->size, sizeof *all);
  if (!all) return trm__fail_memory(err, "ranks", (size_t)comm->size * sizeof *all);
  identity *own = &all[comm->rank];
  *own = (identity){.config = trm__run_whole_crc(config), .train = config->train_crc, .valid = config->valid_crc};
  snprintf(own->device, sizeof own->device, "%s", backend->name);
  snprintf(own->isa, sizeof own->isa, "%s", config->isa);
  trm_status status = trm__comm_gather(comm, all, sizeof *all, err);
  for (int r = 1; r < comm->size && !status; r++) status = identity_compare(all, r, err);
  trm__free(all);
  return status;
}

trm_status trm__ranks_check_weights(trm__trainer *trainer, trm_error *err) {
  trm__comm *comm = trainer->comm;
  size_t bytes = trainer->params.trained * sizeof(trm__real);
  if (comm->size == 1) return TRM_OK;
  void *host = trm__trainer_borrow(trainer, trainer->weights, bytes, err);
  if (!host) return TRM_E_MEMORY;
  uint32_t *all = trm__calloc((size_t)comm->size, sizeof *all);
  trm_status status = all ? TRM_OK : trm__fail_memory(err, "ranks", (size_t)comm->size * sizeof *all);
  if (!status) {
    all[comm->rank] = trm__crc32(0, host, bytes);
    status = trm__comm_gather(comm, all, sizeof *all, err);
  }
  for (int r = 1; r < comm->size && !status; r++)
    if (all[r] != all[0])
      status = trm__fail(err, TRM_E_INTERNAL, "ranks",
                         "after update %lld the weights of rank %d are not those of rank 0: they must compute on the "
                         "same kind of processor or card",
                         (long long)trainer->step, r);
  trm__free(all);
  trm__trainer_return(trainer, trainer->weights, bytes, host, 0);
  return status;
}

trm_status trm__ranks_any(trm__comm *comm, int *flag, trm_error *err) {
  int64_t value = *flag != 0;
  trm_status status = trm__comm_largest(comm, &value, err);
  if (!status) *flag = (int)value;
  return status;
}
