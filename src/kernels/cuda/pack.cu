/* Weights as the products read them: the fp32 master rounded to the forward type, transposed and interleaved as asked,
 * what is beyond set to zero. Squares of 32 x 32 numbers through shared memory, so that both sides are read and written
 * along memory. Bound by bytes; a few megabytes once an update. */
#include "kernels/cuda/device.cuh"

namespace {

enum { SIDE = 32, THREADS = 256, ROWS_AT_ONCE = THREADS / SIDE };

/* Which row of [gates; ups] is at a place among interleaved rows. */
TRM_DEVICE int row_at(int place, int rows) {
  return place / 16 * 8 + place % 8 + (place & 8 ? rows / 2 : 0);
}

/* dst [rows][ld]: a block writes SIDE places by SIDE columns. */
template <class T>
TRM_KERNEL __launch_bounds__(THREADS)
    pack_rows(T *dst, ptrdiff_t ld, const float *src, int rows, int cols, int interleave) {
  int c = (int)blockIdx.x * SIDE + (int)threadIdx.x % SIDE;
  for (int y = (int)threadIdx.x / SIDE; y < SIDE; y += ROWS_AT_ONCE) {
    int place = (int)blockIdx.y * SIDE + y;
    if (place >= rows || c >= ld) continue;
    int r = interleave ? row_at(place, rows) : place;
    dst[place * ld + c] = trm_from_float<T>(c < cols ? src[(size_t)r * cols + c] : 0.0f);
  }
}

/* dst [cols][ld]: rows of src are read, columns written. blockIdx.x counts along ld. */
template <class T>
TRM_KERNEL __launch_bounds__(THREADS)
    pack_columns(T *dst, ptrdiff_t ld, const float *src, int rows, int cols, int interleave) {
  float(*square)[SIDE + 1] = (float(*)[SIDE + 1]) trm_shared();
  int x = (int)threadIdx.x % SIDE, place0 = (int)blockIdx.x * SIDE, c0 = (int)blockIdx.y * SIDE;
  for (int y = (int)threadIdx.x / SIDE; y < SIDE; y += ROWS_AT_ONCE) {
    int place = place0 + y, c = c0 + x;
    int r = interleave && place < rows ? row_at(place, rows) : place;
    square[y][x] = place < rows && c < cols ? src[(size_t)r * cols + c] : 0.0f;
  }
  __syncthreads();
  for (int y = (int)threadIdx.x / SIDE; y < SIDE; y += ROWS_AT_ONCE) {
    int place = place0 + x, c = c0 + y;
    if (place < ld && c < cols) dst[c * ld + place] = trm_from_float<T>(square[x][y]);
  }
}

template <class T>
void launch(trm__cuda_queue *q, T *dst, ptrdiff_t ld, const float *src, int rows, int cols, int transpose,
            int interleave) {
  unsigned across = (unsigned)((ld + SIDE - 1) / SIDE),
           down = (unsigned)(((transpose ? cols : rows) + SIDE - 1) / SIDE);
  trm_launch_as(false, q, transpose ? "pack_columns" : "pack_rows", transpose ? pack_columns<T> : pack_rows<T>,
                dim3(across, down), THREADS, transpose ? SIDE * (SIDE + 1) * sizeof(float) : 0, dst, ld, src, rows,
                cols, interleave);
}

} // namespace

void trm__cuda_pack(trm__cuda_queue *q, trm__cuda_type type, void *dst, ptrdiff_t ld, const float *src, int rows,
                    int cols, int transpose, int interleave) {
  if (type == TRM__CUDA_BF16) launch(q, (trm_bf16 *)dst, ld, src, rows, cols, transpose, interleave);
  else launch(q, (float *)dst, ld, src, rows, cols, transpose, interleave);
}
