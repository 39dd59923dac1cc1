/* traceparent fields: what is taken is written as a field that says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = trm__calloc(size + 1, 1), again[TRM__TRACEPARENT];
  trm__trace trace, second;
  if (!text) return 0;
  if (size) memcpy(text, data, size);
  if (trm__trace_parse(&trace, text)) {
    trm__trace_format(&trace, again);
    if (strlen(again) != TRM__TRACEPARENT - 1 || !trm__trace_parse(&second, again)) abort();
    if (strcmp(trace.trace_id, second.trace_id) != 0 || strcmp(trace.span_id, second.span_id) != 0) abort();
    if (strncmp(text + 3, trace.trace_id, 32) != 0 || trace.flags > 1 || trace.flags != second.flags) abort();
  }
  trm__free(text);
  return 0;
}
