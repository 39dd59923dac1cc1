/* Int8 weights in model files (model/file/model_file.h): the layers' matrices as whole numbers and one scale a row, by
 * the rule that the int8 products use themselves (kernels.h, TRM_INT8). A file that is read and prepared again
 * therefore gives the very integers and scales that the original gives when it runs in int8: nothing is lost twice. */
#include "model/file/int8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "kernels/kernels.h"

#define SCALE_SUFFIX "_scale"

void trm__int8_row(int8_t *q, double *scale, const trm__real *x, size_t n) {
  float max = 0;
  for (size_t i = 0; i < n; i++) max = fmaxf(max, fabsf((float)x[i]));
  int empty = max <= TRM__INT8_LEAST;
  float factor = empty ? 0 : 127 / max;
  for (size_t i = 0; i < n; i++) q[i] = (int8_t)rintf((float)x[i] * factor);
  *scale = empty ? 0 : (double)max / 127;
}

void trm__int8_scale_name(char name[TRM__INT8_NAME], const char *weight) {
  (void)snprintf(name, TRM__INT8_NAME, "%s%s", weight, SCALE_SUFFIX);
}

int trm__int8_is_scale(const trm__safetensors *st, const char *name) {
  char weight[TRM__INT8_NAME];
  size_t length = strlen(name), suffix = strlen(SCALE_SUFFIX);
  if (length <= suffix || length - suffix >= sizeof weight || strcmp(name + length - suffix, SCALE_SUFFIX) != 0)
    return 0;
  (void)snprintf(weight, sizeof weight, "%.*s", (int)(length - suffix), name);
  const trm__st_tensor *t = trm__st_find(st, weight);
  return t && t->dtype == TRM__ST_I8;
}

static const trm__st_tensor *int8_scales(const trm__safetensors *st, const trm__param *p) {
  char name[TRM__INT8_NAME];
  trm__int8_scale_name(name, p->name);
  return trm__st_find(st, name);
}

trm_status trm__int8_check(const trm__safetensors *st, const trm__param *p, const trm__st_tensor *t, const char *where,
                           trm_error *err) {
  if (p->kind != TRM__PARAM_MATRIX)
    return trm__fail(err, TRM_E_INPUT, where, "tensor \"%s\" has dtype I8, which only the layers' matrices may have",
                     p->name);
  const trm__st_tensor *s = int8_scales(st, p);
  if (!s)
    return trm__fail(err, TRM_E_INPUT, where, "has no tensor \"%s%s\", the scales of int8 weights", p->name,
                     SCALE_SUFFIX);
  if (s->dtype != TRM__ST_F64 || s->rank != 1 || s->shape[0] != p->rows)
    return trm__fail(err, TRM_E_INPUT, where, "tensor \"%s\" is not %d numbers of dtype F64, one a row of int8 weights",
                     s->name, p->rows);
  for (size_t i = 0; i < s->elements; i++) {
    double scale;
    memcpy(&scale, s->data + i * sizeof scale, sizeof scale);
    if (!(scale >= 0 && scale * 127 <= (double)FLT_MAX))
      return trm__fail(err, TRM_E_INPUT, where, "tensor \"%s\" is %g at element %zu, expected 0 or more and finite",
                       s->name, scale, i);
  }
  for (size_t i = 0; i < t->elements; i++)
    if (t->data[i] == 0x80)
      return trm__fail(err, TRM_E_INPUT, where, "tensor \"%s\" is -128 at element %zu, expected -127 to 127", t->name,
                       i);
  return TRM_OK;
}

void trm__int8_read(const trm__safetensors *st, const trm__param *p, const trm__st_tensor *t, trm__real *out) {
  const trm__st_tensor *s = int8_scales(st, p);
  const int8_t *q = (const int8_t *)t->data;
  for (int r = 0; r < p->rows; r++) {
    double scale;
    memcpy(&scale, s->data + (size_t)r * sizeof scale, sizeof scale);
    for (int i = 0; i < p->cols; i++) *out++ = (trm__real)(float)(*q++ * scale);
  }
}
