/* What the blocks share: taking scratch, cutting a batch into chunks, and the fields that every product and every
 * weight gradient of a block has alike. */
#include "backend/cuda/gpu.h"

/* -- scratch and chunks -------------------------------------------------------------------------------------------- */

void *trm__gpu_take(trm__arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (!trm__mul_size(count, size, &bytes) || bytes > SIZE_MAX - TRM__GPU_ALIGN) bytes = SIZE_MAX;
  else bytes = (bytes + TRM__GPU_ALIGN - 1) / TRM__GPU_ALIGN * TRM__GPU_ALIGN;
  return trm__arena_take(arena, bytes, 1);
}

int trm__gpu_most(int b, size_t example_bytes, size_t limit) {
  size_t most = example_bytes ? limit / example_bytes : (size_t)b;
  return most < 1 ? 1 : most < (size_t)b ? (int)most : b;
}

int trm__gpu_chunk(int b, size_t example_bytes, size_t limit) {
  int most = trm__gpu_most(b, example_bytes, limit), pieces = (b + most - 1) / most;
  return (b + pieces - 1) / pieces;
}

/* -- products ------------------------------------------------------------------------------------------------------ */

trm__cuda_product trm__gpu_product(const trm__weights *w, int m, int n, int k, trm__cuda_operand a, trm__cuda_operand b,
                                   void *c, ptrdiff_t c_ld) {
  return (trm__cuda_product){.type = w->type,
                             .m = m,
                             .n = n,
                             .k = k,
                             .batches = 1,
                             .a = a,
                             .b = b,
                             .epilogue = TRM__CUDA_STORE,
                             .c = c,
                             .c_ld = c_ld,
                             .room = w->room,
                             .room_bytes = w->room_bytes};
}

void trm__gpu_need_gradient(const trm__weights *w, trm__gpu_needs *needs, int m, int n, int k, int rows, int most) {
  for (int b = 1; b <= most; b++) {
    int splits = trm__cuda_splits(w->type, m, n, rows ? b * k : k, rows ? 1 : b);
    trm__gpu_grow(&needs->partial, (size_t)splits * (size_t)m * (size_t)n);
  }
}

void trm__gpu_gradient(trm__gpu *gpu, const trm__weights *w, int m, int n, int k, int batches, trm__cuda_operand a,
                       trm__cuda_operand b, trm__real *to, int interleaved) {
  trm__cuda_product p = trm__gpu_product(w, m, n, k, a, b, NULL, n);
  p.batches = batches;
  p.epilogue = TRM__CUDA_PARTIAL;
  trm__cuda_weight_gradient(&gpu->queue, &p, w->partial, to, interleaved);
}
