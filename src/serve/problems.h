/* The kinds of problems that clients are told: one table with each one's status, name and title (RFC 9457). The type is
 * "urn:trm:problem:NAME"; the detail says what is wrong here and how to mend it. */
#ifndef TRM_SERVE_PROBLEMS_H
#define TRM_SERVE_PROBLEMS_H

#include <jansson.h>

#include "net/exchange.h"

typedef enum trm__problem_kind {
  TRM__PROBLEM_NONE,
  TRM__PROBLEM_MALFORMED,        /* 400: the body is no JSON */
  TRM__PROBLEM_INVALID,          /* 400: a field is */
  TRM__PROBLEM_UNAUTHORIZED,     /* 401 */
  TRM__PROBLEM_FORBIDDEN,        /* 403 */
  TRM__PROBLEM_NOT_FOUND,        /* 404 */
  TRM__PROBLEM_NOT_ACCEPTABLE,   /* 406 */
  TRM__PROBLEM_IN_PROGRESS,      /* 409: what the Idempotency-Key names has not ended */
  TRM__PROBLEM_CONFLICT,         /* 409: it has ended, or is at work */
  TRM__PROBLEM_MEDIA_TYPE,       /* 415 */
  TRM__PROBLEM_KEY_REUSED,       /* 422: for another body */
  TRM__PROBLEM_MODEL_REFUSED,    /* 422: the file or the version is not what it should be */
  TRM__PROBLEM_BUSY,             /* 429 */
  TRM__PROBLEM_POISON,           /* 500: the puzzle killed two engines */
  TRM__PROBLEM_INTERNAL,         /* 500 */
  TRM__PROBLEM_MODEL_NOT_LOADED, /* 503 */
  TRM__PROBLEM_STORAGE,          /* 503: the journal cannot take it */
  TRM__PROBLEM_DRAINING,         /* 503 */
  TRM__PROBLEMS
} trm__problem_kind;

typedef struct trm__problem_row {
  int status;
  const char *name, *title;
} trm__problem_row;
const trm__problem_row *trm__problem_of(trm__problem_kind kind);

/* Ends the exchange. pointer NULL: it is about no field of the body. challenge: of 401 and 403, WWW-Authenticate's
 * value, else NULL. */
void trm__problem_send(trm__exchange *exchange, trm__problem_kind kind, const char *pointer, const char *detail,
                       const char *challenge);

/* The same as an object, for an item of a list and for jobs; NULL without memory. */
json_t *trm__problem_json(trm__problem_kind kind, const char *pointer, const char *detail);

#endif
