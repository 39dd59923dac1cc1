/* A stand-in for cuBLASLt on the emulated device: plain loops over what descriptors say, in the stream like any kernel,
 * for trm__gpu_lt_stand_in. It checks what it is given as the library does: shapes that agree, leading dimensions,
 * alignment, the algorithm that its heuristic named for these descriptors. */
#ifndef TRM_CUDA_EMULATOR_CUBLASLT_H
#define TRM_CUDA_EMULATOR_CUBLASLT_H

#include "backend/cuda/lt.h"

#ifdef __cplusplus
extern "C" {
#endif

const trm__lt_api *emulate_cublaslt(void);
long emulate_cublaslt_plans(void);        /* heuristics asked since the start */
long emulate_cublaslt_objects(void);      /* that were created and not destroyed */
void emulate_cublaslt_refuse(int status); /* what its heuristic says from now on; 0: all is well */
void emulate_cublaslt_fail(int status);   /* what its products give */
void emulate_cublaslt_absent(int status); /* what cublasLtCreate gives */

#ifdef __cplusplus
}
#endif
#endif
