/* Slots: refill, counting and halting. The random numbers of halting exploration come from a stream named by update and
 * slot, so they need no state and do not depend on how slots are spread over ranks. */
#include "train/carry.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

static size_t slot_numbers(const trm__dims *dims) {
  return (size_t)dims->L * (size_t)dims->D;
}

size_t trm__carry_bytes(const trm__backend *backend, const trm__dims *dims, int batch, int count) {
  size_t rows = 2 * ((size_t)batch + (size_t)count) * (size_t)dims->S * sizeof(int32_t);
  return 2 * (size_t)count * slot_numbers(dims) * backend->act_bytes + rows +
         (size_t)batch * (2 * sizeof(int32_t) + sizeof(uint8_t));
}

trm_status trm__carry_open(trm__carry *carry, trm__backend *backend, const trm__dims *dims, int batch, int first,
                           int count, trm_error *err) {
  size_t n = (size_t)batch, s = (size_t)dims->S, rows = (size_t)count * s * sizeof(int32_t);
  *carry = (trm__carry){.backend = backend, .batch = batch, .first = first, .count = count, .seq_len = dims->S};
  carry->slot_bytes = slot_numbers(dims) * backend->act_bytes;
  carry->y = backend->alloc(backend, (size_t)count * carry->slot_bytes);
  carry->z = backend->alloc(backend, (size_t)count * carry->slot_bytes);
  carry->device_inputs = backend->alloc(backend, rows);
  carry->device_labels = backend->alloc(backend, rows);
  carry->inputs = trm__calloc(n * s, sizeof(int32_t));
  carry->labels = trm__calloc(n * s, sizeof(int32_t));
  carry->ids = trm__calloc(n, sizeof(int32_t));
  carry->steps = trm__calloc(n, sizeof(int32_t));
  carry->halted = trm__calloc(n, sizeof(uint8_t));
  if (!carry->y || !carry->z || !carry->device_inputs || !carry->device_labels || !carry->inputs || !carry->labels ||
      !carry->ids || !carry->steps || !carry->halted) {
    trm__carry_close(carry);
    return trm__fail_memory(err, "carry", trm__carry_bytes(backend, dims, batch, count));
  }
  memset(carry->halted, 1, n);
  return TRM_OK;
}

void trm__carry_close(trm__carry *carry) {
  trm__backend *be = carry->backend;
  if (be) {
    void *device[] = {carry->y, carry->z, carry->device_inputs, carry->device_labels};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
      if (device[i]) be->free(be, device[i]);
  }
  trm__free(carry->inputs);
  trm__free(carry->labels);
  trm__free(carry->ids);
  trm__free(carry->steps);
  trm__free(carry->halted);
  *carry = (trm__carry){0};
}

/* Copies this rank's row i (0 .. count - 1) to the device. */
static void upload_row(trm__carry *carry, int i) {
  trm__backend *be = carry->backend;
  size_t s = (size_t)carry->seq_len, from = (size_t)(carry->first + i) * s, to = (size_t)i * s;
  be->copy(be, carry->device_inputs + to, carry->inputs + from, s * sizeof(int32_t), TRM__COPY_TO_DEVICE);
  be->copy(be, carry->device_labels + to, carry->labels + from, s * sizeof(int32_t), TRM__COPY_TO_DEVICE);
}

void trm__carry_upload(trm__carry *carry) {
  for (int i = 0; i < carry->count; i++) upload_row(carry, i);
}

void trm__carry_admit(trm__carry *carry, trm__network *net, int max_batch, const trm__real *start) {
  uint8_t *halted = carry->halted + carry->first;
  for (int i = 0; i < carry->count; i++)
    if (halted[i]) upload_row(carry, i);
  for (int i = 0; i < carry->count; i += max_batch) {
    int b = carry->count - i < max_batch ? carry->count - i : max_batch;
    size_t offset = (size_t)i * carry->slot_bytes;
    trm__network_refill(net, b, halted + i, start, carry->y + offset, carry->z + offset);
  }
  for (int i = 0; i < carry->count; i++) {
    if (halted[i]) carry->steps[carry->first + i] = 0;
    halted[i] = 0;
  }
}

trm_status trm__carry_refill(trm__carry *carry, trm__loader *loader, trm__network *net, int max_batch,
                             const trm__real *start, trm_error *err) {
  trm_status status = trm__loader_next(loader, carry->halted, carry->inputs, carry->labels, carry->ids, err);
  if (status == TRM_OK) trm__carry_admit(carry, net, max_batch, start);
  return status;
}

/* m of SPEC.md: with the exploration's probability uniform in 2..max_steps, otherwise 0. */
static int64_t least_steps(const trm__halting *rule, uint64_t index) {
  trm__rng rng = trm__rng_make(rule->seed, TRM__RNG_HALT, index);
  if (rule->max_steps < 2 || trm__rng_unit(&rng) >= rule->exploration_prob) return 0;
  return 2 + (int64_t)trm__rng_below(&rng, (uint32_t)(rule->max_steps - 1));
}

void trm__carry_step(trm__carry *carry, const trm__halting *rule, const trm__example_stats *stats, int64_t update) {
  for (int i = carry->first; i < carry->first + carry->count; i++) {
    int64_t steps = ++carry->steps[i];
    int done = steps >= rule->max_steps;
    if (!done && stats[i].q_halt > 0)
      done = steps >= least_steps(rule, (uint64_t)update * (uint64_t)carry->batch + (uint64_t)i);
    carry->halted[i] = (uint8_t)done;
  }
}
