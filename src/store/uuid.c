/* UUIDv7: see uuid.h. Time and count are kept as one number of 60 bits, so that a count that runs over is a carry into
 * the time, and "never backwards" is one comparison. */
#include "store/uuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/status.h"

enum { COUNT_BITS = 12 };

static const char uuid_digits[] = "0123456789abcdef";

static int uuid_random(unsigned char *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = getrandom(bytes + done, size - done, 0);
    if (n < 0 && errno != EINTR) return 0;
    if (n > 0) done += (size_t)n;
  }
  return 1;
}

trm_status trm__uuid_next(trm__uuids *uuids, int64_t now_ms, char text[TRM__UUID_TEXT], trm_error *err) {
  unsigned char random[8];
  if (!uuid_random(random, sizeof random)) return trm__fail_errno(err, "uuid", "the system gives no random bytes");
  uint64_t least = now_ms > 0 ? (uint64_t)now_ms << COUNT_BITS : 0;
  uuids->last = uuids->last >= least ? uuids->last + 1 : least;
  uint64_t low = 0;
  for (size_t i = 0; i < sizeof random; i++) low = low << 8 | random[i];
  low = (low & (~UINT64_C(0) >> 2)) | UINT64_C(1) << 63; /* the variant, 10 */
  uint64_t time = uuids->last >> COUNT_BITS & ((UINT64_C(1) << 48) - 1);
  unsigned count = (unsigned)(uuids->last & ((1u << COUNT_BITS) - 1));
  snprintf(text, TRM__UUID_TEXT, "%08" PRIx64 "-%04" PRIx64 "-7%03x-%04" PRIx64 "-%012" PRIx64, time >> 16,
           time & 0xffff, count, low >> 48, low & ((UINT64_C(1) << 48) - 1));
  return TRM_OK;
}

int trm__uuid_is(const char *text) {
  if (strnlen(text, TRM__UUID_TEXT) != TRM__UUID_TEXT - 1) return 0;
  for (int i = 0; i < TRM__UUID_TEXT - 1; i++) {
    int dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !strchr(uuid_digits, text[i])) return 0;
  }
  return text[14] == '7' && strchr("89ab", text[19]) != NULL;
}

void trm__uuid_after(trm__uuids *uuids, const char *text) {
  if (!trm__uuid_is(text)) return;
  uint64_t last = 0;
  for (int i = 0; i < 18; i++)
    if (i != 8 && i != 13 && i != 14) last = last << 4 | (uint64_t)(strchr(uuid_digits, text[i]) - uuid_digits);
  if (last > uuids->last) uuids->last = last;
}
