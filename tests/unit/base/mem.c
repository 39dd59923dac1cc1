/* Memory: alignment, zeroing, overflow, counting, planned failures, and arenas. */
#include "support/check.h"

/* Sanitizers end the program at an allocation that is too large, unless told to return NULL as malloc does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
  return "allocator_may_return_null=1";
}

static void blocks_are_aligned_and_zero(void **state) {
  (void)state;
  for (size_t size = 0; size < 300; size += 7) {
    unsigned char *p = trm__calloc(size, 1);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % TRM__ALIGN, 0);
    for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
    memset(p, 255, size); /* so that a reused block is noticed above */
    trm__free(p);
  }
  trm__free(NULL);
}

static void sizes_that_overflow_are_refused(void **state) {
  (void)state;
  size_t product = 0;
  assert_null(trm__calloc(SIZE_MAX, 2));
  assert_null(trm__calloc(SIZE_MAX, 1));
  assert_null(trm__calloc(SIZE_MAX - 32, 1));
  assert_null(trm__calloc((size_t)1 << 33, (size_t)1 << 33));
  assert_null(trm__realloc(NULL, SIZE_MAX / 2, 3));
  assert_false(trm__mul_size(SIZE_MAX, 2, &product));
  assert_true(trm__mul_size(SIZE_MAX, 1, &product));
  assert_true(product == SIZE_MAX);
}

/* Around the size from which blocks are mapped. */
static void large_blocks_are_like_others(void **state) {
  (void)state;
  const size_t large = (size_t)2 << 20, sizes[] = {large - 1, large, large + 1, large + 4096, 3 * large + 17};
  size_t used = trm__mem_used();
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      size_t size = sizes[i], sum = 0;
      unsigned char *p = trm__calloc(size, 1);
      assert_non_null(p);
      assert_int_equal((uintptr_t)p % TRM__ALIGN, 0);
      for (size_t k = 0; k < size; k++) sum += p[k];
      assert_int_equal(sum, 0);
      memset(p, 255, size);
      assert_int_equal(trm__mem_used(), used + size);
      p = trm__realloc(p, size / 2, 1); /* from mapped to not, and back */
      for (size_t k = 0; k < size / 2; k++) sum += p[k];
      assert_int_equal(sum, 255 * (size / 2));
      p = trm__realloc(p, size, 2);
      assert_int_equal(p[size / 2 - 1], 255);
      trm__free(p);
      assert_int_equal(trm__mem_used(), used);
    }
  }
  trm__mem_fail_at(1);
  assert_null(trm__calloc(large, 4));
  trm__mem_fail_at(0);
  assert_null(trm__calloc((size_t)1 << 60, 1)); /* the kernel refuses */
  assert_int_equal(trm__mem_used(), used);
}

static void realloc_keeps_content(void **state) {
  (void)state;
  size_t used = trm__mem_used();
  unsigned char *p = trm__realloc(NULL, 10, 1);
  for (size_t i = 0; i < 10; i++) p[i] = (unsigned char)i;
  p = trm__realloc(p, 1000, 3);
  for (size_t i = 0; i < 10; i++) assert_int_equal(p[i], i);
  p = trm__realloc(p, 5, 1);
  for (size_t i = 0; i < 5; i++) assert_int_equal(p[i], i);
  assert_int_equal(trm__mem_used(), used + 5);
  assert_null(trm__realloc(p, SIZE_MAX, 1));
  assert_int_equal(p[4], 4); /* a failed call leaves the block */
  trm__free(p);
  assert_int_equal(trm__mem_used(), used);
}

static void texts_are_copied(void **state) {
  (void)state;
  char *copy = trm__strdup("abc"), *text = trm__format("%s-%d%300s", copy, 7, "end");
  assert_string_equal(copy, "abc");
  assert_int_equal(strlen(text), 305);
  assert_memory_equal(text, "abc-7 ", 6);
  trm__free(copy);
  trm__free(text);
}

static void use_and_peak_are_counted(void **state) {
  (void)state;
  size_t used = trm__mem_used();
  trm__mem_reset_peak();
  void *a = trm__calloc(1000, 4), *b = trm__calloc(500, 1);
  trm__free(a);
  assert_int_equal(trm__mem_used(), used + 500);
  assert_int_equal(trm__mem_peak(), used + 4500);
  trm__mem_reset_peak();
  assert_int_equal(trm__mem_peak(), used + 500);
  trm__free(b);
  assert_int_equal(trm__mem_used(), used);
}

static void the_chosen_allocation_fails_once(void **state) {
  (void)state;
  trm__mem_fail_at(2);
  void *a = trm__calloc(1, 1), *b = trm__calloc(1, 1), *c = trm__strdup("c");
  assert_int_equal(trm__mem_fail_at(1), 3);
  assert_non_null(a);
  assert_null(b);
  assert_non_null(c);
  assert_null(trm__format("x"));
  assert_int_equal(trm__mem_fail_at(0), 1);
  trm__free(a);
  trm__free(c);
}

static void an_arena_hands_out_what_it_measured(void **state) {
  (void)state;
  size_t used = trm__mem_used();
  trm__arena arena = {0};
  trm_error err = {0};
  unsigned char *part[3] = {0};
  for (int pass = 0; pass < 2; pass++) {
    part[0] = trm__arena_take(&arena, 3, 5);
    part[1] = trm__arena_take(&arena, 0, 8);
    part[2] = trm__arena_take(&arena, 100, 1);
    if (pass == 0) {
      assert_null(part[0]);
      assert_int_equal(arena.used, 64 + 100);
      CHECK_OK(trm__arena_alloc(&arena, &err), err);
    }
  }
  assert_int_equal((uintptr_t)part[2] % TRM__ALIGN, 0);
  assert_ptr_equal(part[2], part[0] + 64);
  assert_int_equal(part[2][99], 0);
  assert_null(trm__arena_take(&arena, 1, 1)); /* nothing is left */
  trm__arena_free(&arena);
  assert_null(arena.base);
  assert_int_equal(trm__mem_used(), used);
}

static void an_arena_refuses_overflow(void **state) {
  (void)state;
  trm_error err = {0};
  trm__arena arena = {0};
  assert_null(trm__arena_take(&arena, SIZE_MAX / 2, 3));
  assert_null(trm__arena_take(&arena, 1, 1));
  assert_true(arena.used == SIZE_MAX);
  CHECK_FAILS(trm__arena_alloc(&arena, &err), TRM_E_MEMORY, err, "arena");
  arena = (trm__arena){0};
  trm__arena_take(&arena, SIZE_MAX - 10, 1);
  trm__arena_take(&arena, 100, 1);
  assert_true(arena.used == SIZE_MAX);
  arena = (trm__arena){0};
  trm__arena_take(&arena, 10, 1);
  trm__mem_fail_at(1);
  CHECK_FAILS(trm__arena_alloc(&arena, &err), TRM_E_MEMORY, err, "10 bytes");
  trm__mem_fail_at(0);
  trm__arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_aligned_and_zero),
      cmocka_unit_test(sizes_that_overflow_are_refused),
      cmocka_unit_test(large_blocks_are_like_others),
      cmocka_unit_test(realloc_keeps_content),
      cmocka_unit_test(texts_are_copied),
      cmocka_unit_test(use_and_peak_are_counted),
      cmocka_unit_test(the_chosen_allocation_fails_once),
      cmocka_unit_test(an_arena_hands_out_what_it_measured),
      cmocka_unit_test(an_arena_refuses_overflow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
