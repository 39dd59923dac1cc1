/* Definition files: JSON objects {"trm": 1, "kind": "action", "name": ...}. Each kind has a schema,
 * share/schemas/KIND.json in the source and share/trm/schemas/KIND.json where trm is installed, which is its
 * documentation; the program has a copy built in. A file is UTF-8, at most TRM__DEFINE_MOST bytes. */
#ifndef TRM_AGENT_DEFINE_DEFINE_H
#define TRM_AGENT_DEFINE_DEFINE_H

#include <jansson.h>
#include <trm/error.h>

#define TRM__DEFINE_MOST (1 << 20)

/* A new reference to what the file defines, checked against the schema of its kind. TRM_E_INPUT: where is "FILE:LINE".
 */
trm_status trm__define_load(json_t **out, const char *path, trm_error *err);

/* What a checked file is said to be wrong at, for checks that no schema can make: fills err with file, line of the JSON
 * pointer, and the sentence. Returns TRM_E_INPUT. */
trm_status trm__define_fail(const char *path, const char *pointer, trm_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
