/* The table of instruction sets: what of it this machine runs, choices by name, and the kernels that come of them. */
#include "support/isa.h"
#include "kernels/check.h"

static const char *const known[] = {"ref",        "avx2", "avxvnni", "avx512",  "avx512vnni",
                                    "avx512bf16", "neon", "neondot", "neonbf16"};
enum { KNOWN = sizeof known / sizeof *known };

static int listed(const char *name) {
  char list[256];
  trm__isa_available(trm__isa_table_built_in(), list, sizeof list);
  for (char *rest = NULL, *word = strtok_r(list, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    if (strcmp(word, name) == 0) return 1;
  }
  return 0;
}

static void test_names(void **state) {
  (void)state;
  for (int i = 0; i < KNOWN; i++) {
    trm__isa_choice choice = {0};
    trm_error err = {0};
    trm_status status = trm__isa_choose(&choice, trm__isa_table_built_in(), known[i], &err);
    assert_int_equal(status, listed(known[i]) ? TRM_OK : TRM_E_UNSUPPORTED);
    if (status) assert_non_null(strstr(err.message, known[i]));
    else assert_string_equal(isa_kernels(known[i])->isa, known[i]);
  }
  assert_true(listed("ref"));
}

/* Each name that a line needs is that of a line above it, and a line needs whatever those need. */
static void test_needs(void **state) {
  (void)state;
  const trm__isa_table *table = trm__isa_table_built_in();
  for (int i = 0; i < table->count; i++) {
    char needs[128] = "";
    trm__isa_set found = 1U << i | 1;
    if (table->line[i].needs) snprintf(needs, sizeof needs, "%s", table->line[i].needs);
    for (char *rest = NULL, *name = strtok_r(needs, "+", &rest); name; name = strtok_r(NULL, "+", &rest)) {
      int line = 0;
      while (line < i && strcmp(table->line[line].name, name) != 0) line++;
      assert_true(line < i);
      found |= trm__isa_with_needs(table, line);
    }
    assert_int_equal(trm__isa_with_needs(table, i), found);
    if (table->present >> i & 1) assert_int_equal(table->present & found, found);
  }
}

static void test_unknown(void **state) {
  (void)state;
  static const char *const wrong[] = {"",  "AVX2", "avx2 ", "neons",    "best",     "avx5120", "ref,avx2",
                                      "+", "ref+", "+ref",  "ref++ref", "ref+avx3", "auto+ref"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    trm__isa_choice choice = {0};
    trm_error err = {0};
    assert_int_equal(trm__isa_choose(&choice, trm__isa_table_built_in(), wrong[i], &err), TRM_E_USAGE);
    assert_string_equal(err.where, "isa");
    assert_non_null(strstr(err.message, "auto ref"));
    assert_null(choice.table);
  }
  trm_error err = {0};
  trm__isa_choice choice;
  assert_int_equal(trm__isa_choose(&choice, trm__isa_table_built_in(), "ref+avx512vni", &err), TRM_E_USAGE);
  assert_non_null(strstr(err.message, "did you mean 'avx512vnni'"));
  assert_non_null(strstr(err.message, "'avx512vni'"));
}

/* Without a name: everything, named by its best. */
static void test_best(void **state) {
  (void)state;
  trm__isa_choice choice, named;
  assert_true(isa_choose(&choice, NULL) && isa_choose(&named, "auto"));
  assert_int_equal(choice.sets, trm__isa_table_built_in()->present);
  assert_int_equal(named.sets, choice.sets);
  const char *best = "ref";
  for (int i = 0; isa_at(i); i++) best = isa_at(i);
  assert_string_equal(isa_kernels("auto")->isa, best);
  char name[TRM__ISA_NAME];
  trm__isa_name(&choice, name);
  assert_string_equal(name, best);
}

/* Every slot is filled. */
static void check_slots(const trm__kernels *k) {
  const unsigned char *first = (const unsigned char *)&k->swiglu_backward, *end = (const unsigned char *)(k + 1);
  for (; first < end; first += sizeof k->swiglu_backward) {
    void (*slot)(void) = NULL;
    memcpy(&slot, first, sizeof slot);
    assert_true(slot != NULL);
  }
}

/* Nothing is missing, and tiles are as the packing needs them. */
static void test_complete(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    const trm__kernels *k = variant(v);
    assert_non_null(k->product[TRM_FLOAT32]);
    for (int type = 0; type < TRM__DTYPES; type++) {
      const trm__product *p = k->product[type];
      if (p) assert_true(p->type == (trm_dtype)type && p->mr >= 2 && p->mr % 2 == 0 && p->nr >= 2 && p->nr % 2 == 0);
    }
    check_slots(k);
  }
}

/* What isa.h asks of an offer; and who has the fp32 product, a set with a vector width of its own, has every kernel. */
static void test_offers(void **state) {
  (void)state;
  const trm__isa_table *table = variant_table();
  for (int i = 0; i < table->count; i++) {
    const trm__offer *offer = table->line[i].offer;
    if (!offer) continue;
    const trm__kernels *k = &offer->kernels;
    assert_true(!k->isa[0] && !k->sets && !k->table);
    assert_int_equal(!k->attention, !k->attention_backward);
    assert_int_equal(!k->attention, !k->attention_scratch);
    assert_int_equal(!offer->enter, !offer->leave);
    if (k->product[TRM_FLOAT32]) check_slots(k);
  }
}

static const trm__product *product_of(const char *isa, trm_dtype type) {
  const trm__kernels *kernels = isa_kernels(isa);
  return kernels ? kernels->product[type] : NULL;
}

/* Sets that stand beside each other combine: the best of each operation. */
static void test_combined(void **state) {
  (void)state;
  trm__isa_choice choice;
  assert_true(isa_choose(&choice, "ref+ref"));
  assert_int_equal(choice.sets, 1);
  if (isa_choose(&choice, "avxvnni+avx512")) { /* the wider of the two int8 products, and nothing else of avxvnni */
    assert_string_equal(isa_kernels("avxvnni+avx512")->isa, "avx512");
    assert_ptr_equal(product_of("avxvnni+avx512", TRM_INT8), product_of("avx512", TRM_INT8));
  }
  if (isa_choose(&choice, "avx512bf16")) {
    assert_ptr_equal(product_of("avx512bf16", TRM_INT8), product_of("avx512vnni", TRM_INT8));
    assert_ptr_equal(product_of("avx512bf16", TRM_FLOAT32), product_of("avx512", TRM_FLOAT32));
    assert_ptr_not_equal(isa_kernels("avx512bf16")->attention, isa_kernels("avx512")->attention);
    assert_ptr_equal(isa_kernels("avx512bf16")->rms_rows, isa_kernels("avx512")->rms_rows);
  }
}

/* A type's kernels hold products of that type and fp32, and bf16 ones only where they are faster than fp32. */
static void test_types(void **state) {
  (void)state;
  for (int i = 0; isa_at(i); i++) {
    trm__isa_choice choice;
    trm__kernels made[TRM__DTYPES];
    assert_true(isa_choose(&choice, isa_at(i)));
    const trm__kernels *all = isa_kernels(isa_at(i));
    for (int type = 0; type < TRM__DTYPES; type++) {
      trm__isa_kernels(&made[type], &choice, trm__isa_types_of((trm_dtype)type));
      for (int of = 0; of < TRM__DTYPES; of++) {
        int wanted = of == TRM_FLOAT32 || of == type || type == TRM_INT8;
        assert_ptr_equal(made[type].product[of], wanted ? all->product[of] : NULL);
      }
      assert_int_equal(made[type].sets & ~choice.sets, 0);
    }
    assert_non_null(all->product[TRM_INT8]);
    int has_bf16 = strcmp(isa_at(i), "ref") == 0 || strstr(isa_at(i), "bf16");
    assert_int_equal(all->product[TRM_BFLOAT16] != NULL, has_bf16);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),    cmocka_unit_test(test_needs),    cmocka_unit_test(test_unknown),
      cmocka_unit_test(test_best),     cmocka_unit_test(test_complete), cmocka_unit_test(test_offers),
      cmocka_unit_test(test_combined), cmocka_unit_test(test_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
