/* .npy files: round trips of every element type, NumPy's own headers, and headers nobody should believe. */
#include "support/check.h"

#include "data/format/npy.h"

typedef struct built {
  unsigned char bytes[1024];
  size_t size;
} built;

/* A file of version 1 with this dict and so many bytes of elements. */
static built build(const char *dict, size_t elements) {
  built b = {.size = 0};
  size_t length = strlen(dict);
  memcpy(b.bytes, "\x93NUMPY\x01", 8);
  b.bytes[8] = (unsigned char)(length & 255);
  b.bytes[9] = (unsigned char)(length >> 8);
  memcpy(b.bytes + 10, dict, length);
  b.size = 10 + length + elements;
  return b;
}

static void refuse(const char *dict, size_t elements, const char *message) {
  built b = build(dict, elements);
  trm__npy npy = {0};
  trm_error err = {0};
  CHECK_FAILS(trm__npy_parse(&npy, b.bytes, b.size, "bad.npy", &err), TRM_E_INPUT, err, message);
}

static void accept(const char *dict, size_t elements, trm__npy_type type, int rank, size_t count) {
  built b = build(dict, elements);
  trm__npy npy = {0};
  trm_error err = {0};
  CHECK_OK(trm__npy_parse(&npy, b.bytes, b.size, "good.npy", &err), err);
  assert_int_equal(npy.type, type);
  assert_int_equal(npy.rank, rank);
  assert_int_equal(npy.count, count);
  assert_ptr_equal(npy.data, b.bytes + b.size - elements);
}

static void test_round_trip(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "a.npy");
  for (int type = TRM__NPY_U8; type <= TRM__NPY_F64; type++)
    for (int rank = 0; rank <= TRM__NPY_RANK; rank++) {
      const int64_t shape[TRM__NPY_RANK] = {3, 1, 7, 2};
      size_t item = trm__npy_item((trm__npy_type)type), count = 1;
      unsigned char data[42 * 8];
      trm_error err = {0};
      for (int i = 0; i < rank; i++) count *= (size_t)shape[i];
      for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 37 + 200);
      CHECK_OK(trm__npy_write(path, (trm__npy_type)type, rank, shape, data, &err), err);
      trm__npy npy = {0};
      CHECK_OK(trm__npy_open(&npy, path, &err), err);
      assert_int_equal(npy.type, type);
      assert_int_equal(npy.rank, rank);
      assert_int_equal(npy.count, count);
      assert_memory_equal(npy.shape, shape, (size_t)rank * sizeof *shape);
      assert_memory_equal(npy.data, data, count * item);
      assert_int_equal((uintptr_t)(npy.data - npy.map.data) % 64, 0);
      trm__npy_close(&npy);
      assert_null(npy.data);
    }
  const int64_t none[2] = {0, 5};
  trm_error err = {0};
  trm__npy npy = {0};
  CHECK_OK(trm__npy_write(path, TRM__NPY_I32, 2, none, "", &err), err);
  CHECK_OK(trm__npy_open(&npy, path, &err), err);
  assert_int_equal(npy.count, 0);
  trm__npy_close(&npy);
  check_remove(dir);
}

static void test_values(void **state) {
  (void)state;
  const unsigned char bytes[8] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  trm__npy npy = {.count = 1, .data = bytes};
  const struct {
    trm__npy_type type;
    int64_t value;
  } cases[] = {{TRM__NPY_U8, 254}, {TRM__NPY_I8, -2},          {TRM__NPY_U16, 65534}, {TRM__NPY_I16, -2},
               {TRM__NPY_I32, -2}, {TRM__NPY_U32, 4294967294}, {TRM__NPY_I64, -2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    npy.type = cases[i].type;
    assert_true(trm__npy_int(&npy, 0) == cases[i].value);
  }
  npy.type = TRM__NPY_U64; /* beyond what an int64 holds: the most it does */
  assert_true(trm__npy_int(&npy, 0) == INT64_MAX);
  npy.type = TRM__NPY_BOOL;
  assert_true(trm__npy_int(&npy, 0) == 1);
  const double half = 0.5;
  npy.type = TRM__NPY_F64;
  npy.data = (const unsigned char *)&half;
  assert_true(trm__npy_real(&npy, 0) == 0.5);
  const float quarter = -0.25f;
  npy.type = TRM__NPY_F32;
  npy.data = (const unsigned char *)&quarter;
  assert_true(trm__npy_real(&npy, 0) == -0.25);
}

/* The element with these numbers counted in C order is number base + i of the type, in every type, byte order and order
 * of elements. */
static void check_order(const char *dict, trm__npy_type type, int big, const size_t *places, size_t count) {
  built b = build(dict, count * trm__npy_item(type));
  size_t item = trm__npy_item(type);
  unsigned char *data = b.bytes + b.size - count * item;
  memset(data, 0, count * item);
  for (size_t i = 0; i < count; i++) data[places[i] * item + (big ? item - 1 : 0)] = (unsigned char)(i + 3);
  if (item > 1)
    for (size_t i = 0; i < count; i++) data[places[i] * item + (big ? item - 2 : 1)] = 1;
  trm__npy npy = {0};
  trm_error err = {0};
  CHECK_OK(trm__npy_parse(&npy, b.bytes, b.size, dict, &err), err);
  for (size_t i = 0; i < count; i++) assert_int_equal(trm__npy_int(&npy, i), i + 3 + (item > 1 ? 256 : 0));
}

static void test_orders(void **state) {
  (void)state;
  static const struct {
    const char *name;
    trm__npy_type type;
  } types[] = {{"u1", TRM__NPY_U8},  {"i1", TRM__NPY_I8},  {"u2", TRM__NPY_U16}, {"i2", TRM__NPY_I16},
               {"u4", TRM__NPY_U32}, {"i4", TRM__NPY_I32}, {"i8", TRM__NPY_I64}, {"u8", TRM__NPY_U64}};
  static const struct {
    const char *order, *shape;
    size_t count, places[24]; /* of elements in C order */
  } shapes[] = {
      {"False", "(2, 3)", 6, {0, 1, 2, 3, 4, 5}},
      {"True", "(2, 3)", 6, {0, 2, 4, 1, 3, 5}},
      {"True", "(4,)", 4, {0, 1, 2, 3}},
      {"True", "()", 1, {0}},
      {"True", "(2, 2, 3)", 12, {0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11}},
  };
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      for (const char *byte_order = "<>="; *byte_order; byte_order++) {
        char dict[128];
        snprintf(dict, sizeof dict, "{'descr': '%c%s', 'fortran_order': %s, 'shape': %s, }\n", *byte_order,
                 types[t].name, shapes[s].order, shapes[s].shape);
        check_order(dict, types[t].type, *byte_order == '>', shapes[s].places, shapes[s].count);
      }
}

static void test_headers(void **state) {
  (void)state;
  accept("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), }      \n", 48, TRM__NPY_I32, 2, 12);
  accept("{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }\n", 5, TRM__NPY_U8, 1, 5);
  accept("{'shape': (5), 'descr': '<u1', 'fortran_order': False}", 5, TRM__NPY_U8, 1, 5);
  accept("{\"descr\":\"=i1\",\"fortran_order\":False,\"shape\":()}", 1, TRM__NPY_I8, 0, 1);
  accept("{'descr': '|b1', 'fortran_order': True, 'shape': (3L, 4L), }\n", 12, TRM__NPY_BOOL, 2, 12);
  accept("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }\n", 8, TRM__NPY_F32, 1, 2);
  accept("{'descr': '<i8', 'fortran_order': True, 'shape': (0, 9223372036854775807), }\n", 0, TRM__NPY_I64, 2, 0);
  accept("{'descr': '<i8', 'fortran_order': False, 'shape': (0, 9223372036854775807), }\n", 0, TRM__NPY_I64, 2, 0);
}

static void test_refused(void **state) {
  (void)state;
  refuse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 8, "'|O'");
  refuse("{'descr': '|i4', 'fortran_order': False, 'shape': (1,), }\n", 4, "'|i4'");
  refuse("{'descr': 'xi4', 'fortran_order': False, 'shape': (1,), }\n", 4, "'xi4'");
  refuse("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }\n", 2, "'<f2'");
  refuse("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }\n", 8, "'<c8'");
  refuse("{'descr': '', 'fortran_order': False, 'shape': (1,), }\n", 8, "''");
  refuse("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }\n", 4, "structured");
  refuse("{'descr': '<i4', 'fortran_order': Maybe, 'shape': (3, 4), }\n", 48, "True or False");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (-3, 4), }\n", 48, "a number from 0");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (3 4), }\n", 48, "',' or ')'");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (1,1,1,1,1), }\n", 4, "more than 4 dimensions");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), }\n", 47,
         "needs 48 bytes of elements, the file has 47");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), }\n", 49, "the file has 49");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (1073741825, 1), }\n", 4, "the file has 4");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (2147483649, 1), }\n", 4, "8 GiB");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n", 4, "8 GiB");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }\n", 4, "8 GiB");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775808,), }\n", 4, "below 2^63");
  refuse("{'descr': '<i4', 'fortran_order': False, }\n", 4, "no 'shape'");
  refuse("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (1,), }\n", 4, "second time");
  refuse("{'descr': '<i4', 'evil': '<i4', 'shape': (1,), }\n", 4, "'evil'");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), } + x\n", 4, "nothing after");
  refuse("{'descr': '<i4', 'fortran_order': False, 'shape': (1,)", 4, "the header's end");
  refuse("{'descr': '<i4", 4, "closing quote");
  refuse("{'descr': '\\x3ci4'}", 4, "plain string");
  refuse("", 0, "the header's end");
}

static void test_truncated(void **state) {
  (void)state;
  built b = build("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), }\n", 48);
  for (size_t size = 0; size < b.size; size++) {
    unsigned char *copy = malloc(size > 0 ? size : 1); /* so that sanitizers see a read beyond the end */
    trm__npy npy = {0};
    trm_error err = {0};
    memcpy(copy, b.bytes, size);
    CHECK_FAILS(trm__npy_parse(&npy, copy, size, "cut.npy", &err), TRM_E_INPUT, err, "");
    free(copy);
  }
  trm__npy npy = {0};
  trm_error err = {0};
  b.bytes[6] = 4;
  CHECK_FAILS(trm__npy_parse(&npy, b.bytes, b.size, "v4.npy", &err), TRM_E_INPUT, err, "version 4.0");
  b.bytes[6] = 2; /* its header's length then takes four bytes, the last of which are text */
  CHECK_FAILS(trm__npy_parse(&npy, b.bytes, b.size, "v2.npy", &err), TRM_E_INPUT, err, "header claims");
  memcpy(b.bytes, "\x80\x03cnumpy", 8); /* a pickle */
  CHECK_FAILS(trm__npy_parse(&npy, b.bytes, b.size, "pickle.npy", &err), TRM_E_INPUT, err, "NUMPY");
}

static void test_version_2(void **state) {
  (void)state;
  const char *dict = "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }\n";
  built b = {.size = 12 + strlen(dict) + 4};
  memcpy(b.bytes, "\x93NUMPY\x02", 8);
  b.bytes[8] = (unsigned char)strlen(dict);
  memcpy(b.bytes + 12, dict, strlen(dict));
  memcpy(b.bytes + 12 + strlen(dict), "\x01\x00\x02\x01", 4);
  for (unsigned char version = 2; version <= 3; version++) {
    trm__npy npy = {0};
    trm_error err = {0};
    b.bytes[6] = version;
    CHECK_OK(trm__npy_parse(&npy, b.bytes, b.size, "v2.npy", &err), err);
    assert_true(trm__npy_int(&npy, 0) == 1 && trm__npy_int(&npy, 1) == 258);
  }
}

static trm_status write_and_read(void *context, trm_error *err) {
  const int64_t shape[1] = {4};
  const int32_t data[4] = {1, 2, 3, 4};
  trm__npy npy = {0};
  trm_status status = trm__npy_write(context, TRM__NPY_I32, 1, shape, data, err);
  if (!status) status = trm__npy_open(&npy, context, err);
  trm__npy_close(&npy);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  char dir[64], path[128];
  check_temp_dir(dir);
  snprintf(path, sizeof path, "%s/a.npy", dir);
  assert_true(check_each_allocation(write_and_read, path) > 0);
  check_remove(dir);
}

/* NumPy reads what is written here, and writes what is read here; where it is not installed, says so. */
static void test_numpy(void **state) {
  (void)state;
  static const char script[] =
      "import sys, numpy as np\n"
      "d = sys.argv[1] + '/'\n"
      "names = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'int64', 'uint64', 'bool', 'float32', "
      "'float64']\n"
      "for name in names:\n"
      "    a = np.load(d + 'ours_' + name + '.npy', allow_pickle=False)\n"
      "    assert a.dtype == np.dtype(name) and a.shape == (2, 3), (name, a.dtype, a.shape)\n"
      "    assert a.tolist() == np.array([[0, 1, 2], [3, 100, 127]]).astype(name).tolist(), (name, a)\n"
      "    turned = a[::-1].copy()\n"
      "    np.save(d + 'theirs_' + name + '.npy', turned)\n"
      "    np.save(d + 'fortran_' + name + '.npy', np.asfortranarray(turned))\n"
      "    np.save(d + 'big_' + name + '.npy', np.asfortranarray(turned.astype(a.dtype.newbyteorder('>'))))\n"
      "np.save(d + 'object.npy', np.array([{}, None]), allow_pickle=True)\n"
      "np.save(d + 'complex.npy', np.zeros(3, dtype='complex64'))\n"
      "np.save(d + 'struct.npy', np.zeros(3, dtype=[('a', '<i4')]))\n";
  static const char *const names[] = {"uint8", "int8",   "uint16", "int16",   "uint32", "int32",
                                      "int64", "uint64", "bool",   "float32", "float64"};
  static const char *const written[] = {"theirs", "fortran", "big"};
  const int64_t values[6] = {0, 1, 2, 3, 100, 127}, shape[2] = {2, 3};
  char dir[64], path[128], command[256];
  trm_error err = {0};
  const char *python = "python3";
  if (system("python3 -c 'import numpy' 2>/dev/null") != 0) python = "/usr/bin/python3"; /* the distribution's */
  snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", python);
  if (system(command) != 0) {
    print_message("note: python3 with numpy is absent; files are not compared with NumPy's\n");
    return;
  }
  check_temp_dir(dir);
  for (int type = TRM__NPY_U8; type <= TRM__NPY_F64; type++) {
    unsigned char data[48] = {0};
    for (size_t i = 0; i < 6; i++) data[i * trm__npy_item((trm__npy_type)type)] = (unsigned char)values[i];
    const double real[6] = {0, 1, 2, 3, 100, 127};
    const float narrow[6] = {0, 1, 2, 3, 100, 127};
    if (type == TRM__NPY_BOOL)
      for (size_t i = 0; i < 6; i++) data[i] = values[i] != 0;
    snprintf(path, sizeof path, "%s/ours_%s.npy", dir, names[type]);
    const void *elements = type == TRM__NPY_F64   ? (const void *)real
                           : type == TRM__NPY_F32 ? (const void *)narrow
                                                  : data;
    CHECK_OK(trm__npy_write(path, (trm__npy_type)type, 2, shape, elements, &err), err);
  }
  CHECK_OK(trm__file_write(check_path(dir, "check.py"), script, strlen(script), &err), err);
  snprintf(command, sizeof command, "%s %s/check.py %s", python, dir, dir);
  assert_int_equal(system(command), 0);
  for (int type = TRM__NPY_U8; type <= TRM__NPY_F64; type++)
    for (size_t w = 0; w < sizeof written / sizeof *written; w++) {
      trm__npy npy = {0};
      snprintf(path, sizeof path, "%s/%s_%s.npy", dir, written[w], names[type]);
      CHECK_OK(trm__npy_open(&npy, path, &err), err);
      assert_int_equal(npy.type, type);
      assert_int_equal(npy.fortran, w > 0);
      for (size_t i = 0; i < 6; i++) {
        int64_t value = values[(i + 3) % 6];
        assert_true(trm__npy_real(&npy, i) == (double)(type == TRM__NPY_BOOL ? value != 0 : value));
      }
      trm__npy_close(&npy);
    }
  const char *const refused[][2] = {{"object.npy", "'|O'"}, {"complex.npy", "'<c8'"}, {"struct.npy", "structured"}};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    trm__npy npy = {0};
    CHECK_FAILS(trm__npy_open(&npy, check_path(dir, refused[i][0]), &err), TRM_E_INPUT, err, refused[i][1]);
  }
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_values),    cmocka_unit_test(test_headers),
      cmocka_unit_test(test_refused),     cmocka_unit_test(test_truncated), cmocka_unit_test(test_version_2),
      cmocka_unit_test(test_allocations), cmocka_unit_test(test_numpy),     cmocka_unit_test(test_orders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
