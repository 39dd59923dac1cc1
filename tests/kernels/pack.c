/* The words that the products' packing functions write: of every variant, against a loop over the numbers. */
#include "kernels/check.h"

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Numbers of every kind, with values where rounding turns; from FIRST_SPECIAL on: infinities and NaN. */
static void fill_mixed(float *x, size_t n, int special) {
  static const uint32_t hard[] = {0x3f808000U, 0x3f818000U, 0x3f807fffU, 0x3f808001U, 0x7f7fffffU, 0x80000000U,
                                  0x00800000U, 0xbf80ffffU, 0x7f800000U, 0xff800000U, 0x7fc00001U, 0x7f800001U};
  for (size_t i = 0; i < n; i++) {
    if (random_below(3)) fill(x + i, 1, random_below(2) ? FILL_UNIT : FILL_WHOLE);
    else memcpy(x + i, &hard[random_below(special ? 12 : 8)], sizeof *x);
  }
}

/* The word of up to two numbers: one, or two bf16. */
static uint32_t word_of(trm_dtype type, float low, float high) {
  if (type == TRM_FLOAT32) return bits_of(low);
  uint32_t l = bits_of(to_bf16(low)) >> 16, h = bits_of(to_bf16(high)) >> 16;
  if (isnan(low)) l |= 0x40U;
  if (isnan(high)) h |= 0x40U;
  return l | h << 16;
}

/* Word i of a column of rows numbers, ld apart. */
static uint32_t column_word(const trm__product *t, const float *x, ptrdiff_t ld, int rows, int i) {
  if (t->unit == 1) return word_of(t->type, x[i * ld], 0);
  return word_of(t->type, x[2 * i * ld], 2 * i + 1 < rows ? x[(2 * i + 1) * ld] : 0);
}

static void check_words(const trm__kernels *kernels, const trm__product *t, int k, int n, int gate, int layout) {
  int words = trm__words(t, k), count = (int)(t->packed_size(k, n, gate) / (size_t)(words * t->nr));
  ptrdiff_t rs = layout == 1 ? 1 : layout ? 3 : n, cs = layout == 1 ? k : layout ? 3 * k : 1;
  guarded b = guarded_new((size_t)((k - 1) * rs + (n - 1) * cs + 1)), whole = guarded_new(t->packed_size(k, n, gate));
  fill_mixed(b.x, b.n, 1);
  t->pack_b(whole.x, b.x, rs, cs, k, n, gate, 0, count);
  for (int at = 0; at < count * words * t->nr; at++) {
    int q = at / t->nr / words, i = at / t->nr % words, j = at % t->nr, half = t->nr / 2;
    int column = gate ? q * half + j % half : q * t->nr + j, valid = column < (gate ? n / 2 : n);
    int source = gate && j >= half ? n / 2 + column : column;
    uint32_t want = valid ? column_word(t, b.x + source * cs, rs, k, i) : 0;
    if (bits_of(whole.x[at]) != want)
      fail_msg("%s type %d layout %d: word %d of column %d is %08x, want %08x", kernels->isa, (int)t->type, layout, i,
               source, bits_of(whole.x[at]), want);
  }
  guarded_free(&b);
  guarded_free(&whole);
}

static void test_pack_b(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int type = 0; type < TRM_INT8; type++) {
      const trm__product *t = variant(v)->product[type];
      for (int i = 0; i < 24 && t; i++)
        check_words(variant(v), t,
                    i < 6    ? 11
                    : i < 12 ? 300
                             : 1 + random_below(70),
                    2 * (1 + random_below(60)), i % 2, i % 3);
    }
  }
}

/* Panels can be packed one by one, and each only touches its own place. */
static void test_ranges(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < TRM__DTYPES * 6; i++) {
      const trm__kernels *kernels = variant(v);
      const trm__product *t = kernels->product[i / 6];
      if (!t) continue;
      int k = 11, n = 3 * t->nr + 6, gate = i % 2, count = gate ? (n / 2 + t->nr / 2 - 1) / (t->nr / 2) : 4;
      ptrdiff_t rs = i % 3 == 1 ? 1 : i % 3 ? 3 : n, cs = i % 3 == 1 ? k : i % 3 ? 3 * k : 1;
      guarded b = guarded_filled((size_t)((k - 1) * rs + (n - 1) * cs + 1), FILL_UNIT);
      guarded whole = guarded_new(t->packed_size(k, n, gate)), part = guarded_new(whole.n);
      t->pack_b(whole.x, b.x, rs, cs, k, n, gate, 0, count);
      for (int q = count - 1; q >= 0; q--) t->pack_b(part.x, b.x, rs, cs, k, n, gate, q, q + 1);
      assert_memory_equal(whole.x, part.x, whole.n * sizeof(float));
      guarded *all[] = {&b, &whole, &part};
      for (int g = 0; g < 3; g++) guarded_free(all[g]);
    }
  }
}

static void test_pack_a(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    const trm__product *t = variant(v)->product[TRM_BFLOAT16];
    for (int k = 1; k < 140 && t; k++) {
      int rows = 3, ld = k + 1, words = trm__words(t, k), pitch = words + k % 3;
      guarded a = guarded_new((size_t)((rows - 1) * ld + k)), out = guarded_new((size_t)((rows - 1) * pitch + words));
      fill_mixed(a.x, a.n, 1);
      t->pack_a(out.x, pitch, NULL, a.x, ld, rows, k);
      for (int at = 0; at < rows * words; at++) {
        int r = at / words, i = at % words;
        if (bits_of(out.x[r * pitch + i]) != column_word(t, a.x + r * ld, 1, k, i))
          fail_msg("%s k %d: word %d of row %d", variant(v)->isa, k, i, r);
      }
      guarded_free(&a);
      guarded_free(&out);
    }
  }
}

/* The same words as pack_b's panel where the width is nr; any width otherwise. */
static void test_spread(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < 80; i++) {
      const trm__kernels *kernels = variant(v);
      const trm__product *t = kernels->product[i % 2];
      if (!t) continue;
      int width = i < 20 ? t->nr : 1 + random_below(70), cols = 1 + random_below(width), rows = 1 + random_below(40);
      int ld = cols + random_below(3), words = trm__words(t, rows);
      guarded x = guarded_new((size_t)((rows - 1) * ld + cols)), out = guarded_new((size_t)(words * width));
      fill_mixed(x.x, x.n, 1);
      t->spread(out.x, width, x.x, ld, rows, cols);
      for (int at = 0; at < words * width; at++) {
        int p = at / width, j = at % width;
        uint32_t want = j < cols ? column_word(t, x.x + j, ld, rows, p) : 0;
        if (bits_of(out.x[at]) != want) fail_msg("%s width %d: word (%d,%d)", kernels->isa, width, p, j);
      }
      if (i < 20) {
        guarded panel = guarded_new(t->packed_size(rows, cols, 0));
        t->pack_b(panel.x, x.x, ld, 1, rows, cols, 0, 0, 1);
        assert_memory_equal(panel.x, out.x, panel.n * sizeof(float));
        guarded_free(&panel);
      }
      guarded_free(&x);
      guarded_free(&out);
    }
  }
}

/* Scales of INT8: bit for bit those of plain C, of rows with every kind of number. */
static void test_scales(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    const trm__product *t = variant(v)->product[TRM_INT8], *plain = trm__offer_ref.kernels.product[TRM_INT8];
    for (int i = 0; i < 200 && t; i++) {
      int k = 1 + random_below(300);
      guarded a = guarded_new((size_t)k), scale = guarded_new(1), words = guarded_new((size_t)trm__words(t, k));
      float want, unused[300];
      if (i % 2) fill_mixed(a.x, a.n, i % 4 == 1);
      else fill(a.x, a.n, i % 4 ? FILL_WIDE : FILL_TINY);
      if (i % 5 == 0) a.x[k - 1] = INFINITY;
      t->pack_a(words.x, 1, scale.x, a.x, k, 1, k);
      plain->pack_a(unused, 1, &want, a.x, k, 1, k);
      if (isnan(want)) assert_true(isnan(scale.x[0]));
      else assert_memory_equal(scale.x, &want, sizeof want);
      guarded *all[] = {&a, &scale, &words};
      for (int g = 0; g < 3; g++) guarded_free(all[g]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pack_b), cmocka_unit_test(test_ranges), cmocka_unit_test(test_pack_a),
      cmocka_unit_test(test_spread), cmocka_unit_test(test_scales),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
