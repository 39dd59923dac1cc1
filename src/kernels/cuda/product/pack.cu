/* Weights as the products read them: the fp32 master rounded to the forward type, transposed and interleaved as asked,
 * what is beyond set to zero. Squares of 32 x 32 elements through shared memory, so that both sides are read and
 * written along memory. Bound by bytes; a few megabytes once an update, which is why all matrices are one launch. */
#include "kernels/cuda/device.cuh"

namespace {

enum { SIDE = 32, THREADS = 256, ROWS_AT_ONCE = THREADS / SIDE, MATRICES = 32 };

/* Which row of [gates; ups] is at a place among interleaved rows. */
TRM_DEVICE int row_at(int place, int rows) {
  return place / 16 * 8 + place % 8 + (place & 8 ? rows / 2 : 0);
}

/* dst [rows][ld]: a block writes SIDE places by SIDE columns, the block x along ld. */
template <class T> TRM_DEVICE void pack_rows(const trm__cuda_packing &p, int x, int y) {
  int c = x * SIDE + (int)threadIdx.x % SIDE;
  for (int line = (int)threadIdx.x / SIDE; line < SIDE; line += ROWS_AT_ONCE) {
    int place = y * SIDE + line;
    if (place >= p.rows || c >= p.ld) continue;
    int r = p.interleave ? row_at(place, p.rows) : place;
    ((T *)p.dst)[place * p.ld + c] = trm_from_float<T>(c < p.cols ? p.src[(size_t)r * p.cols + c] : 0.0f);
  }
}

/* dst [cols][ld]: rows of src are read, columns written; the block x along ld. */
template <class T> TRM_DEVICE void pack_columns(const trm__cuda_packing &p, int x, int y) {
  float(*square)[SIDE + 1] = (float(*)[SIDE + 1]) trm_shared();
  int lane = (int)threadIdx.x % SIDE, place0 = x * SIDE, c0 = y * SIDE;
  for (int line = (int)threadIdx.x / SIDE; line < SIDE; line += ROWS_AT_ONCE) {
    int place = place0 + line, c = c0 + lane;
    int r = p.interleave && place < p.rows ? row_at(place, p.rows) : place;
    square[line][lane] = place < p.rows && c < p.cols ? p.src[(size_t)r * p.cols + c] : 0.0f;
  }
  __syncthreads();
  for (int line = (int)threadIdx.x / SIDE; line < SIDE; line += ROWS_AT_ONCE) {
    int place = place0 + lane, c = c0 + line;
    if (place < p.ld && c < p.cols) ((T *)p.dst)[c * p.ld + place] = trm_from_float<T>(square[lane][line]);
  }
}

template <class T> TRM_DEVICE void pack_square(const trm__cuda_packing &p, int block) {
  int across = (int)((p.ld + SIDE - 1) / SIDE);
  if (p.transpose) pack_columns<T>(p, block % across, block / across);
  else pack_rows<T>(p, block % across, block / across);
}

/* The matrices of a launch; the blocks of matrix i begin at first[i]. */
struct pack_list {
  int count;
  int first[MATRICES];
  trm__cuda_packing matrix[MATRICES];
};

TRM_KERNEL __launch_bounds__(THREADS) pack(pack_list list) {
  int i = 0, block = (int)blockIdx.x;
  while (i + 1 < list.count && block >= list.first[i + 1]) i++;
  const trm__cuda_packing &p = list.matrix[i];
  if (p.type == TRM_BFLOAT16) pack_square<trm_bf16>(p, block - list.first[i]);
  else pack_square<float>(p, block - list.first[i]);
}

int squares_of(const trm__cuda_packing *p) {
  int down = p->transpose ? p->cols : p->rows;
  return (int)((p->ld + SIDE - 1) / SIDE) * ((down + SIDE - 1) / SIDE);
}

} // namespace

void trm__cuda_pack(trm__cuda_queue *q, const trm__cuda_packing *matrix, int count) {
  for (int begin = 0; begin < count; begin += MATRICES) {
    pack_list list = {};
    int blocks = 0;
    for (int i = begin; i < count && i < begin + MATRICES; i++) {
      list.first[list.count] = blocks;
      list.matrix[list.count++] = matrix[i];
      blocks += squares_of(&matrix[i]);
    }
    trm_launch(q, pack, dim3((unsigned)blocks), THREADS, SIDE * (SIDE + 1) * sizeof(float), list);
  }
}
