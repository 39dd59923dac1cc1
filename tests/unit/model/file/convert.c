/* Model files written again: bfloat16 files answer as the original does in bfloat16, to the bit; everything else is
 * kept; a card is checked before anything is written. */
#include "unit/model/file/steps.h"

#include <sys/stat.h>

#include "base/os/file.h"
#include "model/file/model_file.h"

typedef struct source {
  char dir[64];
  fixture f;
  trm_model *model;
} source;

static const char *path_of(const source *s, const char *name) {
  return check_path(s->dir, name);
}

static void open_source(source *s, int mixer, int positions) {
  trm_error err;
  memset(s, 0, sizeof *s);
  check_temp_dir(s->dir);
  s->f.config = fixture_config(mixer, positions, 1);
  s->f.config.forward_dtype = TRM_BFLOAT16;
  fixture_weights(&s->f, 4);
  json_t *provenance = json_pack("{s:s}", "trm.data", "six.csv");
  trm__model_write what = {.config = &s->f.config,
                           .params = &s->f.params,
                           .weights = &s->f.set,
                           .variant = "ema",
                           .task = "{\"kind\":\"grid\"}",
                           .provenance = provenance,
                           .dtype = TRM__ST_F32,
                           .loss = TRM_LOSS_SOFTMAX};
  CHECK_OK(trm__model_save(path_of(s, "a"), &what, NULL, &err), err);
  CHECK_OK(trm_model_open(&s->model, path_of(s, "a"), &err), err);
  json_decref(provenance);
}

static void close_source(source *s) {
  trm_model_close(&s->model);
  trm__weight_set_close(&s->f.set);
  trm__params_close(&s->f.params);
  check_remove(s->dir);
}

static long long size_of(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  return (long long)info.st_size;
}

static void check_metadata(const trm_model *model) {
  assert_string_equal(trm_model_get_metadata(model, "trm.variant"), "ema");
  assert_string_equal(trm_model_get_metadata(model, "trm.task"), "{\"kind\":\"grid\"}");
  assert_string_equal(trm_model_get_loss(model), "softmax");
  assert_string_equal(trm_model_get_metadata(model, "trm.data"), "six.csv");
  assert_int_equal(trm_model_get_config(model)->forward_dtype, TRM_BFLOAT16);
}

static void check_bf16(int mixer, int positions) {
  source s;
  trm_error err;
  trm_model *narrow = NULL, *wide = NULL;
  size_t n, m;
  open_source(&s, mixer, positions);
  trm_model_conversion what = trm_model_conversion_default();
  what.weights = TRM_WEIGHTS_BFLOAT16;
  what.card = "{ \"gpu\" : \"none\", \"accuracy\": {\"exact\": 0.5} }";
  CHECK_OK(trm_model_convert(s.model, path_of(&s, "b"), &what, &err), err);
  CHECK_OK(trm_model_open(&narrow, path_of(&s, "b"), &err), err);
  check_metadata(narrow);
  assert_string_equal(trm_model_get_metadata(narrow, "trm.card"), "{\"gpu\":\"none\",\"accuracy\":{\"exact\":0.5}}");
  int matrices = 0, vectors = 0;
  for (size_t i = 0; i < trm_model_tensors(narrow); i++) {
    trm_tensor_info t = trm_model_tensor(narrow, i);
    assert_string_equal(t.dtype, t.rank > 1 ? "BF16" : "F32");
    matrices += t.rank > 1, vectors += t.rank == 1;
  }
  assert_true(matrices >= 8 && vectors == 3);
  trm__real *before = model_steps(s.model, -1, "auto", &n), *after = model_steps(narrow, -1, "auto", &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n * sizeof *before);

  what = trm_model_conversion_default();
  what.weights = TRM_WEIGHTS_FLOAT32; /* and back, card included */
  CHECK_OK(trm_model_convert(narrow, path_of(&s, "c"), &what, &err), err);
  CHECK_OK(trm_model_open(&wide, path_of(&s, "c"), &err), err);
  check_metadata(wide);
  assert_non_null(strstr(trm_model_get_metadata(wide, "trm.card"), "none"));
  for (size_t i = 0; i < trm_model_tensors(wide); i++) assert_string_equal(trm_model_tensor(wide, i).dtype, "F32");
  trm__real *again = model_steps(wide, -1, "auto", &m);
  assert_memory_equal(before, again, n * sizeof *before);
  free(before), free(after), free(again);
  trm_model_close(&narrow);
  trm_model_close(&wide);
  close_source(&s);
}

static void bfloat16_files_lose_nothing(void **state) {
  (void)state;
  check_bf16(1, TRM_POS_NONE);
  check_bf16(0, TRM_POS_ROPE);
  check_bf16(0, TRM_POS_LEARNED);
}

static void as_it_is_copies_every_byte(void **state) {
  (void)state;
  source s;
  trm_error err;
  trm_model *copy = NULL;
  open_source(&s, 1, TRM_POS_NONE);
  trm_model_conversion what = trm_model_conversion_default();
  CHECK_OK(trm_model_convert(s.model, path_of(&s, "b"), &what, &err), err);
  CHECK_OK(trm_model_open(&copy, path_of(&s, "b"), &err), err);
  assert_int_equal(size_of(path_of(&s, "a")), size_of(path_of(&s, "b")));
  assert_null(trm_model_get_metadata(copy, "trm.card"));
  for (size_t i = 0; i < s.model->st.count; i++) {
    const trm__st_tensor *t = trm__st_find(&copy->st, s.model->st.tensor[i].name);
    assert_non_null(t);
    assert_memory_equal(t->data, s.model->st.tensor[i].data, t->bytes);
  }
  trm_model_close(&copy);
  close_source(&s);
}

static void int8_models_keep_their_numbers_and_take_a_card(void **state) {
  (void)state;
  source s;
  trm_error err;
  trm_model *small = NULL, *carded = NULL;
  open_source(&s, 1, TRM_POS_NONE);
  CHECK_OK(trm_model_quantize(s.model, path_of(&s, "q"), &err), err);
  CHECK_OK(trm_model_open(&small, path_of(&s, "q"), &err), err);
  trm_model_conversion what = {.size = sizeof(trm_model_conversion), .weights = TRM_WEIGHTS_BFLOAT16};
  CHECK_FAILS(trm_model_convert(small, path_of(&s, "b"), &what, &err), TRM_E_USAGE, err, "int8 weights");
  what = trm_model_conversion_default();
  what.card = "{}";
  CHECK_OK(trm_model_convert(small, path_of(&s, "b"), &what, &err), err);
  CHECK_OK(trm_model_open(&carded, path_of(&s, "b"), &err), err);
  assert_string_equal(trm_model_get_metadata(carded, "trm.card"), "{}");
  assert_int_equal(trm_model_tensors(carded), trm_model_tensors(small));
  trm_model_close(&small);
  trm_model_close(&carded);
  close_source(&s);
}

static void cards_keep_every_digit(void **state) {
  (void)state;
  source s;
  trm_error err;
  trm_model *carded = NULL;
  open_source(&s, 1, TRM_POS_NONE);
  trm_model_conversion what = {.size = sizeof(trm_model_conversion),
                               .card = "{\"largest\": 1.7976931348623157e308,\n\t\"sum\": 0.30000000000000004, "
                                       "\"a \\\" b\\\\\" : [ 1e14, \"\\u00e9 \" ] }"};
  CHECK_OK(trm_model_convert(s.model, path_of(&s, "b"), &what, &err), err);
  CHECK_OK(trm_model_open(&carded, path_of(&s, "b"), &err), err);
  assert_string_equal(trm_model_get_metadata(carded, "trm.card"),
                      "{\"largest\":1.7976931348623157e308,\"sum\":0.30000000000000004,"
                      "\"a \\\" b\\\\\":[1e14,\"\\u00e9 \"]}");
  trm_model_close(&carded);
  close_source(&s);
}

static void wrong_cards_are_refused(void **state) {
  (void)state;
  source s;
  trm_error err;
  open_source(&s, 1, TRM_POS_NONE);
  static const char *const bad[] = {"", "[1]", "\"text\"", "{\"a\":1", "{\"a\":1,\"a\":2}", "{} {}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    trm_model_conversion what = {.size = sizeof(trm_model_conversion), .card = bad[i]};
    CHECK_FAILS(trm_model_convert(s.model, path_of(&s, "b"), &what, &err), TRM_E_INPUT, err, "");
    assert_non_null(strstr(err.where, "card"));
  }
  char *long_text = malloc(70000);
  memset(long_text, ' ', 70000);
  long_text[0] = '{', long_text[69998] = '}', long_text[69999] = 0;
  trm_model_conversion what = {.size = sizeof(trm_model_conversion), .card = long_text};
  CHECK_FAILS(trm_model_convert(s.model, path_of(&s, "b"), &what, &err), TRM_E_INPUT, err, "at most");
  free(long_text);
  struct stat info;
  assert_int_not_equal(stat(path_of(&s, "b"), &info), 0);
  close_source(&s);
}

static trm_status convert_again(void *context, trm_error *err) {
  const source *s = context;
  trm_model_conversion what = {
      .size = sizeof(trm_model_conversion), .weights = TRM_WEIGHTS_BFLOAT16, .card = "{\"a\":1}"};
  return trm_model_convert(s->model, path_of(s, "d"), &what, err);
}

static void no_memory_is_survived(void **state) {
  (void)state;
  source s;
  open_source(&s, 1, TRM_POS_NONE);
  assert_true(check_each_allocation(convert_again, &s) > 4);
  close_source(&s);
}

/* Values of its own: written, kept by every other rewriting, covered by the checksum, replaced, and refused. */
static void values_of_its_own_are_kept(void **state) {
  (void)state;
  source s;
  trm_error err;
  trm_model *one = NULL, *two = NULL;
  open_source(&s, 1, TRM_POS_NONE);
  assert_true(isnan(trm_model_get_halt_threshold(s.model)) && trm_model_get_max_steps(s.model) == 0);
  trm_model_conversion what = trm_model_conversion_default();
  what.halt_threshold = 0.1; /* no binary fraction */
  what.max_steps = 40;
  CHECK_OK(trm_model_convert(s.model, path_of(&s, "b"), &what, &err), err);
  CHECK_OK(trm_model_open(&one, path_of(&s, "b"), &err), err);
  assert_true(trm_model_get_halt_threshold(one) == 0.1 && trm_model_get_max_steps(one) == 40);
  assert_string_not_equal(trm_model_get_checksum(s.model), trm_model_get_checksum(one));
  check_metadata(one);
  what = trm_model_conversion_default();
  what.weights = TRM_WEIGHTS_BFLOAT16;
  CHECK_OK(trm_model_convert(one, path_of(&s, "c"), &what, &err), err);
  CHECK_OK(trm_model_open(&two, path_of(&s, "c"), &err), err);
  assert_true(trm_model_get_halt_threshold(two) == 0.1 && trm_model_get_max_steps(two) == 40);
  trm_model_close(&two);
  CHECK_OK(trm_model_quantize(one, path_of(&s, "d"), &err), err);
  CHECK_OK(trm_model_open(&two, path_of(&s, "d"), &err), err);
  assert_true(trm_model_get_halt_threshold(two) == 0.1 && trm_model_get_max_steps(two) == 40);
  trm_model_close(&two);
  what = trm_model_conversion_default();
  what.halt_threshold = 0; /* a threshold like others; the file replaces itself */
  CHECK_OK(trm_model_convert(one, path_of(&s, "b"), &what, &err), err);
  CHECK_OK(trm_model_open(&two, path_of(&s, "b"), &err), err);
  assert_true(trm_model_get_halt_threshold(two) == 0 && trm_model_get_max_steps(two) == 40);
  trm_model_close(&two);
  what.halt_threshold = 1000.001;
  CHECK_FAILS(trm_model_convert(one, path_of(&s, "e"), &what, &err), TRM_E_USAGE, err, "halt_threshold");
  what.halt_threshold = (double)-INFINITY;
  CHECK_FAILS(trm_model_convert(one, path_of(&s, "e"), &what, &err), TRM_E_USAGE, err, "halt_threshold");
  what.halt_threshold = 1;
  what.max_steps = 100001;
  CHECK_FAILS(trm_model_convert(one, path_of(&s, "e"), &what, &err), TRM_E_USAGE, err, "max_steps");
  what.max_steps = -1;
  CHECK_FAILS(trm_model_convert(one, path_of(&s, "e"), &what, &err), TRM_E_USAGE, err, "max_steps");
  assert_int_not_equal(access(path_of(&s, "e"), F_OK), 0);
  trm_model_close(&one);
  close_source(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bfloat16_files_lose_nothing),
      cmocka_unit_test(as_it_is_copies_every_byte),
      cmocka_unit_test(int8_models_keep_their_numbers_and_take_a_card),
      cmocka_unit_test(cards_keep_every_digit),
      cmocka_unit_test(wrong_cards_are_refused),
      cmocka_unit_test(no_memory_is_survived),
      cmocka_unit_test(values_of_its_own_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
