/* Attention and rotary positions on the device: against formulas in double and against plain C, at sizes around the
 * edges of every tile, with scores that overflow without their maximum taken out, and the same bits again. */
#include "cuda/device_check.h"

#include "kernels/kernels.h"

/* -- the formulas in double ---------------------------------------------------------------------------------------- */

typedef struct shape {
  trm_dtype type;
  int b, L, heads, d;
} shape;

static size_t out_numbers(const shape *s) {
  return (size_t)(s->b * s->L * s->heads * s->d);
}

/* qkv, dout -> out, lse, dqkv. */
typedef struct result {
  double *out, *lse, *dqkv;
} result;

static void head_in_double(const shape *s, int example, int head, const float *qkv, const float *dout, result *r) {
  int L = s->L, d = s->d, width = s->heads * d, ld = 3 * width;
  size_t at = (size_t)(example * L * ld + head * d), out_at = (size_t)(example * L * width + head * d);
  const float *q = qkv + at, *k = q + width, *v = k + width;
  double *dq = r->dqkv + at, *dk = dq + width, *dv = dk + width, *p = malloc(8 * (size_t)L),
         *dp = malloc(8 * (size_t)L);
  double scale = 1 / sqrt((double)d);
  for (int i = 0; i < L; i++) {
    double most = -INFINITY, sum = 0, mean = 0;
    for (int j = 0; j < L; j++) {
      p[j] = dp[j] = 0;
      for (int e = 0; e < d; e++) {
        p[j] += scale * (double)q[i * ld + e] * (double)k[j * ld + e];
        dp[j] += (double)dout[out_at + (size_t)(i * width + e)] * (double)v[j * ld + e];
      }
      most = fmax(most, p[j]);
    }
    for (int j = 0; j < L; j++) sum += exp(p[j] - most);
    r->lse[((size_t)example * (size_t)s->heads + (size_t)head) * (size_t)L + (size_t)i] = most + log(sum);
    for (int j = 0; j < L; j++) {
      p[j] = exp(p[j] - most) / sum;
      mean += p[j] * dp[j];
    }
    for (int j = 0; j < L; j++) {
      double ds = scale * p[j] * (dp[j] - mean);
      for (int e = 0; e < d; e++) {
        size_t o = out_at + (size_t)(i * width + e);
        r->out[o] += p[j] * (double)v[j * ld + e];
        dv[j * ld + e] += p[j] * (double)dout[o];
        dq[i * ld + e] += ds * (double)k[j * ld + e];
        dk[j * ld + e] += ds * (double)q[i * ld + e];
      }
    }
  }
  free(p);
  free(dp);
}

static result in_double(const shape *s, const float *qkv, const float *dout) {
  size_t n = out_numbers(s);
  result r = {calloc(n, 8), calloc((size_t)(s->b * s->heads * s->L), 8), calloc(3 * n, 8)};
  for (int i = 0; i < s->b * s->heads; i++) head_in_double(s, i / s->heads, i % s->heads, qkv, dout, &r);
  return r;
}

static void release(result *r) {
  free(r->out);
  free(r->lse);
  free(r->dqkv);
}

/* -- the kernels --------------------------------------------------------------------------------------------------- */

typedef struct numbers {
  float *out, *lse, *dqkv;
} numbers;

static numbers on_device(const shape *s, const float *qkv, const float *dout) {
  size_t n = out_numbers(s), rows = (size_t)(s->b * s->heads * s->L);
  trm__cuda_queue queue = device_queue();
  buffer there[] = {
      buffer_of(s->type, qkv, 3 * n), buffer_of(s->type, dout, n),
      buffer_numbers(s->type, n),     buffer_numbers(TRM_FLOAT32, rows),
      buffer_numbers(s->type, 3 * n), buffer_new(4 * trm__cuda_attention_scratch(s->type, s->b, s->L, s->heads, s->d))};
  trm__cuda_attention a = {.type = s->type, .b = s->b, .L = s->L, .heads = s->heads, .head_dim = s->d};
  a.qkv = there[0].device;
  a.out = there[2].device;
  trm__cuda_attention_forward(&queue, &a); /* without lse, as at inference */
  device_finish(&queue);
  numbers once = {floats(n), floats(rows), floats(3 * n)};
  float *again = floats(n);
  buffer_read(&there[2], again);
  a.lse = (float *)(void *)there[3].device;
  a.dout = there[1].device;
  a.dqkv = there[4].device;
  a.scratch = (float *)(void *)there[5].device;
  trm__cuda_attention_forward(&queue, &a);
  trm__cuda_attention_backward(&queue, &a);
  device_finish(&queue);
  buffer_read(&there[2], once.out);
  buffer_read(&there[3], once.lse);
  buffer_read(&there[4], once.dqkv);
  assert_memory_equal(again, once.out, 4 * n);
  free(again);
  for (int i = 0; i < 6; i++) buffer_free(&there[i]);
  return once;
}

static void let_go(numbers *x) {
  free(x->out);
  free(x->lse);
  free(x->dqkv);
}

/* tolerance: relative distance of out and of each of dq, dk, dv; fp32: also of the numbers one by one. */
static void compare(const shape *s, float deviation, double tolerance) {
  size_t n = out_numbers(s), rows = (size_t)(s->b * s->heads * s->L), width = (size_t)(s->heads * s->d);
  float *qkv = random_normals(s->type, 3 * n, deviation, (uint64_t)s->L), *dout = random_normals(s->type, n, 1, 7);
  for (size_t i = 0; i < 3 * n; i++) /* values of deviation 1 whatever the scores */
    if (i / width % 3 == 2) qkv[i] = rounded(qkv[i] / deviation, s->type);
  result wanted = in_double(s, qkv, dout);
  numbers got = on_device(s, qkv, dout);
  char what[96];
  snprintf(what, sizeof what, "%s L %d heads %d d %d", s->type == TRM_BFLOAT16 ? "bf16" : "fp32", s->L, s->heads, s->d);
  check_distance(got.out, wanted.out, n, tolerance, what);
  for (size_t i = 0; i < rows; i++)
    if (!(fabs((double)got.lse[i] - wanted.lse[i]) <= 1e-5 * (1 + fabs(wanted.lse[i]))))
      fail_msg("%s: lse [%zu] is %.9g, expected %.9g", what, i, (double)got.lse[i], wanted.lse[i]);
  double longest = 0;
  for (size_t i = 0; i < 3 * n; i++) longest = fmax(longest, fabs(wanted.dqkv[i]));
  for (size_t which = 0; which < 3; which++) {
    double off = 0, all = 0;
    for (size_t i = 0; i < 3 * n; i++) {
      if (i / width % 3 != which) continue;
      double difference = (double)got.dqkv[i] - wanted.dqkv[i];
      off += difference * difference;
      all += wanted.dqkv[i] * wanted.dqkv[i];
      if (!(fabs(difference) <= 8 * tolerance * longest))
        fail_msg("%s: d%c [%zu] is %.9g, expected %.9g", what, "qkv"[which], i, (double)got.dqkv[i], wanted.dqkv[i]);
    }
    /* One position, or one-hot weights: dq and dk are differences of equal numbers, and what is left is the rounding of
     * `out` times keys as large as the deviation. */
    double floor = (deviation > 1 ? 0.15 * (double)deviation : 0.03 * longest) * sqrt((double)n);
    if (!(sqrt(off) <= tolerance * 1.5 * (sqrt(all) + floor)))
      fail_msg("%s: d%c: distance %.3g, length %.3g", what, "qkv"[which], sqrt(off), sqrt(all));
  }
  emulate_seed(1234);
  numbers again = on_device(s, qkv, dout);
  emulate_seed(1);
  assert_memory_equal(again.out, got.out, 4 * n);
  assert_memory_equal(again.lse, got.lse, 4 * rows);
  assert_memory_equal(again.dqkv, got.dqkv, 12 * n);
  let_go(&got);
  let_go(&again);
  release(&wanted);
  free(qkv);
  free(dout);
}

static void test_bf16(void **state) {
  (void)state;
  const int length[] = {1, 5, 16, 64, 65, 97, 112, 113, 128, 130, 200};
  for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
    shape s = {TRM_BFLOAT16, i % 2 ? 2 : 1, length[i], 1 + (int)i % 3, 64};
    compare(&s, 1, 6e-3);
  }
  shape maze = {TRM_BFLOAT16, 1, 916, 1, 64};
  compare(&maze, 1, 6e-3);
}

static void test_plain(void **state) {
  (void)state;
  const int length[] = {1, 5, 64, 97, 130}, dim[] = {8, 16, 64, 128};
  for (int i = 0; i < 20; i++) {
    shape s = {i % 3 ? TRM_FLOAT32 : TRM_BFLOAT16, i % 2 ? 2 : 1, length[i % 5], 1 + i % 3, dim[i % 4]};
    if (s.type == TRM_BFLOAT16 && s.d == 64) s.type = TRM_FLOAT32;
    compare(&s, 1, s.type == TRM_FLOAT32 ? 4e-6 : 6e-3);
  }
}

/* Scores of some thousands. With few positions rows have negative ones alone: their weights for keys beyond the last
 * would be infinite. */
static void test_large_scores(void **state) {
  (void)state;
  const int length[] = {1, 2, 3, 5, 97, 114, 130};
  for (int i = 0; i < 7; i++) {
    shape s = {TRM_BFLOAT16, 2, length[i], 2, 64};
    compare(&s, 30, 1e-2);
    s = (shape){TRM_FLOAT32, 1, length[i] / 2 + 1, 2, 24};
    compare(&s, 30, 1e-3);
  }
}

/* The kernel that is the specification. */
static void test_plain_c(void **state) {
  (void)state;
  const trm__kernels *ref = &trm__offer_ref.kernels;
  shape s = {TRM_FLOAT32, 2, 37, 3, 16};
  size_t n = out_numbers(&s), at = 0;
  float *qkv = random_normals(s.type, 3 * n, 1, 3), *dout = random_normals(s.type, n, 1, 4);
  float *out = calloc(n, 4), *dqkv = calloc(3 * n, 4), *scratch = malloc(4 * ref->attention_scratch(s.L, s.d));
  int width = s.heads * s.d;
  for (int i = 0; i < s.b * s.heads; i++) {
    trm__attention a = {.rows = s.L, .head_dim = s.d, .scale = 0.25F, .ld = 3 * width, .out_ld = width};
    at = (size_t)(i / s.heads * s.L * width), a.scratch = scratch;
    a.q = qkv + 3 * at + i % s.heads * s.d, a.k = a.q + width, a.v = a.k + width;
    a.dq = dqkv + 3 * at + i % s.heads * s.d, a.dk = a.dq + width, a.dv = a.dk + width;
    a.out = out + at + i % s.heads * s.d, a.dout = dout + at + i % s.heads * s.d;
    ref->attention(&a);
    ref->attention_backward(&a);
  }
  numbers got = on_device(&s, qkv, dout);
  check_close(got.out, out, n, 1e-5, "out");
  check_close(got.dqkv, dqkv, 3 * n, 2e-5, "dqkv");
  let_go(&got);
  free(qkv);
  free(dout);
  free(out);
  free(dqkv);
  free(scratch);
}

/* -- rotary positions ---------------------------------------------------------------------------------------------- */

static void rotate(const shape *s, ptrdiff_t ld, const float *x, const float *cosines, const float *sines, int backward,
                   float *to) {
  size_t n = (size_t)(s->b * s->L) * (size_t)ld, angles = (size_t)(s->L * (s->d / 2));
  trm__cuda_queue queue = device_queue();
  buffer there = buffer_of(s->type, x, n), c = buffer_of(TRM_FLOAT32, cosines, angles);
  buffer sine = buffer_of(TRM_FLOAT32, sines, angles);
  trm__cuda_rope(&queue, s->type, there.device, ld, (float *)(void *)c.device, (float *)(void *)sine.device, s->b, s->L,
                 s->heads, s->d, backward);
  device_finish(&queue);
  buffer_read(&there, to);
  buffer_free(&there);
  buffer_free(&c);
  buffer_free(&sine);
}

static void compare_rope(const shape *s, ptrdiff_t ld) {
  size_t n = (size_t)(s->b * s->L) * (size_t)ld;
  int pairs = s->d / 2, round = s->type == TRM_BFLOAT16;
  float *x = random_normals(s->type, n, 1, 11), *cosines = malloc(4 * (size_t)(s->L * pairs) + 4);
  float *sines = malloc(4 * (size_t)(s->L * pairs) + 4), *got = malloc(4 * n), *back = malloc(4 * n),
        *wanted = malloc(4 * n);
  for (int i = 0; i < s->L * pairs; i++) {
    double angle = i / pairs * pow(10000, -2.0 * (i % pairs) / s->d);
    cosines[i] = (float)cos(angle);
    sines[i] = (float)sin(angle);
  }
  memcpy(wanted, x, 4 * n);
  for (int i = 0; i < s->b; i++)
    trm__offer_ref.kernels.rope(wanted + i * s->L * ld, ld, cosines, sines, s->L, s->heads, s->d, 0, round);
  rotate(s, ld, x, cosines, sines, 0, got);
  check_close(got, wanted, n, round ? 2e-2 : 1e-6, "rope"); /* bf16: a number beside the middle of two */
  rotate(s, ld, got, cosines, sines, 1, back);
  check_close(back, x, n, round ? 4e-2 : 2e-6, "and back");
  float *parts[] = {x, cosines, sines, got, back, wanted};
  for (int i = 0; i < 6; i++) free(parts[i]);
}

static void test_rope(void **state) {
  (void)state;
  const int dim[] = {2, 8, 12, 64, 128};
  for (int i = 0; i < 10; i++) {
    shape s = {i % 2 ? TRM_BFLOAT16 : TRM_FLOAT32, 2, 7 + i, 1 + i % 3, dim[i / 2]};
    compare_rope(&s, s.heads * s.d * 3 / 2); /* what lies behind the heads stays */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bf16),    cmocka_unit_test(test_plain), cmocka_unit_test(test_large_scores),
      cmocka_unit_test(test_plain_c), cmocka_unit_test(test_rope),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
