/* SHA-256: the digests that NIST publishes for its example messages, in one piece and in pieces of every size. */
#include "support/check.h"

#include "base/sha256.h"

static void digest(const char *text, size_t size, size_t piece, char hex[TRM__SHA256_HEX]) {
  trm__sha256 sha;
  trm__sha256_begin(&sha);
  for (size_t at = 0; at < size; at += piece) trm__sha256_add(&sha, text + at, size - at < piece ? size - at : piece);
  trm__sha256_add(&sha, NULL, 0);
  trm__sha256_end(&sha, hex);
}

static void test_messages(void **state) {
  (void)state;
  static const struct {
    const char *message, *digest;
  } known[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrst"
       "u",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    size_t size = strlen(known[i].message);
    for (size_t piece = 1; piece <= size + 1; piece++) {
      char hex[TRM__SHA256_HEX];
      digest(known[i].message, size, piece, hex);
      assert_string_equal(hex, known[i].digest);
    }
  }
}

static void test_a_million(void **state) {
  (void)state;
  const size_t size = 1000000, pieces[] = {1, 63, 64, 65, 4096, 1000000};
  char hex[TRM__SHA256_HEX], *text = malloc(size);
  assert_non_null(text);
  memset(text, 'a', size);
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    digest(text, size, pieces[i], hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
  free(text);
}

/* The padding's length changes at 55, 56, 63 and 64 bytes: no two of these messages may agree, whatever the cut. */
static void test_padding(void **state) {
  (void)state;
  char text[200], hex[200][TRM__SHA256_HEX], again[TRM__SHA256_HEX];
  memset(text, 0, sizeof text);
  for (size_t size = 0; size < 200; size++) {
    digest(text, size, 200, hex[size]);
    digest(text, size, 7, again);
    assert_string_equal(again, hex[size]);
    for (size_t k = 0; k < size; k++) assert_string_not_equal(hex[k], hex[size]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages), cmocka_unit_test(test_a_million),
                                     cmocka_unit_test(test_padding)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
