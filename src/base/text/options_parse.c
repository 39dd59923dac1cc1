/* One option of a command line. Only words that begin with "--" are options; what the table does not know is left to
 * the caller, who may have another table. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/options.h"
#include "base/text/options_internal.h"

/* "--hidden-size" for "hidden_size". */
static void option_word(const trm_option *option, char *word, size_t size) {
  snprintf(word, size, "--%s", option->name);
  for (char *p = word; *p; p++)
    if (*p == '_') *p = '-';
}

static trm_status put(const trm_option *option, void *config, const char *word, const char *value, trm_error *err) {
  trm_error inner = {0};
  trm_status status = trm__option_set(option, config, value, &inner);
  return status ? trm__fail(err, status, word, "%s", inner.message) : TRM_OK;
}

static trm_status parse_value(const trm_option *option, void *config, const char *word, int argc, char **argv,
                              int *index, trm_error *err) {
  const char *value = *index + 1 < argc ? argv[*index + 1] : NULL;
  if (!value) return trm__fail(err, TRM_E_USAGE, word, "a value must follow");
  if (strncmp(value, "--", 2) == 0)
    return trm__fail(err, TRM_E_USAGE, word, "a value must follow, found \"%.80s\"; write %s=VALUE if it is the value",
                     value, word);
  trm_status status = put(option, config, word, value, err);
  if (!status) *index += 2;
  return status;
}

trm_status trm__options_parse(const trm_option *table, size_t count, void *config, int argc, char **argv, int *index,
                              int *known, trm_error *err) {
  *known = 0;
  const char *word = *index < argc ? argv[*index] : "";
  if (strncmp(word, "--", 2) != 0 || !word[2]) return TRM_OK;
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  int negated = 0;
  const trm_option *option = trm__option_find_n(table, count, name, length);
  if (!option && length > 3 && strncmp(name, "no-", 3) == 0) {
    option = trm__option_find_n(table, count, name + 3, length - 3);
    negated = option != NULL;
  }
  if (!option) return TRM_OK;
  *known = 1;
  char shown[80];
  option_word(option, shown, sizeof shown);
  if (negated && option->type != TRM_OPT_BOOL)
    return trm__fail(err, TRM_E_USAGE, word, "%s takes a value and cannot be negated", shown);
  if (negated && equals) return trm__fail(err, TRM_E_USAGE, word, "takes no value");
  if (!equals && option->type != TRM_OPT_BOOL) return parse_value(option, config, shown, argc, argv, index, err);
  trm_status status = put(option, config, shown, equals ? equals + 1 : negated ? "false" : "true", err);
  if (!status) ++*index;
  return status;
}
