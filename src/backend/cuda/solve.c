/* Whole recursion cycles in one cooperative kernel: for one puzzle or two, where launching a kernel for each product
 * would take longer than the products. Only without gradients, in bf16, with mixer layers. */
#include "backend/cuda/gpu.h"

/* Everything but y, z, e and scratch. */
static trm__cuda_solve gpu_solve_of(const trm__weights *w, int b, int n, int T) {
  const trm__dims *s = &w->dims;
  trm__cuda_solve solve = {.b = b,
                           .L = s->L,
                           .D = s->D,
                           .inner_l = s->inner_l,
                           .inner_d = s->inner_d,
                           .layers = s->layers,
                           .n = n,
                           .T = T,
                           .rms_gate = s->activation == TRM_ACT_RMS_GATE,
                           .eps = s->eps};
  for (int i = 0; i < s->layers && i < TRM__CUDA_SOLVE_LAYERS; i++) {
    solve.layer[i].mix_in = w->layer[i].mix_in.forward;
    solve.layer[i].mix_out = w->layer[i].mix_out.forward;
    solve.layer[i].mlp_in = w->layer[i].mlp_in.forward;
    solve.layer[i].mlp_out = w->layer[i].mlp_out.forward;
  }
  return solve;
}

int trm__gpu_solves(const trm__gpu *gpu, const trm__weights *w) {
  const trm__dims *s = &w->dims;
  if (gpu->separate || w->training || w->max_batch > TRM__GPU_SOLVE_MOST) return 0;
  if (!s->bf16 || !s->mixer) return 0;
  trm__cuda_solve solve = gpu_solve_of(w, w->max_batch, 1, 1);
  return trm__cuda_solve_supported(&gpu->queue, &solve) && trm__cuda_solve_fits(&gpu->queue, &solve);
}

size_t trm__gpu_solve_bytes(const trm__weights *w) {
  trm__cuda_solve solve = gpu_solve_of(w, w->max_batch, 1, 1);
  return trm__cuda_solve_scratch(&solve);
}

int trm__gpu_cycles(trm__backend *be, trm__weights *w, int b, int n, int T, const trm__act *e, trm__act *y,
                    trm__act *z) {
  if (!w->solves) return 0;
  trm__cuda_solve solve = gpu_solve_of(w, b, n, T);
  solve.e = e;
  solve.y = y;
  solve.z = z;
  solve.scratch = w->solve;
  trm__cuda_solve_step(&trm__gpu_of(be)->queue, &solve);
  return 1;
}
