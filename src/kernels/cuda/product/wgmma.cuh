/* Tensor cores by warpgroups (sm_90a): four warps give the place of two operands in shared memory to wgmma, which reads
 * them by itself while they go on. 64 x N sums of 16 elements; a warpgroup's warp w has the rows 16w.., laid out as
 * mma.m16n8k16 leaves them: acc[j] are the columns 8j... .
 *
 * An operand is a tile of operand.cuh with lines of 128 or 64 bytes, told by a descriptor (PTX manual, "Matrix
 * descriptor"): its address, the swizzle, which is as long as a line, and two distances in bytes. K-major (INNER):
 * lines are rows; stride: from 8 rows to the next 8. MN-major (OUTER, T = 1, lines of 128 bytes): lines are k, 64 rows
 * long; stride: from 8 k to the next 8, leading: from 64 rows to the next 64. What was written to shared memory needs
 * trm_proxy_fence by its writers, then a barrier. */
#ifndef TRM_KERNELS_CUDA_PRODUCT_WGMMA_CUH
#define TRM_KERNELS_CUDA_PRODUCT_WGMMA_CUH

#include "kernels/cuda/device.cuh"

/* line: bytes. */
TRM_DEVICE uint64_t trm_wgmma_descriptor(uint32_t address, int leading, int stride, int line = 128) {
  return (uint64_t)(address >> 4 & 0x3fff) | (uint64_t)(leading >> 4) << 16 | (uint64_t)(stride >> 4) << 32 |
         (uint64_t)(line == 128 ? 1 : 2) << 62;
}

#ifdef TRM_EMULATE
#include "wgmma_emulate.h" /* what the other branch defines */
#else

/* What a warpgroup has started and not waited for: the hardware knows. */
struct trm_wgmma_flight {};

TRM_DEVICE uint32_t trm_shared_address(const void *shared) {
  return (uint32_t)__cvta_generic_to_shared(shared);
}
/* Before the first trm_wgmma after sums or shared memory changed hands. */
TRM_DEVICE void trm_wgmma_fence(void) {
  asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}
TRM_DEVICE void trm_wgmma_commit(trm_wgmma_flight &) {
  asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}
/* Until at most N groups are under way. */
template <int N> TRM_DEVICE void trm_wgmma_wait(trm_wgmma_flight &) {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(N) : "memory");
}
/* Makes what this thread wrote to shared memory, and waited for, visible to wgmma. */
TRM_DEVICE void trm_proxy_fence(void) {
  asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
}
/* Keeps the compiler from using sums before the wait in front of this. */
template <int NT> TRM_DEVICE void trm_wgmma_settle(float (&acc)[NT][4]) {
#pragma unroll
  for (int j = 0; j < NT; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) asm volatile("" : "+f"(acc[j][e])::"memory");
}

#define TRM__WGMMA_SUM(j) "+f"(acc[j][0]), "+f"(acc[j][1]), "+f"(acc[j][2]), "+f"(acc[j][3])
#define TRM__WGMMA_SUMS(j) TRM__WGMMA_SUM(j), TRM__WGMMA_SUM(j + 1), TRM__WGMMA_SUM(j + 2), TRM__WGMMA_SUM(j + 3)

/* acc += A B, started now; TA, TB: 1 for MN-major operands. */
template <int TA, int TB> TRM_DEVICE void trm_wgmma(trm_wgmma_flight &, float (&acc)[8][4], uint64_t a, uint64_t b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
               "%32, %33, p, 1, 1, %35, %36;\n}\n"
               : TRM__WGMMA_SUMS(0), TRM__WGMMA_SUMS(4)
               : "l"(a), "l"(b), "r"(1), "n"(TA), "n"(TB));
}
template <int TA, int TB> TRM_DEVICE void trm_wgmma(trm_wgmma_flight &, float (&acc)[16][4], uint64_t a, uint64_t b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
               "%64, %65, p, 1, 1, %67, %68;\n}\n"
               : TRM__WGMMA_SUMS(0), TRM__WGMMA_SUMS(4), TRM__WGMMA_SUMS(8), TRM__WGMMA_SUMS(12)
               : "l"(a), "l"(b), "r"(1), "n"(TA), "n"(TB));
}
template <int TA, int TB> TRM_DEVICE void trm_wgmma(trm_wgmma_flight &, float (&acc)[32][4], uint64_t a, uint64_t b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
               "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
               "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
               "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
               "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
               "%128, %129, p, 1, 1, %131, %132;\n}\n"
               : TRM__WGMMA_SUMS(0), TRM__WGMMA_SUMS(4), TRM__WGMMA_SUMS(8), TRM__WGMMA_SUMS(12), TRM__WGMMA_SUMS(16),
                 TRM__WGMMA_SUMS(20), TRM__WGMMA_SUMS(24), TRM__WGMMA_SUMS(28)
               : "l"(a), "l"(b), "r"(1), "n"(TA), "n"(TB));
}

/* The same with A in registers: 16 elements of k of the warp's 16 rows, as mma.m16n8k16 wants its a operand. They may
 * not change before the wait. */
template <int TB>
TRM_DEVICE void trm_wgmma_held(trm_wgmma_flight &, float (&acc)[11][4], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %49, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n88k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43}, "
               "{%44, %45, %46, %47}, %48, p, 1, 1, %50;\n}\n"
               : TRM__WGMMA_SUMS(0), TRM__WGMMA_SUMS(4), TRM__WGMMA_SUM(8), TRM__WGMMA_SUM(9), TRM__WGMMA_SUM(10)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1), "n"(TB));
}
template <int TB>
TRM_DEVICE void trm_wgmma_held(trm_wgmma_flight &, float (&acc)[13][4], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %57, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n104k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
               "%48, %49, %50, %51}, "
               "{%52, %53, %54, %55}, %56, p, 1, 1, %58;\n}\n"
               : TRM__WGMMA_SUMS(0), TRM__WGMMA_SUMS(4), TRM__WGMMA_SUMS(8), TRM__WGMMA_SUM(12)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1), "n"(TB));
}
template <int TB>
TRM_DEVICE void trm_wgmma_held(trm_wgmma_flight &, float (&acc)[16][4], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
               "{%64, %65, %66, %67}, %68, p, 1, 1, %70;\n}\n"
               : TRM__WGMMA_SUMS(0), TRM__WGMMA_SUMS(4), TRM__WGMMA_SUMS(8), TRM__WGMMA_SUMS(12)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1), "n"(TB));
}

#undef TRM__WGMMA_SUM
#undef TRM__WGMMA_SUMS
#endif
#endif
