/* States: bytes that are checked once, when they come from outside (infer/state.h has their layout). */
#include "infer/state.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/sealed.h"
#include "base/status.h"
#include "infer/request.h"
#include "infer/values.h"

enum { FORMAT = 1, DIGITS = 64, MOST_SIZE = 1 << 30 };

static const char *const state_dtypes[] = {"float32", "bfloat16", "int8"}; /* of trm_dtype */
static const char state_magic[8] = {'T', 'R', 'M', 'S', 'T', 'A', 'T', 'E'};

typedef struct state_header {
  trm__seal seal;
  char model[DIGITS];
  uint32_t dtype, act, L, D, S;
  int32_t identifier;
  uint64_t steps, noise_name;
  float q;
  unsigned char zeros[60];
} state_header;
_Static_assert(sizeof(state_header) == 192 && offsetof(state_header, q) == 128, "the layout of infer/state.h");

struct trm_state {
  size_t size;
  unsigned char *bytes; /* a state_header and its arrays */
  char model[DIGITS + 1];
};

static const state_header *state_header_of(const trm_state *state) {
  return (const state_header *)(const void *)state->bytes;
}

static size_t state_latent_size(const state_header *h) {
  return (size_t)h->L * h->D * h->act;
}

/* Of a header whose numbers are in range, which also keeps the sum in a size_t. */
static size_t state_size(const state_header *h) {
  return sizeof *h + 3 * sizeof(int32_t) * (size_t)h->S + 2 * state_latent_size(h);
}

static trm_status state_open(trm_state **out, size_t size, trm_error *err) {
  trm_state *state = trm__calloc(1, sizeof *state);
  unsigned char *bytes = trm__calloc(size, 1);
  if (!state || !bytes) {
    trm__free(state);
    trm__free(bytes);
    return trm__fail_memory(err, "state", size);
  }
  *state = (trm_state){.size = size, .bytes = bytes};
  *out = state;
  return TRM_OK;
}

void trm_state_close(trm_state **state) {
  if (!state || !*state) return;
  trm__free((*state)->bytes);
  trm__free(*state);
  *state = NULL;
}

/* -- out of the engine --------------------------------------------------------------------------------------------- */

static state_header state_header_for(const trm_solver *s) {
  const trm__dims *d = &s->params.dims;
  state_header h = {.dtype = (uint32_t)s->model.forward_dtype,
                    .act = (uint32_t)s->backend->act_bytes(s->backend, d),
                    .L = (uint32_t)d->L,
                    .D = (uint32_t)d->D,
                    .S = (uint32_t)d->S};
  memcpy(h.model, s->checksum, DIGITS);
  return h;
}

/* The arrays of slot i, behind the header. The answer is the one that was read last, of this slot. */
static trm_status state_fill(unsigned char *at, const trm_solver *s, size_t i, size_t latent, trm_error *err) {
  trm__backend *be = s->backend;
  size_t S = (size_t)s->params.dims.S, row = S * sizeof(int32_t);
  be->copy(be, at, s->tokens + i * S, row, TRM__COPY_TO_HOST);
  be->copy(be, at + 3 * row, s->y + i * latent, latent, TRM__COPY_TO_HOST);
  be->copy(be, at + 3 * row + latent, s->z + i * latent, latent, TRM__COPY_TO_HOST);
  memcpy(at + row, s->answer, row);
  memcpy(at + 2 * row, s->confidence, row);
  return be->synchronize(be, err);
}

trm_status trm_state_take(const trm_place *place, trm_state **out, trm_error *err) {
  if (!place) return trm__fail(err, TRM_E_USAGE, "trm_state_take", "the puzzle has taken no step in this call");
  const trm_solver *s = place->solver;
  const trm__slot *slot = &s->slot[place->slot];
  state_header h = state_header_for(s);
  trm_state *state = NULL;
  h.identifier = slot->identifier;
  h.steps = (uint64_t)slot->steps;
  h.noise_name = slot->noise_name;
  h.q = (float)s->q_host[2 * place->slot];
  trm_status status = state_open(&state, state_size(&h), err);
  if (status) return status;
  memcpy(state->bytes, &h, sizeof h);
  status = state_fill(state->bytes + sizeof h, s, (size_t)place->slot, state_latent_size(&h), err);
  if (status) {
    trm_state_close(&state);
    return status;
  }
  memcpy(state->model, h.model, DIGITS);
  trm__seal_put(state->bytes, state->size, state_magic, FORMAT);
  *out = state;
  return TRM_OK;
}

/* -- into it ------------------------------------------------------------------------------------------------------- */

trm_status trm_state_check(const trm_state *state, const trm_solver *solver, trm_error *err) {
  const state_header *h = state_header_of(state), want = state_header_for(solver);
  if (memcmp(h->model, want.model, DIGITS) != 0)
    return trm__fail(err, TRM_E_INPUT, "state", "it is of model %.12s, but the solver has %.12s (%s)", h->model,
                     want.model, solver->path);
  if (h->dtype != want.dtype)
    return trm__fail(err, TRM_E_INPUT, "state", "it was computed in %s, but the solver computes in %s",
                     state_dtypes[h->dtype], state_dtypes[want.dtype]);
  if (h->L != want.L || h->D != want.D || h->S != want.S || h->act != want.act)
    return trm__fail(err, TRM_E_INPUT, "state",
                     "%u x %u latents of %u bytes for %u cells, but the solver has %u x %u of %u for %u", h->L, h->D,
                     h->act, h->S, want.L, want.D, want.act, want.S);
  return TRM_OK;
}

const unsigned char *trm__state_latents(const trm_state *state) {
  const state_header *h = state_header_of(state);
  return state->bytes + sizeof *h + 3 * sizeof(int32_t) * (size_t)h->S;
}

trm_state_info trm_state_describe(const trm_state *state) {
  const state_header *h = state_header_of(state);
  const unsigned char *at = state->bytes + sizeof *h;
  size_t row = sizeof(int32_t) * (size_t)h->S;
  return (trm_state_info){.cells = h->S,
                          .steps = (int64_t)h->steps,
                          .identifier = h->identifier,
                          .q = h->q,
                          .noise_name = h->noise_name,
                          .question = (const int32_t *)(const void *)at,
                          .answer = (const int32_t *)(const void *)(at + row),
                          .confidence = (const float *)(const void *)(at + 2 * row),
                          .model = state->model};
}

/* -- bytes and files ----------------------------------------------------------------------------------------------- */

static int state_has_checksum(const state_header *h) {
  for (int i = 0; i < DIGITS; i++)
    if (!((h->model[i] >= '0' && h->model[i] <= '9') || (h->model[i] >= 'a' && h->model[i] <= 'f'))) return 0;
  return 1;
}

/* NULL, or what is wrong with the numbers of a header. */
static const char *state_fault(const state_header *h, size_t size) {
  if (h->act < 1 || h->act > 8 || h->L < 1 || h->D < 1 || h->S < 1 || h->S > h->L || h->L > 1 << 20 || h->D > 1 << 20 ||
      (uint64_t)h->L * h->D > MOST_SIZE / 16)
    return "sizes that no model has";
  if (state_size(h) != size) return "a length that does not fit its sizes";
  if (h->steps < 1 || h->steps > TRM__VALUES_STEPS || h->dtype > TRM_INT8) return "a step or number type out of range";
  if (h->noise_name >> TRM__NOISE_NAME_BITS) return "a noise name of more than 46 bits";
  if (!state_has_checksum(h)) return "the checksum of its model is not one";
  return NULL;
}

static trm_status state_read(trm_state **out, const void *bytes, size_t size, const char *where, trm_error *err) {
  state_header h;
  trm_state *state = NULL;
  if (size < sizeof h) return trm__fail(err, TRM_E_INPUT, where, "%zu bytes, a state of trm has more", size);
  memcpy(&h, bytes, sizeof h);
  const char *fault = trm__seal_fault(bytes, size, state_magic, FORMAT, "not a state of trm");
  if (!fault) fault = state_fault(&h, size);
  if (fault) return trm__fail(err, TRM_E_INPUT, where, "%s", fault);
  trm_status status = state_open(&state, size, err);
  if (status) return status;
  memcpy(state->bytes, bytes, size);
  memcpy(state->model, h.model, DIGITS);
  *out = state;
  return TRM_OK;
}

const void *trm_state_bytes(const trm_state *state, size_t *size) {
  *size = state->size;
  return state->bytes;
}

trm_status trm_state_from_bytes(trm_state **out, const void *bytes, size_t size, trm_error *err) {
  return state_read(out, bytes, size, "state", err);
}

trm_status trm_state_save(const trm_state *state, const char *path, trm_error *err) {
  return trm__file_write(path, state->bytes, state->size, err);
}

trm_status trm_state_load(trm_state **out, const char *path, trm_error *err) {
  char *bytes = NULL;
  size_t size = 0;
  trm_status status = trm__file_read(path, MOST_SIZE, &bytes, &size, err);
  if (!status) status = state_read(out, bytes, size, path, err);
  trm__free(bytes);
  return status;
}
