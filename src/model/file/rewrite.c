/* What conversion and quantization share: a model's metadata, list of tensors and weights, copied to be changed. */
#include "model/file/rewrite.h"

#include "base/mem.h"
#include "base/status.h"

trm_status trm__rewrite_open(trm__rewrite *rewrite, const trm_model *model, trm_error *err) {
  size_t count = model->st.count;
  *rewrite = (trm__rewrite){.model = model, .metadata = json_copy(model->st.metadata), .count = count};
  rewrite->source = trm__calloc(2 * count, sizeof *rewrite->source);
  if (!rewrite->metadata || !rewrite->source)
    return trm__fail_memory(err, model->path, 2 * count * sizeof *rewrite->source);
  for (size_t i = 0; i < count; i++) rewrite->source[i] = trm__st_source_of(&model->st.tensor[i]);
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
  trm_status status = trm__weight_set_open(&rewrite->weights, &rewrite->model->params, err);
  if (!status) trm__model_read(rewrite->model, &rewrite->weights);
  return status;
}

trm_status trm__rewrite_save(const trm__rewrite *rewrite, const char *path, trm_error *err) {
  return trm__model_write_file(path, rewrite->metadata, rewrite->source, rewrite->count, NULL, err);
}
