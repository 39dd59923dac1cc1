/* Token files and what requests bring. */
#include "support/check.h"

#include "base/sha256.h"
#include "net/token.h"

#define FOO "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" /* of foo */
#define BAR "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9" /* of bar */

static trm__token_found check(const trm__tokens *tokens, const char *first, const char *second, trm__bearer *bearer) {
  trm__field fields[] = {{"authorization", first}, {"authorization", second}};
  trm__request request = {.fields = fields, .field_count = first ? second ? 2 : 1 : 0};
  return trm__token_check(tokens, &request, bearer);
}

static void test_check(void **state) {
  (void)state;
  trm__tokens *tokens = NULL;
  trm_error err = {0};
  const char *text = "# who may\n\n  alice " FOO
                     " solve,agent\r\nbob\t2C26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7af admin\n"
                     "carol " BAR " solve admin , agent";
  CHECK_OK(trm__tokens_parse(&tokens, text, strlen(text), "tokens", &err), err);
  trm__bearer bearer = {0};
  assert_int_equal(check(tokens, "Bearer foo", NULL, &bearer), TRM__TOKEN_GOOD);
  assert_string_equal(bearer.name, "alice");
  assert_int_equal(bearer.scopes, TRM__SCOPE_SOLVE | TRM__SCOPE_AGENT);
  assert_int_equal(check(tokens, "bEARER   bar", NULL, &bearer), TRM__TOKEN_GOOD);
  assert_string_equal(bearer.name, "carol");
  assert_int_equal(bearer.scopes, 7);
  bearer.name = "untouched";
  assert_int_equal(check(tokens, NULL, NULL, &bearer), TRM__TOKEN_ABSENT);
  assert_int_equal(check(tokens, "Bearer foO", NULL, &bearer), TRM__TOKEN_UNKNOWN);
  assert_int_equal(check(tokens, "Bearer " FOO, NULL, &bearer), TRM__TOKEN_UNKNOWN);
  static const char *const bad[] = {
      "",         "foo",        "Bearer",       "Bearer ",    "Bearerfoo", "Basic foo", "Bearer foo bar",
      "Bearer =", "Bearer f\"", "Bearer foo=x", "Bearer foo,"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (check(tokens, bad[i], NULL, &bearer) != TRM__TOKEN_MALFORMED) fail_msg("%s", bad[i]);
  assert_int_equal(check(tokens, "Bearer foo", "Bearer foo", &bearer), TRM__TOKEN_MALFORMED);
  char huge[700] = "Bearer ";
  memset(huge + 7, 'a', 600);
  assert_int_equal(check(tokens, huge, NULL, &bearer), TRM__TOKEN_MALFORMED);
  assert_string_equal(bearer.name, "untouched");
  trm__tokens_close(&tokens);
  assert_null(tokens);
  trm__tokens_close(&tokens);
}

static void test_bad_files(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } cases[] = {
      {"", "no token"},
      {"# nothing\n", "no token"},
      {"a\n", "SHA-256"},
      {"a " FOO "\n", "no scope"},
      {"a " FOO "0 solve\n", "SHA-256"},
      {"\na foo solve\n", ":2"},
      {"a " FOO " solv\n", "did you mean solve"},
      {"a " FOO " solve,root\n", "root"},
      {"a b/c " FOO " solve\n", "SHA-256"},
      {"a/b " FOO " solve\n", "letters"},
      {"a " FOO " solve\na " BAR " solve\n", "second token is called a"},
      {"a " FOO " solve\nb " FOO " solve\n", "same token"},
      {"0123456789012345678901234567890123456789012345678901234567890123 " FOO " solve\n", "at most 63"},
  };
  trm_error err;
  trm__tokens *tokens = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK_FAILS(trm__tokens_parse(&tokens, cases[i].text, strlen(cases[i].text), "tokens", &err), TRM_E_INPUT, err,
                cases[i].says);
    assert_null(tokens);
  }
  CHECK_FAILS(trm__tokens_parse(&tokens, "a\0b " FOO " solve", 4 + 64 + 6, "tokens", &err), TRM_E_INPUT, err,
              "letters");
  CHECK_FAILS(trm__tokens_open(&tokens, "absent-tokens", &err), TRM_E_IO, err, "absent-tokens");
}

static void test_file(void **state) {
  (void)state;
  char dir[512];
  trm__tokens *tokens = NULL;
  trm_error err = {0};
  trm__bearer bearer;
  check_temp_dir(dir);
  const char *path = check_path(dir, "tokens");
  CHECK_OK(trm__file_write(path, "a " FOO " admin\n", 2 + 64 + 7, &err), err);
  CHECK_OK(trm__tokens_open(&tokens, path, &err), err);
  assert_int_equal(check(tokens, "Bearer foo", NULL, &bearer), TRM__TOKEN_GOOD);
  trm__tokens_close(&tokens);
  check_remove(dir);
}

/* Which entry it is makes no difference, nor how much of a hash is right: all entries are found among a thousand. */
static void test_many(void **state) {
  (void)state;
  static char text[200000];
  size_t n = 0;
  trm_error err = {0};
  trm__tokens *tokens = NULL;
  char token[64], hash[TRM__SHA256_HEX], name[32];
  for (int i = 0; i < 1000; i++) {
    trm__sha256 sha;
    snprintf(token, sizeof token, "token-%d", i);
    trm__sha256_begin(&sha);
    trm__sha256_add(&sha, token, strlen(token));
    trm__sha256_end(&sha, hash);
    n += (size_t)snprintf(text + n, sizeof text - n, "n%d %s solve\n", i, hash);
  }
  CHECK_OK(trm__tokens_parse(&tokens, text, n, "tokens", &err), err);
  for (int i = 0; i < 1000; i++) {
    trm__bearer bearer;
    snprintf(token, sizeof token, "Bearer token-%d", i);
    snprintf(name, sizeof name, "n%d", i);
    assert_int_equal(check(tokens, token, NULL, &bearer), TRM__TOKEN_GOOD);
    assert_string_equal(bearer.name, name);
  }
  trm__tokens_close(&tokens);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_check),
      cmocka_unit_test(test_bad_files),
      cmocka_unit_test(test_file),
      cmocka_unit_test(test_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
