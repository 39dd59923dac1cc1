/* What conversion and quantization share: a model's metadata, list of tensors and weights, copied to be changed. */
#include "model/file/rewrite.h"

#include "base/mem.h"
#include "base/status.h"
#include "model/file/foreign.h"
#include "model/file/int8.h"

trm__st_source trm__rewrite_source(const trm__rewrite *rewrite, int i) {
  const trm__st_tensor *tensor = trm__st_find(&rewrite->model->st, rewrite->model->params.item[i].name);
  trm__st_source source = trm__st_source_of(tensor);
  if (trm__foreign_dtype(source.dtype)) trm__rewrite_convert(&source, tensor, TRM__ST_F32);
  return source;
}

void trm__rewrite_convert(trm__st_source *source, const trm__st_tensor *tensor, trm__st_dtype dtype) {
  source->dtype = dtype;
  source->data = NULL;
  source->converted = tensor;
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
  rewrite_list(rewrite);
  return TRM_OK;
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
