/* PyTorch as a contestant: bench/network.py in a process of its own, asked line by line, so that it runs in turn with
 * trm in one call. Its process waits for the next line while trm runs. */
#ifndef TRM_BENCH_PYTORCH_H
#define TRM_BENCH_PYTORCH_H

#include <trm/model.h>

#include "measure.h"

typedef struct pytorch pytorch;

/* python: an interpreter that imports torch; script: bench/network.py; original: the folder of the original's code or
 * NULL. NULL when it does not answer; why [size] then says so. */
pytorch *pytorch_open(const char *python, const char *script, const char *original, char *why, size_t size);
void pytorch_close(pytorch **p);                /* accepts NULL inside */
const char *pytorch_describe(const pytorch *p); /* "PyTorch 1.13.1 (written plainly; openblas-openmp/libblas.so.3)" */

/* One supervision step of `batch` examples; with training also its gradients. */
typedef struct pytorch_case {
  pytorch *peer;
  const trm_model_config *config;
  const char *dtype; /* "float32", "bfloat16" */
  int batch, training, threads;
} pytorch_case;
contestant pytorch_contestant(pytorch_case *c, double operations);
/* Why a request was refused since the last call of this; 0 when none was. */
int pytorch_take_refusal(pytorch *p, char *why, size_t size);

#endif
