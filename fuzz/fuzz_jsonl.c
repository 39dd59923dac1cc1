/* JSON Lines bytes as a dataset. */
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_text(trm__jsonl_rows, data, size);
  return 0;
}
