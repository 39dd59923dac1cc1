/* The text of a file: marks, UTF-16, gzip, pipes, and what is no text. */
#include "data/format/bytes.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "support/data.h"

#define TEXT "question,answer\nab,ba\nba,ab\n"

static const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0x2c,
                                       0x4d, 0x2d, 0x2e, 0xc9, 0xcc, 0xcf, 0xd3, 0x49, 0xcc, 0x2b, 0x2e, 0x4f,
                                       0x2d, 0xe2, 0x4a, 0x4c, 0xd2, 0x49, 0x4a, 0xe4, 0x4a, 0x4a, 0xd4, 0x49,
                                       0x4c, 0xe2, 0x02, 0x00, 0x2c, 0x2c, 0xe6, 0x1d, 0x1c, 0x00, 0x00, 0x00};

static const trm__bytes_stop never = {0};

static void check_text(const char *path, const char *text) {
  trm__bytes bytes;
  trm_error err = {0};
  size_t used = trm__mem_used();
  CHECK_OK(trm__bytes_open(&bytes, path, never, &err), err);
  assert_int_equal(bytes.size, strlen(text));
  assert_memory_equal(bytes.data, text, bytes.size);
  trm__bytes_close(&bytes);
  assert_int_equal(trm__mem_used(), used);
}

static void refuse_bytes(const char *name, const char *data, size_t size, const char *message) {
  trm__bytes bytes;
  trm_error err = {0};
  size_t used = trm__mem_used();
  CHECK_FAILS(trm__bytes_open(&bytes, put_bytes(name, data, size), never, &err), TRM_E_INPUT, err, message);
  assert_int_equal(trm__mem_used(), used);
}

static void test_plain(void **state) {
  (void)state;
  check_text(put_text("a", ""), "");
  check_text(put_text("a", TEXT), TEXT);
  check_text(put_text("a", "\xef\xbb\xbf" TEXT), TEXT);
  check_text(put_text("a", "\xef\xbb\xbf"), "");
}

/* Either order, with and without its mark; what is not ASCII becomes UTF-8. */
static void test_wide(void **state) {
  (void)state;
  static const unsigned short text[] = {0xfeff, 'a', ',', 0xe9, 0x20ac, 0xd83d, 0xde00, '\n'};
  for (int order = 0; order < 2; order++)
    for (size_t skip = 0; skip < 2; skip++) {
      char bytes[sizeof text];
      size_t count = sizeof text / sizeof *text;
      for (size_t i = 0; i < count; i++) {
        bytes[2 * i + (size_t)(order == 1)] = (char)(text[i] & 0xff);
        bytes[2 * i + (size_t)(order == 0)] = (char)(text[i] >> 8);
      }
      check_text(put_bytes("w", bytes + 2 * skip, 2 * (count - skip)), "a,\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
    }
  check_text(put_bytes("w", "\xff\xfe", 2), "");
  refuse_bytes("w",
               "\xff\xfe"
               "a\0b",
               5, "UTF-16 of 5 bytes");
  refuse_bytes("w",
               "\xff\xfe"
               "\x00\xd8"
               "a\0",
               6, "half of a UTF-16 pair at byte 3");
  refuse_bytes("w",
               "\xfe\xff"
               "\xdc\x00",
               4, "half of a UTF-16 pair at byte 3");
}

#ifdef TRM_ZLIB
static void test_gzip(void **state) {
  (void)state;
  char twice[2 * sizeof packed + 8] = "", bad[sizeof packed];
  check_text(put_bytes("g", (const char *)packed, sizeof packed), TEXT);
  memcpy(twice, packed, sizeof packed);
  memcpy(twice + sizeof packed, packed, sizeof packed);
  check_text(put_bytes("g", twice, 2 * sizeof packed), TEXT TEXT);
  check_text(put_bytes("g", twice, sizeof twice), TEXT TEXT); /* padding behind the last member */
  for (size_t size = 2; size < sizeof packed; size++)
    refuse_bytes("g", (const char *)packed, size, "the gzip data end too early");
  int unnoticed = 0;
  for (size_t at = 2; at < sizeof packed; at++) {
    if (at >= 4 && at < 10) continue; /* time, flags of the packer, system */
    trm__bytes bytes;
    trm_error err = {0};
    memcpy(bad, packed, sizeof bad);
    bad[at] ^= 0x40;
    trm_status status = trm__bytes_open(&bytes, put_bytes("g", bad, sizeof bad), never, &err);
    if (!status) { /* bits behind the end of the compressed data mean nothing */
      assert_memory_equal(bytes.data, TEXT, sizeof TEXT - 1);
      trm__bytes_close(&bytes);
      unnoticed++;
    } else {
      assert_int_equal(status, TRM_E_INPUT);
      assert_non_null(strstr(err.message, "gzip"));
    }
  }
  assert_true(unnoticed <= 1);
}

static trm_status open_bytes(void *path, trm_error *err) {
  trm__bytes bytes;
  trm_status status = trm__bytes_open(&bytes, path, never, err);
  if (!status) trm__bytes_close(&bytes);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s", put_bytes("g", (const char *)packed, sizeof packed));
  assert_true(check_each_allocation(open_bytes, path) >= 2);
  snprintf(path, sizeof path, "%s",
           put_bytes("w",
                     "\xff\xfe"
                     "a\0",
                     4));
  assert_true(check_each_allocation(open_bytes, path) >= 1);
}
#else
static void test_gzip(void **state) {
  (void)state;
  trm__bytes bytes;
  trm_error err = {0};
  CHECK_FAILS(trm__bytes_open(&bytes, put_bytes("g", (const char *)packed, sizeof packed), never, &err),
              TRM_E_UNSUPPORTED, err, "gunzip it first");
}

static void test_allocations(void **state) {
  (void)state;
}
#endif

static void *feed(void *path) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  for (int i = 0; i < 20000; i++)
    if (write(fd, "0123456789", 10) != 10) break;
  close(fd);
  return NULL;
}

static int asked_often(void *context) {
  int *left = context;
  return --*left <= 0;
}

/* A pipe has no size: it is read until its writer is gone. */
static void test_pipe(void **state) {
  (void)state;
  char path[128];
  pthread_t writer;
  trm__bytes bytes;
  trm_error err = {0};
  snprintf(path, sizeof path, "%s", check_path(folder, "pipe"));
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(pthread_create(&writer, NULL, feed, path), 0);
  CHECK_OK(trm__bytes_open(&bytes, path, never, &err), err);
  pthread_join(writer, NULL);
  assert_int_equal(bytes.size, 200000);
  for (size_t i = 0; i < bytes.size; i++) assert_int_equal(bytes.data[i], '0' + i % 10);
  trm__bytes_close(&bytes);
  int left = 3; /* nobody writes */
  CHECK_FAILS(trm__bytes_open(&bytes, path, (trm__bytes_stop){asked_often, &left}, &err), TRM_E_STOPPED, err,
              "stopped");
}

static void test_refused(void **state) {
  (void)state;
  trm__bytes bytes;
  trm_error err = {0};
  CHECK_FAILS(trm__bytes_open(&bytes, folder, never, &err), TRM_E_INPUT, err, "is a folder");
  CHECK_FAILS(trm__bytes_open(&bytes, check_path(folder, "absent"), never, &err), TRM_E_IO, err, "cannot open");
  refuse_bytes("m", "\x10\0\0\0\0\0\0\0{\"__metadata__", 22, "this is a model");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plain), cmocka_unit_test(test_wide),        cmocka_unit_test(test_gzip),
      cmocka_unit_test(test_pipe),  cmocka_unit_test(test_allocations), cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
