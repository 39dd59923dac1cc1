/* versions.json: what is read is within its bounds, and every id could be a file's name and nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/versions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_id(const char *id) {
  size_t length = strlen(id);
  if (length && (length != TRM__VERSION_ID - 1 || strspn(id, "0123456789abcdef") != length)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static trm__versions v;
  if (trm__versions_parse(&v, (const char *)data, size, "versions.json", NULL)) {
    if (v.count) abort();
    return 0;
  }
  if (v.count < 0 || v.count > TRM__VERSION_ENTRIES) abort();
  for (int i = 0; i < v.count; i++) {
    const trm__version_entry *e = &v.entry[i];
    if (!*e->name || strchr(e->name, '/') || strlen(e->name) >= sizeof e->name) abort();
    if (trm__versions_find(&v, e->name) != e) abort();
    check_id(e->active);
    check_id(e->previous);
    check_id(e->beside);
  }
  return 0;
}
