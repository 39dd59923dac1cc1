/* all_config.yaml, which the original's trainer writes beside its checkpoints: the part `arch` is the network's
 * configuration, under the keys that trm has too; the rest is of training. Sizes that belong to the data (seq_len,
 * vocab_size, num_puzzle_identifiers) are not in it; trm writes them on the outermost level, where the original passes
 * over what it does not know, and reads them there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/model.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "model/torch/yaml.h"

enum { LIMIT = 1 << 20 };
#define NETWORK "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1"

typedef struct original {
  json_t *root; /* owned */
  json_t *arch; /* borrowed */
  const char *where;
  trm_error *err;
} original;

/* -- the network --------------------------------------------------------------------------------------------------- */

static trm_status original_check_name(const original *o) {
  const char *name = json_string_value(json_object_get(o->arch, "name"));
  if (!name)
    return trm__fail(o->err, TRM_E_INPUT, o->where,
                     "has no arch.name, expected an all_config.yaml of the original's trainer");
  if (strstr(name, "@HierarchicalReasoningModel"))
    return trm__fail(
        o->err, TRM_E_INPUT, o->where,
        "is of HRM, the Hierarchical Reasoning Model (arch.name %.100s): it has two networks where TRM has one; "
        "trm does not compute it",
        name);
  const char *class = strchr(name, '@');
  int variant = strstr(name, "trm_singlez") || strstr(name, "trm_hier6");
  if (class && !variant && !strcmp(class, strchr(NETWORK, '@'))) return TRM_OK;
  return trm__fail(o->err, TRM_E_INPUT, o->where,
                   "has arch.name %.100s, a network that trm does not compute; expected " NETWORK, name);
}

static trm_status original_read_loss(const original *o, trm_original_config *out) {
  const char *type = json_string_value(json_object_get(json_object_get(o->arch, "loss"), "loss_type"));
  static const char *const types[] = {"stablemax", "softmax"};
  for (size_t i = 0; i < 2; i++) {
    size_t length = strlen(types[i]);
    if (type && (strncmp(type, types[i], length) != 0 || strcmp(type + length, "_cross_entropy") != 0)) continue;
    (void)snprintf(out->loss, sizeof out->loss, "%s", types[i]); /* the first where nothing is said */
    return TRM_OK;
  }
  return trm__fail(o->err, TRM_E_INPUT, o->where,
                   "has arch.loss.loss_type %.100s, expected stablemax_cross_entropy or softmax_cross_entropy", type);
}

/* -- keys ---------------------------------------------------------------------------------------------------------- */

/* Keys of arch that change nothing of what is computed when solving, and are trm's own business when training. */
static int original_may_skip(const char *key) {
  static const char *const keys[] = {"name", "loss", "H_layers", "no_ACT_continue", "batch_size", "causal"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (!strcmp(key, keys[i])) return 1;
  return 0;
}

static trm_status original_take(const original *o, json_t *into, const char *key, json_t *value,
                                trm_original_config *out) {
  size_t used = strlen(out->known);
  const char *text = json_string_value(value);
  if (text && !strncmp(text, "${", 2))
    return trm__fail(o->err, TRM_E_INPUT, o->where,
                     "has %s %.60s, which refers to another value: it is a source of the configuration, expected the "
                     "all_config.yaml that the trainer wrote",
                     key, text);
  int failed = json_object_set_new(
      into, key, json_is_null(value) && !strcmp(key, "pos_encodings") ? json_string("none") : json_incref(value));
  if (failed) return trm__fail_memory(o->err, o->where, 64);
  (void)snprintf(out->known + used, sizeof out->known - used, "%s%s", used ? " " : "", key);
  return TRM_OK;
}

static trm_status original_read_keys(const original *o, trm_original_config *out) {
  static const char *const of_data[] = {"seq_len", "vocab_size", "num_puzzle_identifiers"};
  size_t count;
  const trm_option *table = trm_model_options(&count);
  json_t *object = json_object(), *value;
  const char *key;
  trm_status status = object ? TRM_OK : trm__fail_memory(o->err, o->where, 64);
  json_object_foreach(o->arch, key, value) {
    if (status || original_may_skip(key)) continue;
    const trm_option *option = trm__option_find(table, count, key);
    if (option && !strcmp(option->name, key)) status = original_take(o, object, key, value, out);
    else
      status = trm__fail(
          o->err, TRM_E_INPUT, o->where,
          "has arch.%.60s, which the published TRM has not, so it may be another network; take the key out of "
          "the file if it changes nothing that is computed",
          key);
  }
  for (size_t i = 0; i < sizeof of_data / sizeof *of_data && !status; i++)
    if ((value = json_object_get(o->root, of_data[i])) && !json_object_get(object, of_data[i]))
      status = original_take(o, object, of_data[i], value, out);
  if (!status) status = trm__options_from_json(table, count, &out->config, object, 0, o->where, o->err);
  json_decref(object);
  return status;
}

trm_status trm_original_config_read(trm_original_config *out, const char *path, trm_error *err) {
  trm_original_config found = {.config = trm_model_config_default()};
  original o = {.where = path, .err = err};
  char *text = NULL;
  size_t size = 0;
  trm_status status = trm__file_read(path, LIMIT, &text, &size, err);
  if (!status) status = trm__yaml_parse(&o.root, text, size, path, err);
  trm__free(text);
  if (status) return status;
  o.arch = json_object_get(o.root, "arch");
  if (!json_is_object(o.arch))
    status = trm__fail(err, TRM_E_INPUT, path,
                       "has no mapping \"arch\", expected an all_config.yaml of the original's trainer");
  if (!status) status = original_check_name(&o);
  if (!status) status = original_read_loss(&o, &found);
  if (!status) status = original_read_keys(&o, &found);
  found.ema = json_is_true(json_object_get(o.root, "ema"));
  json_decref(o.root);
  if (!status) *out = found;
  return status;
}
