/* One option of a command line. Only words that begin with "--" are options; what the table does not know is left to
 * the caller, who may have another table. */
#include <string.h>

#include "base/status.h"
#include "base/text/options.h"
#include "base/text/options_internal.h"

/* What the word names and how it is shown in messages. */
typedef struct option_use {
  trm__option_name named;
  char shown[80];
} option_use;

static trm_status option_take(const option_use *use, void *config, const char *value, trm_error *err) {
  trm_error inner = {0};
  trm_status status = trm__option_set(use->named.option, config, value, &inner);
  if (status) return trm__fail(err, status, use->shown, "%s", inner.message);
  if (use->named.inverse) trm__option_flip(use->named.option, config);
  return TRM_OK;
}

static trm_status option_take_next(const option_use *use, void *config, int argc, char **argv, int *index,
                                   trm_error *err) {
  const char *value = *index + 1 < argc ? argv[*index + 1] : NULL;
  if (!value) return trm__fail(err, TRM_E_USAGE, use->shown, "a value must follow");
  if (strncmp(value, "--", 2) == 0)
    return trm__fail(err, TRM_E_USAGE, use->shown,
                     "a value must follow, found \"%.80s\"; write %s=VALUE if it is the value", value, use->shown);
  trm_status status = option_take(use, config, value, err);
  if (!status) *index += 2;
  return status;
}

trm_status trm__options_parse(const trm_option *table, size_t count, void *config, int argc, char **argv, int *index,
                              const trm_option **option, trm_error *err) {
  *option = NULL;
  const char *word = *index < argc ? argv[*index] : "";
  if (strncmp(word, "--", 2) != 0 || !word[2]) return TRM_OK;
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  int negated = 0;
  option_use use = {.named = trm__option_lookup(table, count, name, length)};
  if (!use.named.option && length > 3 && strncmp(name, "no-", 3) == 0) {
    use.named = trm__option_lookup(table, count, name + 3, length - 3);
    negated = 1;
  }
  if (!use.named.option) return TRM_OK;
  *option = use.named.option;
  trm__option_word(use.named.text, use.named.length, use.shown, sizeof use.shown);
  int flag = use.named.option->type == TRM_OPT_BOOL;
  if (negated && !flag) return trm__fail(err, TRM_E_USAGE, word, "%s takes a value and cannot be negated", use.shown);
  if (negated && equals) return trm__fail(err, TRM_E_USAGE, word, "takes no value");
  if (!equals && !flag) return option_take_next(&use, config, argc, argv, index, err);
  trm_status status = option_take(&use, config, equals ? equals + 1 : negated ? "false" : "true", err);
  if (!status) ++*index;
  return status;
}
