/* safetensors: what is written reads back, every element type, and files that lie. */
#include "support/check.h"

#include "model/file/safetensors.h"

/* A file in memory: header length, header text, data bytes. */
typedef struct blob {
  unsigned char *bytes;
  size_t size;
} blob;

static blob make_blob(uint64_t length, const char *header, size_t data) {
  size_t text = strlen(header);
  blob b = {calloc(8 + text + data + 1, 1), 8 + text + data};
  memcpy(b.bytes, &length, 8);
  memcpy(b.bytes + 8, header, text);
  return b;
}

static void check_header_refused(const char *header, size_t data, const char *why) {
  trm_error err;
  trm__safetensors st;
  blob b = make_blob(strlen(header), header, data);
  CHECK_FAILS(trm__st_parse(&st, b.bytes, b.size, "evil.safetensors", &err), TRM_E_INPUT, err, why);
  assert_non_null(strstr(err.where, "evil.safetensors"));
  free(b.bytes);
}

static void check_accepted(const char *header, size_t data, size_t tensors) {
  trm_error err;
  trm__safetensors st;
  blob b = make_blob(strlen(header), header, data);
  CHECK_OK(trm__st_parse(&st, b.bytes, b.size, "good.safetensors", &err), err);
  assert_int_equal(st.count, tensors);
  assert_non_null(st.metadata);
  trm__st_close(&st);
  free(b.bytes);
}

static void test_hostile_headers(void **state) {
  (void)state;
  static const struct {
    const char *header;
    size_t data;
    const char *why;
  } cases[] = {
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "do not lie"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12, "cover 8 bytes"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "gap"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "do not lie"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "do not lie"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "need 12"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "whole numbers"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "whole numbers"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "shape"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, "8 dimensions"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,8]}}", 8, "overflow"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4, "overflow"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8, NULL},
      {"{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "F31"},
      {"{\"a\":{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
      {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "shape"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "data_offsets"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, "data_offsets"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[\"0\",8]}}", 8, "data_offsets"},
      {"{\"a\":[1,2]}", 0, "object"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
       6, "overlap"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
       4, "overlap"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
       4, NULL},
      {"{\"__metadata__\":[],\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "__metadata__"},
      {"{\"__metadata__\":{\"k\":7}}", 0, "\"k\""},
      {"{\"__metadata__\":{\"k\":{\"l\":\"m\"}}}", 0, "\"k\""},
      {"{} trailing", 0, NULL},
      {"{\"a\":", 0, NULL},
      {"[]", 0, "'{'"},
      {" {}", 0, "'{'"},
      {"{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, NULL},
      {"{\"\xff\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, NULL},
      {"{}", 1, "cover 0 bytes"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_header_refused(cases[i].header, cases[i].data, cases[i].why);
}

static void test_lengths(void **state) {
  (void)state;
  static const uint64_t lengths[] = {0, 3, 100, 99999999, 100000001, 4294967296u, UINT64_MAX, (uint64_t)INT64_MAX + 1};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    trm_error err;
    trm__safetensors st;
    blob b = make_blob(lengths[i], "{}  ", 0);
    CHECK_FAILS(trm__st_parse(&st, b.bytes, b.size, "x", &err), TRM_E_INPUT, err, NULL);
    free(b.bytes);
  }
  unsigned char few[8] = {0};
  trm_error err;
  trm__safetensors st;
  for (size_t n = 0; n <= sizeof few; n++) CHECK_FAILS(trm__st_parse(&st, few, n, "x", &err), TRM_E_INPUT, err, NULL);
}

static void test_deep_json(void **state) {
  (void)state;
  enum { DEPTH = 200000 };
  char *header = malloc(DEPTH + 10);
  strcpy(header, "{\"a\":");
  memset(header + 5, '[', DEPTH);
  header[5 + DEPTH] = 0;
  check_header_refused(header, 0, NULL);
  free(header);
}

static void test_accepted(void **state) {
  (void)state;
  check_accepted("{}", 0, 0);
  check_accepted("{}      ", 0, 0);
  check_accepted("{\"__metadata__\":{\"k\":\"v\"}}", 0, 0);
  check_accepted("{\"a\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1);
  check_accepted("{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4611686018427387904],\"data_offsets\":[0,0]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                 "\"c\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[3,3]}}",
                 3, 3);
  /* order in the header need not be order in the data */
  check_accepted("{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]},"
                 "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                 5, 2);
}

/* Every prefix of a good file is refused, and every flipped byte of its header either is or leaves a file that holds
 * together. */
static void test_truncated_and_flipped(void **state) {
  (void)state;
  trm_error err;
  trm__safetensors st;
  const char *header = "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                       "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,3],\"data_offsets\":[8,14]}}";
  blob b = make_blob(strlen(header), header, 14);
  for (size_t n = 0; n < b.size; n++) {
    unsigned char *cut = malloc(n + 1);
    memcpy(cut, b.bytes, n);
    CHECK_FAILS(trm__st_parse(&st, cut, n, "cut", &err), TRM_E_INPUT, err, NULL);
    free(cut);
  }
  for (size_t at = 0; at < b.size - 14; at++)
    for (int bit = 0; bit < 8; bit++) {
      b.bytes[at] ^= (unsigned char)(1 << bit);
      if (!trm__st_parse(&st, b.bytes, b.size, "flipped", &err)) {
        size_t sum = 0;
        for (size_t i = 0; i < st.count; i++) sum += st.tensor[i].bytes;
        assert_int_equal(sum, 14);
        trm__st_close(&st);
      }
      b.bytes[at] ^= (unsigned char)(1 << bit);
    }
  free(b.bytes);
}

static void test_element_types(void **state) {
  (void)state;
  const struct {
    trm__st_dtype dtype;
    const char *name;
    unsigned char bytes[8];
    double value;
  } cases[] = {
      {TRM__ST_BOOL, "BOOL", {1}, 1},
      {TRM__ST_U8, "U8", {200}, 200},
      {TRM__ST_I8, "I8", {0xfe}, -2},
      {TRM__ST_I16, "I16", {0x00, 0x80}, -32768},
      {TRM__ST_U16, "U16", {0xff, 0xff}, 65535},
      {TRM__ST_F16, "F16", {0x00, 0xc1}, -2.5},
      {TRM__ST_F16, "F16", {0x01, 0x00}, 0x1p-24},
      {TRM__ST_F16, "F16", {0xff, 0x7b}, 65504},
      {TRM__ST_F16, "F16", {0x00, 0xfc}, -(double)INFINITY},
      {TRM__ST_BF16, "BF16", {0x20, 0xc0}, -2.5},
      {TRM__ST_I32, "I32", {0xff, 0xff, 0xff, 0xff}, -1},
      {TRM__ST_U32, "U32", {0xff, 0xff, 0xff, 0xff}, 4294967295.0},
      {TRM__ST_F32, "F32", {0x00, 0x00, 0x20, 0xc0}, -2.5},
      {TRM__ST_F64, "F64", {0, 0, 0, 0, 0, 0, 4, 0xc0}, -2.5},
      {TRM__ST_I64, "I64", {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -2},
      {TRM__ST_U64, "U64", {0, 0, 0, 0, 0, 0, 0, 0x80}, 9223372036854775808.0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t size = trm__st_dtype_size(cases[i].dtype);
    unsigned char odd[9]; /* data need not be aligned */
    memcpy(odd + 1, cases[i].bytes, size);
    trm__st_tensor t = {.dtype = cases[i].dtype, .elements = 1, .bytes = size, .data = odd + 1};
    double wide = 0;
    trm__real real = 0;
    trm__st_read_double(&t, &wide);
    trm__st_read_real(&t, &real);
    assert_true(wide == cases[i].value);
    assert_true(real == (trm__real)cases[i].value);
    assert_string_equal(trm__st_dtype_name(cases[i].dtype), cases[i].name);
  }
  unsigned char nan_half[2] = {1, 0x7e};
  trm__st_tensor t = {.dtype = TRM__ST_F16, .elements = 1, .bytes = 2, .data = nan_half};
  double wide;
  trm__st_read_double(&t, &wide);
  assert_true(isnan(wide));
}

static void test_round_trip(void **state) {
  (void)state;
  trm_error err;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "x.safetensors");
  enum { N = 10007 };
  trm__real *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
  for (int i = 0; i < N; i++) x[i] = (trm__real)sin(i) * (trm__real)pow(10, i % 60 - 30);
  const int32_t ids[3] = {1, -2, 3};
  json_t *metadata = json_pack("{s:s, s:s}", "k", "v", "caf\xc3\xa9", "\xe2\x82\xac \"quoted\"");
  const trm__st_source sources[] = {
      {"wide", TRM__ST_F32, 1, {N}, x, 1, NULL},   {"narrow", TRM__ST_BF16, 2, {1, N}, x, 1, NULL},
      {"ids", TRM__ST_I32, 1, {3}, ids, 0, NULL},  {"none", TRM__ST_F32, 1, {0}, NULL, 0, NULL},
      {"scalar", TRM__ST_F32, 0, {0}, x, 1, NULL},
  };
  uint32_t crc = 0;
  CHECK_OK(trm__st_write(path, metadata, sources, 5, &crc, &err), err);
  char *bytes;
  size_t size;
  CHECK_OK(trm__file_read(path, 1 << 20, &bytes, &size, &err), err);
  assert_int_equal(trm__crc32(0, bytes, size), crc);
  uint64_t length;
  memcpy(&length, bytes, 8);
  assert_int_equal(length % 8, 0);
  trm__free(bytes);
  trm__safetensors st;
  CHECK_OK(trm__st_open(&st, path, &err), err);
  assert_int_equal(st.count, 5);
  assert_true(json_equal(st.metadata, metadata));
  trm__st_read_real(trm__st_find(&st, "wide"), y);
  assert_memory_equal(x, y, N * sizeof *x);
  trm__st_read_real(trm__st_find(&st, "narrow"), y);
  for (int i = 0; i < N; i++) assert_true(fabs((double)(x[i] - y[i])) <= fabs((double)x[i]) / 256);
  assert_memory_equal(trm__st_find(&st, "ids")->data, ids, sizeof ids);
  assert_int_equal(trm__st_find(&st, "scalar")->rank, 0);
  assert_int_equal(trm__st_find(&st, "narrow")->shape[1], N);
  assert_null(trm__st_find(&st, "wid"));
  trm__st_close(&st);
  json_decref(metadata);
  free(x);
  free(y);
  check_remove(dir);
}

static void test_bf16_rounding(void **state) {
  (void)state;
  trm_error err;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "x.safetensors");
  const trm__real in[] = {
      1,        0x1.01p0, 0x1.03p0, 0x1.010002p0f, -0x1.01p0, 0, (trm__real)INFINITY, 0x1.fffffep127f, (trm__real)NAN,
      0x1p-140f};
  const uint16_t wanted[] = {0x3f80, 0x3f80, 0x3f82, 0x3f81, 0xbf80, 0, 0x7f80, 0x7f80, 0x7fc0, 0};
  trm__st_source source = {"x", TRM__ST_BF16, 1, {10}, in, 1, NULL};
  CHECK_OK(trm__st_write(path, NULL, &source, 1, NULL, &err), err);
  trm__safetensors st;
  CHECK_OK(trm__st_open(&st, path, &err), err);
  for (size_t i = 0; i < 9; i++) {
    uint16_t bits;
    memcpy(&bits, st.tensor[0].data + 2 * i, 2);
    assert_int_equal(bits & 0x7fffu, wanted[i] & 0x7fffu);
  }
  trm__st_close(&st);
  check_remove(dir);
}

static trm_status parse_and_close(void *context, trm_error *err) {
  blob *b = context;
  trm__safetensors st;
  trm_status status = trm__st_parse(&st, b->bytes, b->size, "x", err);
  if (!status) trm__st_close(&st);
  return status;
}

static void test_allocation_failures(void **state) {
  (void)state;
  const char *header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
  blob b = make_blob(strlen(header), header, 8);
  assert_true(check_each_allocation(parse_and_close, &b) >= 2);
  free(b.bytes);
}

static void test_missing_file(void **state) {
  (void)state;
  trm_error err;
  trm__safetensors st;
  CHECK_FAILS(trm__st_open(&st, "/nonexistent/x.safetensors", &err), TRM_E_IO, err, "/nonexistent/x.safetensors");
  assert_true(trm__st_open(&st, "/", &err) != TRM_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hostile_headers),
      cmocka_unit_test(test_lengths),
      cmocka_unit_test(test_deep_json),
      cmocka_unit_test(test_accepted),
      cmocka_unit_test(test_truncated_and_flipped),
      cmocka_unit_test(test_element_types),
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_bf16_rounding),
      cmocka_unit_test(test_allocation_failures),
      cmocka_unit_test(test_missing_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
