/* trm_model_quantize: the layers' matrices in int8, everything else of the file as it is. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/file/int8.h"
#include "model/file/rewrite.h"

/* A matrix in int8. */
typedef struct int8_matrix {
  char scale_name[TRM__INT8_NAME];
  int8_t *q;     /* [rows][cols]; NULL: the parameter is not quantized */
  double *scale; /* [rows] */
} int8_matrix;

static void free_matrices(int8_matrix *matrix, int count) {
  for (int i = 0; matrix && i < count; i++) {
    trm__free(matrix[i].q);
    trm__free(matrix[i].scale);
  }
  trm__free(matrix);
}

static trm_status quantize_matrix(int8_matrix *to, const trm__param *p, const trm__real *from, const char *path,
                                  trm_error *err) {
  size_t rows = (size_t)p->rows, cols = (size_t)p->cols;
  to->q = trm__calloc(rows * cols, sizeof *to->q);
  to->scale = trm__calloc(rows, sizeof *to->scale);
  if (!to->q || !to->scale) return trm__fail_memory(err, path, rows * cols + rows * sizeof *to->scale);
  trm__int8_scale_name(to->scale_name, p->name);
  for (size_t r = 0; r < rows; r++) trm__int8_row(to->q + r * cols, &to->scale[r], from + r * cols, cols);
  return TRM_OK;
}

/* Each matrix as its integers and then their scales. */
static void list_matrices(trm__rewrite *rewrite, const int8_matrix *matrix) {
  const trm__params *params = &rewrite->model->params;
  size_t count = 0;
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    if (!matrix[i].q) {
      rewrite->source[count++] = trm__rewrite_source(rewrite, i);
      continue;
    }
    rewrite->source[count++] = (trm__st_source){
        .name = p->name, .dtype = TRM__ST_I8, .rank = 2, .shape = {p->rows, p->cols}, .data = matrix[i].q};
    rewrite->source[count++] = (trm__st_source){
        .name = matrix[i].scale_name, .dtype = TRM__ST_F64, .rank = 1, .shape = {p->rows}, .data = matrix[i].scale};
  }
  rewrite->count = count;
}

/* The configuration with forward_dtype int8, and where the model comes from, unless JSON cannot hold that path. */
static trm_status set_metadata(trm__rewrite *rewrite, trm_error *err) {
  const trm_model *model = rewrite->model;
  trm_model_config config = model->config;
  config.forward_dtype = TRM_INT8;
  char *text = trm__model_config_text(&config);
  json_t *from = json_string(model->path); /* NULL: not UTF-8 */
  trm_status status =
      text ? trm__rewrite_set(rewrite, "trm.config", text, err) : trm__fail_memory(err, model->path, 4096);
  if (!status && from) status = trm__rewrite_set(rewrite, "trm.quantized_from", model->path, err);
  json_decref(from);
  free(text);
  return status;
}

trm_status trm_model_quantize(const trm_model *model, const char *path, trm_error *err) {
  if (model->config.recursion == TRM_RECURSION_LATTICE)
    return trm__fail(err, TRM_E_UNSUPPORTED, model->path, "is a lattice model, which is solved in float32 alone");
  if (model->quantized)
    return trm__fail(err, TRM_E_USAGE, model->path, "has int8 weights already; quantize the model it was made from");
  const trm__params *params = &model->params;
  trm__rewrite rewrite;
  trm_status status = trm__rewrite_open(&rewrite, model, err);
  int8_matrix *matrix = trm__calloc((size_t)params->count, sizeof *matrix);
  if (!status && !matrix) status = trm__fail_memory(err, path, (size_t)params->count * sizeof *matrix);
  if (!status) status = trm__rewrite_read(&rewrite, err);
  for (int i = 0; i < params->count && !status; i++)
    if (params->item[i].kind == TRM__PARAM_MATRIX)
      status =
          quantize_matrix(&matrix[i], &params->item[i], trm__weight_set_tensor(&rewrite.weights, params, i), path, err);
  if (!status) status = set_metadata(&rewrite, err);
  if (!status) {
    list_matrices(&rewrite, matrix);
    status = trm__rewrite_save(&rewrite, path, err);
  }
  free_matrices(matrix, params->count);
  trm__rewrite_close(&rewrite);
  return status;
}
