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
    {.name = "whole",
     .type = TRM_OPT_INT,
     .offset = offsetof(struct config, whole),
     .default_text = "1",
     .min = 0,
     .max = 100,
     .help = "a"},
    {.name = "real", .type = TRM_OPT_REAL, .offset = offsetof(struct config, real), .default_text = "0.5", .help = "b"},
    {.name = "flag", .type = TRM_OPT_BOOL, .offset = offsetof(struct config, flag), .help = "c"},
    {.name = "choice",
     .type = TRM_OPT_ENUM,
     .offset = offsetof(struct config, choice),
     .default_text = "one",
     .choices = "one|two",
     .help = "d"},
    {.name = "text", .type = TRM_OPT_STRING, .offset = offsetof(struct config, text), .size = 16, .help = "e"},
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
