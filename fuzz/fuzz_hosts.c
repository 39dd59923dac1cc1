/* Names of hosts and origins: "AUTHORITY\nORIGIN\nNAMES" in any bytes. What is ours does not depend on letters' case.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = trm__calloc(2 * size + 2, 1), *upper = text ? text + size + 1 : NULL;
  if (!text) return 0;
  if (size) memcpy(text, data, size);
  char *origin = strchr(text, '\n'), *names = origin ? strchr(origin + 1, '\n') : NULL;
  if (origin) *origin++ = 0;
  if (names) *names++ = 0;
  for (size_t i = 0; text[i]; i++) upper[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
  int ours = trm__host_is_ours(text, names ? names : "");
  if (ours != trm__host_is_ours(upper, names ? names : "")) abort();
  if (origin && trm__origin_is_ours(origin, text, names ? names : "") && !strstr(origin, "://")) abort();
  trm__free(text);
  return 0;
}
