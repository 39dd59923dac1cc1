/* The part of cuBLASLt that is used, declared here so that building needs neither its header nor its library: the
 * numbers and layouts below are those of its interface, the same in releases 12 and 13. Enumerations travel as int. */
#ifndef TRM_BACKEND_CUDA_LT_H
#define TRM_BACKEND_CUDA_LT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TRM__LT_SUCCESS = 0, TRM__LT_NOT_SUPPORTED = 15 };           /* cublasStatus_t */
enum { TRM__LT_F32 = 0, TRM__LT_BF16 = 14 };                        /* cudaDataType */
enum { TRM__LT_COMPUTE_F32 = 68 };                                  /* cublasComputeType_t */
enum { TRM__LT_DESC_TRANSA = 3, TRM__LT_DESC_TRANSB = 4 };          /* int32_t: 0 as it is, 1 transposed */
enum { TRM__LT_LAYOUT_BATCHES = 5, TRM__LT_LAYOUT_BATCH_STEP = 6 }; /* int32_t, int64_t numbers */
/* size_t; uint32_t, 2: sums in parts are kept whole and added in order, never in place; uint32_t, then B, C and D */
enum { TRM__LT_PREFERENCE_WORKSPACE = 1, TRM__LT_PREFERENCE_REDUCTIONS = 3, TRM__LT_PREFERENCE_ALIGNMENT_A = 5 };
enum { TRM__LT_REDUCTION_COMPUTE_TYPE = 2 };

typedef struct trm__lt_algorithm {
  uint64_t data[8];
} trm__lt_algorithm;

typedef struct trm__lt_found {
  trm__lt_algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
} trm__lt_found;

/* Matrices are stored by columns: D [rows][cols] = alpha op(A) op(B) + beta C. stream: cudaStream_t. */
typedef struct trm__lt_api {
  int (*create)(void **handle);
  int (*destroy)(void *handle);
  int (*desc_create)(void **desc, int compute_type, int scale_type);
  int (*desc_destroy)(void *desc);
  int (*desc_set)(void *desc, int attribute, const void *value, size_t bytes);
  int (*layout_create)(void **layout, int type, uint64_t rows, uint64_t cols, int64_t ld);
  int (*layout_destroy)(void *layout);
  int (*layout_set)(void *layout, int attribute, const void *value, size_t bytes);
  int (*preference_create)(void **preference);
  int (*preference_destroy)(void *preference);
  int (*preference_set)(void *preference, int attribute, const void *value, size_t bytes);
  int (*heuristic)(void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted,
                   trm__lt_found *found, int *count);
  int (*matmul)(void *handle, void *desc, const void *alpha, const void *a, void *a_layout, const void *b,
                void *b_layout, const void *beta, const void *c, void *c_layout, void *d, void *d_layout,
                const trm__lt_algorithm *algorithm, void *workspace, size_t workspace_bytes, void *stream);
} trm__lt_api;

/* From now on backends use this in place of the library; NULL: the library again. For tests. */
void trm__gpu_lt_stand_in(const trm__lt_api *api);
/* The libraries to look for (NULL ends them); NULL: the usual ones again. For tests. */
void trm__gpu_lt_libraries(const char *const *names);
/* Fills in the table from the first of the libraries (NULL ends them) that can be loaded; 0 and why when none can or a
 * function is missing. A library stays loaded: recordings may hold code of it. */
int trm__gpu_lt_load(trm__lt_api *api, const char *const *names, char why[256]);

#ifdef __cplusplus
}
#endif
#endif
