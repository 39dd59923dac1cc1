/* A token file and, behind its first NUL, an Authorization field. What is refused says where and why. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(const trm__tokens *tokens, const char *value) {
  trm__field field = {"authorization", value};
  trm__request request = {.fields = &field, .field_count = 1};
  trm__bearer bearer = {0};
  trm__token_found found = trm__token_check(tokens, &request, &bearer);
  if (found == TRM__TOKEN_ABSENT || (found == TRM__TOKEN_GOOD) != (bearer.name != NULL)) abort();
  if (bearer.name && (!bearer.scopes || !bearer.name[0])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm__tokens *tokens = NULL;
  trm_error err = {0};
  const uint8_t *end = size ? memchr(data, 0, size) : NULL;
  size_t file = end ? (size_t)(end - data) : size;
  if (trm__tokens_parse(&tokens, (const char *)data, file, "fuzz", &err)) {
    if (tokens || !err.message[0] || !err.where[0]) abort();
    return 0;
  }
  char *value = trm__calloc(size - file + 1, 1);
  if (value && size > file) memcpy(value, data + file + 1, size - file - 1);
  if (value) check_field(tokens, value);
  trm__free(value);
  trm__tokens_close(&tokens);
  return 0;
}
