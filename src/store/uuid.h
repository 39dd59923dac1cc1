/* Names of jobs: UUIDv7 (RFC 9562), whose text sorts by time. One generator never goes backwards: within a millisecond,
 * and when the wall clock is set back, it counts on from its last name; one that begins from a name of an earlier
 * process goes on after it. 48 bits of time, 12 that count, 62 random bits that nobody can guess.
 * A generator belongs to one thread at a time. */
#ifndef TRM_STORE_UUID_H
#define TRM_STORE_UUID_H

#include <stdint.h>
#include <trm/error.h>

#define TRM__UUID_TEXT 37 /* bytes: 36 letters and a NUL */

typedef struct trm__uuids {
  uint64_t last; /* time and count of the last name, 60 bits; zero: none yet */
} trm__uuids;

/* The next name. now_ms: since 1970. TRM_E_IO when the system gives no random bytes. */
trm_status trm__uuid_next(trm__uuids *uuids, int64_t now_ms, char text[TRM__UUID_TEXT], trm_error *err);

/* Names come after this one from now on. text: a UUIDv7 of trm__uuid_is; others are passed over. */
void trm__uuid_after(trm__uuids *uuids, const char *text);

/* 1: a UUIDv7 as this file writes it, in lower case. Anything else, from a URL for example, names no job. */
int trm__uuid_is(const char *text);

#endif
