/* PyTorch as a contestant: bench/network.py in a process of its own, asked line by line, so that it runs in turn with
 * trm in one call. Its process waits for the next line while trm runs. */
#ifndef TRM_BENCH_PYTORCH_H
#define TRM_BENCH_PYTORCH_H

#include <trm/model.h>

#include "measure.h"

typedef struct pytorch pytorch;

/* How the peer is started. */
typedef struct pytorch_start {
  const char *python;            /* an interpreter that imports torch */
  const char *script;            /* bench/network.py */
  const char *original;          /* the folder of the original's code, or NULL */
  const char *device, *compile_; /* as network.py's options; NULL: the CPU, not compiled */
} pytorch_start;
/* NULL when it does not answer; why [size] then says so. */
pytorch *pytorch_open(const pytorch_start *how, char *why, size_t size);
void pytorch_close(pytorch **p);                /* accepts NULL inside */
const char *pytorch_describe(const pytorch *p); /* "PyTorch 1.13.1 (written plainly; openblas-openmp/libblas.so.3)" */

/* One supervision step of `batch` examples; with training also its gradients. */
typedef struct pytorch_case {
  pytorch *peer;
  const trm_model_config *config;
  const char *dtype; /* "float32", "bfloat16" */
  int batch, training, threads;
  size_t bytes; /* pytorch_copy */
} pytorch_case;
contestant pytorch_contestant(pytorch_case *c, double operations);
/* What the device can do at most: a square product of 8192 (256 on a CPU) in c->dtype, a copy of so many bytes. */
contestant pytorch_product(pytorch_case *c);
contestant pytorch_copy(pytorch_case *c, size_t bytes);
/* How the last network was computed: "torch.compile of the layers, in parts of 96"; "" when plainly. */
const char *pytorch_how(const pytorch *p);
/* Why a request was refused since the last call of this; 0 when none was. */
int pytorch_take_refusal(pytorch *p, char *why, size_t size);

#endif
