/* Predicting and fitting memory. The prediction asks each part for its own bytes, so it follows the allocations. */
#include "train/plan.h"

#include "base/os/machine.h"
#include "base/status.h"
#include "train/trainer.h"

#define UNLIMITED UINT64_MAX

trm__bytes trm__plan_predict(const trm__plan_job *job, int micro_batch) {
  trm__bytes bytes = trm__trainer_bytes(job->params, job->train, job->backend, job->comm, micro_batch);
  bytes.device += trm__trainer_network_bytes(job->model, job->train, job->backend, micro_batch);
  bytes.host += job->already;
  if (!job->backend->on_host) return bytes;
  return (trm__bytes){.host = bytes.device + bytes.host};
}

/* The bytes that a slice decides about: of the memory that activations are in. */
static size_t plan_needed(const trm__plan_job *job, int micro_batch) {
  trm__bytes bytes = trm__plan_predict(job, micro_batch);
  return job->backend->on_host ? bytes.host : bytes.device;
}

/* Without --memory. */
static uint64_t plan_usual_limit(const trm__plan_job *job) {
  trm__backend *be = job->backend;
  uint64_t available = be->memory_available ? be->memory_available(be) : trm__memory_available();
  if (!be->on_host) return available ? available / 16 * 15 : UNLIMITED;
  uint64_t limit = available / 4 * 3 + job->already;
  return !available || limit > TRM__PLAN_USEFUL ? TRM__PLAN_USEFUL : limit;
}

/* The slice when n examples are cut into equal slices, `each` for each rank. */
static int plan_slice(const trm__plan_job *job, int each) {
  int n = (int)job->train->batch, size = job->comm->size, slices = each * size, slice = (n + slices - 1) / slices;
  return slice < n / size ? slice : n / size; /* more would leave a rank without one */
}

/* The largest slice that fits, 0: none. The fewer slices the better, though several ranks keep gradients for each. */
static int plan_fit(const trm__plan_job *job, uint64_t limit) {
  int slice = 0;
  for (int each = 1; slice != 1; each++) {
    int next = plan_slice(job, each);
    if (next == slice) continue;
    slice = next;
    if (plan_needed(job, slice) <= limit) return slice;
  }
  return 0;
}

trm_status trm__plan_micro_batch(const trm__plan_job *job, int *micro_batch, trm_error *err) {
  int n = (int)job->train->batch, size = job->comm->size;
  if (n < size) return trm__fail(err, TRM_E_USAGE, "--batch", "%d examples are too few for %d ranks", n, size);
  if (job->train->micro_batch) {
    *micro_batch = job->train->micro_batch < n ? (int)job->train->micro_batch : n;
    return TRM_OK;
  }
  uint64_t limit = (uint64_t)job->train->memory << 20;
  if (!limit) limit = plan_usual_limit(job);
  int fit = plan_fit(job, limit);
  if (fit == 0)
    return trm__fail(err, TRM_E_MEMORY, "--micro-batch",
                     "one example at a time needs %zu MiB and %llu MiB are available; try --recompute, a smaller "
                     "--batch or --memory",
                     plan_needed(job, 1) >> 20, (unsigned long long)(limit >> 20));
  *micro_batch = fit;
  return TRM_OK;
}
