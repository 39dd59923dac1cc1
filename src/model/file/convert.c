/* A model file written again: its numbers in another type, a card added, everything else as it is. In bfloat16 the
 * matrices and tables are rounded, as a network that computes in bfloat16 rounds them itself: for such a network the
 * file loses nothing. Vectors (biases, the carry's start) cost next to nothing and keep their digits. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "model/file/model_file.h"

#define CARD_LIMIT ((size_t)64 << 10)

trm_model_conversion trm_model_conversion_default(void) {
  return (trm_model_conversion){.weights = TRM_WEIGHTS_AS_THEY_ARE, .card = NULL};
}

/* The text without the space between JSON's tokens. Numbers keep their digits: written anew they would lose some, and
 * the largest would round to what cannot be read. */
static void squeeze(char *to, const char *text) {
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
  squeeze(compact, text);
  *out = compact;
  return TRM_OK;
}

static trm_status compose_metadata(json_t **out, const trm_model *model, const char *card, trm_error *err) {
  char *text = NULL;
  trm_status status = card ? trm__card_compact(&text, card, err) : TRM_OK;
  const trm__model_entry entry = {"trm.card", text};
  if (!status) status = trm__model_metadata(out, model, &entry, 1, err);
  trm__free(text);
  return status;
}

/* Every tensor of the file; numbers are converted from `set` where it is given. */
static void list_sources(const trm_model *model, const trm__weight_set *set, int weights, trm__st_source *source) {
  for (size_t i = 0; i < model->st.count; i++) {
    const trm__st_tensor *t = &model->st.tensor[i];
    source[i] = trm__st_source_of(t);
    if (!set) continue;
    int at = (int)(trm__params_find(&model->params, t->name) - model->params.item);
    source[i].dtype = weights == TRM_WEIGHTS_BFLOAT16 && t->rank > 1 ? TRM__ST_BF16 : TRM__ST_F32;
    source[i].data = trm__weight_set_tensor(set, &model->params, at);
    source[i].data_is_real = 1;
  }
}

trm_status trm_model_convert(const trm_model *model, const char *path, const trm_model_conversion *what,
                             trm_error *err) {
  trm__weight_set set;
  memset(&set, 0, sizeof set);
  json_t *metadata = NULL;
  trm__st_source *source = NULL;
  int numbers = what->weights != TRM_WEIGHTS_AS_THEY_ARE;
  if (numbers && model->quantized)
    return trm__fail(err, TRM_E_USAGE, model->path, "has int8 weights; convert the model it was made from");
  trm_status status = compose_metadata(&metadata, model, what->card, err);
  if (status) return status;
  source = trm__calloc(model->st.count, sizeof *source);
  if (!source) status = trm__fail_memory(err, path, model->st.count * sizeof *source);
  if (!status && numbers) status = trm__weight_set_open(&set, &model->params, err);
  if (status) goto done;
  if (numbers) trm__model_read(model, &set);
  list_sources(model, numbers ? &set : NULL, what->weights, source);
  status = trm__st_write(path, metadata, source, model->st.count, NULL, err);
done:
  json_decref(metadata);
  trm__free(source);
  trm__weight_set_close(&set);
  return status;
}
