/* The choice of kernels by mask. */
#include "kernels/check.h"

static int listed(const char *name) {
  char list[128];
  snprintf(list, sizeof list, "%s", trm__kernels_available());
  for (char *rest = NULL, *word = strtok_r(list, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    if (strcmp(word, name) == 0) return 1;
  }
  return 0;
}

static void test_masks(void **state) {
  (void)state;
  static const char *const names[] = {"ref",        "avx2", "avxvnni", "avx512",  "avx512vnni",
                                      "avx512bf16", "neon", "neondot", "neonbf16"};
  for (int i = 0; i < 9; i++) {
    const trm__kernels *k = trm__kernels_get(names[i]);
    assert_int_equal(k != NULL, listed(names[i]));
    if (k) assert_string_equal(k->isa, names[i]);
  }
  assert_ptr_equal(trm__kernels_get("ref"), &trm__kernels_ref);
  for (int i = 0; i < 9; i++) assert_non_null(strstr(trm__kernels_names(), names[i]));
}

static void test_unknown(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "AVX2", "avx", "avx2 ", "neons", "best", "avx5120", "ref,avx2"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_null(trm__kernels_get(wrong[i]));
}

/* Without a mask: the last of the list. */
static void test_best(void **state) {
  (void)state;
  const char *list = trm__kernels_available(), *last = strrchr(list, ' ');
  assert_string_equal(trm__kernels_get(NULL)->isa, last ? last + 1 : list);
  assert_ptr_equal(trm__kernels_get(NULL), trm__kernels_get("auto"));
}

/* Every slot is filled, and tiles are as the packing needs them. */
static void test_tables(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    const trm__kernels *k = variant(v);
    assert_non_null(k->product[TRM_FLOAT32]);
    for (int type = 0; type < TRM__DTYPES; type++) {
      const trm__product *p = k->product[type];
      if (p) assert_true(p->mr >= 2 && p->mr % 2 == 0 && p->nr >= 2 && p->nr % 2 == 0);
    }
    const unsigned char *first = (const unsigned char *)&k->swiglu_backward, *end = (const unsigned char *)(k + 1);
    for (; first < end; first += sizeof k->swiglu_backward) {
      void (*slot)(void) = NULL;
      memcpy(&slot, first, sizeof slot);
      assert_true(slot != NULL);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_masks),
      cmocka_unit_test(test_unknown),
      cmocka_unit_test(test_best),
      cmocka_unit_test(test_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
