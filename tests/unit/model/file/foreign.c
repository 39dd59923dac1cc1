/* Model files that another tool saved again: what leaves the numbers as they were keeps the checksum, numbers of
 * another type are taken unchecked, and whatever else is changed is refused. */
#include "support/model_fixture.h"

#include "model/file/checksum.h"
#include "model/file/foreign.h"
#include "model/file/model_file.h"

static char folder[64];

enum { MOST = 64 };
/* A copy of a file on its way to become another one. */
typedef struct resave {
  trm__safetensors st;
  json_t *metadata;
  trm__st_source source[MOST];
  size_t count;
  char names[MOST][128];
} resave;

static int write_original(void **state) {
  (void)state;
  trm_error err;
  trm__params params;
  trm__weight_set set;
  trm_model_config config = fixture_config(1, TRM_POS_LEARNED, 1);
  config.seq_len = 4;
  config.L_layers = 2;
  check_temp_dir(folder);
  CHECK_OK(trm__params_open(&params, &config, &err), err);
  CHECK_OK(trm__weight_set_open(&set, &params, &err), err);
  trm__weight_set_init(&set, &params, 3);
  trm__model_write what = {
      .config = &config, .params = &params, .weights = &set, .variant = "ema", .dtype = TRM__ST_F32};
  CHECK_OK(trm__model_save(check_path(folder, "ours.safetensors"), &what, NULL, &err), err);
  trm__weight_set_close(&set);
  trm__params_close(&params);
  return 0;
}

static int remove_original(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

static resave *resave_begin(const char *name) {
  trm_error err;
  resave *r = calloc(1, sizeof *r);
  CHECK_OK(trm__st_open(&r->st, check_path(folder, name), &err), err);
  r->metadata = json_deep_copy(r->st.metadata);
  for (r->count = 0; r->count < r->st.count; r->count++)
    r->source[r->count] = trm__st_source_of(&r->st.tensor[r->count]);
  return r;
}

static void resave_end(resave *r) {
  trm_error err;
  CHECK_OK(trm__st_write(check_path(folder, "theirs.safetensors"), r->metadata, r->source, r->count, NULL, &err), err);
  json_decref(r->metadata);
  trm__st_close(&r->st);
  free(r);
}

static void resave_reverse(resave *r) {
  for (size_t i = 0; i < r->count / 2; i++) {
    trm__st_source other = r->source[i];
    r->source[i] = r->source[r->count - 1 - i];
    r->source[r->count - 1 - i] = other;
  }
}

static void resave_prefix(resave *r, const char *prefix) {
  for (size_t i = 0; i < r->count; i++) {
    snprintf(r->names[i], sizeof r->names[i], "%s%s", prefix, r->source[i].name);
    r->source[i].name = r->names[i];
  }
}

static void resave_add(resave *r, const char *name, trm__st_dtype dtype, int64_t elements, const void *data) {
  r->source[r->count++] = (trm__st_source){.name = name, .dtype = dtype, .rank = 1, .shape = {elements}, .data = data};
}

static uint16_t to_half(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 23 & 255) - 112;
  if (exponent <= 0) return (uint16_t)(bits >> 16 & 0x8000u);
  assert_in_range(exponent, 1, 30);
  return (uint16_t)((bits >> 16 & 0x8000u) | (uint32_t)exponent << 10 | (bits >> 13 & 0x3ffu));
}

/* All weights in another type; what points to them is freed with free. */
static void *resave_convert(resave *r, trm__st_dtype dtype) {
  size_t all = 0, size = trm__st_dtype_size(dtype);
  for (size_t i = 0; i < r->count; i++) all += r->st.tensor[i].elements;
  char *bytes = malloc(all * size), *at = bytes;
  for (size_t i = 0; i < r->count; i++) {
    r->source[i].dtype = dtype;
    r->source[i].data = at;
    for (size_t k = 0; k < r->st.tensor[i].elements; k++, at += size) {
      double value = trm__st_element(&r->st.tensor[i], k);
      float narrow = (float)value;
      uint32_t bits;
      uint16_t half = to_half(narrow);
      memcpy(&bits, &narrow, sizeof bits);
      if (dtype == TRM__ST_BF16) half = (uint16_t)(bits >> 16);
      if (dtype == TRM__ST_F64) memcpy(at, &value, sizeof value);
      else memcpy(at, &half, sizeof half);
    }
  }
  return bytes;
}

static trm_model *open_model(const char *name) {
  trm_error err = {0};
  trm_model *m = NULL;
  CHECK_OK(trm_model_open(&m, check_path(folder, name), &err), err);
  return m;
}

static void refuse(const char *message) {
  trm_error err = {0};
  trm_model *m = NULL;
  size_t used = trm__mem_used();
  CHECK_FAILS(trm_model_open(&m, check_path(folder, "theirs.safetensors"), &err), TRM_E_INPUT, err, message);
  assert_null(m);
  assert_int_equal(trm__mem_used(), used);
}

/* The largest difference between the weights of two files. */
static double difference(const trm_model *a, const trm_model *b) {
  trm__weight_set x = {0}, y = {0};
  trm_error err;
  double most = 0;
  CHECK_OK(trm__weight_set_open(&x, &a->params, &err), err);
  CHECK_OK(trm__weight_set_open(&y, &b->params, &err), err);
  trm__model_read(a, &x);
  trm__model_read(b, &y);
  for (size_t i = 0; i < a->params.trained; i++) most = fmax(most, fabs((double)x.flat[i] - (double)y.flat[i]));
  for (size_t i = 0; i < a->params.puzzle; i++) most = fmax(most, fabs((double)x.puzzle[i] - (double)y.puzzle[i]));
  trm__weight_set_close(&x);
  trm__weight_set_close(&y);
  return most;
}

/* The white space that Python's json puts between tokens, after the first brace. */
static void space_header(void) {
  trm_error err;
  char *text;
  size_t size;
  uint64_t length;
  const char *path = check_path(folder, "theirs.safetensors");
  CHECK_OK(trm__file_read(path, 1 << 24, &text, &size, &err), err);
  char *wide = malloc(size + 8);
  memcpy(&length, text, sizeof length);
  size_t header = (size_t)length;
  length += 8;
  memcpy(wide, &length, sizeof length);
  memcpy(wide + 8, "{ ", 2);
  memcpy(wide + 10, text + 9, header - 1);
  memset(wide + 9 + header, ' ', 7);
  memcpy(wide + 16 + header, text + 8 + header, size - 8 - header);
  CHECK_OK(trm__file_write(path, wide, size + 8, &err), err);
  free(wide);
  trm__free(text);
}

/* -- numbers as they were ------------------------------------------------------------------------------------------ */

static void test_same_numbers(void **state) {
  (void)state;
  static const char *const prefixes[] = {"", "model.", "_orig_mod.model.", "module._orig_mod.model."};
  trm_model *ours = open_model("ours.safetensors");
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    resave *r = resave_begin("ours.safetensors");
    resave_prefix(r, prefixes[i]);
    resave_reverse(r);
    resave_add(r, "unused.empty", TRM__ST_F32, 0, "");
    resave_add(r, "inner.empty", TRM__ST_F32, 0, "");
    resave_add(r, "optimizer.step", TRM__ST_I64, 1, "12345678");
    json_object_set_new(r->metadata, "format", json_string("pt"));
    resave_end(r);
    if (i % 2) space_header();
    trm_model *theirs = open_model("theirs.safetensors");
    assert_string_equal(trm_model_get_checksum(theirs), trm_model_get_checksum(ours));
    assert_true(difference(ours, theirs) == 0);
    assert_int_equal(trm_model_tensors(theirs), trm_model_tensors(ours));
    trm_model_close(&theirs);
  }
  trm_model_close(&ours);
}

/* -- numbers of another type --------------------------------------------------------------------------------------- */

/* Written again by us it is of our form: it has a checksum, and that binds. */
static void check_rewritten(const trm_model *theirs) {
  trm_error err = {0};
  trm_model_conversion what = trm_model_conversion_default();
  const char *path = check_path(folder, "again.safetensors");
  CHECK_OK(trm_model_convert(theirs, path, &what, &err), err);
  trm_model *again = open_model("again.safetensors"), *m = NULL;
  assert_true(difference(theirs, again) == 0);
  assert_string_equal(trm_model_get_checksum(again), trm_model_get_metadata(again, "trm.sha256"));
  assert_int_equal(trm__foreign_form(&again->st, &again->params), 0);
  assert_int_equal(trm__foreign_numbers(&again->st, &again->params), 0);
  trm_model_close(&again);
  char *bytes;
  size_t size;
  CHECK_OK(trm__file_read(path, 1 << 24, &bytes, &size, &err), err);
  bytes[size - 1] = (char)(bytes[size - 1] ^ 1);
  CHECK_FAILS(trm__model_parse(&m, bytes, size, "flipped", &err), TRM_E_INPUT, err, "damaged: its checksum");
  trm__free(bytes);
  CHECK_OK(trm_model_quantize(theirs, path, &err), err);
  again = open_model("again.safetensors");
  assert_int_equal(again->quantized, 1);
  trm_model_close(&again);
}

static void test_other_types(void **state) {
  (void)state;
  static const struct {
    trm__st_dtype dtype;
    double most;
  } types[] = {{TRM__ST_F16, 2e-2}, {TRM__ST_F64, 0}, {TRM__ST_BF16, 4e-2}};
  trm_model *ours = open_model("ours.safetensors");
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    for (int reordered = types[i].dtype == TRM__ST_BF16; reordered < 2; reordered++) {
      resave *r = resave_begin("ours.safetensors");
      void *bytes = resave_convert(r, types[i].dtype);
      if (reordered) resave_reverse(r);
      resave_end(r);
      free(bytes);
      trm_model *theirs = open_model("theirs.safetensors");
      assert_string_not_equal(trm_model_get_checksum(theirs), trm_model_get_metadata(theirs, "trm.sha256"));
      assert_true(difference(ours, theirs) <= types[i].most);
      check_rewritten(theirs);
      trm_model_close(&theirs);
    }
  trm_model_close(&ours);
}

/* White space alone tells that another tool wrote it. */
static void test_bfloat16_in_our_order(void **state) {
  (void)state;
  resave *r = resave_begin("ours.safetensors");
  void *bytes = resave_convert(r, TRM__ST_BF16);
  resave_end(r);
  free(bytes);
  refuse("damaged: its checksum");
  space_header();
  trm_model *theirs = open_model("theirs.safetensors");
  trm_model_close(&theirs);
}

/* -- refused ------------------------------------------------------------------------------------------------------- */

static void test_changed_numbers(void **state) {
  (void)state;
  for (int reordered = 0; reordered < 2; reordered++) {
    resave *r = resave_begin("ours.safetensors");
    float *changed = malloc(r->st.tensor[3].bytes);
    memcpy(changed, r->st.tensor[3].data, r->st.tensor[3].bytes);
    changed[1] += 1;
    r->source[3].data = changed;
    if (reordered) resave_reverse(r);
    resave_end(r);
    refuse(reordered ? "damaged, or changed by another tool" : "damaged: its checksum");
    r = resave_begin("theirs.safetensors"); /* as the message says */
    json_object_del(r->metadata, "trm.format");
    json_object_del(r->metadata, "trm.sha256");
    resave_end(r);
    trm_model *told = open_model("theirs.safetensors");
    assert_null(trm_model_get_checksum(told));
    trm_model_close(&told);
    free(changed);
  }
}

static void test_bad_numbers(void **state) {
  (void)state;
  static const uint16_t infinite = 0x7c00;
  static const double large = 1e300;
  for (int wide = 0; wide < 2; wide++) {
    resave *r = resave_begin("ours.safetensors");
    char *bytes = resave_convert(r, wide ? TRM__ST_F64 : TRM__ST_F16);
    memcpy(bytes + (wide ? 16 : 4), wide ? (const void *)&large : &infinite, wide ? 8 : 2);
    resave_end(r);
    free(bytes);
    refuse("is not finite as a float at element 2");
  }
}

static void test_bad_tensors(void **state) {
  (void)state;
  resave *r = resave_begin("ours.safetensors");
  resave_add(r, "inner.extra", TRM__ST_U8, 3, "abc");
  resave_end(r);
  refuse("damaged: its checksum"); /* it would be a part of the network */
  r = resave_begin("ours.safetensors");
  json_object_del(r->metadata, "trm.format");
  json_object_del(r->metadata, "trm.sha256");
  resave_add(r, "inner.extra", TRM__ST_U8, 3, "abc");
  resave_end(r);
  refuse("\"inner.extra\" is not part of its configuration");
  r = resave_begin("ours.safetensors");
  r->source[r->count] = r->source[0];
  r->source[r->count++].name = "model.inner.H_init";
  resave_end(r);
  refuse("has tensor \"inner.H_init\" twice");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_numbers),          cmocka_unit_test(test_other_types),
      cmocka_unit_test(test_bfloat16_in_our_order), cmocka_unit_test(test_changed_numbers),
      cmocka_unit_test(test_bad_numbers),           cmocka_unit_test(test_bad_tensors),
  };
  return cmocka_run_group_tests(tests, write_original, remove_original);
}
