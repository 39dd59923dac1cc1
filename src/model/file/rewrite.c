/* What conversion and quantization share: a model's metadata, list of tensors and weights, copied to be changed. */
#include "model/file/rewrite.h"

#include "base/mem.h"
#include "base/status.h"
#include "model/file/foreign.h"
#include "model/file/int8.h"

static int rewrite_must_convert(const trm_model *model) {
  for (size_t i = 0; i < model->st.count; i++)
    if (trm__params_find(&model->params, model->st.tensor[i].name) && trm__foreign_dtype(model->st.tensor[i].dtype))
      return 1;
  return 0;
}

trm__st_source trm__rewrite_source(const trm__rewrite *rewrite, int i) {
  const trm__params *params = &rewrite->model->params;
  trm__st_source source = trm__st_source_of(trm__st_find(&rewrite->model->st, params->item[i].name));
  if (!trm__foreign_dtype(source.dtype)) return source;
  source.dtype = TRM__ST_F32;
  source.data = trm__weight_set_tensor(&rewrite->weights, params, i);
  source.data_is_real = 1;
  return source;
}

static void rewrite_list(trm__rewrite *rewrite) {
  const trm_model *model = rewrite->model;
  for (int i = 0; i < model->params.count; i++) {
    char scale[TRM__INT8_NAME];
    trm__st_source source = rewrite->source[rewrite->count++] = trm__rewrite_source(rewrite, i);
    if (source.dtype != TRM__ST_I8) continue;
    trm__int8_scale_name(scale, source.name);
    rewrite->source[rewrite->count++] = trm__st_source_of(trm__st_find(&model->st, scale));
  }
}

trm_status trm__rewrite_open(trm__rewrite *rewrite, const trm_model *model, trm_error *err) {
  size_t room = 2 * (size_t)model->params.count;
  *rewrite = (trm__rewrite){.model = model, .metadata = json_copy(model->st.metadata)};
  rewrite->source = trm__calloc(room, sizeof *rewrite->source);
  if (!rewrite->metadata || !rewrite->source) return trm__fail_memory(err, model->path, room * sizeof *rewrite->source);
  trm_status status = rewrite_must_convert(model) ? trm__rewrite_read(rewrite, err) : TRM_OK;
  if (!status) rewrite_list(rewrite);
  return status;
}

void trm__rewrite_close(trm__rewrite *rewrite) {
  json_decref(rewrite->metadata);
  trm__free(rewrite->source);
  trm__weight_set_close(&rewrite->weights);
}

trm_status trm__rewrite_set(trm__rewrite *rewrite, const char *key, const char *text, trm_error *err) {
  if (!json_object_set_new(rewrite->metadata, key, json_string(text))) return TRM_OK;
  return trm__fail_memory(err, rewrite->model->path, 4096);
}

trm_status trm__rewrite_read(trm__rewrite *rewrite, trm_error *err) {
  if (rewrite->weights.flat) return TRM_OK;
  trm_status status = trm__weight_set_open(&rewrite->weights, &rewrite->model->params, err);
  if (!status) trm__model_read(rewrite->model, &rewrite->weights);
  return status;
}

trm_status trm__rewrite_save(const trm__rewrite *rewrite, const char *path, trm_error *err) {
  return trm__model_write_file(path, rewrite->metadata, rewrite->source, rewrite->count, NULL, err);
}
