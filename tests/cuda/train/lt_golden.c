/* What train_golden does, with products by cuBLASLt (emulated: a stand-in); skipped on a card without the library. */
#define GOLDEN_DEVICE "cuda,cublaslt"
#ifdef TRM_EMULATE
#define GOLDEN_SETS "small"
#define GOLDEN_NOTICES 0
#ifndef MOST_UPDATES
#define MOST_UPDATES 1
#endif
#include "cublaslt.h"
#endif
#include "golden/run.h"

__attribute__((constructor)) static void find_library(void) {
#ifdef TRM_EMULATE
  trm__gpu_lt_stand_in(emulate_cublaslt());
#else
  trm__backend *be = NULL;
  trm_error err = {0};
  if (trm__backend_open(&be, GOLDEN_DEVICE, NULL, NULL, &err) == TRM_E_UNSUPPORTED) {
    printf("skipped: %s\n", err.message);
    exit(77);
  }
  trm__backend_close(&be);
#endif
}
