/* The bytes of a puzzle's state: as they are, with the checksum mended so that the checks behind it are reached, and
 * with the length mended too. They are refused with a reason and nothing is kept, or the state says of itself what the
 * bytes say, all its arrays are inside, and it comes back byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "infer/state.h"

enum { HEADER = 192, MODEL = 24 }; /* of the layout in infer/state.h */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static uint32_t read_u32(const uint8_t *bytes, size_t at) {
  uint32_t value;
  memcpy(&value, bytes + at, sizeof value);
  return value;
}

/* The sum of all bytes, so that reading past the end is noticed. */
static unsigned touch(const void *bytes, size_t size) {
  unsigned sum = 0;
  for (size_t i = 0; i < size; i++) sum += ((const uint8_t *)bytes)[i];
  return sum;
}

static void check_description(const trm_state *state, const uint8_t *bytes, size_t size) {
  trm_state_info info = trm_state_describe(state);
  size_t row = 4 * (size_t)info.cells, held = 0;
  const uint8_t *kept = trm_state_bytes(state, &held), *question = (const uint8_t *)info.question;
  require(held == size && memcmp(kept, bytes, size) == 0);
  require(info.cells >= 1 && info.cells == (int64_t)read_u32(bytes, 104) && info.cells <= (int64_t)read_u32(bytes, 96));
  require(info.steps >= 1 && info.steps <= 100000 && info.identifier == (int32_t)read_u32(bytes, 108));
  require(info.noise_name < UINT64_C(1) << 46 && memcmp(&info.q, bytes + 128, 4) == 0);
  require(strlen(info.model) == 64 && memcmp(info.model, bytes + MODEL, 64) == 0);
  require(strspn(info.model, "0123456789abcdef") == 64);
  const uint8_t *latents = trm__state_latents(state);
  uint64_t latent = (uint64_t)read_u32(bytes, 92) * read_u32(bytes, 96) * read_u32(bytes, 100);
  require(question == kept + HEADER && (const uint8_t *)info.answer == question + row);
  require((const uint8_t *)info.confidence == question + 2 * row && latents == question + 3 * row);
  require(latent >= 1 && latents + 2 * latent == kept + size);
  require(touch(kept, size) == touch(bytes, size));
}

static void read_state(const uint8_t *bytes, size_t size) {
  size_t used = trm__mem_used();
  trm_state *state = NULL, *again = NULL;
  trm_error err = {0};
  if (!trm_state_from_bytes(&state, bytes, size, &err)) {
    check_description(state, bytes, size);
    require(!trm_state_from_bytes(&again, trm_state_bytes(state, &size), size, &err));
    trm_state_close(&state);
    check_description(again, bytes, size);
    trm_state_close(&again);
  } else {
    require(!state && err.code == TRM_E_INPUT && err.message[0] && err.where[0]);
  }
  require(trm__mem_used() == used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_state(data, size);
  if (size < HEADER) return 0;
  uint8_t *mended = trm__calloc(size, 1);
  if (!mended) abort();
  memcpy(mended, data, size);
  for (int length = 0; length < 2; length++) {
    uint64_t whole = size;
    if (length) memcpy(mended + 16, &whole, sizeof whole);
    uint32_t crc = trm__crc32(0, mended + 16, size - 16);
    memcpy(mended + 12, &crc, sizeof crc);
    read_state(mended, size);
  }
  trm__free(mended);
  return 0;
}
