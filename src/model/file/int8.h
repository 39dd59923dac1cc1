/* Int8 weights of model files: how a row is quantized, and the tensors of a file that hold one. The format is described
 * in model/file/model_file.h; a model is written in it by quantize.c. */
#ifndef TRM_MODEL_FILE_INT8_H
#define TRM_MODEL_FILE_INT8_H

#include "model/file/safetensors.h"
#include "model/params.h"

/* x [n], finite -> q [n] in -127..127 and the scale, q * scale being near x (kernels.h, TRM_INT8). */
void trm__int8_row(int8_t *q, double *scale, const trm__real *x, size_t n);

/* The name of a weight's scales. */
#define TRM__INT8_NAME 96
void trm__int8_scale_name(char name[TRM__INT8_NAME], const char *weight);
/* Whether the file has an I8 weight whose scales go by this name. */
int trm__int8_is_scale(const trm__safetensors *st, const char *name);

/* t holds parameter p as I8: TRM_E_INPUT, naming the file as where, unless its scales are there and all is in range. */
trm_status trm__int8_check(const trm__safetensors *st, const trm__param *p, const trm__st_tensor *t, const char *where,
                           trm_error *err);
/* The weights of a tensor that has been checked: out [rows][cols]. */
void trm__int8_read(const trm__safetensors *st, const trm__param *p, const trm__st_tensor *t, trm__real *out);

#endif
