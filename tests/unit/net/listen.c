/* Addresses, sockets that were left behind, and sockets that are handed over. */
#include "support/check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/listen.h"

static void test_addresses(void **state) {
  (void)state;
  trm_error err = {0};
  trm__listen a, b;
  CHECK_OK(trm__listen_open(&a, "localhost:0", 0, &err), err);
  assert_memory_equal(a.address, "127.0.0.1:", 10);
  assert_true(atoi(a.address + 10) > 0);
  CHECK_FAILS(trm__listen_open(&b, a.address, 0, &err), TRM_E_BUSY, err, a.address);
  trm__listen_close(&a);
  static const char *const bad[] = {"",
                                    ":",
                                    ":80",
                                    "127.0.0.1",
                                    "127.0.0.1:",
                                    "127.0.0.1:x",
                                    "127.0.0.1:80x",
                                    "127.0.0.1:99999",
                                    "1.2.3:80",
                                    "example.com:80",
                                    "::1",
                                    "[::1]",
                                    "[::1",
                                    "localhost",
                                    "localhost:",
                                    "unix:",
                                    "127.0.0.1:-1",
                                    "127.0.0.1:+80",
                                    "http://127.0.0.1:80",
                                    "[::1]x:80"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_FAILS(trm__listen_open(&b, bad[i], 0600, &err), TRM_E_USAGE, err, NULL);
  if (!trm__listen_open(&a, "[::1]:0", 0, &err)) { /* where there is IPv6 */
    assert_memory_equal(a.address, "[::1]:", 6);
    trm__listen_close(&a);
  }
  assert_int_equal(trm__listen_is_local("127.0.0.1:80"), 1);
  assert_int_equal(trm__listen_is_local("unix:/x"), 1);
  assert_int_equal(trm__listen_is_local("[::1]:80"), 1);
  assert_int_equal(trm__listen_is_local("0.0.0.0:80"), 0);
  assert_int_equal(trm__listen_is_local("[::]:80"), 0);
  assert_int_equal(trm__listen_is_local("localhost.example:80"), 0);
}

static void test_unix_files(void **state) {
  (void)state;
  char dir[512], address[700], longest[300] = "unix:";
  trm_error err = {0};
  trm__listen a, b;
  check_temp_dir(dir);
  snprintf(address, sizeof address, "unix:%s/s", dir);
  CHECK_OK(trm__listen_open(&a, address, 0660, &err), err);
  assert_string_equal(a.address, address);
  struct stat info;
  assert_int_equal(stat(address + 5, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0660);
  CHECK_FAILS(trm__listen_open(&b, address, 0600, &err), TRM_E_BUSY, err, "listens");
  close(a.fd); /* as a killed process leaves it */
  CHECK_OK(trm__listen_open(&b, address, 0600, &err), err);
  a.fd = -1;
  trm__listen_close(&a); /* the file is another's by now */
  assert_int_equal(stat(address + 5, &info), 0);
  trm__listen_close(&b);
  assert_int_not_equal(stat(address + 5, &info), 0);
  CHECK_OK(trm__file_write(address + 5, "x", 1, &err), err);
  CHECK_FAILS(trm__listen_open(&a, address, 0600, &err), TRM_E_INPUT, err, "no socket");
  memset(longest + 5, 'a', 200);
  CHECK_FAILS(trm__listen_open(&a, longest, 0600, &err), TRM_E_USAGE, err, "bytes");
  CHECK_FAILS(trm__listen_open(&a, "unix:/absent/folder/s", 0600, &err), TRM_E_IO, err, "absent");
  check_remove(dir);
}

static void test_handed_over(void **state) {
  (void)state;
  trm_error err = {0};
  trm__listen a, b;
  char pid[32];
  int count = 7, pair[2];
  CHECK_OK(trm__listen_open(&a, "127.0.0.1:0", 0, &err), err);
  CHECK_OK(trm__listen_take(&b, a.fd, &err), err);
  assert_string_equal(a.address, b.address);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  CHECK_FAILS(trm__listen_take(&b, pair[0], &err), TRM_E_INPUT, err, "listens");
  CHECK_FAILS(trm__listen_take(&b, 0, &err), TRM_E_IO, err, "descriptor 0");
  close(pair[0]);
  close(pair[1]);
  trm__listen_close(&a);
  snprintf(pid, sizeof pid, "%d", (int)getpid());
  CHECK_OK(trm__listen_inherited(&count, NULL, "1", &err), err);
  assert_int_equal(count, 0);
  CHECK_OK(trm__listen_inherited(&count, "1", "2", &err), err);
  assert_int_equal(count, 0); /* meant for another process */
  CHECK_OK(trm__listen_inherited(&count, pid, "2", &err), err);
  assert_int_equal(count, 2);
  CHECK_FAILS(trm__listen_inherited(&count, pid, "x", &err), TRM_E_INPUT, err, "LISTEN_FDS");
  CHECK_FAILS(trm__listen_inherited(&count, pid, "-1", &err), TRM_E_INPUT, err, "LISTEN_FDS");
  CHECK_FAILS(trm__listen_inherited(&count, "me", "1", &err), TRM_E_INPUT, err, "LISTEN_PID");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_addresses),
      cmocka_unit_test(test_unix_files),
      cmocka_unit_test(test_handed_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
