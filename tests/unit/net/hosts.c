/* Which names are ours, and which pages may ask. */
#include "net/hosts.h"

#include "support/check.h"

static void names_that_are_ours(void **state) {
  (void)state;
  static const char *const ours[] = {
      "",          "127.0.0.1",   "127.0.0.1:8080", "10.1.2.3:1",     "[::1]",         "[::1]:80",
      "localhost", "LOCALHOST:9", "trm.example",    "Trm.Example:80", "[fe80::1]:443", "b"};
  static const char *const not_ours[] = {"evil.example",
                                         "evil.example:8080",
                                         "trm.example.evil",
                                         "xtrm.example",
                                         "localhost.evil",
                                         "127.0.0.1.evil",
                                         "127.0.0",
                                         "1270001",
                                         "[::g]",
                                         "[]",
                                         ":80",
                                         "[",
                                         "[::1",
                                         "0x7f.1",
                                         "127.0.0.1x",
                                         "trm",
                                         "a,b",
                                         "trm.example,b"};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (!trm__host_is_ours(ours[i], "trm.example,b")) fail_msg("%s is ours", ours[i]);
  for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++)
    if (trm__host_is_ours(not_ours[i], "trm.example,b")) fail_msg("%s is not ours", not_ours[i]);
  assert_int_equal(trm__host_is_ours("trm.example", ""), 0);
}

static void pages_that_may_ask(void **state) {
  (void)state;
  static const struct {
    const char *origin, *authority;
    int ours;
  } cases[] = {{"http://127.0.0.1:8080", "127.0.0.1:8080", 1},
               {"HTTP://LocalHost:1", "localhost:1", 1},
               {"https://trm.example", "10.0.0.1", 1},
               {"https://trm.example:444", "10.0.0.1", 1},
               {"http://127.0.0.1:8081", "127.0.0.1:8080", 0},
               {"http://localhost", "127.0.0.1", 0},
               {"http://evil.example", "127.0.0.1:8080", 0},
               {"http://127.0.0.1:8080.evil.example", "127.0.0.1:8080", 0},
               {"http://trm.example@evil.example", "127.0.0.1", 0},
               {"http://evil.example/trm.example", "127.0.0.1", 0},
               {"null", "127.0.0.1", 0},
               {"", "", 0},
               {"http://", "", 0},
               {"file://", "", 0},
               {"ftp://127.0.0.1", "127.0.0.1", 0},
               {"127.0.0.1", "127.0.0.1", 0},
               {"http://a http://b", "b", 0},
               {"://x", "x", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (trm__origin_is_ours(cases[i].origin, cases[i].authority, "trm.example") != cases[i].ours)
      fail_msg("\"%s\" at \"%s\": expected %d", cases[i].origin, cases[i].authority, cases[i].ours);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(names_that_are_ours), cmocka_unit_test(pages_that_may_ask)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
