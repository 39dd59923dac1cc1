/* Rotary positions and softmax attention of one head, a query row at a time: the scores of the row against all keys,
 * softmax with the maximum taken out, the mean of the values. The backward pass computes the row's weights again. */
#include "kernels/ref/ref.h"

/* An odd last element of a head is left as it is. */
void trm__ref_rope(trm__real *x, ptrdiff_t ld, const trm__real *cosines, const trm__real *sines, int rows, int heads,
                   int head_dim, int inverse, int round) {
  int half = head_dim / 2;
  for (int i = 0; i < rows; i++) {
    for (int h = 0; h < heads; h++) {
      trm__real *a = x + i * ld + (ptrdiff_t)h * head_dim, *b = a + half;
      for (int j = 0; j < half; j++) {
        trm__real c = cosines[(size_t)i * (size_t)half + (size_t)j], s = sines[(size_t)i * (size_t)half + (size_t)j];
        if (inverse) s = -s;
        trm__real left = a[j] * c - b[j] * s, right = b[j] * c + a[j] * s;
        a[j] = trm__rounded(left, round);
        b[j] = trm__rounded(right, round);
      }
    }
  }
}

/* One row of weights and one of their gradients; an output row before it is rounded. */
size_t trm__ref_attention_scratch(int rows, int head_dim) {
  return 2 * (size_t)rows + (size_t)head_dim;
}

/* weight[j] = softmax over j of scale * q.k_j */
static void ref_row_weights(trm__real *weight, const trm__attention *a, const trm__real *q) {
  trm__real max = 0, sum = 0;
  for (int j = 0; j < a->rows; j++) {
    weight[j] = a->scale * trm__ref_dot(q, a->k + j * a->ld, (size_t)a->head_dim);
    if (j == 0 || weight[j] > max) max = weight[j];
  }
  for (int j = 0; j < a->rows; j++) {
    weight[j] = trm__exp(weight[j] - max);
    sum += weight[j];
  }
  for (int j = 0; j < a->rows; j++) weight[j] = weight[j] / sum;
}

void trm__ref_attention(const trm__attention *a) {
  size_t d = (size_t)a->head_dim;
  trm__real *weight = a->scratch, *sum = a->scratch + 2 * (size_t)a->rows;
  for (int i = 0; i < a->rows; i++) {
    ref_row_weights(weight, a, a->q + i * a->ld);
    for (size_t e = 0; e < d; e++) sum[e] = 0;
    for (int j = 0; j < a->rows; j++) trm__ref_axpy(sum, weight[j], a->v + j * a->ld, d);
    for (size_t e = 0; e < d; e++) a->out[i * a->out_ld + (ptrdiff_t)e] = trm__rounded(sum[e], a->round);
  }
}

static void ref_clear(trm__real *x, ptrdiff_t ld, int rows, size_t cols) {
  for (int i = 0; i < rows; i++) {
    for (size_t j = 0; j < cols; j++) x[i * ld + (ptrdiff_t)j] = 0;
  }
}

/* With weights w, scores s: dw_j = dout.v_j, ds_j = w_j (dw_j - sum_l w_l dw_l), and then through s_j = scale q.k_j. */
void trm__ref_attention_backward(const trm__attention *a) {
  size_t d = (size_t)a->head_dim, rows = (size_t)a->rows;
  trm__real *weight = a->scratch, *dweight = a->scratch + rows;
  ref_clear(a->dq, a->ld, a->rows, d);
  ref_clear(a->dk, a->ld, a->rows, d);
  ref_clear(a->dv, a->ld, a->rows, d);
  for (int i = 0; i < a->rows; i++) {
    const trm__real *q = a->q + i * a->ld, *dout = a->dout + i * a->out_ld;
    ref_row_weights(weight, a, q);
    for (int j = 0; j < a->rows; j++) {
      dweight[j] = trm__ref_dot(dout, a->v + j * a->ld, d);
      trm__ref_axpy(a->dv + j * a->ld, weight[j], dout, d);
    }
    trm__real mean = trm__ref_dot(weight, dweight, rows);
    for (int j = 0; j < a->rows; j++) {
      trm__real dscore = weight[j] * (dweight[j] - mean) * a->scale;
      trm__ref_axpy(a->dq + i * a->ld, dscore, a->k + j * a->ld, d);
      trm__ref_axpy(a->dk + j * a->ld, dscore, q, d);
    }
  }
}
