/* Refill of halted slots, noise and merging of latents, and sign-SGD of puzzle rows. */
#include "unit/backend/support.h"

static void open_small(bench *t, int threads, int bf16) {
  trm__dims dims = make_dims(1, 11, 2, 37, 0, 5, TRM_POS_NONE);
  dims.bf16 = bf16;
  open_backend(t, "auto", threads);
  open_weights(t, &dims, 0, 6);
}

static int is_bf16(trm__real x) {
  float f = (float)x;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return (bits & 0xffff) == 0;
}

static void refill_takes_halted_slots(void **state) {
  (void)state;
  for (int bf16 = 0; bf16 < 2; bf16++) {
    bench t;
    open_small(&t, 2, bf16);
    size_t n = state_size(&t.dims, 4), one = n / 4, D = (size_t)t.dims.D;
    trm__real *y = numbers(n, 1, 1), *z = numbers(n, 2, 1), *y0 = numbers(D, 3, 1), *z0 = numbers(D, 4, 1);
    trm__real *y_before = numbers(n, 1, 1), *z_before = numbers(n, 2, 1);
    static const uint8_t halted[] = {0, 1, 0, 255};
    t.be->refill(t.be, t.w, 4, halted, y0, z0, (trm__act *)y, (trm__act *)z);
    for (size_t i = 0; i < n; i++) {
      if (halted[i / one]) {
        assert_true(bf16 ? is_bf16(y[i]) && fabs((double)y[i] - (double)y0[i % D]) < 0.005 : y[i] == y0[i % D]);
        assert_true(bf16 ? is_bf16(z[i]) && fabs((double)z[i] - (double)z0[i % D]) < 0.005 : z[i] == z0[i % D]);
      } else assert_true(y[i] == y_before[i] && z[i] == z_before[i]);
    }
    trm__real *all[] = {y, z, y0, z0, y_before, z_before};
    for (size_t i = 0; i < 6; i++) trm__free(all[i]);
    close_bench(&t);
  }
}

/* -- noise ------------------------------------------------------------------------------------------------------ */

/* Same stream, same noise, whatever the slot, the batch or the threads. */
static void noise_depends_on_its_stream(void **state) {
  (void)state;
  bench t, other;
  open_small(&t, 2, 0);
  open_small(&other, 3, 0);
  size_t one = state_size(&t.dims, 1);
  trm__real *a = numbers(3 * one, 0, 0), *b = numbers(2 * one, 0, 0);
  static const uint64_t first[] = {5, 6, UINT64_C(1) << 40}, second[] = {UINT64_C(1) << 40, 5};
  t.be->noise(t.be, t.w, 3, (trm__act *)a, 0.5, 9, first, 0, NULL);
  other.be->noise(other.be, other.w, 2, (trm__act *)b, 0.5, 9, second, 0, NULL);
  assert_memory_equal(a, b + one, one * sizeof *a);
  assert_memory_equal(a + 2 * one, b, one * sizeof *a);
  assert_memory_not_equal(a, a + one, one * sizeof *a);
  memset(b, 0, 2 * one * sizeof *b);
  other.be->noise(other.be, other.w, 2, (trm__act *)b, 0.5, 10, second, 0, NULL);
  assert_memory_not_equal(a, b + one, one * sizeof *a);
  memset(b, 0, 2 * one * sizeof *b);
  other.be->noise(other.be, other.w, 2, (trm__act *)b, 0, 9, second, 0, NULL);
  for (size_t i = 0; i < 2 * one; i++) assert_true(b[i] == 0);
  trm__free(a);
  trm__free(b);
  close_bench(&t);
  close_bench(&other);
}

static void noise_is_normal(void **state) {
  (void)state;
  trm__dims dims = make_dims(1, 100, 0, 128, 0, 5, TRM_POS_NONE);
  bench t;
  open_backend(&t, "auto", 2);
  open_weights(&t, &dims, 0, 4);
  size_t n = state_size(&dims, 4);
  trm__real *x = numbers(n, 8, 0);
  for (size_t i = 0; i < n; i++) x[i] = 3;
  static const uint64_t index[] = {0, 1, 2, 3};
  t.be->noise(t.be, t.w, 4, (trm__act *)x, 0.25, 1, index, 0, NULL);
  double mean = 0, square = 0, fourth = 0, neighbours = 0;
  for (size_t i = 0; i < n; i++) {
    double e = ((double)x[i] - 3) / 0.25;
    mean += e / (double)n;
    square += e * e / (double)n;
    fourth += e * e * e * e / (double)n;
    if (i) neighbours += e * ((double)x[i - 1] - 3) / 0.25 / (double)n;
  }
  assert_true(fabs(mean) < 0.02); /* 51,200 numbers: four standard errors are 0.018 */
  assert_true(fabs(square - 1) < 0.03);
  assert_true(fabs(fourth - 3) < 0.2);
  assert_true(fabs(neighbours) < 0.02);
  trm__free(x);
  close_bench(&t);
}

/* An offset goes on in the stream; a mask leaves examples alone. */
static void noise_goes_on(void **state) {
  (void)state;
  bench t;
  open_small(&t, 2, 0);
  size_t one = state_size(&t.dims, 1), skip = 2 * (one / 4);
  trm__real *a = numbers(3 * one, 0, 0), *b = numbers(3 * one, 0, 0);
  static const uint64_t index[] = {5, 6, 7};
  static const uint8_t mask[] = {1, 0, 2};
  t.be->noise(t.be, t.w, 3, (trm__act *)a, 0.5, 9, index, 0, NULL);
  t.be->noise(t.be, t.w, 3, (trm__act *)b, 0.5, 9, index, skip, mask);
  for (size_t i = 0; i < 3; i++) {
    for (size_t j = 0; j + skip < one; j++) {
      trm__real expected = mask[i] ? a[i * one + j + skip] : 0;
      assert_true(b[i * one + j] == expected);
    }
    assert_int_equal(b[(i + 1) * one - 1] != 0, mask[i] != 0);
  }
  trm__free(a);
  trm__free(b);
  close_bench(&t);
}

/* -- distance --------------------------------------------------------------------------------------------------- */

/* The same bits at any number of threads. */
static void distances(void **state) {
  (void)state;
  double first[2 * 5];
  for (int threads = 1; threads < 4; threads++) {
    bench t;
    open_small(&t, threads, 0);
    size_t n = state_size(&t.dims, 5), one = n / 5;
    trm__real *x = numbers(n, 1, 1), *was = numbers(n, 2, 1);
    double out[2 * 5];
    memcpy(was, x, one * sizeof *was); /* the first has not moved */
    t.be->distance(t.be, t.w, 5, (trm__act *)x, (trm__act *)was, out);
    for (size_t e = 0; e < 5; e++) {
      double moved = 0, size = 0;
      for (size_t i = e * one; i < (e + 1) * one; i++) {
        moved += pow((double)x[i] - (double)was[i], 2);
        size += pow((double)x[i], 2);
      }
      assert_true(e ? fabs(out[2 * e] - moved) <= 1e-12 * moved && moved > 0 : out[0] == 0);
      assert_true(fabs(out[2 * e + 1] - size) <= 1e-12 * size);
    }
    if (threads == 1) memcpy(first, out, sizeof first);
    assert_memory_equal(first, out, sizeof first);
    trm__free(x);
    trm__free(was);
    close_bench(&t);
  }
}

/* -- blend ------------------------------------------------------------------------------------------------------ */

static void blends(void **state) {
  (void)state;
  for (int bf16 = 0; bf16 < 2; bf16++) {
    bench t;
    open_small(&t, 2, bf16);
    size_t n = state_size(&t.dims, 5);
    trm__real *x = numbers(n, 1, 1), *other = numbers(n, 2, 1), *before = numbers(n, 1, 1);
    t.be->blend(t.be, t.w, 5, (trm__act *)x, 0.25, (trm__act *)other, 0.75);
    for (size_t i = 0; i < n; i++) {
      double expected = 0.25 * (double)before[i] + 0.75 * (double)other[i];
      assert_true(fabs((double)x[i] - expected) <= (bf16 ? 0.004 : 1e-7));
      assert_true(!bf16 || is_bf16(x[i]));
    }
    t.be->blend(t.be, t.w, 5, (trm__act *)other, 0.5, (trm__act *)other, 0.25); /* with itself */
    trm__real *again = numbers(n, 2, 1);
    for (size_t i = 0; i < n; i++)
      assert_true(fabs((double)other[i] - 0.75 * (double)again[i]) <= (bf16 ? 0.004 : 1e-7));
    trm__real *all[] = {x, other, before, again};
    for (size_t i = 0; i < 4; i++) trm__free(all[i]);
    close_bench(&t);
  }
}

/* -- winner takes all --------------------------------------------------------------------------------------------- */

static void winners_have_the_smallest_loss(void **state) {
  (void)state;
  enum { K = 3, B = 4 };
  static const double loss[K][B] = {{2, NAN, 1, NAN}, {1, 5, 1, NAN}, {3, 4, 1, NAN}};
  static const int32_t expected[B] = {1, 2, 0, 0};
  bench t;
  open_small(&t, 2, 0);
  size_t n = state_size(&t.dims, B), one = n / B;
  trm__real *from = numbers(K * n, 5, 1), *to = numbers(n, 6, 1);
  trm__example_stats stats[K * B] = {{0}};
  int32_t winner[B + 1] = {-1, -1, -1, -1, -7};
  for (int i = 0; i < K * B; i++) stats[i].lm_loss = loss[i / B][i % B];
  t.be->winners(t.be, K, B, stats, winner);
  assert_memory_equal(winner, expected, sizeof expected);
  assert_int_equal(winner[B], -7);
  t.be->pick(t.be, t.w, K, B, winner, (trm__act *)from, (trm__act *)to);
  for (size_t i = 0; i < n; i++) assert_true(to[i] == from[(size_t)expected[i / one] * n + i]);
  trm__free(from);
  trm__free(to);
  close_bench(&t);
}

/* -- merge ------------------------------------------------------------------------------------------------------ */

static void check_merge(int bf16) {
  enum { K = 3, B = 4 };
  bench t;
  open_small(&t, 2, bf16);
  size_t n = state_size(&t.dims, B), one = n / B;
  trm__real *from = numbers(K * n, 5, 1), *to = numbers(n, 6, 1), q[K * B];
  static const double logits[K][B] = {{1, 0, NAN, NAN}, {2, 0, -3, NAN}, {0, -1, -4, NAN}};
  for (int i = 0; i < K * B; i++) q[i] = (trm__real)logits[i / B][i % B];
  double *mean = doubles(n), *weighted = doubles(n);
  static const size_t best[B] = {1, 0, 1, 0};
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    size_t e = i / one;
    for (size_t k = 0; k < K; k++) {
      double share = e == 3 ? 1 : isnan(logits[k][e]) ? 0 : exp(logits[k][e]);
      mean[i] += (double)from[k * n + i] / K;
      weighted[i] += share * (double)from[k * n + i];
      sum += share;
    }
    weighted[i] /= sum;
  }
  double tol = bf16 ? 0.005 : 1e-6;
  t.be->merge(t.be, t.w, TRM__MERGE_MEAN, K, B, (trm__act *)from, q, (trm__act *)to);
  check_close("mean", to, mean, n, tol);
  for (size_t i = 0; bf16 && i < n; i++) assert_true(is_bf16(to[i]));
  t.be->merge(t.be, t.w, TRM__MERGE_WEIGHTED, K, B, (trm__act *)from, q, (trm__act *)to);
  check_close("weighted", to, weighted, n, tol);
  for (size_t i = 0; bf16 && i < n; i++) assert_true(is_bf16(to[i]));
  t.be->merge(t.be, t.w, TRM__MERGE_BEST, K, B, (trm__act *)from, q, (trm__act *)to);
  for (size_t i = 0; i < n; i++) assert_true(to[i] == from[best[i / one] * n + i]);
  t.be->merge(t.be, t.w, TRM__MERGE_WEIGHTED, 1, B, (trm__act *)from, q, (trm__act *)to);
  if (!bf16) assert_memory_equal(to, from, n * sizeof *to);
  trm__free(from);
  trm__free(to);
  trm__free(mean);
  trm__free(weighted);
  close_bench(&t);
}

static void merges(void **state) {
  (void)state;
  check_merge(0);
  check_merge(1);
}

/* -- puzzle rows ------------------------------------------------------------------------------------------------ */

static void sign_sgd_sums_equal_ids(void **unused) {
  (void)unused;
  enum { ROWS = 4, N = 5, B = 7 };
  bench t;
  open_backend(&t, "auto", 2);
  trm__real *table = numbers(ROWS * N, 1, 1), *before = numbers(ROWS * N, 1, 1), *d = numbers(B * N, 2, 1), scratch[N];
  static const int32_t ids[B] = {2, 0, 2, -1, 4, 0, 2}; /* 1 and 3 are not seen; -1 and 4 do not exist */
  d[1 * N] = 0, d[5 * N] = 0;                           /* a zero gradient: decay alone */
  trm__update_state state = {.t = 1, .factor = 0.5, .diverged = TRM__NORM_BAD};
  t.be->sign_sgd_rows(t.be, &state, table, ROWS, N, d, ids, B, 0.02, 0.5, scratch);
  assert_memory_equal(table, before, ROWS * N * sizeof *table); /* a diverged run changes nothing */
  state.diverged = TRM__SOUND;
  t.be->sign_sgd_rows(t.be, &state, table, ROWS, N, d, ids, B, 0.02, 0.5, scratch);
  for (int r = 0; r < ROWS; r++) {
    for (int j = 0; j < N; j++) {
      double g = 0, p = (double)before[r * N + j];
      for (int i = 0; i < B; i++)
        if (ids[i] == r) g += (double)d[i * N + j];
      if (r == 0 || r == 2) p = p * (1 - 0.01 * 0.5) - 0.01 * ((g > 0) - (g < 0));
      assert_true(fabs((double)table[r * N + j] - p) < 1e-6);
    }
  }
  assert_memory_equal(table + N, before + N, N * sizeof *table);
  trm__free(table);
  trm__free(before);
  trm__free(d);
  close_bench(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refill_takes_halted_slots),
      cmocka_unit_test(noise_depends_on_its_stream),
      cmocka_unit_test(noise_is_normal),
      cmocka_unit_test(merges),
      cmocka_unit_test(sign_sgd_sums_equal_ids),
      cmocka_unit_test(noise_goes_on),
      cmocka_unit_test(distances),
      cmocka_unit_test(blends),
      cmocka_unit_test(winners_have_the_smallest_loss),
  };
  return cmocka_run_group_tests_name("backend carry", tests, NULL, NULL);
}
