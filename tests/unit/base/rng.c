/* Random numbers: the published vectors of Philox, the quantile function, and the distributions drawn from them. */
#include "support/check.h"

#include "base/rng.h"

/* kat_vectors of the authors' Random123 distribution, "philox4x32 10". */
static void philox_known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < 3; i++) {
    uint32_t out[4];
    trm__philox(known[i].counter, known[i].key, out);
    assert_memory_equal(out, known[i].out, sizeof out);
  }
}

static void streams_read_blocks_in_order(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(0x1122334455667788, TRM__RNG_ORDER, 0x99aabbccddeeff00);
  for (uint32_t block = 0; block < 3; block++) {
    uint32_t counter[4] = {0xddeeff00, 0x99aabbcc, block, TRM__RNG_ORDER}, key[2] = {0x55667788, 0x11223344}, out[4];
    trm__philox(counter, key, out);
    for (int i = 0; i < 4; i++) assert_int_equal(trm__rng_u32(&rng), out[i]);
  }
  rng.block = 0xffffffff; /* and on past 32 bits of blocks without repeating */
  trm__rng start = trm__rng_make(0x1122334455667788, TRM__RNG_ORDER, 0x99aabbccddeeff00);
  for (int i = 0; i < 4; i++) trm__rng_u32(&rng);
  assert_int_not_equal(trm__rng_u32(&rng), trm__rng_u32(&start));
}

static void streams_differ(void **state) {
  (void)state;
  trm__rng a = trm__rng_make(1, TRM__RNG_INIT, 0), b = trm__rng_make(2, TRM__RNG_INIT, 0),
           c = trm__rng_make(1, TRM__RNG_ORDER, 0), d = trm__rng_make(1, TRM__RNG_INIT, 1), copy = a;
  uint64_t first = trm__rng_u64(&a);
  assert_true(first != trm__rng_u64(&b));
  assert_true(first != trm__rng_u64(&c));
  assert_true(first != trm__rng_u64(&d));
  assert_true(first == trm__rng_u64(&copy)); /* a copy of the struct is the whole state */
}

static void below_is_uniform(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(3, TRM__RNG_TEST, 0);
  int count[7] = {0};
  for (int i = 0; i < 70000; i++) count[trm__rng_below(&rng, 7)]++;
  for (int i = 0; i < 7; i++) assert_in_range(count[i], 9600, 10400); /* 4 deviations are 370 */
  for (int i = 0; i < 100; i++) assert_int_equal(trm__rng_below(&rng, 1), 0);
  int upper = 0; /* with n = 3 * 2^30, dropping the rejection would favour one value in three */
  for (int i = 0; i < 30000; i++) upper += trm__rng_below(&rng, 3u << 30) % 3 == 0;
  assert_in_range(upper, 9600, 10400);
  assert_true(trm__rng_below(&rng, UINT32_MAX) < UINT32_MAX);
}

static void unit_stays_in_range(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(4, TRM__RNG_TEST, 0);
  double sum = 0, low = 1, high = 0;
  for (int i = 0; i < 100000; i++) {
    double u = trm__rng_unit(&rng);
    assert_true(u >= 0 && u < 1);
    sum += u;
    low = fmin(low, u);
    high = fmax(high, u);
  }
  assert_true(fabs(sum / 100000 - 0.5) < 0.005);
  assert_true(low < 1e-3 && high > 0.999);
}

/* The quantile function inverts erfc of the C library over the whole range of doubles that can come in. */
static void quantile_inverts_the_distribution(void **state) {
  (void)state;
  for (double p = 0x1p-53; p < 0.5; p *= 1.37) {
    double x = trm__normal_quantile(p), back = 0.5 * erfc(-x / sqrt(2));
    assert_true(fabs(back - p) <= 2e-14 * p * (1 + x * x));
    assert_true(fabs(trm__normal_quantile(1 - p) + trm__normal_quantile(1 - (1 - p))) <= 1e-12);
  }
  assert_true(trm__normal_quantile(0.5) == 0);
  assert_true(fabs(trm__normal_quantile(0.975) - 1.959963984540054) < 1e-14);
  assert_true(fabs(trm__normal_quantile(0.25) + 0.6744897501960817432) < 1e-15); /* AS 241's own check values */
  assert_true(fabs(trm__normal_quantile(0.001) + 3.090232306167813542) < 1e-14);
  assert_true(fabs(trm__normal_quantile(1e-20) + 9.262340089798407574) < 1e-13);
}

static void normals_have_their_moments(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(5, TRM__RNG_TEST, 0);
  double m1 = 0, m2 = 0, m4 = 0;
  const int n = 200000;
  for (int i = 0; i < n; i++) {
    double x = trm__rng_normal(&rng);
    m1 += x / n;
    m2 += x * x / n;
    m4 += x * x * x * x / n;
  }
  assert_true(fabs(m1) < 0.01 && fabs(m2 - 1) < 0.015 && fabs(m4 - 3) < 0.12);
}

static void cut_normals_have_the_wanted_deviation(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(6, TRM__RNG_TEST, 0);
  const double std = 0.25, limit = 2 * std / 0.87962566103423978;
  double m1 = 0, m2 = 0, largest = 0;
  const int n = 200000;
  for (int i = 0; i < n; i++) {
    double x = trm__rng_trunc_normal(&rng, std);
    m1 += x / n;
    m2 += x * x / n;
    largest = fmax(largest, fabs(x));
  }
  assert_true(largest <= limit && largest > 0.99 * limit);
  assert_true(fabs(m1) < 0.0025 && fabs(sqrt(m2) - std) < 0.0025);
}

static void shuffle_is_a_permutation(void **state) {
  (void)state;
  uint32_t items[50], seen[50] = {0};
  int first[5] = {0};
  trm__rng rng = trm__rng_make(7, TRM__RNG_TEST, 0);
  for (uint32_t i = 0; i < 50; i++) items[i] = i;
  trm__rng_shuffle(&rng, items, 50);
  for (uint32_t i = 0; i < 50; i++) seen[items[i]]++;
  for (uint32_t i = 0; i < 50; i++) assert_int_equal(seen[i], 1);
  for (int round = 0; round < 10000; round++) {
    for (uint32_t i = 0; i < 5; i++) items[i] = i;
    trm__rng_shuffle(&rng, items, 5);
    first[items[0]]++;
  }
  for (int i = 0; i < 5; i++) assert_in_range(first[i], 1800, 2200);
  trm__rng_shuffle(&rng, items, 0);
  trm__rng_shuffle(&rng, items, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_known_answers),
      cmocka_unit_test(streams_read_blocks_in_order),
      cmocka_unit_test(streams_differ),
      cmocka_unit_test(below_is_uniform),
      cmocka_unit_test(unit_stays_in_range),
      cmocka_unit_test(quantile_inverts_the_distribution),
      cmocka_unit_test(normals_have_their_moments),
      cmocka_unit_test(cut_normals_have_the_wanted_deviation),
      cmocka_unit_test(shuffle_is_a_permutation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
