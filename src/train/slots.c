/* Slots: their memory, and the refill in slices that fit the network. */
#include "train/slots.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

static size_t slots_state_bytes(const trm__backend *backend, const trm__dims *dims) {
  return (size_t)dims->L * (size_t)dims->D * backend->act_bytes(backend, dims);
}

size_t trm__train_slots_bytes(const trm__backend *backend, const trm__dims *dims, int count, int latents) {
  size_t row = (2 * (size_t)dims->S + 2) * sizeof(int32_t) + sizeof(uint8_t);
  if (dims->values) return (size_t)count * (row + (size_t)dims->S * sizeof(int32_t));
  return (size_t)count * ((size_t)(1 + latents) * slots_state_bytes(backend, dims) + row);
}

static void slots_halt_all(trm__train_slots *slots) {
  uint8_t ones[256];
  trm__backend *be = slots->backend;
  memset(ones, 1, sizeof ones);
  for (int i = 0; i < slots->slots.count; i += 256) {
    int n = slots->slots.count - i < 256 ? slots->slots.count - i : 256;
    be->copy(be, slots->slots.halted + i, ones, (size_t)n, TRM__COPY_TO_DEVICE);
  }
}

trm_status trm__train_slots_open(trm__train_slots *slots, trm__backend *backend, const trm__dims *dims, int count,
                                 int latents, trm_error *err) {
  size_t n = (size_t)count, rows = n * (size_t)dims->S * sizeof(int32_t);
  *slots = (trm__train_slots){.backend = backend, .slot_bytes = slots_state_bytes(backend, dims), .latents = latents};
  slots->slots = (trm__slots){.count = count, .seq_len = dims->S};
  if (dims->values) {
    slots->sets = backend->alloc(backend, rows);
  } else {
    slots->y = backend->alloc(backend, n * slots->slot_bytes);
    slots->z = backend->alloc(backend, (size_t)latents * n * slots->slot_bytes);
  }
  trm__slots *s = &slots->slots;
  s->inputs = backend->alloc(backend, rows);
  s->labels = backend->alloc(backend, rows);
  s->ids = backend->alloc(backend, n * sizeof(int32_t));
  s->steps = backend->alloc(backend, n * sizeof(int32_t));
  s->halted = backend->alloc(backend, n);
  int has_state = dims->values ? slots->sets != NULL : slots->y && slots->z;
  if (!has_state || !s->inputs || !s->labels || !s->ids || !s->steps || !s->halted) {
    trm__train_slots_close(slots);
    return trm__backend_no_memory(backend, err, "slots", trm__train_slots_bytes(backend, dims, count, latents));
  }
  slots_halt_all(slots);
  return TRM_OK;
}

void trm__train_slots_close(trm__train_slots *slots) {
  trm__backend *be = slots->backend;
  const trm__slots *s = &slots->slots;
  void *device[] = {slots->y, slots->z, slots->sets, s->inputs, s->labels, s->ids, s->steps, s->halted};
  for (size_t i = 0; be && i < sizeof device / sizeof *device; i++)
    if (device[i]) be->free(be, device[i]);
  *slots = (trm__train_slots){0};
}

void trm__train_slots_refill(trm__train_slots *slots, trm__network *net, int n, int max_batch, const trm__real *start,
                             const trm__network_noise *noise) {
  size_t latent = (size_t)slots->slots.count * slots->slot_bytes;
  for (int i = 0; i < n; i += max_batch) {
    int b = n - i < max_batch ? n - i : max_batch;
    size_t offset = (size_t)i * slots->slot_bytes;
    trm__network_noise here = noise ? *noise : (trm__network_noise){0};
    if (noise) here.index += i;
    for (int k = 0; k < slots->latents; k++)
      trm__network_refill_latent(net, b, slots->slots.halted + i, start, k, &here, slots->y + offset,
                                 slots->z + (size_t)k * latent + offset);
  }
}
