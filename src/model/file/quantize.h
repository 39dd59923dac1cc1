/* Int8 weights of model files. The format is described in model/file/model_file.h. */
#ifndef TRM_MODEL_FILE_QUANTIZE_H
#define TRM_MODEL_FILE_QUANTIZE_H

#include "model/file/model_file.h"

/* After a weight's name: the name of its scales. */
#define TRM__SCALE_SUFFIX "_scale"

/* x [n], finite -> q [n] in -127..127 and the scale, q * scale being near x (kernels.h, TRM_INT8). */
void trm__quantize_row(int8_t *q, double *scale, const trm__real *x, size_t n);

/* A parameter that the file holds as I8: TRM_E_INPUT unless its scales are there and everything is in range. */
trm_status trm__quantized_check(const trm_model *model, const trm__param *p, const trm__st_tensor *t, trm_error *err);
/* ... and its numbers, once checked: out [rows][cols]. */
void trm__quantized_read(const trm_model *model, const trm__param *p, const trm__st_tensor *t, trm__real *out);

#endif
