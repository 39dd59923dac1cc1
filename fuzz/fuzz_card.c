/* A model's card: refused with a reason, or kept as a text that says the same, is no longer than the one given and is
 * kept as it is when it is given again. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "model/file/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static void check_kept(const char *text, const char *kept) {
  json_t *given = NULL, *stored = NULL;
  char *again = NULL;
  trm_error err = {0};
  require(!trm__json_parse(&given, text, strlen(text), "fuzz", &err));
  require(!trm__json_parse(&stored, kept, strlen(kept), "fuzz", &err));
  require(json_is_object(stored) && json_equal(given, stored));
  require(strlen(kept) <= strlen(text));
  require(!trm__card_compact(&again, kept, &err) && strcmp(kept, again) == 0);
  json_t *metadata = json_string(kept); /* as the file stores it */
  require(metadata != NULL);
  json_decref(metadata);
  json_decref(given);
  json_decref(stored);
  trm__free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t used = trm__mem_used();
  char *text = trm__calloc(size + 1, 1), *kept = NULL;
  trm_error err = {0};
  if (!text) abort();
  if (size > 0) memcpy(text, data, size);
  if (!trm__card_compact(&kept, text, &err)) check_kept(text, kept);
  else require(!kept && err.code == TRM_E_INPUT && err.message[0] && err.where[0]);
  trm__free(kept);
  trm__free(text);
  require(trm__mem_used() == used);
  return 0;
}
