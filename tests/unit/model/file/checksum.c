/* The checksum of model files: damage is noticed wherever it changes what the model computes, a file without a checksum
 * still opens, and what only tells (card, provenance) changes neither checksum nor id. */
#include "support/model_fixture.h"

#include <ctype.h>

#include "model/file/checksum.h"
#include "model/file/model_file.h"

typedef struct bytes {
  char *data;
  size_t size;
} bytes;

static bytes read_bytes(const char *path) {
  bytes b;
  trm_error err;
  CHECK_OK(trm__file_read(path, 1 << 24, &b.data, &b.size, &err), err);
  return b;
}

static size_t header_size(const bytes *b) {
  uint64_t length;
  memcpy(&length, b->data, sizeof length);
  return 8 + (size_t)length;
}

/* A small model with one tensor of every kind, in a new folder. */
static void write_model(char dir[64], char path[128], trm__st_dtype dtype, const json_t *provenance) {
  trm_error err;
  trm__params params;
  trm__weight_set set;
  trm_model_config config = fixture_config(1, TRM_POS_LEARNED, 1);
  config.seq_len = 4;
  config.L_layers = 1;
  check_temp_dir(dir);
  snprintf(path, 128, "%s/model.safetensors", dir);
  CHECK_OK(trm__params_open(&params, &config, &err), err);
  CHECK_OK(trm__weight_set_open(&set, &params, &err), err);
  trm__weight_set_init(&set, &params, 3);
  for (size_t i = 0; i < params.puzzle; i++) set.puzzle[i] = (trm__real)(0.1 * (double)i);
  trm__model_write what = {.config = &config,
                           .params = &params,
                           .weights = &set,
                           .variant = "ema",
                           .task = "{\"kind\":\"generic\"}",
                           .provenance = provenance,
                           .dtype = dtype};
  CHECK_OK(trm__model_save(path, &what, NULL, &err), err);
  trm__weight_set_close(&set);
  trm__params_close(&params);
}

static int same_text(const trm_model *a, const trm_model *b, const char *key) {
  const char *x = trm_model_get_metadata(a, key), *y = trm_model_get_metadata(b, key);
  return x && y ? strcmp(x, y) == 0 : x == y;
}

/* Both compute the same: whatever an answer depends on is equal. */
static int same_model(const trm_model *a, const trm_model *b) {
  if (!same_text(a, b, "trm.config") || !same_text(a, b, "trm.task") || !same_text(a, b, "trm.variant") ||
      !same_text(a, b, "trm.loss") || a->st.count != b->st.count)
    return 0;
  for (size_t i = 0; i < a->st.count; i++) {
    const trm__st_tensor *x = &a->st.tensor[i], *y = trm__st_find(&b->st, x->name);
    if (!y || x->dtype != y->dtype || x->rank != y->rank || x->bytes != y->bytes ||
        memcmp(x->shape, y->shape, sizeof x->shape) != 0 || memcmp(x->data, y->data, x->bytes) != 0)
      return 0;
  }
  return 1;
}

typedef struct tally {
  int refused, told, harmless; /* refused; of these called damaged; accepted, and the same model */
} tally;

static void flip(const bytes *b, const trm_model *whole, size_t at, int bit, tally *t) {
  trm_error err = {0};
  trm_model *m = NULL;
  b->data[at] = (char)(b->data[at] ^ 1 << bit);
  if (trm__model_parse(&m, b->data, b->size, "flipped", &err)) {
    assert_int_equal(err.code, TRM_E_INPUT);
    t->refused++;
    t->told += strstr(err.message, "damaged: its checksum") != NULL;
  } else {
    if (!same_model(m, whole)) fail_msg("bit %d of byte %zu changes the model and is accepted", bit, at);
    t->harmless++;
  }
  trm_model_close(&m);
  b->data[at] = (char)(b->data[at] ^ 1 << bit);
}

static void flip_byte(const bytes *b, const trm_model *whole, size_t at, tally *t) {
  for (int bit = 0; bit < 8; bit++) flip(b, whole, at, bit, t);
}

/* Both ends of each tensor, every bit of them; *t: what came of it. */
static void flip_tensors(const bytes *b, const trm_model *whole, tally *t) {
  for (size_t i = 0; i < whole->st.count; i++) {
    size_t first = (size_t)(whole->st.tensor[i].data - whole->st.map.data);
    flip_byte(b, whole, first, t);
    flip_byte(b, whole, first + whole->st.tensor[i].bytes - 1, t);
  }
  assert_int_equal(t->told, 16 * whole->st.count); /* before a number is looked at */
}

/* A small file: every byte of its header, and places all over its data. */
static void test_small_model(void **state) {
  (void)state;
  char dir[64], path[128];
  trm_error err;
  tally header = {0}, data = {0};
  trm_model *whole = NULL;
  json_t *provenance =
      json_pack("{s:s, s:s, s:s}", "trm.seed", "7", "trm.card", "{\"name\":\"small\"}", "made by", "us");
  write_model(dir, path, TRM__ST_BF16, provenance);
  json_decref(provenance);
  CHECK_OK(trm_model_open(&whole, path, &err), err);
  bytes b = read_bytes(path);
  size_t begin = header_size(&b);
  for (size_t at = 0; at < begin; at++) {
    flip(&b, whole, at, (int)(at % 8), &header);
    flip(&b, whole, at, (int)(at + 5) % 8, &header);
  }
  flip_tensors(&b, whole, &data);
  for (size_t at = begin; at < b.size; at += 13) flip(&b, whole, at, (int)(at % 8), &data);
  assert_int_equal(data.harmless, 0);
  assert_int_equal(data.told, data.refused);
  /* What may change: version, seed, card, an entry of others' and the key of one that tells. */
  assert_in_range(header.harmless, 1, 2 * 100);
  trm__free(b.data);
  trm_model_close(&whole);
  check_remove(dir);
}

/* The model that ships: places of every kind. */
static void test_shipped_model(void **state) {
  (void)state;
  trm_error err;
  tally t = {0};
  trm_model *whole = NULL;
  const char *path = TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors";
  CHECK_OK(trm_model_open(&whole, path, &err), err);
  assert_non_null(trm_model_get_checksum(whole));
  bytes b = read_bytes(path);
  size_t begin = header_size(&b);
  for (size_t at = 0; at < 8; at++) flip_byte(&b, whole, at, &t);
  for (size_t at = 8; at < begin; at += 5) flip(&b, whole, at, (int)(at / 5 % 8), &t);
  assert_true(t.refused > 300);
  tally data = {0};
  flip_tensors(&b, whole, &data);
  trm__free(b.data);
  trm_model_close(&whole);
}

/* -- what is covered ------------------------------------------------------------------------------------------------
 */

/* The file at path again with an entry of its metadata changed (value NULL: gone), its checksum as it was. */
static trm_status open_changed(const char *path, const char *key, const char *value, trm_model **out, trm_error *err) {
  char changed[160];
  trm__safetensors st;
  trm__st_source source[64];
  snprintf(changed, sizeof changed, "%s.changed", path);
  CHECK_OK(trm__st_open(&st, path, err), *err);
  for (size_t i = 0; i < st.count; i++) source[i] = trm__st_source_of(&st.tensor[i]);
  json_t *metadata = json_deep_copy(st.metadata);
  if (value) json_object_set_new(metadata, key, json_string(value));
  else json_object_del(metadata, key);
  CHECK_OK(trm__st_write(changed, metadata, source, st.count, NULL, err), *err);
  json_decref(metadata);
  trm__st_close(&st);
  return trm_model_open(out, changed, err);
}

static void test_what_is_covered(void **state) {
  (void)state;
  char dir[64], path[128];
  trm_error err;
  trm_model *m = NULL;
  write_model(dir, path, TRM__ST_F32, NULL);
  static const struct {
    const char *key, *value, *why; /* why NULL: accepted */
  } cases[] = {
      {"trm.task", "{}", "damaged: its checksum"},
      {"trm.task", NULL, "damaged: its checksum"},
      {"trm.variant", "raw", "damaged: its checksum"},
      {"trm.new", "what a later version may add", "damaged: its checksum"},
      {"trm.sha256", "0", "recorded is 0;"},
      {"trm.sha256", NULL, "(trm.sha256) is missing"},
      {"trm.format", NULL, "damaged: its checksum"},
      {"trm.format", "1", "damaged: its checksum"},
      {"trm.format", "3", "a newer trm"},
      {"trm.version", "0.0.9", NULL},
      {"trm.card", "{}", NULL},
      {"trm.step", "1", NULL},
      {"trm.seed", "1", NULL},
      {"trm.quantized_from", "x", NULL},
      {"format", "pt", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_status status = open_changed(path, cases[i].key, cases[i].value, &m, &err);
    if (cases[i].why) {
      assert_int_equal(status, TRM_E_INPUT);
      if (!strstr(err.message, cases[i].why))
        fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].key, err.message, cases[i].why);
      assert_non_null(strstr(err.where, "model.safetensors"));
    } else {
      CHECK_OK(status, err);
    }
    trm_model_close(&m);
  }
  check_remove(dir);
}

/* As trm wrote models before there were checksums. */
static void test_file_without(void **state) {
  (void)state;
  char dir[64], path[128];
  trm_error err;
  trm_model *m = NULL, *again = NULL;
  write_model(dir, path, TRM__ST_F32, NULL);
  assert_int_equal(open_changed(path, "trm.format", NULL, &m, &err), TRM_E_INPUT);
  snprintf(path + strlen(path), sizeof path - strlen(path), ".changed");
  CHECK_OK(open_changed(path, "trm.sha256", NULL, &m, &err), err);
  assert_null(trm_model_get_checksum(m));
  /* Written again it has one. */
  trm_model_conversion what = trm_model_conversion_default();
  CHECK_OK(trm_model_convert(m, path, &what, &err), err);
  CHECK_OK(trm_model_open(&again, path, &err), err);
  assert_non_null(trm_model_get_checksum(again));
  assert_string_equal(trm_model_get_metadata(again, "trm.format"), "2");
  assert_true(same_model(m, again));
  trm_model_close(&again);
  trm_model_close(&m);
  check_remove(dir);
}

/* 64 digits, the same for a copy with another card, another for other numbers. */
static void test_writers(void **state) {
  (void)state;
  char dir[64], path[128], carded[160], small[160], sum[TRM__SHA256_HEX];
  trm_error err;
  trm_model *m = NULL, *other = NULL;
  write_model(dir, path, TRM__ST_F32, NULL);
  snprintf(carded, sizeof carded, "%s.card", path);
  snprintf(small, sizeof small, "%s.small", path);
  CHECK_OK(trm_model_open(&m, path, &err), err);
  const char *own = trm_model_get_checksum(m);
  assert_int_equal(strlen(own), 64);
  for (int i = 0; i < 64; i++) assert_true(isxdigit((unsigned char)own[i]) && !isupper((unsigned char)own[i]));
  CHECK_OK(trm__model_checksum_of(sum, &m->st, "m", &err), err);
  assert_string_equal(sum, own);
  trm_model_conversion what = trm_model_conversion_default();
  what.card = "{\"name\": \"another card\"}";
  CHECK_OK(trm_model_convert(m, carded, &what, &err), err);
  CHECK_OK(trm_model_open(&other, carded, &err), err);
  assert_string_equal(trm_model_get_checksum(other), own);
  trm_model_close(&other);
  what.weights = TRM_WEIGHTS_BFLOAT16;
  CHECK_OK(trm_model_convert(m, carded, &what, &err), err);
  CHECK_OK(trm_model_open(&other, carded, &err), err);
  assert_string_not_equal(trm_model_get_checksum(other), own);
  trm_model_close(&other);
  CHECK_OK(trm_model_quantize(m, small, &err), err);
  CHECK_OK(trm_model_open(&other, small, &err), err);
  assert_string_not_equal(trm_model_get_checksum(other), own);
  trm_model_close(&other);
  trm_model_close(&m);
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_small_model),  cmocka_unit_test(test_shipped_model), cmocka_unit_test(test_what_is_covered),
      cmocka_unit_test(test_file_without), cmocka_unit_test(test_writers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
