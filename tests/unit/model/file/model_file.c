/* Model files: the same bits come back, and a file that is not whole or not a model is refused with the reason. */
#include "support/model_fixture.h"

#include <trm/trm.h>

#include "model/file/model_file.h"

typedef struct saved {
  char dir[64], path[128];
  trm_model_config config;
  trm__params params;
  trm__weight_set set;
} saved;

static trm_status save(saved *s, trm__st_dtype dtype, trm_error *err) {
  json_t *provenance = json_pack("{s:s, s:s}", "trm.data", "a folder", "trm.variant", "not this");
  trm__model_write what = {.config = &s->config,
                           .params = &s->params,
                           .weights = &s->set,
                           .variant = "ema",
                           .task = "{\"kind\":\"sudoku\"}",
                           .provenance = provenance,
                           .dtype = dtype};
  uint32_t crc;
  trm_status status = trm__model_save(s->path, &what, &crc, err);
  json_decref(provenance);
  return status;
}

static void open_saved(saved *s, trm__st_dtype dtype) {
  trm_error err;
  check_temp_dir(s->dir);
  snprintf(s->path, sizeof s->path, "%s/model.safetensors", s->dir);
  s->config = fixture_config(1, TRM_POS_LEARNED, 1);
  s->config.expansion = 1.0 / 3;
  s->config.forward_dtype = TRM_BFLOAT16;
  s->config.damping = 0.25; /* no key has its default that a file may lack */
  s->config.activation = TRM_ACT_RMS_GATE;
  CHECK_OK(trm__params_open(&s->params, &s->config, &err), err);
  CHECK_OK(trm__weight_set_open(&s->set, &s->params, &err), err);
  trm__weight_set_init(&s->set, &s->params, 3);
  for (size_t i = 0; i < s->params.puzzle; i++) s->set.puzzle[i] = (trm__real)(0.1 * (double)i);
  CHECK_OK(save(s, dtype, &err), err);
}

static void close_saved(saved *s) {
  trm__weight_set_close(&s->set);
  trm__params_close(&s->params);
  check_remove(s->dir);
}

static void test_round_trip(void **state) {
  (void)state;
  trm_error err;
  saved s;
  trm__weight_set back;
  trm_model *m = NULL;
  open_saved(&s, TRM__ST_F32);
  CHECK_OK(trm_model_open(&m, s.path, &err), err);
  size_t count;
  const trm_option *table = trm_model_options(&count);
  for (size_t i = 0; i < count; i++) {
    char wanted[64], found[64];
    trm_options_get(table, count, &s.config, table[i].name, wanted, sizeof wanted);
    trm_options_get(table, count, trm_model_get_config(m), table[i].name, found, sizeof found);
    assert_string_equal(found, wanted);
  }
  assert_true(trm_model_get_config(m)->expansion == 1.0 / 3);
  assert_string_equal(trm_model_get_metadata(m, "trm.variant"), "ema");
  assert_string_equal(trm_model_get_metadata(m, "trm.task"), "{\"kind\":\"sudoku\"}");
  assert_string_equal(trm_model_get_metadata(m, "trm.version"), trm_version());
  assert_string_equal(trm_model_get_metadata(m, "trm.data"), "a folder");
  assert_string_equal(trm_model_get_loss(m), "stablemax");
  assert_null(trm_model_get_metadata(m, "trm.nothing"));
  assert_int_equal(trm_model_tensors(m), (size_t)s.params.count);
  trm_tensor_info info = trm_model_tensor(m, 0);
  assert_string_equal(info.name, "inner.H_init");
  assert_string_equal(info.dtype, "F32");
  assert_true(info.rank == 1 && info.shape[0] == 8 && info.bytes == 32);
  CHECK_OK(trm__weight_set_open(&back, &m->params, &err), err);
  trm__model_read(m, &back);
  assert_memory_equal(back.flat, s.set.flat, s.params.trained * sizeof(trm__real));
  assert_memory_equal(back.start, s.set.start, 16 * sizeof(trm__real));
  assert_memory_equal(back.puzzle, s.set.puzzle, s.params.puzzle * sizeof(trm__real));
  trm__weight_set_close(&back);
  trm_model_close(&m);
  assert_null(m);
  trm_model_close(&m);
  close_saved(&s);
}

static void test_bf16(void **state) {
  (void)state;
  trm_error err;
  saved s;
  trm__weight_set back;
  trm_model *m = NULL;
  open_saved(&s, TRM__ST_BF16);
  CHECK_OK(trm_model_open(&m, s.path, &err), err);
  assert_string_equal(trm_model_tensor(m, 3).dtype, "BF16");
  CHECK_OK(trm__weight_set_open(&back, &m->params, &err), err);
  trm__model_read(m, &back);
  for (size_t i = 0; i < s.params.trained; i++)
    assert_true(fabs((double)(back.flat[i] - s.set.flat[i])) <= fabs((double)s.set.flat[i]) / 256);
  /* what was rounded once stays */
  trm__weight_set first = s.set;
  s.set = back;
  CHECK_OK(save(&s, TRM__ST_BF16, &err), err);
  trm_model_close(&m);
  CHECK_OK(trm_model_open(&m, s.path, &err), err);
  trm__model_read(m, &first);
  assert_memory_equal(first.flat, back.flat, s.params.trained * sizeof(trm__real));
  trm__weight_set_close(&first);
  trm_model_close(&m);
  close_saved(&s);
}

/* Without checksum, so that what it would notice first is noticed by what comes after it. */
static void drop_checksum(json_t *metadata) {
  json_object_del(metadata, "trm.sha256");
  json_object_del(metadata, "trm.format");
}

/* -- refusals: the good file, changed ----------------------------------------------------------------------------- */

typedef struct rewrite {
  const char *key, *value; /* metadata to set; value NULL removes it */
  const char *tensor;      /* tensor to change */
  const char *name;        /* its new name */
  int drop, poison;        /* leave it out; put an infinity into it */
  int64_t rows;            /* its new first size, 0: as it is */
  trm__st_dtype dtype;
  const char *why;
} rewrite;

static void check_refused(const saved *s, const rewrite *r) {
  trm_error err;
  trm__safetensors st;
  trm__st_source source[32];
  float *poisoned = NULL;
  CHECK_OK(trm__st_open(&st, s->path, &err), err);
  json_t *metadata = json_deep_copy(st.metadata);
  drop_checksum(metadata);
  if (r->key && r->value) json_object_set_new(metadata, r->key, json_string(r->value));
  if (r->key && !r->value) json_object_del(metadata, r->key);
  size_t count = 0;
  for (size_t i = 0; i < st.count; i++) {
    const trm__st_tensor *t = &st.tensor[i];
    trm__st_source *to = &source[count++];
    *to = (trm__st_source){.name = t->name, .dtype = t->dtype, .rank = t->rank, .data = t->data};
    memcpy(to->shape, t->shape, sizeof to->shape);
    if (!r->tensor || strcmp(t->name, r->tensor) != 0) continue;
    if (r->drop) count--;
    if (r->name) to->name = r->name;
    if (r->rows) to->shape[0] = r->rows;
    if (r->dtype != TRM__ST_F32) to->dtype = r->dtype;
    if (r->poison) {
      poisoned = malloc(t->bytes);
      memcpy(poisoned, t->data, t->bytes);
      poisoned[5] = (float)INFINITY;
      to->data = poisoned;
    }
  }
  const char *path = check_path(s->dir, "bad.safetensors");
  CHECK_OK(trm__st_write(path, metadata, source, count, NULL, &err), err);
  json_decref(metadata);
  trm__st_close(&st);
  free(poisoned);
  trm_model *m = NULL;
  CHECK_FAILS(trm_model_open(&m, path, &err), TRM_E_INPUT, err, r->why);
  assert_null(m);
  assert_non_null(strstr(err.where, "bad.safetensors"));
}

static void test_refusals(void **state) {
  (void)state;
  saved s;
  open_saved(&s, TRM__ST_F32);
  static const rewrite cases[] = {
      {.key = "trm.config", .dtype = TRM__ST_F32, .why = "trm.config"},
      {.key = "trm.version", .dtype = TRM__ST_F32, .why = "trm.version"},
      {.key = "trm.variant", .dtype = TRM__ST_F32, .why = "trm.variant"},
      {.key = "trm.variant", .value = "half", .dtype = TRM__ST_F32, .why = "half"},
      {.key = "trm.loss", .value = "hinge", .dtype = TRM__ST_F32, .why = "hinge"},
      {.key = "trm.halt_threshold", .value = "nan", .dtype = TRM__ST_F32, .why = "trm.halt_threshold is \"nan\""},
      {.key = "trm.halt_threshold", .value = "", .dtype = TRM__ST_F32, .why = "trm.halt_threshold"},
      {.key = "trm.halt_threshold", .value = "1e400", .dtype = TRM__ST_F32, .why = "trm.halt_threshold"},
      {.key = "trm.halt_threshold", .value = "-1000.1", .dtype = TRM__ST_F32, .why = "-1000 to 1000"},
      {.key = "trm.halt_threshold", .value = "2 ", .dtype = TRM__ST_F32, .why = "trm.halt_threshold"},
      {.key = "trm.max_steps", .value = "0", .dtype = TRM__ST_F32, .why = "trm.max_steps is \"0\""},
      {.key = "trm.max_steps", .value = "100001", .dtype = TRM__ST_F32, .why = "1 to 100000"},
      {.key = "trm.max_steps", .value = "1.5", .dtype = TRM__ST_F32, .why = "trm.max_steps"},
      {.key = "trm.version", .value = "99.0.0", .dtype = TRM__ST_F32, .why = "99.0.0"},
      {.key = "trm.version", .value = "new", .dtype = TRM__ST_F32, .why = "new"},
      {.key = "trm.config", .value = "{", .dtype = TRM__ST_F32},
      {.key = "trm.config", .value = "[]", .dtype = TRM__ST_F32},
      {.key = "trm.config", .value = "{}", .dtype = TRM__ST_F32, .why = "seq_len"},
      {.key = "trm.config", .value = "{\"seq_lem\": 7}", .dtype = TRM__ST_F32, .why = "seq_lem"},
      {.tensor = "inner.lm_head.weight", .drop = 1, .dtype = TRM__ST_F32, .why = "inner.lm_head.weight"},
      {.tensor = "inner.lm_head.weight", .name = "inner.lm_head.bias", .dtype = TRM__ST_F32, .why = "lm_head.weight"},
      {.tensor = "inner.lm_head.weight", .rows = 4, .dtype = TRM__ST_F32, .why = "[4, 8]"},
      {.tensor = "inner.lm_head.weight", .dtype = TRM__ST_I32, .why = "I32"},
      {.tensor = "inner.lm_head.weight", .poison = 1, .dtype = TRM__ST_F32, .why = "element 5"},
      {.tensor = "inner.L_level.layers.1.mlp.down_proj.weight", .poison = 1, .dtype = TRM__ST_F32, .why = "not finite"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_refused(&s, &cases[i]);
  close_saved(&s);
}

/* The file without one key of its configuration: those that format 1 began with are required, later ones have the
 * default that a file without them means. What a future version adds is one of the latter. */
static void test_absent_keys(void **state) {
  (void)state;
  static const char *const later[] = {"damping", "activation", "recursion"};
  saved s;
  open_saved(&s, TRM__ST_F32);
  size_t count, absent = 0;
  const trm_option *table = trm_model_options(&count);
  trm_model_config usual = trm_model_config_default();
  for (size_t i = 0; i < count; i++) {
    trm_error err;
    trm_model *m = NULL;
    trm__safetensors st;
    trm__st_source source[32];
    CHECK_OK(trm__st_open(&st, s.path, &err), err);
    for (size_t k = 0; k < st.count; k++) source[k] = trm__st_source_of(&st.tensor[k]);
    json_t *config = json_loads(json_string_value(json_object_get(st.metadata, "trm.config")), 0, NULL);
    int was_there = !json_object_del(config, table[i].name);
    assert_int_equal(was_there, strcmp(table[i].name, "recursion") != 0); /* which is written where it is not trm */
    char *text = json_dumps(config, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_object_set_new(st.metadata, "trm.config", json_string(text));
    const char *path = check_path(s.dir, "short.safetensors");
    CHECK_OK(trm__model_write_file(path, st.metadata, source, st.count, NULL, &err), err);
    free(text);
    json_decref(config);
    trm__st_close(&st);
    int optional = 0;
    for (size_t k = 0; k < sizeof later / sizeof *later; k++) optional |= strcmp(table[i].name, later[k]) == 0;
    if (optional) {
      char wanted[64], found[64];
      CHECK_OK(trm_model_open(&m, path, &err), err);
      trm_options_get(table, count, &usual, table[i].name, wanted, sizeof wanted);
      trm_options_get(table, count, trm_model_get_config(m), table[i].name, found, sizeof found);
      assert_string_equal(found, wanted);
      absent++;
    } else {
      CHECK_FAILS(trm_model_open(&m, path, &err), TRM_E_INPUT, err, table[i].name);
    }
    trm_model_close(&m);
  }
  assert_int_equal(absent, 3);
  close_saved(&s);
}

/* A tensor more than the configuration has. */
static void test_extra_tensor(void **state) {
  (void)state;
  trm_error err;
  saved s;
  trm__safetensors st;
  trm__st_source source[33];
  open_saved(&s, TRM__ST_F32);
  CHECK_OK(trm__st_open(&st, s.path, &err), err);
  for (size_t i = 0; i < st.count; i++) {
    source[i] = (trm__st_source){.name = st.tensor[i].name, .rank = st.tensor[i].rank, .data = st.tensor[i].data};
    source[i].dtype = st.tensor[i].dtype;
    memcpy(source[i].shape, st.tensor[i].shape, sizeof source[i].shape);
  }
  source[st.count] =
      (trm__st_source){.name = "inner.extra", .dtype = TRM__ST_U8, .rank = 1, .shape = {3}, .data = "abc"};
  const char *path = check_path(s.dir, "extra.safetensors");
  drop_checksum(st.metadata);
  CHECK_OK(trm__st_write(path, st.metadata, source, st.count + 1, NULL, &err), err);
  trm__st_close(&st);
  trm_model *m = NULL;
  CHECK_FAILS(trm_model_open(&m, path, &err), TRM_E_INPUT, err, "\"inner.extra\" is not part");
  close_saved(&s);
}

/* A configuration of another size must not be taken for this file's. */
static void test_other_configs(void **state) {
  (void)state;
  trm_error err;
  saved s;
  trm_model *m = NULL;
  open_saved(&s, TRM__ST_F32);
  trm__params params = s.params;
  static const int64_t heads[] = {3, 0, -1};
  for (size_t i = 0; i < 3; i++) {
    trm_model_config c = s.config;
    c.L_layers = 1 + heads[i];
    trm__model_write what = {
        .config = &c, .params = &params, .weights = &s.set, .variant = "raw", .dtype = TRM__ST_F32};
    CHECK_OK(trm__model_save(s.path, &what, NULL, &err), err);
    CHECK_FAILS(trm_model_open(&m, s.path, &err), TRM_E_INPUT, err, NULL);
  }
  close_saved(&s);
}

static void test_truncated(void **state) {
  (void)state;
  trm_error err;
  saved s;
  char *bytes;
  size_t size;
  open_saved(&s, TRM__ST_F32);
  CHECK_OK(trm__file_read(s.path, 1 << 24, &bytes, &size, &err), err);
  const char *path = check_path(s.dir, "cut.safetensors");
  const size_t sizes[] = {0, 1, 7, 8, 9, 100, size / 2, size - 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    trm_model *m = NULL;
    CHECK_OK(trm__file_write(path, bytes, sizes[i], &err), err);
    CHECK_FAILS(trm_model_open(&m, path, &err), TRM_E_INPUT, err, NULL);
  }
  trm__free(bytes);
  close_saved(&s);
}

static trm_status open_and_close(void *context, trm_error *err) {
  const saved *s = context;
  trm_model *m = NULL;
  trm_status status = trm_model_open(&m, s->path, err);
  if (status) assert_null(m);
  trm_model_close(&m);
  return status;
}

static trm_status save_again(void *context, trm_error *err) {
  return save(context, TRM__ST_BF16, err);
}

static void test_allocation_failures(void **state) {
  (void)state;
  saved s;
  open_saved(&s, TRM__ST_F32);
  assert_true(check_each_allocation(open_and_close, &s) >= 4);
  assert_true(check_each_allocation(save_again, &s) >= 2);
  close_saved(&s);
}

static void test_full_disk_keeps_the_old_file(void **state) {
  (void)state;
  trm_error err;
  saved s;
  trm_model *m = NULL;
  open_saved(&s, TRM__ST_F32);
  check_disk_fail_at(1, ENOSPC);
  trm_status status = save(&s, TRM__ST_BF16, &err);
  trm__file_ops_set(NULL);
  assert_int_equal(status, TRM_E_IO);
  CHECK_OK(trm_model_open(&m, s.path, &err), err);
  assert_string_equal(trm_model_tensor(m, 0).dtype, "F32");
  trm_model_close(&m);
  char **names;
  size_t count;
  CHECK_OK(trm__dir_list(s.dir, &names, &count, &err), err);
  assert_int_equal(count, 1);
  trm__dir_list_free(names, count);
  close_saved(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_bf16),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_absent_keys),
      cmocka_unit_test(test_extra_tensor),
      cmocka_unit_test(test_other_configs),
      cmocka_unit_test(test_truncated),
      cmocka_unit_test(test_allocation_failures),
      cmocka_unit_test(test_full_disk_keeps_the_old_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
