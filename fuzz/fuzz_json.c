/* Any bytes as JSON: refused with a message, or read, and then written and read again to an equal value. Objects also
 * go through an option table. */
#include <stdlib.h>
#include <string.h>

#include "base/text/json.h"
#include "base/text/options.h"

struct config {
  int64_t whole;
  double real;
  int flag, choice;
  char text[16];
};

static const trm_option table[] = {
    {"whole", TRM_OPT_INT, offsetof(struct config, whole), 0, "1", 0, 100, NULL, NULL, NULL, "a"},
    {"real", TRM_OPT_REAL, offsetof(struct config, real), 0, "0.5", 0, 0, NULL, NULL, NULL, "b"},
    {"flag", TRM_OPT_BOOL, offsetof(struct config, flag), 0, NULL, 0, 0, NULL, NULL, NULL, "c"},
    {"choice", TRM_OPT_ENUM, offsetof(struct config, choice), 0, "one", 0, 0, "one|two", NULL, NULL, "d"},
    {"text", TRM_OPT_STRING, offsetof(struct config, text), 16, NULL, 0, 0, NULL, NULL, NULL, "e"},
};
#define COUNT (sizeof table / sizeof table[0])

static void through_options(const json_t *object) {
  struct config config, again;
  trm_error err = {0};
  trm_options_default(table, COUNT, &config);
  if (trm__options_from_json(table, COUNT, &config, object, 1, "fuzz", &err)) {
    if (err.code != TRM_E_INPUT || !err.message[0]) abort();
    return;
  }
  json_t *written = trm__options_to_json(table, COUNT, &config);
  trm_options_default(table, COUNT, &again);
  if (!written || trm__options_from_json(table, COUNT, &again, written, 0, "fuzz", &err)) abort();
  if (again.whole != config.whole || again.real != config.real || strcmp(again.text, config.text)) abort();
  json_decref(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm_error err = {0};
  json_t *value = NULL, *again = NULL;
  if (trm__json_parse(&value, (const char *)data, size, "fuzz", &err)) {
    if (value || err.code != TRM_E_INPUT || !err.message[0]) abort();
    return 0;
  }
  char *text = json_dumps(value, JSON_ENCODE_ANY);
  if (!text || trm__json_parse(&again, text, strlen(text), "fuzz", &err) || !json_equal(value, again)) abort();
  free(text);
  if (json_is_object(value)) through_options(value);
  json_decref(again);
  json_decref(value);
  return 0;
}
