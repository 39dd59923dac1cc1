/* Errors as clients read them: application/problem+json (RFC 9457), with `errors`, which point into the request's body.
 */
#ifndef TRM_NET_PROBLEM_H
#define TRM_NET_PROBLEM_H

#include <stddef.h>

#define TRM__PROBLEM_TYPE "application/problem+json"

typedef struct trm__problem_error {
  const char *pointer; /* JSON pointer into the body: "/puzzle/cells/3"; "" the whole */
  const char *detail;
} trm__problem_error;

typedef struct trm__problem {
  int status;
  const char *type;     /* an address that names the kind of problem; NULL: "about:blank" */
  const char *title;    /* NULL: the status' own text */
  const char *detail;   /* a sentence: what is wrong here and how to fix it; NULL: none */
  const char *instance; /* which occurrence it was, such as the request's id; NULL: none */
  const trm__problem_error *errors;
  size_t error_count;
  int retry_after_s; /* of 429 and 503, which always carry Retry-After; 0: one second. Not part of the text. */
} trm__problem;

/* Its JSON text, freed with free(); NULL without memory. Bytes that are no UTF-8 become '?'. */
char *trm__problem_text(const trm__problem *problem);

#endif
