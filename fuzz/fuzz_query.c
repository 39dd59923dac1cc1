/* Query strings and paths: decoded texts are UTF-8 without control characters and never longer than what they stand
 * for. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/grammar.h"
#include "net/router.h"
#include "net/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decoded(const char *text, size_t length, int plus) {
  char out[64];
  if (!trm__uri_decode(text, length, plus, out, sizeof out)) return;
  size_t n = strlen(out);
  if (n > length || n >= sizeof out || !trm__is_utf8(out, n)) abort();
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)out[i] < ' ' || out[i] == 0x7f) abort();
}

static void check_route(const char *path) {
  static const trm__route routes[] = {
      {TRM__GET, "/a/{b}", NULL, NULL}, {TRM__GET, "/a/{b}:c", NULL, NULL}, {TRM__POST, "/a/d", NULL, NULL}};
  static trm__router *router;
  trm__match match;
  if (!router && trm__router_open(&router, routes, 3, NULL)) return;
  if (trm__router_find(router, TRM__GET, path, &match)) return;
  const char *name = trm__match_get(&match, "b");
  if (!*name || strlen(name) > strlen(path) || !strcmp(name, "..")) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = trm__calloc(size + 1, 1), out[16];
  if (!text) return 0;
  if (size) memcpy(text, data, size);
  const char *query = text;
  size_t parts = 0;
  trm__query_part part;
  while (trm__query_next(&query, &part)) {
    if (part.name < text || part.value + part.value_length > text + size || query > text + size || ++parts > size)
      abort();
    check_decoded(part.name, part.name_length, 1);
    check_decoded(part.value, part.value_length, 1);
  }
  check_decoded(text, size, 0);
  (void)trm__query_get(text, "a", out, sizeof out);
  check_route(text);
  trm__free(text);
  return 0;
}
