/* The text in any bytes: gzip, UTF-16, marks. What comes out is again text that a table reader is given. */
#include "data/format/bytes.h"

#include <stdint.h>

#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = NULL;
  size_t length = 0;
  trm_error err = {0};
  if (!trm__bytes_packed((const char *)data, size)) return 0;
  if (trm__bytes_unpack(&text, &length, (const char *)data, size, "fuzz", &err)) {
    if (text || !err.message[0] || !err.where[0]) abort();
    return 0;
  }
  if (length < 1 << 16) read_text(trm__csv_rows, (const uint8_t *)text, length);
  trm__bytes_free(text);
  return 0;
}
