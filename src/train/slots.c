/* Slots: their memory, and the refill in slices that fit the network. */
#include "train/slots.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

static size_t slot_bytes(const trm__backend *backend, const trm__dims *dims) {
  return (size_t)dims->L * (size_t)dims->D * backend->act_bytes(backend, dims);
}

size_t trm__carry_bytes(const trm__backend *backend, const trm__dims *dims, int count, int latents) {
  size_t row = (2 * (size_t)dims->S + 2) * sizeof(int32_t) + sizeof(uint8_t);
  return (size_t)count * ((size_t)(1 + latents) * slot_bytes(backend, dims) + row);
}

static void halt_all(trm__carry *carry) {
  uint8_t ones[256];
  trm__backend *be = carry->backend;
  memset(ones, 1, sizeof ones);
  for (int i = 0; i < carry->slots.count; i += 256) {
    int n = carry->slots.count - i < 256 ? carry->slots.count - i : 256;
    be->copy(be, carry->slots.halted + i, ones, (size_t)n, TRM__COPY_TO_DEVICE);
  }
}

trm_status trm__carry_open(trm__carry *carry, trm__backend *backend, const trm__dims *dims, int count, int latents,
                           trm_error *err) {
  size_t n = (size_t)count, rows = n * (size_t)dims->S * sizeof(int32_t);
  *carry = (trm__carry){.backend = backend, .slot_bytes = slot_bytes(backend, dims), .latents = latents};
  carry->slots = (trm__slots){.count = count, .seq_len = dims->S};
  carry->y = backend->alloc(backend, n * carry->slot_bytes);
  carry->z = backend->alloc(backend, (size_t)latents * n * carry->slot_bytes);
  trm__slots *s = &carry->slots;
  s->inputs = backend->alloc(backend, rows);
  s->labels = backend->alloc(backend, rows);
  s->ids = backend->alloc(backend, n * sizeof(int32_t));
  s->steps = backend->alloc(backend, n * sizeof(int32_t));
  s->halted = backend->alloc(backend, n);
  if (!carry->y || !carry->z || !s->inputs || !s->labels || !s->ids || !s->steps || !s->halted) {
    trm__carry_close(carry);
    return trm__backend_no_memory(backend, err, "carry", trm__carry_bytes(backend, dims, count, latents));
  }
  halt_all(carry);
  return TRM_OK;
}

void trm__carry_close(trm__carry *carry) {
  trm__backend *be = carry->backend;
  const trm__slots *s = &carry->slots;
  void *device[] = {carry->y, carry->z, s->inputs, s->labels, s->ids, s->steps, s->halted};
  for (size_t i = 0; be && i < sizeof device / sizeof *device; i++)
    if (device[i]) be->free(be, device[i]);
  *carry = (trm__carry){0};
}

void trm__carry_refill(trm__carry *carry, trm__network *net, int n, int max_batch, const trm__real *start,
                       const trm__network_noise *noise) {
  size_t latent = (size_t)carry->slots.count * carry->slot_bytes;
  for (int i = 0; i < n; i += max_batch) {
    int b = n - i < max_batch ? n - i : max_batch;
    size_t offset = (size_t)i * carry->slot_bytes;
    trm__network_noise here = noise ? *noise : (trm__network_noise){0};
    if (noise) here.index += i;
    for (int k = 0; k < carry->latents; k++)
      trm__network_refill_latent(net, b, carry->slots.halted + i, start, k, &here, carry->y + offset,
                                 carry->z + (size_t)k * latent + offset);
  }
}
