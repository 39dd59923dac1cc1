/* YAML of configurations: whatever the text says, reading ends with a reason or with a value that JSON can write. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "model/torch/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t used = trm__mem_used();
  json_t *value = NULL;
  trm_error err;
  if (trm__yaml_parse(&value, (const char *)data, size, "fuzz", &err)) {
    if (!err.message[0]) abort();
  } else {
    char *text = trm__json_text(value, JSON_ENCODE_ANY);
    if (!text) abort();
    free(text);
    json_decref(value);
  }
  if (trm__mem_used() != used) abort();
  return 0;
}
