/* .npy bytes: parsing ends with a reason or with an array whose every element can be read. */
#include <stdlib.h>

#include "data/format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm__npy npy = {0};
  trm_error err = {0};
  trm_status status = trm__npy_parse(&npy, data, size, "fuzz.npy", &err);
  if (status) {
    if (status != TRM_E_INPUT || err.message[0] == '\0' || npy.data) abort();
    return 0;
  }
  size_t item = trm__npy_item(npy.type);
  if (npy.data < data || npy.data + npy.count * item != data + size) abort();
  volatile double sum = 0;
  for (size_t i = 0; i < npy.count; i++) sum = sum + trm__npy_real(&npy, i);
  trm__npy_close(&npy);
  return 0;
}
