/* Int8 weights in model files (model/file/model_file.h): the layers' matrices as whole numbers and one scale a row, by
 * the rule that the int8 products use themselves (kernels.h, TRM_INT8). A file that is read and prepared again
 * therefore gives the very integers and scales that the original gives when it runs in int8: nothing is lost twice. */
#include "model/file/quantize.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "kernels/kernels.h"

void trm__quantize_row(int8_t *q, double *scale, const trm__real *x, size_t n) {
  float max = 0;
  for (size_t i = 0; i < n; i++) max = fmaxf(max, fabsf((float)x[i]));
  int empty = max <= TRM__INT8_LEAST;
  float factor = empty ? 0 : 127 / max;
  for (size_t i = 0; i < n; i++) q[i] = (int8_t)rintf((float)x[i] * factor);
  *scale = empty ? 0 : (double)max / 127;
}

/* -- writing ------------------------------------------------------------------------------------------------------ */

typedef struct image {
  char name[96]; /* of the scales */
  int8_t *q;
  double *scale;
} image;

static void free_images(image *images, int count) {
  for (int i = 0; images && i < count; i++) {
    trm__free(images[i].q);
    trm__free(images[i].scale);
  }
  trm__free(images);
}

static trm_status quantize_tensor(image *to, const trm__param *p, const trm__real *from, const char *path,
                                  trm_error *err) {
  size_t rows = (size_t)p->rows, cols = (size_t)p->cols;
  to->q = trm__calloc(rows * cols, sizeof *to->q);
  to->scale = trm__calloc(rows, sizeof *to->scale);
  if (!to->q || !to->scale) return trm__fail_memory(err, path, rows * cols + rows * sizeof *to->scale);
  (void)snprintf(to->name, sizeof to->name, "%s%s", p->name, TRM__SCALE_SUFFIX);
  for (size_t r = 0; r < rows; r++) trm__quantize_row(to->q + r * cols, &to->scale[r], from + r * cols, cols);
  return TRM_OK;
}

/* The original's metadata, its configuration with forward_dtype int8, and where it comes from, unless JSON cannot hold
 * that path. */
static trm_status compose_metadata(json_t **out, const trm_model *model, trm_error *err) {
  trm_model_config changed = model->config;
  changed.forward_dtype = TRM_INT8;
  char *text = trm__model_config_text(&changed);
  json_t *from = json_string(model->path); /* NULL: not UTF-8 */
  const trm__model_entry entries[] = {{"trm.config", text}, {"trm.quantized_from", from ? model->path : NULL}};
  trm_status status =
      text ? trm__model_metadata(out, model, entries, 2, err) : trm__fail_memory(err, model->path, 4096);
  json_decref(from);
  free(text);
  return status;
}

/* Each matrix as its integers and then their scales; every other tensor's bytes as they are. Returns the tensors. */
static size_t list_sources(const trm_model *model, const image *images, trm__st_source *source) {
  size_t count = 0;
  for (int i = 0; i < model->params.count; i++) {
    const trm__param *p = &model->params.item[i];
    if (!images[i].q) {
      source[count++] = trm__st_source_of(trm__st_find(&model->st, p->name));
      continue;
    }
    source[count++] = (trm__st_source){
        .name = p->name, .dtype = TRM__ST_I8, .rank = 2, .shape = {p->rows, p->cols}, .data = images[i].q};
    source[count++] = (trm__st_source){
        .name = images[i].name, .dtype = TRM__ST_F64, .rank = 1, .shape = {p->rows}, .data = images[i].scale};
  }
  return count;
}

trm_status trm_model_quantize(const trm_model *model, const char *path, trm_error *err) {
  size_t items = (size_t)model->params.count;
  trm__weight_set set;
  memset(&set, 0, sizeof set);
  json_t *metadata = NULL;
  image *images = trm__calloc(items, sizeof *images);
  trm__st_source *source = trm__calloc(2 * items, sizeof *source);
  trm_status status = images && source ? TRM_OK : trm__fail_memory(err, path, items * sizeof *images);
  if (!status && model->quantized)
    status = trm__fail(err, TRM_E_USAGE, model->path, "has int8 weights already; quantize the model it was made from");
  if (!status) status = trm__weight_set_open(&set, &model->params, err);
  if (status) goto done;
  trm__model_read(model, &set);
  for (int i = 0; i < model->params.count && !status; i++)
    if (model->params.item[i].kind == TRM__PARAM_MATRIX)
      status = quantize_tensor(&images[i], &model->params.item[i], trm__weight_set_tensor(&set, &model->params, i),
                               path, err);
  if (!status) status = compose_metadata(&metadata, model, err);
  if (!status) status = trm__st_write(path, metadata, source, list_sources(model, images, source), NULL, err);
done:
  json_decref(metadata);
  free_images(images, model->params.count);
  trm__free(source);
  trm__weight_set_close(&set);
  return status;
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

static const trm__st_tensor *scales_of(const trm_model *m, const trm__param *p) {
  char name[96];
  (void)snprintf(name, sizeof name, "%s%s", p->name, TRM__SCALE_SUFFIX);
  return trm__st_find(&m->st, name);
}

trm_status trm__quantized_check(const trm_model *m, const trm__param *p, const trm__st_tensor *t, trm_error *err) {
  if (p->kind != TRM__PARAM_MATRIX)
    return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" has dtype I8, which only the layers' matrices may have",
                     p->name);
  const trm__st_tensor *s = scales_of(m, p);
  if (!s)
    return trm__fail(err, TRM_E_INPUT, m->path, "has no tensor \"%s%s\", the scales of int8 weights", p->name,
                     TRM__SCALE_SUFFIX);
  if (s->dtype != TRM__ST_F64 || s->rank != 1 || s->shape[0] != p->rows)
    return trm__fail(err, TRM_E_INPUT, m->path,
                     "tensor \"%s\" is not %d numbers of dtype F64, one a row of int8 weights", s->name, p->rows);
  for (size_t i = 0; i < s->elements; i++) {
    double scale;
    memcpy(&scale, s->data + i * sizeof scale, sizeof scale);
    if (!(scale >= 0 && scale * 127 <= (double)FLT_MAX))
      return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" is %g at element %zu, expected 0 or more and finite",
                       s->name, scale, i);
  }
  for (size_t i = 0; i < t->elements; i++)
    if (t->data[i] == 0x80)
      return trm__fail(err, TRM_E_INPUT, m->path, "tensor \"%s\" is -128 at element %zu, expected -127 to 127", t->name,
                       i);
  return TRM_OK;
}

void trm__quantized_read(const trm_model *m, const trm__param *p, const trm__st_tensor *t, trm__real *out) {
  const trm__st_tensor *s = scales_of(m, p);
  const int8_t *q = (const int8_t *)t->data;
  for (int r = 0; r < p->rows; r++) {
    double scale;
    memcpy(&scale, s->data + (size_t)r * sizeof scale, sizeof scale);
    for (int i = 0; i < p->cols; i++) *out++ = (trm__real)(float)(*q++ * scale);
  }
}
