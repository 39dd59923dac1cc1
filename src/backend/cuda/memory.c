/* Device memory and copies. Numbers go to the device through a ring of pinned memory, so that the caller's may change
 * as soon as the call returns and yet nothing waits while the ring has room; numbers from the device are waited for. */
#include <string.h>

#include "backend/cuda/gpu.h"
#include "base/status.h"

/* -- allocation ---------------------------------------------------------------------------------------------------- */

/* Room for one more entry in the list of blocks. */
static int blocks_reserve(trm__gpu *gpu) {
  if (gpu->block_count < gpu->block_room) return 1;
  int room = gpu->block_room ? 2 * gpu->block_room : 32;
  trm__gpu_block *blocks = trm__realloc(gpu->blocks, (size_t)room, sizeof *blocks);
  if (!blocks) return 0;
  gpu->blocks = blocks;
  gpu->block_room = room;
  return 1;
}

void *trm__gpu_alloc(trm__backend *be, size_t bytes) {
  trm__gpu *gpu = trm__gpu_of(be);
  void *p = NULL;
  if (gpu->queue.fault || bytes > SIZE_MAX - TRM__GPU_ALIGN || !blocks_reserve(gpu)) return NULL;
  bytes = bytes ? (bytes + TRM__GPU_ALIGN - 1) / TRM__GPU_ALIGN * TRM__GPU_ALIGN : TRM__GPU_ALIGN;
  if (cudaMalloc(&p, bytes) != cudaSuccess) {
    (void)cudaGetLastError();
    return NULL;
  }
  gpu->blocks[gpu->block_count++] = (trm__gpu_block){p, bytes};
  gpu->used += bytes;
  trm__gpu_zero(be, p, bytes);
  return p;
}

void trm__gpu_free(trm__backend *be, void *p) {
  trm__gpu *gpu = trm__gpu_of(be);
  for (int i = 0; p && i < gpu->block_count; i++) {
    if (gpu->blocks[i].p != p) continue;
    gpu->used -= gpu->blocks[i].bytes;
    gpu->blocks[i] = gpu->blocks[--gpu->block_count];
    (void)cudaFree(p); /* waits for what still uses it */
    return;
  }
}

size_t trm__gpu_memory_available(trm__backend *be) {
  trm__gpu *gpu = trm__gpu_of(be);
  size_t available = 0, total = 0;
  if (gpu->queue.fault || !trm__gpu_did(gpu, cudaMemGetInfo(&available, &total), "asking for free memory")) return 0;
  return available;
}

size_t trm__gpu_memory_used(trm__backend *be) {
  return ((trm__gpu *)be)->used;
}

trm_status trm__gpu_no_memory(trm__backend *be, trm_error *err, const char *what, size_t bytes) {
  trm__gpu *gpu = trm__gpu_of(be);
  size_t available = 0, total = 0;
  if (gpu->queue.fault) return trm__gpu_report(gpu, err);
  if (cudaMemGetInfo(&available, &total) != cudaSuccess) (void)cudaGetLastError();
  return trm__fail(err, TRM_E_MEMORY, gpu->name,
                   "no memory for %s: %zu MiB are needed and %zu MiB of the card's %zu MiB are free; try a smaller "
                   "--micro-batch, --recompute "
                   "or --memory, a smaller batch when solving, or end other programs that use the card",
                   what, bytes >> 20, available >> 20, total >> 20);
}

/* -- the ring ------------------------------------------------------------------------------------------------------ */

trm_status trm__gpu_ring_open(trm__gpu *gpu, trm_error *err) {
  trm__gpu_ring *ring = &gpu->ring;
  cudaError_t error = cudaMallocHost((void **)&ring->memory, TRM__GPU_RING_BYTES);
  for (int i = 0; i < TRM__GPU_RING_PIECES && error == cudaSuccess; i++)
    error = cudaEventCreateWithFlags(&ring->piece[i].read, cudaEventDisableTiming);
  if (error == cudaSuccess) return TRM_OK;
  (void)cudaGetLastError();
  return trm__fail(err, TRM_E_MEMORY, gpu->name, "%zu MiB of memory for copies to the card could not be pinned: %s",
                   TRM__GPU_RING_BYTES >> 20, cudaGetErrorString(error));
}

void trm__gpu_ring_close(trm__gpu *gpu) {
  trm__gpu_ring *ring = &gpu->ring;
  for (int i = 0; i < TRM__GPU_RING_PIECES; i++)
    if (ring->piece[i].read) (void)cudaEventDestroy(ring->piece[i].read);
  if (ring->memory) (void)cudaFreeHost(ring->memory);
  *ring = (trm__gpu_ring){0};
}

/* Waits until the device has read the oldest piece, and forgets it. */
static void ring_drop_oldest(trm__gpu *gpu) {
  trm__gpu_ring *ring = &gpu->ring;
  trm__gpu_did(gpu, cudaEventSynchronize(ring->piece[ring->oldest].read), "waiting for a copy to the card");
  ring->oldest = (ring->oldest + 1) % TRM__GPU_RING_PIECES;
  ring->count--;
}

static int ring_overlaps(const trm__gpu_ring *ring, size_t begin, size_t end) {
  for (int i = 0; i < ring->count; i++) {
    int at = (ring->oldest + i) % TRM__GPU_RING_PIECES;
    if (ring->piece[at].begin < end && begin < ring->piece[at].end) return 1;
  }
  return 0;
}

/* A place of `bytes` (at most half the ring) that the device does not read any more. */
static unsigned char *ring_take(trm__gpu *gpu, size_t bytes) {
  trm__gpu_ring *ring = &gpu->ring;
  size_t begin = ring->head + bytes > TRM__GPU_RING_BYTES ? 0 : ring->head;
  while (ring->count == TRM__GPU_RING_PIECES || ring_overlaps(ring, begin, begin + bytes)) ring_drop_oldest(gpu);
  int at = (ring->oldest + ring->count) % TRM__GPU_RING_PIECES;
  ring->piece[at].begin = begin;
  ring->piece[at].end = begin + bytes;
  return ring->memory + begin;
}

/* Sends what was put into the place last taken. */
static void ring_send(trm__gpu *gpu, void *to) {
  trm__gpu_ring *ring = &gpu->ring;
  int at = (ring->oldest + ring->count) % TRM__GPU_RING_PIECES;
  size_t begin = ring->piece[at].begin, bytes = ring->piece[at].end - begin;
  cudaError_t error = cudaMemcpyAsync(to, ring->memory + begin, bytes, cudaMemcpyHostToDevice, gpu->stream);
  if (error == cudaSuccess) error = cudaEventRecord(ring->piece[at].read, gpu->stream);
  if (!trm__gpu_did(gpu, error, "a copy to the card")) return;
  ring->count++;
  ring->head = (begin + bytes + 63) / 64 * 64;
}

#define PIECE (TRM__GPU_RING_BYTES / 4)

static void ring_copy_to_device(trm__gpu *gpu, unsigned char *to, const unsigned char *from, size_t bytes) {
  for (size_t done = 0, count; done < bytes && !gpu->queue.fault; done += count) {
    count = bytes - done < PIECE ? bytes - done : PIECE;
    memcpy(ring_take(gpu, count), from + done, count);
    ring_send(gpu, to + done);
  }
}

/* After a fault the host reads zeros. */
static void gpu_copy_to_host(trm__gpu *gpu, void *to, const void *from, size_t bytes) {
  if (!gpu->queue.fault) {
    cudaError_t error = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, gpu->stream);
    if (error == cudaSuccess) error = cudaStreamSynchronize(gpu->stream);
    trm__gpu_did(gpu, error, "a copy from the card");
  }
  if (gpu->queue.fault) memset(to, 0, bytes);
}

void trm__gpu_copy(trm__backend *be, void *to, const void *from, size_t bytes, trm__copy_kind kind) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!bytes) return;
  if (kind == TRM__COPY_TO_HOST) {
    gpu_copy_to_host(gpu, to, from, bytes);
    return;
  }
  if (gpu->queue.fault) return;
  if (kind == TRM__COPY_TO_DEVICE) ring_copy_to_device(gpu, to, from, bytes);
  else trm__gpu_did(gpu, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, gpu->stream), "a copy on the card");
}

void trm__gpu_zero(trm__backend *be, void *p, size_t bytes) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (gpu->queue.fault || !bytes) return;
  trm__gpu_did(gpu, cudaMemsetAsync(p, 0, bytes, gpu->stream), "zeroing memory");
}

/* -- activations --------------------------------------------------------------------------------------------------- */

size_t trm__gpu_act_bytes(const trm__backend *be, const trm__dims *dims) {
  (void)be;
  return dims->bf16 ? 2 : 4;
}

/* To the nearest, ties to even; NaN stays NaN. */
static uint16_t bf16_of_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1)) >> 16);
}

static float float_of_bf16(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The narrow elements lie in the second half of `to` until each is widened, first to last. */
void trm__gpu_act_read(trm__backend *be, const trm__dims *dims, trm__real *to, const trm__act *from, size_t n) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!n) return;
  if (!dims->bf16) {
    gpu_copy_to_host(gpu, to, from, n * sizeof *to);
    return;
  }
  unsigned char *narrowed = (unsigned char *)to + n * sizeof(uint16_t);
  gpu_copy_to_host(gpu, narrowed, from, n * sizeof(uint16_t));
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    memcpy(&half, narrowed + i * sizeof half, sizeof half);
    to[i] = float_of_bf16(half);
  }
}

void trm__gpu_act_write(trm__backend *be, const trm__dims *dims, trm__act *to, const trm__real *from, size_t n) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!dims->bf16) {
    trm__gpu_copy(be, to, from, n * sizeof *from, TRM__COPY_TO_DEVICE);
    return;
  }
  size_t most = PIECE / sizeof(uint16_t);
  for (size_t done = 0, count; done < n && !gpu->queue.fault; done += count) {
    count = n - done < most ? n - done : most;
    unsigned char *place = ring_take(gpu, count * sizeof(uint16_t));
    for (size_t i = 0; i < count; i++) {
      uint16_t half = bf16_of_float(from[done + i]);
      memcpy(place + i * sizeof half, &half, sizeof half);
    }
    ring_send(gpu, to + done * sizeof(uint16_t));
  }
}
