/* Answers of a server, as trm solve --server reads them: what is whole has a body inside the bytes, nothing changes
 * before it is whole, and a beginning of it is never taken for the whole while the connection lasts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/http_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cli_http_found read_copy(const uint8_t *data, size_t size, int ended) {
  char *bytes = malloc(size + !size);
  cli_http_answer a;
  if (!bytes) return CLI_HTTP_BAD;
  if (size) memcpy(bytes, data, size);
  cli_http_found found = cli_http_answer_read(&a, bytes, size, ended);
  if (found != CLI_HTTP_WHOLE && size && memcmp(bytes, data, size) != 0) abort();
  if (found == CLI_HTTP_WHOLE) {
    if (a.body < bytes || a.body > bytes + size || a.size > (size_t)(bytes + size - a.body)) abort();
    if (a.status < 200 || a.status > 599) abort();
  }
  if (found == CLI_HTTP_MORE && ended) abort();
  free(bytes);
  return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)read_copy(data, size, 1);
  cli_http_found whole = read_copy(data, size, 0);
  size_t step = size / 64 + 1;
  for (size_t part = 0; part < size; part += step) {
    cli_http_found found = read_copy(data, part, 0);
    if (whole == CLI_HTTP_WHOLE && found != CLI_HTTP_MORE) abort();
    if (whole == CLI_HTTP_MORE && found == CLI_HTTP_BAD) abort();
  }
  return 0;
}
