/* Element-wise kernels against plain loops, with odd counts and addresses that vectors cannot use. */
#include "cuda/device_check.h"

enum { INJECT, INJECT_ALONE, BLEND, BLEND_ITSELF, TO_F32, FROM_F32, KINDS };

typedef struct job {
  trm_dtype type;
  int kind;
  void *x, *a, *b;
  float *f32;
  size_t n;
} job;

static void launch(trm__cuda_queue *q, void *context) {
  const job *j = context;
  void *x = THERE(j->x), *a = THERE(j->a), *b = THERE(j->b);
  float *f32 = THERE(j->f32);
  if (j->kind == INJECT) trm__cuda_inject(q, j->type, x, x, a, b, j->n);
  if (j->kind == INJECT_ALONE) trm__cuda_inject(q, j->type, x, b, a, NULL, j->n);
  if (j->kind == BLEND) trm__cuda_blend(q, j->type, x, 0.75, a, 1.25, j->n);
  if (j->kind == BLEND_ITSELF) trm__cuda_blend(q, j->type, x, 0.3, x, 0.1, j->n);
  if (j->kind == TO_F32) trm__cuda_convert(q, j->type, a, f32, j->n, 1);
  if (j->kind == FROM_F32) trm__cuda_convert(q, j->type, x, f32, j->n, 0);
}

static float expected(const job *j, float x, float a, float b, float f) {
  if (j->kind == INJECT) return rounded(x + rounded(a + b, j->type), j->type);
  if (j->kind == INJECT_ALONE) return rounded(b + a, j->type);
  if (j->kind == BLEND) return rounded(0.75F * x + 1.25F * a, j->type);
  if (j->kind == BLEND_ITSELF) return rounded(0.3F * x + 0.1F * x, j->type);
  return j->kind == TO_F32 ? a : rounded(f, j->type);
}

static void check_case(int kind, trm_dtype type, size_t n, size_t offset) {
  float *x = floats(n), *a = floats(n), *b = floats(n), *f = floats(n);
  size_t shift = offset ? type_bytes(type) : 0;
  buffer bx = buffer_filled(type, n, x, shift), ba = buffer_filled(type, n, a, shift);
  buffer bb = buffer_filled(type, n, b, shift), bf = buffer_filled(TRM_FLOAT32, n, f, offset ? 4 : 0);
  put_number(ba.at, type, n / 2, NAN);
  put_number(ba.at, type, n - 1, INFINITY);
  a[n / 2] = NAN;
  a[n - 1] = INFINITY;
  job j = {type, kind, bx.at, ba.at, bb.at, (float *)(void *)bf.at, n};
  buffer *out = kind == TO_F32 ? &bf : &bx;
  if (kind == TO_F32) memset(bf.at, 0xff, bf.bytes);
  run_twice(launch, &j, &out, 1);
  for (size_t i = 0; i < n; i++) {
    float got = get_number(out->at, kind == TO_F32 ? TRM_FLOAT32 : type, i),
          want = expected(&j, x[i], a[i], b[i], f[i]);
    if (!same_number(got, want, type, kind == BLEND || kind == BLEND_ITSELF ? 1 : 0))
      fail_msg("kind %d, [%zu] of %zu: %g, expected %g", kind, i, n, (double)got, (double)want);
  }
  buffer *all[] = {&bx, &ba, &bb, &bf};
  float *arrays[] = {x, a, b, f};
  for (int i = 0; i < 4; i++) {
    buffer_free(all[i]);
    free(arrays[i]);
  }
}

static void element_wise(void **state) {
  (void)state;
  static const size_t counts[] = {1, 2, 7, 8, 9, 1003, 40960};
  for (int kind = 0; kind < KINDS; kind++)
    for (int t = 0; t < TYPES; t++)
      for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_case(kind, both_types[t], counts[i], 0);
        if (counts[i] < 2000) check_case(kind, both_types[t], counts[i], 1);
      }
}

/* Ties, numbers too large for bf16, the smallest ones, and NaN with a payload in the bits that fall away. */
static void rounding(void **state) {
  (void)state;
  static const uint32_t words[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800001, 0xff800000, 0x00000001,
                                   0x80000000, 0x007fffff, 0xc0490fdb, 0x7fc00000, 0x7f7f7fff, 0x00008000, 0x3f817fff};
  size_t n = sizeof words / sizeof *words;
  buffer f = buffer_copy(words, sizeof words), x = buffer_new(2 * n);
  job j = {TRM_BFLOAT16, FROM_F32, x.at, NULL, NULL, (float *)(void *)f.at, n};
  run_twice(launch, &j, (buffer *[]){&x}, 1);
  for (size_t i = 0; i < n; i++)
    if (!same_number(get_number(x.at, TRM_BFLOAT16, i), to_bf16(((const float *)(void *)f.at)[i]), TRM_BFLOAT16, 0))
      fail_msg("%08x becomes %04x", words[i], ((const uint16_t *)(void *)x.at)[i]);
  buffer_free(&f);
  buffer_free(&x);
}

static void nothing(void **state) {
  (void)state;
  trm__cuda_queue q = device_queue();
  trm__cuda_inject(&q, TRM_FLOAT32, NULL, NULL, NULL, NULL, 0);
  trm__cuda_blend(&q, TRM_BFLOAT16, NULL, 1, NULL, 1, 0);
  trm__cuda_convert(&q, TRM_BFLOAT16, NULL, NULL, 0, 1);
  device_finish(&q); /* an empty grid is refused */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(element_wise), cmocka_unit_test(rounding),
                                     cmocka_unit_test(nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
