/* all_config.yaml as the original's PretrainConfig takes it. What the model tells stands first and is certain; of the
 * values of training those that the caller knows are given, the others are the published ones, and are marked. Real
 * numbers have a decimal point, without which YAML takes 1e-05 for a text. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/model.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/numbers.h"
#include "model/file/model_file.h"

enum { ROOM = 16384 };

typedef struct page {
  char text[ROOM];
  size_t used; /* more than ROOM: it did not fit */
} page;

static void page_put(page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void page_put(page *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = p->used < ROOM ? vsnprintf(p->text + p->used, ROOM - p->used, format, args) : 1;
  va_end(args);
  p->used += (size_t)length;
}

/* " 0.0001" and the like, with a point. */
static void page_put_real(page *p, double number) {
  char text[40];
  (void)trm__real_text(number, text, sizeof text);
  size_t digits = strcspn(text, ".e");
  if (text[digits] == '.') page_put(p, " %s", text);
  else page_put(p, " %.*s.0%s", (int)digits, text, text + digits);
}

/* -- the network --------------------------------------------------------------------------------------------------- */

static void page_put_network(page *p, const trm_model *m) {
  static const char *const positions[] = {"none", "rope", "learned"};
  const trm_model_config *c = &m->config;
  page_put(p,
           "arch:\n  H_cycles: %" PRId64 "\n  H_layers: 0\n  L_cycles: %" PRId64 "\n  L_layers: %" PRId64
           "\n  expansion:",
           c->H_cycles, c->L_cycles, c->L_layers);
  page_put_real(p, c->expansion);
  page_put(
      p, "\n  forward_dtype: %s\n  halt_exploration_prob:", c->forward_dtype == TRM_BFLOAT16 ? "bfloat16" : "float32");
  page_put_real(p, c->halt_exploration_prob);
  page_put(p, "\n  halt_max_steps: %" PRId64 "\n  hidden_size: %" PRId64 "\n", c->halt_max_steps, c->hidden_size);
  page_put(p, "  loss:\n    loss_type: %s_cross_entropy\n    name: losses@ACTLossHead\n  mlp_t: %s\n",
           trm_model_get_loss(m), c->mlp_t ? "true" : "false");
  page_put(p, "  name: recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1\n  no_ACT_continue: true\n");
  page_put(p,
           "  num_heads: %" PRId64 "\n  pos_encodings: %s\n  puzzle_emb_len: %" PRId64 "\n  puzzle_emb_ndim: %" PRId64
           "\n  rms_norm_eps:",
           c->num_heads, positions[c->pos_encodings], trm_model_config_prefix(c), c->puzzle_emb_ndim);
  page_put_real(p, c->rms_norm_eps);
  page_put(p, "\n  rope_theta:");
  page_put_real(p, c->rope_theta);
  page_put(p,
           "\n# sizes of the data, which the original reads from the dataset:\nseq_len: %" PRId64
           "\nvocab_size: %" PRId64 "\nnum_puzzle_identifiers: %" PRId64 "\n",
           c->seq_len, c->vocab_size, c->num_puzzle_identifiers);
}

/* -- training ------------------------------------------------------------------------------------------------------ */

/* Required by the original, with the values published for Sudoku. */
static const struct {
  const char *key, *published; /* JSON, which is YAML too */
} training_keys[] = {{"data_paths", "[\"data/sudoku-extreme-1k-aug-1000\"]"},
                     {"global_batch_size", "768"},
                     {"epochs", "50000"},
                     {"lr", "0.0001"},
                     {"lr_min_ratio", "1.0"},
                     {"lr_warmup_steps", "2000"},
                     {"weight_decay", "1.0"},
                     {"beta1", "0.9"},
                     {"beta2", "0.95"},
                     {"puzzle_emb_lr", "0.0001"},
                     {"puzzle_emb_weight_decay", "1.0"},
                     {"seed", "0"},
                     {"ema_rate", "0.999"}};

static trm_status page_put_training(page *p, const json_t *given, trm_error *err) {
  for (size_t i = 0; i < sizeof training_keys / sizeof *training_keys; i++) {
    const json_t *value = json_object_get(given, training_keys[i].key);
    page_put(p, "%s:", training_keys[i].key);
    if (json_is_real(value)) {
      page_put_real(p, json_real_value(value));
      page_put(p, "\n");
      continue;
    }
    char *text = value ? trm__json_text(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    if (value && !text) return trm__fail_memory(err, "all_config.yaml", 64);
    page_put(p, " %s%s\n", text ? text : training_keys[i].published,
             text ? "" : " # as published, not known of this model");
    free(text);
  }
  return TRM_OK;
}

trm_status trm_original_config_write(const trm_model *model, const char *path, const char *training, trm_error *err) {
  json_t *given = NULL;
  page *whole = trm__calloc(1, sizeof *whole);
  trm_status status = whole ? TRM_OK : trm__fail_memory(err, path, sizeof *whole);
  if (!status && training) status = trm__json_parse(&given, training, strlen(training), "training", err);
  if (!status && given && !json_is_object(given))
    status = trm__fail(err, TRM_E_USAGE, "training", "is %s, expected a JSON object", trm__json_type_name(given));
  if (!status) {
    page_put(whole, "# Written by trm for the original's trainer.\n");
    page_put_network(whole, model);
    const char *variant = trm_model_get_metadata(model, "trm.variant");
    page_put(whole, "ema: %s\n", variant && !strcmp(variant, "ema") ? "true" : "false");
    status = page_put_training(whole, given, err);
  }
  if (!status && whole->used >= ROOM)
    status = trm__fail(err, TRM_E_USAGE, "training", "has values of over %d bytes", ROOM);
  if (!status) status = trm__file_write(path, whole->text, whole->used, err);
  json_decref(given);
  trm__free(whole);
  return status;
}
