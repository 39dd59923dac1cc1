/* NumPy's .npy files: arrays of numbers. A file is
 *   6 bytes "\x93NUMPY", major and minor version (1.0, 2.0 or 3.0), the header's length (2 bytes in version 1, else 4),
 *   the header: a Python dict {'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), } padded with spaces, "\n",
 *   the elements.
 * Of either byte order ('<' little endian, '>' big endian, '=' the machine's, which is little endian too) and in C
 * order or, where fortran_order is True, with the first index running fastest. Either is read in place: an element is
 * asked for by its index in C order. We write little endian in C order. Every other type, pickled objects and a size
 * that does not fit the shape are refused. */
#ifndef TRM_DATA_FORMAT_NPY_H
#define TRM_DATA_FORMAT_NPY_H

#include <stdint.h>
#include <trm/error.h>

#include "base/os/file.h"

#define TRM__NPY_RANK 4
#define TRM__NPY_LIMIT ((uint64_t)8 << 30) /* bytes of a file */

typedef enum trm__npy_type {
  TRM__NPY_U8,
  TRM__NPY_I8,
  TRM__NPY_U16,
  TRM__NPY_I16,
  TRM__NPY_U32,
  TRM__NPY_I32,
  TRM__NPY_I64,
  TRM__NPY_U64,
  TRM__NPY_BOOL,
  TRM__NPY_F32,
  TRM__NPY_F64
} trm__npy_type;

typedef struct trm__npy {
  trm__npy_type type;
  int big_endian, fortran; /* how the elements lie in the file */
  int rank;
  int64_t shape[TRM__NPY_RANK];
  size_t count;              /* elements */
  const unsigned char *data; /* elements, perhaps not aligned */
  trm__map map;              /* of a file, else zero */
} trm__npy;

/* Maps the file; close unmaps it. */
trm_status trm__npy_open(trm__npy *npy, const char *path, trm_error *err);
void trm__npy_close(trm__npy *npy); /* also of a zeroed struct */
/* The same from bytes in memory, which are borrowed. */
trm_status trm__npy_parse(trm__npy *npy, const void *bytes, size_t size, const char *where, trm_error *err);

size_t trm__npy_item(trm__npy_type type);  /* bytes of an element */
int trm__npy_is_whole(trm__npy_type type); /* whole numbers: trm__npy_int reads them */
/* Element i in C order, whatever the file's; unsigned ones beyond int64 are INT64_MAX. */
int64_t trm__npy_int(const trm__npy *npy, size_t i);
double trm__npy_real(const trm__npy *npy, size_t i); /* any type */

/* An array as a file whose elements the caller writes to *w behind the header, in the machine's (little endian) order,
 * before committing it. */
trm_status trm__npy_begin(trm__writer **w, const char *path, trm__npy_type type, int rank, const int64_t *shape,
                          trm_error *err);
/* A whole array as a file, atomically. data: elements in the machine's (little endian) order. */
trm_status trm__npy_write(const char *path, trm__npy_type type, int rank, const int64_t *shape, const void *data,
                          trm_error *err);

#endif
