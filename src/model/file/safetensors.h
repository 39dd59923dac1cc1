/* The safetensors container, read and written. Bytes: u64 little-endian header length N (at most 100 MB), N bytes of
 * JSON {"__metadata__": {string: string}, "name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ...}
 * (padded with spaces to a multiple of 8), then the data, row-major little-endian; offsets count from the data's start.
 * Reading checks everything first: lengths, offsets in range, no gaps, no overlaps, size = shape * dtype, unique names.
 */
#ifndef TRM_MODEL_FILE_SAFETENSORS_H
#define TRM_MODEL_FILE_SAFETENSORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#include "base/os/file.h"
#include "kernels/kernels.h"

typedef enum trm__st_dtype {
  TRM__ST_BOOL,
  TRM__ST_U8,
  TRM__ST_I8,
  TRM__ST_I16,
  TRM__ST_U16,
  TRM__ST_F16,
  TRM__ST_BF16,
  TRM__ST_I32,
  TRM__ST_U32,
  TRM__ST_F32,
  TRM__ST_F64,
  TRM__ST_I64,
  TRM__ST_U64
} trm__st_dtype;

typedef struct trm__st_tensor {
  const char *name;
  trm__st_dtype dtype;
  int rank;
  int64_t shape[8];
  size_t elements, bytes;
  const unsigned char *data; /* into the map; not necessarily aligned */
} trm__st_tensor;

typedef struct trm__safetensors {
  trm__map map;
  json_t *metadata; /* object of strings, owned; never NULL after open */
  trm__st_tensor *tensor;
  size_t count;
  char *names;            /* storage */
  unsigned char *numbers; /* of tensors that the file has in another order (model/torch), or NULL */
  int spaced;             /* the header has white space between its tokens, which trm__st_write never puts there */
} trm__safetensors;

trm_status trm__st_open(trm__safetensors *st, const char *path, trm_error *err);
trm_status trm__st_parse(trm__safetensors *st, const void *data, size_t size, const char *where,
                         trm_error *err); /* the same from memory, which must outlive it (map stays empty) */
void trm__st_close(trm__safetensors *st);
const trm__st_tensor *trm__st_find(const trm__safetensors *st, const char *name);
/* The same, of this type and number of elements; path: the file's, for the error. */
trm_status trm__st_find_sized(const trm__safetensors *st, const char *name, trm__st_dtype dtype, size_t elements,
                              const char *path, const trm__st_tensor **out, trm_error *err);
const char *trm__st_dtype_name(trm__st_dtype dtype);
size_t trm__st_dtype_size(trm__st_dtype dtype);

double trm__st_element(const trm__st_tensor *tensor, size_t i); /* of any type */
/* The elements of a tensor of any type, converted: out [tensor->elements]. */
void trm__st_read_real(const trm__st_tensor *tensor, trm__real *out);
void trm__st_read_double(const trm__st_tensor *tensor, double *out);

/* Writing: declare tensors in order, then stream. dtype F32 or BF16 converts from trm__real (BF16 rounds to nearest
 * even); other dtypes are written as raw bytes of that type. */
typedef struct trm__st_source {
  const char *name;
  trm__st_dtype dtype;
  int rank;
  int64_t shape[8];
  const void *data;
  int data_is_real;                /* 1: trm__real numbers to convert; 0: bytes of dtype */
  const trm__st_tensor *converted; /* not NULL: its numbers are converted, piece by piece, in place of data's */
} trm__st_source;
trm__st_source trm__st_source_of(const trm__st_tensor *tensor); /* its bytes as they are */
/* Its bytes as the file will hold them, in pieces, until take fails. */
typedef trm_status (*trm__st_take)(void *context, const void *data, size_t size, trm_error *err);
trm_status trm__st_source_read(const trm__st_source *source, trm__st_take take, void *context, trm_error *err);
size_t trm__st_source_bytes(const trm__st_source *source);
/* Atomic; metadata: object of strings or NULL. crc (NULL: skip) receives the file's CRC-32. */
trm_status trm__st_write(const char *path, const json_t *metadata, const trm__st_source *tensors, size_t count,
                         uint32_t *crc, trm_error *err);

#endif
