/* A model file written again with changes, which is what trm_model_convert and trm_model_quantize do. Opened, a rewrite
 * lists the file's metadata and every tensor with its bytes as they are; the caller changes entries, and saves. What is
 * not of the form that trm writes becomes so: tensors lie in the order of the parameter table, and numbers of a type
 * that is only read are F32. */
#ifndef TRM_MODEL_FILE_REWRITE_H
#define TRM_MODEL_FILE_REWRITE_H

#include "model/file/model_file.h"

typedef struct trm__rewrite {
  const trm_model *model; /* borrowed */
  json_t *metadata;       /* a copy of the file's */
  trm__st_source *source; /* [count], a weight's scales behind it; room for twice as many */
  size_t count;
  trm__weight_set weights; /* the file's, after trm__rewrite_read; sources may point into it */
} trm__rewrite;

/* trm__rewrite_close after a failure too. */
trm_status trm__rewrite_open(trm__rewrite *rewrite, const trm_model *model, trm_error *err);
void trm__rewrite_close(trm__rewrite *rewrite);

/* Parameter i as the file has it. */
trm__st_source trm__rewrite_source(const trm__rewrite *rewrite, int i);
/* The source is of the tensor's numbers, converted to F32 or BF16 as they are written. */
void trm__rewrite_convert(trm__st_source *source, const trm__st_tensor *tensor, trm__st_dtype dtype);
/* Sets an entry of the metadata. */
trm_status trm__rewrite_set(trm__rewrite *rewrite, const char *key, const char *text, trm_error *err);
/* Reads all weights. */
trm_status trm__rewrite_read(trm__rewrite *rewrite, trm_error *err);
/* Atomic. */
trm_status trm__rewrite_save(const trm__rewrite *rewrite, const char *path, trm_error *err);

#endif
