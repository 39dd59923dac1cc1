/* A model file written again: its numbers in another type, a card or values of its own added, everything else as it
 * is. In bfloat16 the matrices and tables are rounded, as a network that computes in bfloat16 rounds them itself: for
 * such a network the file loses nothing. Vectors (biases, y0 and z0) cost next to nothing and keep their digits. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/numbers.h"
#include "model/file/rewrite.h"
#include "model/hopeless.h"

#define CARD_LIMIT ((size_t)64 << 10)

trm_model_conversion trm_model_conversion_default(void) {
  return (trm_model_conversion){
      .size = sizeof(trm_model_conversion), .weights = TRM_WEIGHTS_AS_THEY_ARE, .halt_threshold = NAN};
}

/* The text without the space between JSON's tokens. Numbers keep their digits: written anew they would lose some, and
 * the largest would round to what cannot be read. */
static void card_squeeze(char *to, const char *text) {
  int in_string = 0;
  for (; *text; text++) {
    if (!in_string && strchr(" \t\r\n", *text)) continue;
    if (*text == '"') in_string = !in_string;
    *to++ = *text;
    if (*text == '\\') *to++ = *++text; /* only in a string, where one follows */
  }
  *to = 0;
}

trm_status trm__card_compact(char **out, const char *text, trm_error *err) {
  json_t *card = NULL;
  size_t size = strlen(text);
  if (size > CARD_LIMIT)
    return trm__fail(err, TRM_E_INPUT, "card", "has %zu bytes, expected at most %zu", size, CARD_LIMIT);
  trm_status status = trm__json_parse(&card, text, size, "card", err);
  if (!status && !json_is_object(card))
    status = trm__fail(err, TRM_E_INPUT, "card", "is %s, expected an object", trm__json_type_name(card));
  json_decref(card);
  if (status) return status;
  char *compact = trm__calloc(size + 1, 1);
  if (!compact) return trm__fail_memory(err, "card", size);
  card_squeeze(compact, text);
  *out = compact;
  return TRM_OK;
}

static void convert_numbers(trm__rewrite *rewrite, int weights) {
  for (size_t i = 0; i < rewrite->count; i++) {
    trm__st_source *source = &rewrite->source[i];
    trm__rewrite_convert(source, trm__st_find(&rewrite->model->st, source->name),
                         weights == TRM_WEIGHTS_BFLOAT16 && source->rank > 1 ? TRM__ST_BF16 : TRM__ST_F32);
  }
}

static trm_status convert_check_values(const trm_model_conversion *what, trm_error *err) {
  if (fabs(what->halt_threshold) > TRM__HALTING_MOST) /* not of NaN */
    return trm__fail(err, TRM_E_USAGE, "halt_threshold", "%g, expected a number from -%g to %g", what->halt_threshold,
                     TRM__HALTING_MOST, TRM__HALTING_MOST);
  if (what->max_steps < 0 || what->max_steps > TRM__MODEL_MOST_STEPS)
    return trm__fail(err, TRM_E_USAGE, "max_steps", "%lld, expected 1 to %d, or 0 for the model's own",
                     (long long)what->max_steps, TRM__MODEL_MOST_STEPS);
  return TRM_OK;
}

/* The model's own values in the metadata, those that are given. */
static trm_status convert_values(trm__rewrite *rewrite, const trm_model_conversion *what, trm_error *err) {
  char text[40];
  trm_status status = TRM_OK;
  (void)trm__real_text(what->halt_threshold, text, sizeof text);
  if (!isnan(what->halt_threshold)) status = trm__rewrite_set(rewrite, TRM__MODEL_HALT_THRESHOLD, text, err);
  (void)snprintf(text, sizeof text, "%lld", (long long)what->max_steps);
  if (!status && what->max_steps) status = trm__rewrite_set(rewrite, TRM__MODEL_MAX_STEPS, text, err);
  char bounds[TRM__HOPELESS_TEXT];
  if (status || !what->hopeless || !what->hopeless->count) return status;
  trm__hopeless_text(what->hopeless, bounds);
  status = trm__rewrite_set(rewrite, TRM__MODEL_HOPELESS, bounds, err);
  return status;
}

trm_status trm_model_convert(const trm_model *model, const char *path, const trm_model_conversion *what,
                             trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_model_conversion, card);
  trm_model_conversion whole = trm_model_conversion_default();
  trm_status status = trm__config_read(&whole, what, &form, err);
  if (status) return status;
  what = &whole;
  int numbers = what->weights != TRM_WEIGHTS_AS_THEY_ARE;
  char *card = NULL;
  if (numbers && model->quantized)
    return trm__fail(err, TRM_E_USAGE, model->path, "has int8 weights; convert the model it was made from");
  status = convert_check_values(what, err);
  if (!status && what->card) status = trm__card_compact(&card, what->card, err);
  if (status) return status;
  trm__rewrite rewrite;
  status = trm__rewrite_open(&rewrite, model, err);
  if (!status && card) status = trm__rewrite_set(&rewrite, "trm.card", card, err);
  if (!status) status = convert_values(&rewrite, what, err);
  if (!status && numbers) convert_numbers(&rewrite, what->weights);
  if (!status) status = trm__rewrite_save(&rewrite, path, err);
  trm__free(card);
  trm__rewrite_close(&rewrite);
  return status;
}
