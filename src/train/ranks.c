/* What the ranks of a run agree about: each brings what it has, and all compare all of it with rank 0's, so that they
 * fail alike. */
#include "train/ranks.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"

/* "1, 2, 4 or 8" */
static void ranks_allowed(int64_t slices, char *text, size_t size) {
  int used = snprintf(text, size, "1");
  for (int64_t n = 2; n <= slices && used > 0 && (size_t)used < size; n *= 2)
    used += snprintf(text + used, size - (size_t)used, "%s%lld", 2 * n > slices ? " or " : ", ", (long long)n);
}

trm_status trm__ranks_check_number(const trm__comm *comm, int64_t slices, int64_t batch, trm_error *err) {
  char allowed[80];
  int even = !(comm->size & (comm->size - 1));
  ranks_allowed(slices, allowed, sizeof allowed);
  if (slices & (slices - 1))
    return trm__fail(err, TRM_E_USAGE, "--slices", "found %lld, expected a power of two", (long long)slices);
  if (slices > batch)
    return trm__fail(err, TRM_E_USAGE, "--slices", "a batch of %lld cannot be cut into %lld slices", (long long)batch,
                     (long long)slices);
  if (comm->size == 1 || (comm->size <= slices && (even || comm->any_number))) return TRM_OK;
  if (slices == 1)
    return trm__fail(err, TRM_E_USAGE, "ranks",
                     "%d ranks cannot share a run of one slice: it goes on with one, or a new run is begun with "
                     "--slices",
                     comm->size);
  return trm__fail(err, TRM_E_USAGE, "ranks", "%d ranks cannot share %lld slices evenly: take %s%s", comm->size,
                   (long long)slices, allowed,
                   comm->size > slices ? ", or begin a new run with more --slices"
                                       : "; --any-ranks takes this number, and some wait for others");
}

/* What one rank brings. */
typedef struct identity {
  uint32_t config, train, valid; /* CRC-32s */
  char device[16], isa[sizeof((trm__run_config *)0)->isa];
} identity;

static trm_status identity_compare(const identity *all, int rank, trm_error *err) {
  const identity *zero = &all[0], *other = &all[rank];
  if (other->train != zero->train || other->valid != zero->valid)
    return trm__fail(err, TRM_E_USAGE, other->train != zero->train ? "--data" : "--valid",
                     "rank %d has other data than rank 0: CRC-32 is %08x there, %08x here", rank,
                     (unsigned)(other->train != zero->train ? other->train : other->valid),
                     (unsigned)(other->train != zero->train ? zero->train : zero->valid));
  if (strcmp(other->device, zero->device) != 0)
    return trm__fail(err, TRM_E_USAGE, "--device", "rank %d computes on %s, rank 0 on %s: all need the same", rank,
                     other->device, zero->device);
  if (strcmp(other->isa, zero->isa) != 0)
    return trm__fail(err, TRM_E_USAGE, "--isa",
                     "rank %d runs %s kernels, rank 0 %s, and their last bits differ: name one that both have", rank,
                     other->isa, zero->isa);
  return TRM_OK;
}

/* The first value that a rank has other than rank 0. */
typedef struct difference {
  char name[64], own[128], zero[128];
} difference;

static void difference_text(const json_t *value, char *text, size_t size) {
  char *all = value ? trm__json_text(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  snprintf(text, size, "%s", all ? all : "none");
  free(all);
}

/* 1 when one was found, in the objects themselves or those that they hold. */
static int difference_find(difference *d, const json_t *own, const json_t *zero) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)zero, name, value) {
    const json_t *mine = json_object_get(own, name);
    if (json_equal(mine, value)) continue;
    if (json_is_object(mine) && json_is_object(value)) return difference_find(d, mine, value);
    snprintf(d->name, sizeof d->name, "%s", name);
    difference_text(mine, d->own, sizeof d->own);
    difference_text(value, d->zero, sizeof d->zero);
    return 1;
  }
  return 0;
}

/* Rank 0's configuration as text, on every rank; *out is freed with trm__free. */
static trm_status ranks_tell_config(trm__comm *comm, const json_t *own, char **out, trm_error *err) {
  char *text = comm->rank == 0 ? trm__json_text(own, JSON_COMPACT) : NULL;
  uint64_t size = text ? strlen(text) + 1 : 0;
  trm_status status = trm__comm_broadcast(comm, &size, sizeof size, err);
  char *all = status ? NULL : trm__calloc(size + 1, 1);
  if (!status && !all) status = trm__fail_memory(err, "ranks", size);
  if (!status && text) memcpy(all, text, size);
  if (!status) status = trm__comm_broadcast(comm, all, size, err);
  free(text);
  *out = all;
  return status;
}

/* Called when the ranks know that they differ: fails on all with the first rank's first difference. */
static trm_status ranks_fail_config(trm__comm *comm, const trm__run_config *config, trm_error *err) {
  char *text = NULL;
  json_t *own = trm__run_whole(config);
  difference *all = trm__calloc((size_t)comm->size, sizeof *all);
  trm_status status = all && own ? TRM_OK : trm__fail_memory(err, "ranks", (size_t)comm->size * sizeof *all);
  if (!status) status = ranks_tell_config(comm, own, &text, err);
  if (!status) {
    json_t *zero = NULL;
    (void)trm__json_parse(&zero, text, strlen(text), "ranks", NULL);
    (void)difference_find(&all[comm->rank], own, zero);
    json_decref(zero);
    status = trm__comm_gather(comm, all, sizeof *all, err);
  }
  for (int r = 1; r < comm->size && !status; r++)
    if (all[r].name[0])
      status = trm__fail(err, TRM_E_USAGE, "ranks", "rank %d has %s %s, rank 0 has %s %s: start all with the same", r,
                         all[r].name, all[r].own, all[r].name, all[r].zero);
  if (!status) status = trm__fail(err, TRM_E_USAGE, "ranks", "have other options than rank 0");
  json_decref(own);
  trm__free(all);
  trm__free(text);
  return status;
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
  int differ = 0;
  for (int r = 1; r < comm->size && !status; r++) {
    status = identity_compare(all, r, err);
    differ |= all[r].config != all[0].config;
  }
  trm__free(all);
  return status || !differ ? status : ranks_fail_config(comm, config, err);
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
