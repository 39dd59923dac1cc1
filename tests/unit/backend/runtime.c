/* The runtime: masks of instruction sets, threads, devices, what it says of itself, and failures of each allocation. */
#include "unit/backend/support.h"

#include "backend/runtime.h"

static void opens_and_describes(void **state) {
  (void)state;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 3;
  trm_runtime *runtime = NULL;
  assert_int_equal(trm_runtime_open(&runtime, &config, NULL), TRM_OK);
  trm_runtime_info info = trm_runtime_describe(runtime);
  assert_int_equal(info.threads, 3);
  assert_true(info.cores >= 1);
  assert_string_equal(info.device, "cpu");
  char available[sizeof info.available];
  trm__isa_available(trm__isa_table_built_in(), available, sizeof available);
  assert_string_equal(info.available, available);
  const char *last = strrchr(info.available, ' ');
  assert_string_equal(info.isa, last ? last + 1 : info.available); /* the best */
  trm_runtime_close(&runtime);
  assert_null(runtime);
  trm_runtime_close(&runtime);
  trm_runtime_close(NULL);
  assert_int_equal(trm_runtime_open(&runtime, NULL, NULL), TRM_OK); /* defaults */
  assert_true(trm_runtime_describe(runtime).threads >= 1);
  trm_runtime_close(&runtime);
}

static void masks_choose_kernels(void **state) {
  (void)state;
  static const char *const names[] = {"ref",        "avx2", "avxvnni", "avx512",  "avx512vnni",
                                      "avx512bf16", "neon", "neondot", "neonbf16"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    trm_runtime_config config = {.size = sizeof(trm_runtime_config), .threads = 1, .isa = names[i]};
    trm_runtime *runtime = NULL;
    trm_error err = {0};
    trm_status status = trm_runtime_open(&runtime, &config, &err);
    if (isa_kernels(names[i])) {
      assert_int_equal(status, TRM_OK);
      assert_string_equal(trm_runtime_describe(runtime).isa, names[i]);
      trm_runtime_close(&runtime);
    } else {
      assert_int_equal(status, TRM_E_UNSUPPORTED);
      assert_non_null(strstr(err.message, names[i]));
      assert_null(runtime);
    }
  }
}

/* Every set is listed; those present that nobody was refused are what the runtime calls available. */
static void sets_are_listed_or_explained(void **state) {
  (void)state;
  trm_isa_info list[TRM__ISA_MOST] = {0};
  char available[sizeof((trm_runtime_info *)NULL)->available] = "";
  int count = trm_isas(NULL, 0);
  assert_in_range(count, 9, TRM__ISA_MOST);
  assert_int_equal(trm_isas(list, 2), count);
  assert_true(list[1].name[0] && !list[2].name[0]);
  assert_int_equal(trm_isas(list, TRM__ISA_MOST), count);
  for (int i = 0; i < count; i++) {
    assert_true(list[i].present || list[i].why[0]);
    if (list[i].why[0]) continue;
    if (available[0]) strncat(available, " ", sizeof available - strlen(available) - 1);
    strncat(available, list[i].name, sizeof available - strlen(available) - 1);
  }
  trm_runtime *runtime = NULL;
  assert_int_equal(trm_runtime_open(&runtime, NULL, NULL), TRM_OK);
  assert_string_equal(trm_runtime_describe(runtime).available, available);
  trm_runtime_close(&runtime);
}

static void refuses_what_does_not_exist(void **state) {
  (void)state;
  trm_runtime_config wrong[] = {{.isa = "sse9"}, {.isa = ""},           {.isa = "avx"}, {.isa = "ref avx2"},
                                {.isa = "ref+"}, {.device = "toaster"}, {.device = ""}, {.threads = -1}};
  static const char *const where[] = {"isa", "isa", "isa", "isa", "isa", "device", "device", "threads"};
  size_t before = trm__mem_used();
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    trm_runtime *runtime = NULL;
    trm_error err = {0};
    wrong[i].size = sizeof wrong[i];
    assert_int_equal(trm_runtime_open(&runtime, &wrong[i], &err), TRM_E_USAGE);
    assert_int_equal(err.code, TRM_E_USAGE);
    assert_string_equal(err.where, where[i]);
    assert_null(runtime);
    assert_int_equal(trm__mem_used(), before);
  }
}

static void survives_allocation_failures(void **state) {
  (void)state;
  const trm_runtime_config config = {.size = sizeof(trm_runtime_config), .threads = 2};
  size_t before = trm__mem_used(), failed = 0;
  for (size_t i = 1;; i++) {
    trm_runtime *runtime = NULL;
    trm_error err = {0};
    trm__mem_fail_at(i);
    trm_status status = trm_runtime_open(&runtime, &config, &err);
    trm__mem_fail_at(0);
    if (!status) {
      trm_runtime_close(&runtime);
      break;
    }
    assert_int_equal(status, TRM_E_MEMORY);
    assert_null(runtime);
    assert_int_equal(trm__mem_used(), before);
    failed++;
  }
  assert_true(failed >= 3); /* runtime, pool, backend */
  assert_int_equal(trm__mem_used(), before);
}

static void memory_and_conversion(void **state) {
  (void)state;
  bench t;
  open_backend(&t, "ref", 1);
  trm__real numbers_in[5] = {1, -2, 3, (trm__real)0.1, 5}, numbers_out[5] = {0};
  const trm__dims dims = make_dims(1, 5, 0, 4, 0, 3, TRM_POS_NONE);
  const size_t bytes = t.be->act_bytes(t.be, &dims);
  trm__act *act = t.be->alloc(t.be, 5 * bytes);
  assert_int_equal(t.be->on_host, 1);
  assert_non_null(act);
  for (size_t i = 0; i < 5 * bytes; i++) assert_int_equal(act[i], 0);
  t.be->act_write(t.be, &dims, act, numbers_in, 5);
  t.be->act_read(t.be, &dims, numbers_out, act, 5);
  assert_memory_equal(numbers_in, numbers_out, sizeof numbers_in);
  t.be->zero(t.be, act, 2 * bytes);
  t.be->copy(t.be, numbers_out, act, sizeof numbers_out, TRM__COPY_TO_HOST);
  assert_true(numbers_out[1] == 0 && numbers_out[2] == 3);
  assert_int_equal(t.be->synchronize(t.be, NULL), TRM_OK);
  t.be->free(t.be, act);
  t.be->free(t.be, NULL);
  trm__mem_fail_at(1);
  assert_null(t.be->alloc(t.be, 8));
  trm__mem_fail_at(0);
  close_bench(&t);
}

/* Whether or not there are cards, and whether or not this build knows them. */
static void cards_are_listed_or_explained(void **state) {
  (void)state;
  trm_device_info card[4];
  trm_error why = {0}, err = {0};
  trm_runtime *runtime = NULL;
  const trm_runtime_config config = {.size = sizeof(trm_runtime_config), .threads = 1, .device = "cuda"};
  int cards = trm_devices(card, 4, &why);
  assert_int_equal(trm_devices(NULL, 0, NULL), cards);
  for (int i = 0; i < cards && i < 4; i++) assert_true(card[i].name[0] && card[i].memory > 0 && card[i].capability > 0);
  if (cards) return;
  assert_int_equal(why.code, TRM_E_UNSUPPORTED);
  assert_true(why.message[0] != 0);
  assert_int_equal(trm_runtime_open(&runtime, &config, &err), TRM_E_UNSUPPORTED);
  assert_null(runtime);
  assert_string_equal(err.where, "device");
  assert_non_null(strstr(err.message, "--device cpu"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_and_describes),           cmocka_unit_test(masks_choose_kernels),
      cmocka_unit_test(refuses_what_does_not_exist),   cmocka_unit_test(survives_allocation_failures),
      cmocka_unit_test(sets_are_listed_or_explained),  cmocka_unit_test(memory_and_conversion),
      cmocka_unit_test(cards_are_listed_or_explained),
  };
  return cmocka_run_group_tests_name("backend runtime", tests, NULL, NULL);
}
