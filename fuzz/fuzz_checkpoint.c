/* Checkpoints from memory, zip archives and legacy files: whatever the bytes say, reading ends with a reason or with
 * tensors whose every byte can be read, and choosing the network among them with a reason or with names from "inner."
 * on. CRCs are written anew first, so that damage gets past them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "model/torch/checkpoint.h"
#include "model/torch/network.h"
#include "model/torch/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

/* In the directory of an archive that can be read, each entry's CRC of what it has. */
static void write_crcs(uint8_t *data, size_t size) {
  trm__zip zip;
  if (trm__zip_parse(&zip, data, size, "fuzz", NULL)) return;
  for (size_t i = 0; i < zip.count; i++) {
    uint8_t *central = (uint8_t *)(uintptr_t)zip.entry[i].name - 46; /* where the name stands in the directory */
    uint32_t crc = trm__crc32(0, zip.entry[i].data, zip.entry[i].size);
    memcpy(central + 16, &crc, sizeof crc);
  }
  trm__zip_close(&zip);
}

static volatile double sum; /* that nothing is left out as unused */

static void read_tensors(const trm__safetensors *st) {
  for (size_t i = 0; i < st->count; i++) {
    const trm__st_tensor *t = &st->tensor[i];
    require(t->name && t->bytes == t->elements * trm__st_dtype_size(t->dtype));
    for (size_t k = 0; k < t->elements && k < 4096; k++) sum += trm__st_element(t, k);
    if (t->elements) sum += trm__st_element(t, t->elements - 1);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t used = trm__mem_used();
  uint8_t *copy = malloc(size + 1);
  trm__safetensors st;
  trm__checkpoint_form form;
  trm_error err;
  require(copy != NULL);
  memcpy(copy, data, size);
  write_crcs(copy, size);
  if (trm__checkpoint_parse(&st, &form, copy, size, "fuzz", &err)) require(err.message[0] != 0);
  else {
    read_tensors(&st);
    if (trm__torch_network(&st, NULL, 0, "fuzz", &err)) require(err.message[0] != 0);
    else
      for (size_t i = 0; i < st.count; i++) require(!strncmp(st.tensor[i].name, "inner.", 6));
    trm__st_close(&st);
  }
  free(copy);
  require(trm__mem_used() == used);
  return 0;
}
