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

/* The bytes that a micro-batch decides about: of the memory that activations are in. */
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

/* The micro-batch when the largest slice is cut into so many equal ones. */
static int plan_cut(const trm__plan_job *job, int parts) {
  int slices = (int)job->train->slices, largest = ((int)job->train->batch + slices - 1) / slices;
  return (largest + parts - 1) / parts;
}

/* The largest micro-batch that fits, 0: none. */
static int plan_fit(const trm__plan_job *job, uint64_t limit) {
  int micro = 0;
  for (int parts = 1; micro != 1; parts++) {
    int next = plan_cut(job, parts);
    if (next == micro) continue;
    micro = next;
    if (plan_needed(job, micro) <= limit) return micro;
  }
  return 0;
}

/* As if one rank did all of it, so that the choice does not depend on how many there are; where that does not fit, as
 * it is. */
static int plan_fit_any_number(const trm__plan_job *job, uint64_t limit) {
  const trm__comm alone = {.rank = 0, .size = 1};
  trm__plan_job whole = *job;
  whole.comm = &alone;
  int fit = plan_fit(&whole, limit);
  return fit ? fit : plan_fit(job, limit);
}

trm_status trm__plan_micro_batch(const trm__plan_job *job, int *micro_batch, trm_error *err) {
  int largest = plan_cut(job, 1);
  if (job->train->micro_batch) {
    *micro_batch = job->train->micro_batch < largest ? (int)job->train->micro_batch : largest;
    return TRM_OK;
  }
  uint64_t limit = (uint64_t)job->train->memory << 20;
  if (!limit) limit = plan_usual_limit(job);
  int fit = plan_fit_any_number(job, limit);
  if (fit == 0)
    return trm__fail(err, TRM_E_MEMORY, "--micro-batch",
                     "one example at a time needs %zu MiB and %llu MiB are available; try --recompute, a smaller "
                     "--batch or --memory",
                     plan_needed(job, 1) >> 20, (unsigned long long)(limit >> 20));
  *micro_batch = fit;
  return TRM_OK;
}
